"""The child process of an audit: it limits itself, runs one function on a JSON request, and sends back what that gave.

Started by `sandbox.run_in_child`. The function's own output goes nowhere; the result has a pipe of its own.
"""

from __future__ import annotations

import json
import os
import sys
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

MAGIC = b"handgrad result "  # the line that begins so is the result; whatever came before it is noise
MOST_BYTES = 16 << 20
_FILE_BYTES = 64 << 20  # of one file in the scratch folder


def main() -> NoReturn:
    """Read the request from stdin, run it, and leave without looking back."""
    out, order = _take_over_streams()
    scratch = Path.cwd()
    _limit(order["seconds"], order["megabytes"])
    answer = _answer(order, scratch)
    try:
        line = MAGIC + json.dumps(answer, default=_plain).encode() + b"\n"
    except (TypeError, ValueError):
        line = MAGIC + json.dumps({"error": ["DataError", "audit_file.child_garbage", {}]}).encode() + b"\n"
    if len(line) > MOST_BYTES:
        error = ["DataError", "audit_file.child_large", {"most": MOST_BYTES >> 20}]
        line = MAGIC + json.dumps({"error": error}).encode() + b"\n"
    while line:
        line = line[os.write(out, line) :]
    _leave(0)


_leave = os._exit  # the true one, whatever becomes of os._exit


def _take_over_streams() -> tuple[int, dict[str, Any]]:
    """(a file descriptor for the result, the request); stdin, stdout and stderr lead nowhere from now on."""
    order = json.loads(sys.stdin.buffer.read())
    out = os.dup(1)
    for stream in range(3):
        nowhere = os.open(os.devnull, os.O_RDONLY if stream == 0 else os.O_WRONLY)
        os.dup2(nowhere, stream)
        os.close(nowhere)
    return out, order


def _limit(seconds: float, megabytes: int) -> None:
    """Limits of memory, processor time and file size, where the system has them."""
    try:
        import resource
    except ImportError:  # Windows
        return
    cpu = int(seconds) + 2
    for name, most in (
        ("RLIMIT_AS", megabytes << 20), ("RLIMIT_CPU", cpu), ("RLIMIT_CORE", 0), ("RLIMIT_FSIZE", _FILE_BYTES),
    ):  # fmt: skip
        try:
            kind = getattr(resource, name)
            _, hard = resource.getrlimit(kind)
            most = most if hard == resource.RLIM_INFINITY else min(most, hard)
            resource.setrlimit(kind, (most, most))
        except (AttributeError, ValueError, OSError):  # macOS lets nobody limit the address space
            continue


def _answer(order: dict[str, Any], scratch: Path) -> dict[str, Any]:
    """{"result": what the function returned}, or {"error": [class, key, values]}."""
    from handgrad.audit.reading.fence import Fence, put_up
    from handgrad.errors import HandgradError

    try:
        module, _, name = order["target"].partition(":")
        function = getattr(import_module(module), name)
        put_up(Fence(scratch, reads=True))
        result = function(order["request"])
    except HandgradError as error:
        return {"error": [type(error).__name__, error.key, error.values]}
    except MemoryError:
        return {"error": ["DataError", "audit_file.child_memory", {"megabytes": order["megabytes"]}]}
    except (SystemExit, KeyboardInterrupt):
        return {"error": ["DataError", "audit_file.child_exit", {}]}
    except BaseException as error:
        said = f"{type(error).__name__}: {error}"[:300]
        return {"error": ["DataError", "audit_file.child_failed", {"message": said}]}
    if not isinstance(result, dict):
        return {"error": ["DataError", "audit_file.child_garbage", {}]}
    return {"result": result}


def _plain(value: Any) -> Any:
    """What JSON does not know: NumPy's numbers and arrays, paths, sets."""
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    raise TypeError(type(value).__name__)


if __name__ == "__main__":
    main()
