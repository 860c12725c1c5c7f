"""What `test_sandbox.py` has called in a child process: functions that behave, and many that do not."""

from __future__ import annotations

import ctypes
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

from handgrad.errors import InputError, StateError

Request = dict[str, Any]


def echo(request: Request) -> Request:
    return {"got": request}


def surroundings(request: Request) -> Request:
    return {
        "stdin": sys.stdin.read(),
        "cwd": os.getcwd(),
        "empty": os.listdir(),
        "home": str(Path.home()),
        "environment": dict(os.environ),
        "modules": sorted(sys.modules),
        "group": os.getpgid(0),
        "pid": os.getpid(),
    }


def numbers(request: Request) -> Request:
    return {"a": np.arange(3), "b": np.float32(0.5), "c": {2, 1}, "d": Path("x"), "e": float("nan"), "f": np.int64(3)}


def input_error(request: Request) -> Request:
    raise InputError("core.sizes", got=(784,))


def state_error(request: Request) -> Request:
    raise StateError("core.backward_first", layer="Linear 'fc1'")


def plain_error(request: Request) -> Request:
    raise KeyError("W7")


def endless(request: Request) -> Request:
    while True:
        pass


def asleep(request: Request) -> Request:
    time.sleep(1000)
    return {}


def memory(request: Request) -> Request:
    kept = []
    while True:
        kept.append(np.ones(10**7))


def leave(request: Request) -> Request:
    sys.exit(0)


def leave_at_once(request: Request) -> Request:
    os._exit(0)


def crash(request: Request) -> Request:
    ctypes.string_at(0)
    return {}


def prints(request: Request) -> Request:
    for i in range(1_000_000):
        print(i)
    os.write(1, b"x" * 10_000_000)
    os.write(2, b"x" * 10_000_000)
    return {"printed": 1_000_000}


def not_a_dict(request: Request) -> Any:
    return [1, 2]


def not_json(request: Request) -> Any:
    return {"net": object()}


def large(request: Request) -> Request:
    return {"text": "x" * (17 << 20)}


def nearly_large(request: Request) -> Request:
    return {"text": "x" * (15 << 20)}


def noise(request: Request) -> Request:
    for descriptor in range(3, 64):
        try:
            os.write(descriptor, b"noise\n")
        except OSError:
            continue
    return {"fine": True}


def closes_everything(request: Request) -> Request:
    os.closerange(0, 256)
    return {}


def writes(request: Request) -> Request:
    Path("weights.npz").write_text("x")
    os.makedirs("runs/1")
    forbidden = []
    for action in (
        lambda: Path(request["outside"], "y.txt").write_text("y"),
        lambda: os.remove(request["file"]),
        lambda: os.rename(request["file"], "moved"),
        lambda: os.utime(request["file"]),
        lambda: os.mkdir(Path(request["outside"], "folder")),
    ):
        try:
            action()
        except OSError:
            forbidden.append(True)
    return {"forbidden": len(forbidden), "cwd": os.getcwd()}


def starts_processes(request: Request) -> Request:
    import subprocess

    forbidden = 0
    for action in (os.fork, lambda: subprocess.run(["true"], check=True), lambda: os.system("true")):
        try:
            action()
        except OSError:
            forbidden += 1
    return {"forbidden": forbidden}


def leaves_children(request: Request) -> Request:
    """Fork behind Python's back, as an extension could: children that would outlive everything and hold the pipe."""
    children = []
    for _ in range(5):
        child = ctypes.CDLL(None).fork()
        if child == 0:
            while True:
                time.sleep(0.1)
        children.append(child)
    if request.get("then") == "leave":
        Path(request["file"]).read_text()
        os._exit(0)
    if request.get("then") == "wait":
        time.sleep(1000)
    return {"children": children}


def leaves_threads(request: Request) -> Request:
    threading.Thread(target=endless, args=({},)).start()
    return {"fine": True}


def opens_a_window(request: Request) -> Request:
    import tkinter

    tkinter.Tk()
    return {}


def connects(request: Request) -> Request:
    import socket

    socket.create_connection(("127.0.0.1", request["port"]), timeout=1)
    return {}


def audit_like(request: Request) -> Request:
    """Reads and runs a file, then calls its functions, as an audit does."""
    from handgrad.audit.reading.source import read_program

    program = read_program(request["path"])
    done = program.execute()
    names = done.names()
    called = {}
    with program.guarded():
        for name in request.get("call", []):
            called[name] = names[name]()
    return {
        "names": sorted(names),
        "missing": done.missing,
        "reasons": [[line, reason.code] for line, reason in done.skipped],
        "called": called,
    }
