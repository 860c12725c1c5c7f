"""Pace: how many threads share a step, measured while training. Their number changes no result, so it may change.

Some steps are taken alone and some together, in turn; what is faster is kept, and looked at again, as a machine that
was busy may be idle a moment later: soon after a change, ever later while it is confirmed, at once if steps get slower.
"""

from __future__ import annotations

import statistics
from typing import Any

ROUND, ROUNDS = 6, 3  # steps in a row, of which the first does not count; rounds of each kind until it is settled
SOON, LATE = 150, 2400  # steps after which it is looked at again: the first time, and at most
SLOWER = 1.3  # times its measured time that a step takes, in the mean of SOON steps, when it is looked at again
GAIN = 1.1  # times faster than alone is what more threads must be


class Pace:
    """Says for each step with how many threads to take it.

    Attributes:
        threads: for the coming step, 1 or `most`.
        seconds: median seconds a step by number of threads, from the last time that it was looked at.
    """

    def __init__(self, most: int) -> None:
        self.most = self.threads = most
        self.seconds: dict[int, float] = {}
        self._lasts, self._settled, self._since = SOON, 0, 0.0
        self._look()

    @property
    def helped(self) -> bool:
        """Whether helpers are of use: not where one thread is settled on, and another would only wake in vain."""
        return self.most > 1 and (self.threads > 1 or self._step < 2 * ROUNDS * ROUND)

    def report(self) -> dict[str, Any]:
        """What was measured last, for a run's manifest."""
        return {"threads": self.threads, "seconds_a_step": {str(count): time for count, time in self.seconds.items()}}

    def took(self, seconds: float) -> None:
        """A step is done, and took so long."""
        if self.most == 1:
            return
        turn, within = divmod(self._step, ROUND)
        self._step += 1
        if turn < 2 * ROUNDS:
            if within:
                self._times[self.threads].append(seconds)
            self.threads = (self.most, 1)[self._step // ROUND % 2]
            if self._step == 2 * ROUNDS * ROUND:
                self._settle()
            return
        self._since += seconds
        steps = self._step - 2 * ROUNDS * ROUND
        if steps % SOON == 0:
            slower = self._since > SLOWER * SOON * self.seconds[self.threads]
            self._since = 0.0
            if slower or steps >= self._lasts:
                self._look()

    def _look(self) -> None:
        """Look again, from the next step on."""
        self._step, self._since = 0, 0.0
        self.threads = self.most
        self._times: dict[int, list[float]] = {1: [], self.most: []}

    def _settle(self) -> None:
        self.seconds = {count: statistics.median(times) for count, times in self._times.items()}
        self.threads = self.most if self.seconds[1] >= GAIN * self.seconds[self.most] else 1
        self._lasts = min(2 * self._lasts, LATE) if self.threads == self._settled else SOON
        self._settled = self.threads
