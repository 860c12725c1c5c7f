"""The guardian: each rank is two processes, one that trains and one that watches it and says how it ended.

A process that is killed cannot say so, and the ranks that wait for it do not know which one they wait for. Its guardian
knows at once, names it, and ends; the launcher then ends the others.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from typing import Any

from handgrad.parallel.pulse import EVERY, WATCHED, end_job, names_of
from handgrad.parallel.world import ALONE_AFTER, host, launched_rank, launched_size
from handgrad.words import say

LOST = 256  # no status that a process can have: the rank is gone, and the others have to be ended
LONGEST_WAIT = 2  # times the timeout: one that waits for others is not the one that hangs, so it leaves them time


def stand_by() -> None:
    """Start this very command once more as the process that trains, watch it, and exit as it does.

    Returns at once in the process that trains, and where processes cannot be watched in this way.
    """
    if WATCHED in os.environ or os.name != "posix":
        return
    news, tell = os.pipe()
    hear, _keep = os.pipe()  # the guardian's end of the second one closes when it dies, however it dies
    os.set_inheritable(tell, True)
    os.set_inheritable(hear, True)
    worker = subprocess.Popen(
        sys.orig_argv, env=os.environ | {WATCHED: f"{hear},{tell}"}, close_fds=False
    )  # in the same group: a launcher that ends a rank ends both. Its pipes to the rank stay open.
    os.close(tell)
    os.close(hear)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, frame: worker.send_signal(number))
    sys.stdout.flush()
    status = _watch(worker, news)
    if status == LOST:
        end_job(1)
    os._exit(1 if status == LOST else status)


def _watch(worker: subprocess.Popen[bytes], news: int) -> int:
    """Wait for the end of the worker, or end it where it hangs; the exit status for both."""
    said: dict[str, Any] = {"rank": launched_rank(), "ranks": launched_size(), "host": host()}
    said |= {"phase": "free", "seconds": 0.0}
    heard, rest = time.monotonic(), b""
    while True:
        if select.select([news], [], [], EVERY)[0]:
            piece = os.read(news, 65536)
            if not piece:  # closed: it has ended, or is about to
                return _ended(worker, said)
            *lines, rest = (rest + piece).split(b"\n")
            for line in lines:
                said |= json.loads(line)
            heard = time.monotonic()
        silence = time.monotonic() - heard
        key = _hangs(said, silence)
        if key:
            _say(key, said, worker.pid, seconds=f"{said['timeout']:g}")
            worker.kill()
            worker.wait()
            return LOST


def _hangs(said: dict[str, Any], silence: float) -> str | None:
    """The sentence for a worker that does not get on; None while it does."""
    timeout = said.get("timeout")
    if not timeout or said["phase"] == "free":
        return None
    if silence > timeout or (said["phase"] == "own" and said["seconds"] > timeout):
        return "parallel.hangs"
    if said["phase"] == "waiting" and said["seconds"] > LONGEST_WAIT * timeout:
        return "parallel.lost"
    return None


def _ended(worker: subprocess.Popen[bytes], said: dict[str, Any]) -> int:
    status = worker.wait()
    if status > 0 and "timeout" not in said and said["ranks"] > 1:  # it never met the others, who would wait for it
        if said["rank"]:
            time.sleep(ALONE_AFTER)  # if rank 0 has failed as well, it has said why, and ends this process meanwhile
            _say("parallel.could_not_begin", said, worker.pid, status=status)
        end_job(status)
    if status >= 0:
        return status  # it could speak for itself
    try:
        name = signal.Signals(-status).name
    except ValueError:
        name = "?"
    _say("parallel.killed", said, worker.pid, number=-status, name=name)
    return LOST


def _say(key: str, said: dict[str, Any], process: int, **values: Any) -> None:
    sentence = say(key, **names_of(said, process), **values)
    os.write(2, f"handgrad: {sentence}\n".encode(errors="backslashreplace"))
