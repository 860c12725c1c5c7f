"""The pulse of a rank: what it is doing and for how long, told twice a second to the process that watches it.

It is told by a thread of its own, so that a long matrix product does not look like silence, and a stopped process does.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from handgrad.words import say

WATCHED = "HANDGRAD_WATCHED"  # in the environment of a watched process: "fd to read from,fd to write to"
EVERY = 0.5  # seconds
LAST_WORDS = 0.5  # seconds that a launcher gets to pass on what was said before it is asked to end the job


class Pulse:
    """What the rank is doing: "own" work, "waiting" for other ranks, or "free" where nobody should count the seconds.

    Attributes:
        said: what else the watching process was told, such as the folder of the run.
    """

    def __init__(self) -> None:
        self.said: dict[str, Any] = {}
        self._phase, self._since = "free", time.monotonic()
        self._pipe: int | None = None

    def mark(self, phase: str) -> None:
        """From now on it is doing that."""
        self._phase, self._since = phase, time.monotonic()

    def tell(self, **news: Any) -> None:
        """Tell the watching process more, at once."""
        self.said |= news
        if self._pipe is not None:
            now = self.said | {"phase": self._phase, "seconds": time.monotonic() - self._since}
            with suppress(OSError):  # nobody there any more: `_hear` sees to that
                os.write(self._pipe, json.dumps(now).encode() + b"\n")

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """In the body the rank waits for others; afterwards it works on its own again, if it was watched before."""
        if self._phase == "free":
            yield
            return
        self.mark("waiting")
        yield
        self.mark("own")

    @contextmanager
    def watched(self) -> Iterator[None]:
        """In the body the seconds are counted."""
        self.mark("own")
        self.tell()  # or a rank that stops in the next half second would seem to be free still
        try:
            yield
        finally:
            self.mark("free")

    def start(self) -> None:
        """Begin to tell, where there is somebody to tell it to."""
        ends = os.environ.pop(WATCHED, "")
        if ends:
            hear, tell = map(int, ends.split(","))
            self._pipe = tell
            threading.Thread(target=self._beat, daemon=True).start()
            threading.Thread(target=self._hear, args=(hear,), daemon=True).start()

    def _beat(self) -> None:
        while True:
            self.tell()
            time.sleep(EVERY)

    def _hear(self, hear: int) -> None:
        """The watching process never says anything; where its end of the pipe closes, it was killed.

        The launcher ends this one, too, as soon as it notices, so the words are fetched from their file beforehand.
        """
        say("parallel.guardian_killed", **names_of(self.said, os.getpid()))
        os.read(hear, 1)
        sentence = say("parallel.guardian_killed", **names_of(self.said, os.getpid()))
        os.write(2, f"handgrad: {sentence}\n".encode(errors="backslashreplace"))
        end_job(1)
        os._exit(1)


def end_job(status: int) -> None:
    """Ask the launcher to end all ranks, where it can be asked; an end without a word ends them too, with more noise.

    Hydra, which comes with MPICH and Intel MPI, and Slurm listen on this pipe (the abort command of PMI-1). Hydra ends
    itself at that command, with all that it has not yet read of what the ranks wrote.
    """
    pipe = os.environ.get("PMI_FD", "")
    if pipe.isdigit():
        time.sleep(LAST_WORDS)
        with suppress(OSError):
            os.write(int(pipe), f"cmd=abort exitcode={status}\n".encode())


def names_of(said: dict[str, Any], process: int) -> dict[str, Any]:
    """What each sentence about a lost rank needs: which one it was, and how to go on."""
    run = said.get("run")
    ranks = said.get("ranks", 1)
    go_on = say("parallel.go_on", ranks=ranks, path=run) if run else say("parallel.nothing_kept")
    return {"rank": said.get("rank", 0), "ranks": ranks, "host": said.get("host", "-"), "process": process,
            "go_on": go_on}  # fmt: skip
