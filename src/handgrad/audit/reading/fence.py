"""What code under audit may not do: start processes, reach the network, touch files, print, wait, or end the process.

Python's own audit events see every way to do the first three, C extensions' included; the rest is patched for a while.
"""

from __future__ import annotations

import builtins
import collections
import collections.abc
import io
import math
import os
import random
import signal
import site
import sys
import sysconfig
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np

from handgrad.words import say

_PROCESSES = (
    "subprocess.", "os.system", "os.exec", "os.fork", "os.posix_spawn", "os.spawn", "os.startfile", "os.kill",
    "pty.spawn", "os.chdir", "os.fchdir",
)  # fmt: skip
_NETWORK = ("socket.connect", "socket.bind", "socket.getaddrinfo", "socket.gethostby", "socket.send", "webbrowser.")
# Events whose first argument is a path that changes; those of two paths change both.
_CHANGES = {
    "os.remove", "os.mkdir", "os.rmdir", "os.chmod", "os.chown", "os.truncate", "os.utime", "os.rename", "os.link",
    "os.symlink", "os.chflags", "os.setxattr", "os.removexattr",
}  # fmt: skip
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_CODE = (".py", ".pyc", ".pyi", ".so", ".pyd", ".dll", ".dylib")
INSTALLED = tuple(
    os.path.join(os.path.realpath(folder), "")
    for folder in {
        *sysconfig.get_paths().values(), sys.prefix, *site.getsitepackages(), site.getusersitepackages(),
        str(Path(__file__).parents[2]), str(Path(np.__file__).parent),
        *(entry for entry in sys.path if os.path.basename(entry) in {"site-packages", "dist-packages"}),  # by a .pth
    }
)  # fmt: skip
# Names that NumPy had when much of this code was written; `collections` gets back its own below.
_OLD_NUMPY = {
    "float": float, "int": int, "complex": complex, "object": object, "str": str, "float_": np.float64,
    "complex_": np.complex128, "unicode_": np.str_, "Inf": np.inf, "Infinity": np.inf, "infty": np.inf, "NaN": np.nan,
    "product": np.prod, "cumproduct": np.cumprod, "alltrue": np.all, "sometrue": np.any, "row_stack": np.vstack,
}  # fmt: skip
_getcwd = os.getcwd  # the true one: `neighbours` lets code believe that it runs in its own folder
_AGAIN = 0.25  # seconds after which the alarm rings again, for code that catches everything
_SOON = 1e-3
_BUSY = 4.0  # wall time to processor time, at most


