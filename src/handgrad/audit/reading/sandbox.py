"""A child process in which code of a stranger's runs: with a time limit, little memory, no output and no way out.

Whatever it prints, breaks or leaves running ends with it; only one JSON object comes back.
"""

from __future__ import annotations

import json
import os
import signal
import site
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from time import monotonic
from typing import Any

from handgrad import errors
from handgrad.audit.reading.child import MAGIC, MOST_BYTES
from handgrad.errors import DataError, HandgradError

_POLL = 0.02  # seconds between two looks at whether the child is still there
_GRACE = 0.5  # seconds for the last bytes of a child that is gone


def run_in_child(target: str, request: dict[str, Any], *, seconds: float = 20, megabytes: int = 2048) -> dict[str, Any]:
    """What the function `target`, "package.module:function", returns for `request`, called in a child process.

    The child has an empty folder of its own as working, home and temporary folder, which is removed in the end. It may
    write nowhere else, start no process and use no network. Requests and results are JSON objects; a result may be
    16 MB, and hold NumPy numbers and arrays, which arrive as numbers and lists.

    Raises: the HandgradError that the function raised, in its class; DataError where the child took longer than
    `seconds`, needed more than `megabytes` MB, was killed, ended itself, failed, or sent nothing that can be read.
    """
    order = {"target": target, "request": request, "seconds": seconds, "megabytes": megabytes}
    line, status = _run(json.dumps(order).encode(), seconds)
    if line is None:
        raise _verdict(status, seconds, megabytes)
    try:
        answer = json.loads(line)
        if "result" in answer:
            result: dict[str, Any] = answer["result"]
            return result
        kind, key, values = answer["error"]
    except (ValueError, TypeError, KeyError):
        raise DataError("audit_file.child_garbage") from None
    raised: type[HandgradError] = getattr(errors, kind, DataError)
    raise raised(key, **values)


def _run(order: bytes, seconds: float) -> tuple[bytes | None, int | None]:
    """(the line of the result or None, the exit status or None where the time was over). Leaves nothing behind."""
    with (
        _tidy_end() as end,
        tempfile.TemporaryDirectory(prefix="handgrad-audit-", ignore_cleanup_errors=True) as folder,
    ):
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "handgrad.audit.reading.child"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            cwd=folder, env=_environment(folder), start_new_session=True,
        )  # fmt: skip
        found: list[bytes] = []
        thread = threading.Thread(target=_talk, args=(process, order, found), daemon=True)
        thread.start()
        try:
            with end.at_once():
                status = _wait(process, thread, monotonic() + seconds)
        finally:
            _kill(process)
            thread.join(_GRACE)
        return (found[0] if found else None), status


class _End:
    """A request to terminate: at once while nothing is half made or half removed, else as soon as that is so."""

    def __init__(self) -> None:
        self.asked, self.waits = 0, False

    def __call__(self, number: int, frame: object) -> None:
        """The handler of the signal."""
        self.asked = self.asked or number
        if self.waits:
            self.leave()

    def leave(self) -> None:
        """End, if that was asked for, with all clean-up on the way out."""
        if self.asked:
            sys.exit(128 + self.asked)

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """While this lasts, a request is followed at once; so is one from before."""
        self.waits = True
        try:
            self.leave()
            yield
        finally:
            self.waits = False


@contextmanager
def _tidy_end() -> Iterator[_End]:
    """Let a request to terminate, which would end this process on the spot, run the clean-up on its way out."""
    end = _End()
    names = ("SIGTERM", "SIGHUP") if threading.current_thread() is threading.main_thread() else ()
    ours = [one for name in names if (one := getattr(signal, name, None)) and signal.getsignal(one) is signal.SIG_DFL]
    try:
        for one in ours:
            signal.signal(one, end)
        yield end
        end.leave()
    finally:
        for one in ours:
            signal.signal(one, signal.SIG_DFL)


def _talk(process: subprocess.Popen[bytes], order: bytes, found: list[bytes]) -> None:
    """Send the request, and read until the line of the result or the end."""
    assert process.stdin is not None
    assert process.stdout is not None
    with suppress(OSError, ValueError), process.stdin as stdin:  # the child may be gone
        stdin.write(order)
    with suppress(OSError, ValueError), process.stdout as stdout:
        while line := stdout.readline(MOST_BYTES + 1):
            if line.startswith(MAGIC):
                if line.endswith(b"\n"):
                    found.append(line[len(MAGIC) :])
                return


def _wait(process: subprocess.Popen[bytes], thread: threading.Thread, deadline: float) -> int | None:
    """The exit status of the child when it has said all that it will say; None where the deadline came first."""
    while monotonic() < deadline:
        thread.join(_POLL)
        if not thread.is_alive():
            with suppress(subprocess.TimeoutExpired):
                return process.wait(max(0.0, min(_GRACE, deadline - monotonic())))
            return 0  # it has answered and dawdles
        if process.poll() is not None:  # what holds the pipe open is not the child any more
            thread.join(_GRACE)
            return process.returncode
    return None


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End the child and all that it has started. Its group keeps its number as long as anyone is left in it."""
    if hasattr(os, "killpg"):
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    with suppress(OSError):
        process.kill()
    process.wait()


def _verdict(status: int | None, seconds: float, megabytes: int) -> DataError:
    """Why there is no result."""
    if status is None or status == -getattr(signal, "SIGXCPU", 0):
        return DataError("audit_file.child_time", seconds=f"{seconds:g}")
    if status < 0:
        try:
            name = signal.Signals(-status).name
        except ValueError:
            name = str(-status)
        return DataError("audit_file.child_killed", signal=name, megabytes=megabytes)
    return DataError("audit_file.child_exit")


def _environment(folder: str) -> dict[str, str]:
    """The parent's environment, with a home in `folder`, no display, and one thread for matrices."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in {"DISPLAY", "WAYLAND_DISPLAY", "PYTHONSTARTUP", "PYTHONWARNINGS", "PYTHONINSPECT", "PYTHONHOME"}
    }
    for name in ("HOME", "USERPROFILE", "TMPDIR", "TEMP", "TMP"):
        environment[name] = folder
    for library in ("OPENBLAS", "OMP", "MKL", "NUMEXPR", "VECLIB_MAXIMUM"):
        environment[f"{library}_NUM_THREADS"] = "1"
    environment.update(
        MPLBACKEND="Agg",
        PYTHONDONTWRITEBYTECODE="1",
        PYTHONHASHSEED="0",
        PYTHONUSERBASE=site.getuserbase(),  # which would be looked for in the new home
        PYTHONPATH=os.pathsep.join(os.path.abspath(entry) for entry in sys.path),
    )
    return environment