class BlockedError(FileNotFoundError):
    """The fence stopped this. To the code it looks like a missing file, for which much code has a way round."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what

    def __str__(self) -> str:
        return say("audit_file.blocked", what=self.what)


class OutOfTime(BaseException):
    """The time limit of `time_limit` is over. No Exception, so that `except Exception` does not swallow it."""


@dataclass(eq=False)
class _Limit:
    """A limit that is on, and the processor time at which the work within it ends."""

    end: float


_LIMITS = [_Limit(math.inf)]


class Fence:
    """What is forbidden while it stands. `scratch` is a folder that may be written to; `reads` lets files be read."""

    def __init__(self, scratch: Path | None = None, *, reads: bool) -> None:
        self.scratch = os.path.join(os.path.realpath(scratch), "") if scratch else None
        self.reads = reads

    def check(self, event: str, values: tuple[Any, ...]) -> None:
        """Raise BlockedError where the event is one that is forbidden."""
        if event == "open":
            path, _, flags = values
            if isinstance(path, int) or self._may_open(_real(path), flags):
                return
        elif event.startswith(_PROCESSES) or event.startswith(_NETWORK) or event == "builtins.input":
            pass
        elif event in _CHANGES:
            paths = [value for value in values[:2] if isinstance(value, (str, bytes, os.PathLike))]
            if all(self._is_scratch(_real(path)) for path in paths):
                return
        else:
            _harmless.add(event)
            return
        raise BlockedError(f"{event}({', '.join(str(value) for value in values[:1])[:100]})")

    def _may_open(self, path: str, flags: int) -> bool:
        if path == os.devnull:
            return True
        if flags & _WRITES:
            return self.may_write(path)
        return self.reads or path.endswith(_CODE) or path.startswith(INSTALLED) or self._is_scratch(path)

    def may_write(self, path: str) -> bool:
        """Whether a real path may be written to."""
        return path == os.devnull or self._is_scratch(path)

    def _is_scratch(self, path: str) -> bool:
        return self.scratch is not None and path.startswith(self.scratch)


def _real(path: Any) -> str:
    return os.path.realpath(os.path.join(_getcwd(), os.fsdecode(path)))


_fences: list[Fence] = []
_harmless: set[str] = set()  # events that no fence forbids: there are thousands in an audit
_hooked = False


def _hook(event: str, values: tuple[Any, ...]) -> None:
    if _fences and event not in _harmless:
        _fences[-1].check(event, values)


def put_up(fence: Fence) -> None:
    """Let a fence stand from now on, until `take_down`. The hook beneath stays in the process for good, idle."""
    global _hooked  # noqa: PLW0603 - Python has no way to remove an audit hook
    if not _hooked:
        _hooked = True
        sys.addaudithook(_hook)
    _fences.append(fence)


def take_down() -> None:
    """Remove the fence that was put up last."""
    _fences.pop()


@contextmanager
def fenced() -> Iterator[None]:
    """The strictest fence: no file but those of installed packages, no process, no network, no output, no waiting.

    NumPy's and Python's global random numbers start at seed 0, generators without a seed likewise; warnings are off.
    """
    with ExitStack() as stack:
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")
        stack.enter_context(np.errstate(all="ignore"))
        for holder, name, value in _replacements():
            stack.enter_context(replaced(holder, name, value))
        np.random.seed(0)
        random.seed(0)
        put_up(Fence(Path(_fences[-1].scratch) if _fences and _fences[-1].scratch else None, reads=False))
        stack.callback(take_down)
        yield


def _replacements() -> Iterator[tuple[Any, str, Any]]:
    sink = _Sink()
    yield from ((sys, "stdout", sink), (sys, "stderr", sink), (sys, "dont_write_bytecode", True))
    yield from ((builtins, "print", _nothing), (time, "sleep", _nothing))
    yield from ((os, "_exit", _leave), (os, "abort", _leave), (builtins, "exit", _leave), (builtins, "quit", _leave))
    yield np.random, "default_rng", _seeded(np.random.default_rng)
    yield from ((holder, "open", _opened(open)) for holder in (builtins, io))
    yield from ((np, name, _nothing) for name in ("save", "savez", "savez_compressed", "savetxt"))
    yield from ((os, name, _unless_scratch(getattr(os, name))) for name in ("mkdir", "remove", "unlink"))
    yield from ((np, name, value) for name, value in _OLD_NUMPY.items() if name not in vars(np))
    old = {name: getattr(collections.abc, name) for name in collections.abc.__all__}
    yield from ((collections, name, value) for name, value in old.items() if name not in vars(collections))


@contextmanager
def replaced(holder: Any, name: str, value: Any) -> Iterator[None]:
    """`holder.name` is `value` for as long as this lasts."""
    before = vars(holder).get(name, replaced)
    setattr(holder, name, value)
    try:
        yield
    finally:
        delattr(holder, name) if before is replaced else setattr(holder, name, before)


class _Sink:
    """An output that forgets."""

    encoding, errors, closed = "utf-8", "replace", False

    def write(self, text: str) -> int:
        return len(text)

    def flush(self) -> None:
        pass

    def isatty(self) -> bool:
        return False


def _nothing(*_: Any, **__: Any) -> None:
    pass


def _opened(true_open: Callable[..., Any]) -> Callable[..., Any]:
    """`open` that hands out a file in memory to be written: weights and logs are saved, and nobody reads them."""

    def opened(file: Any, mode: str = "r", *more: Any, **named: Any) -> Any:
        if isinstance(file, int) or not set("wax+") & set(mode) or _is_free(file):
            return true_open(file, mode, *more, **named)
        return io.BytesIO() if "b" in mode else io.StringIO()

    return opened


def _unless_scratch(change: Callable[..., Any]) -> Callable[..., Any]:
    """A change to a folder that is not made outside of the scratch folder, and that nobody misses."""

    def changed(path: Any, *more: Any, **named: Any) -> Any:
        return change(path, *more, **named) if _is_free(path) else None

    return changed


def _is_free(path: Any) -> bool:
    """Whether the fence lets a path be written to."""
    return bool(_fences) and _fences[-1].may_write(_real(path))


def _leave(*_: Any) -> None:
    raise SystemExit


def _seeded(default_rng: Callable[..., Any]) -> Callable[..., Any]:
    def repeatable(seed: Any = None) -> Any:
        return default_rng(0 if seed is None else seed)

    return repeatable


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """OutOfTime after so many seconds, in the main thread of systems with an interval timer; elsewhere no limit.

    Limits nest: the inner one's time does not count towards the outer one.
    """
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return
    outer, _ = signal.setitimer(signal.ITIMER_REAL, 0)
    handler = signal.signal(signal.SIGALRM, _ring)
    mine = _begun(_LIMITS[-1].end)
    signal.setitimer(signal.ITIMER_REAL, seconds, _AGAIN)
    try:
        yield
    finally:
        if _ended(mine):
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, handler)
            if outer:
                signal.setitimer(signal.ITIMER_REAL, outer, _AGAIN)


@contextmanager
def work_limit(seconds: float) -> Iterator[None]:
    """OutOfTime after so many seconds of processor time, or a few times as many on the clock: a busy machine is slow.

    Limits nest, and what is spent within the inner one counts towards the outer one; elsewhere than in the main thread
    there is none.
    """
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return
    began = time.process_time()
    if began >= _LIMITS[-1].end:  # many short ones would keep the outer one, which is set anew after each, from ringing
        raise OutOfTime
    outer, _ = signal.setitimer(signal.ITIMER_PROF, 0)
    handler = signal.signal(signal.SIGPROF, _ring)
    mine = _begun(min(began + seconds, _LIMITS[-1].end))
    try:
        signal.setitimer(signal.ITIMER_PROF, seconds, _AGAIN)
        with time_limit(_BUSY * seconds):
            yield
    finally:
        if _ended(mine):
            signal.setitimer(signal.ITIMER_PROF, 0)
            signal.signal(signal.SIGPROF, handler)
            if outer:
                left = _LIMITS[-1].end - time.process_time()
                signal.setitimer(signal.ITIMER_PROF, max(left, _SOON), _AGAIN)


def _begun(end: float) -> _Limit:
    mine = _Limit(end)
    _LIMITS.append(mine)
    return mine


def _ended(mine: _Limit) -> bool:
    """Take a limit, and those within it, off the list; False where it is off already, for one around it has ended.

    A limit may ring just as another one begins, which then is only left when its frame is thrown away.
    """
    at = next((i for i, one in enumerate(_LIMITS) if one is mine), None)
    if at is None:
        return False
    del _LIMITS[at:]
    return True


@contextmanager
def no_limit() -> Iterator[None]:
    """The time within does not count: for imports of installed packages, which must not be cut off half-way."""
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return
    timers = (signal.ITIMER_REAL, signal.ITIMER_PROF)
    left = [signal.setitimer(timer, 0)[0] for timer in timers]
    began = time.process_time()
    try:
        yield
    finally:
        for limit in _LIMITS:
            limit.end += time.process_time() - began
        for timer, rest in zip(timers, left, strict=True):
            if rest:
                signal.setitimer(timer, rest, _AGAIN)


def _ring(_: int, __: FrameType | None) -> None:
    raise OutOfTime
