"""When a rank is taken to hang, and what a failing one says, without starting any."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest

from handgrad.errors import InputError
from handgrad.parallel.guardian import _hangs
from handgrad.parallel.job import job
from handgrad.parallel.pulse import Pulse, names_of
from handgrad.parallel.world import launched_rank

CASES: list[tuple[dict[str, Any], float, str | None]] = [
    ({"phase": "own", "seconds": 9.0}, 0.1, None),
    ({"phase": "own", "seconds": 10.5}, 0.1, "parallel.hangs"),  # it works on, and does not get on
    ({"phase": "own", "seconds": 0.2}, 10.5, "parallel.hangs"),  # not a word: stopped, or stuck in a call
    ({"phase": "waiting", "seconds": 0.2}, 10.5, "parallel.hangs"),
    ({"phase": "waiting", "seconds": 19.0}, 0.1, None),  # the one that it waits for is to be named
    ({"phase": "waiting", "seconds": 20.5}, 0.1, "parallel.lost"),
    ({"phase": "free", "seconds": 99.0}, 99.0, None),
]


@pytest.mark.parametrize(("said", "silence", "key"), CASES)
def test_when_a_rank_hangs(said: dict[str, Any], silence: float, key: str | None) -> None:
    assert _hangs(said | {"timeout": 10.0}, silence) == key
    assert _hangs(said, silence) is None  # before it has said how long it may take


def test_a_pulse_tells_what_a_rank_does() -> None:
    hear, tell = os.pipe()
    pulse = Pulse()
    pulse._pipe = tell
    with pulse.waiting():
        pulse.tell(rank=2)  # before the training it may wait as long as it likes
    with pulse.watched():
        with pulse.waiting():
            pulse.tell(run="runs/a")
        pulse.tell()
    pulse.tell()
    os.close(tell)
    heard = [json.loads(line) for line in os.read(hear, 65536).splitlines()]
    os.close(hear)
    assert [news["phase"] for news in heard] == ["free", "own", "waiting", "own", "free"]
    assert heard[-1]["rank"] == 2
    assert "--resume runs/a" in names_of(heard[-1], 1)["go_on"]
    assert "Nothing had been written" in names_of(heard[0], 1)["go_on"]


def test_the_rank_that_a_launcher_gave(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PMI_RANK", "OMPI_COMM_WORLD_RANK", "PMIX_RANK", "SLURM_PROCID"):
        monkeypatch.delenv(name, raising=False)
    assert launched_rank() == 0
    monkeypatch.setenv("SLURM_PROCID", "7")
    assert launched_rank() == 7
    monkeypatch.setenv("PMI_RANK", "3")
    assert launched_rank() == 3


@pytest.mark.parametrize("seconds", [0.0, -1.0, float("nan")])
def test_a_timeout_that_is_none(seconds: float) -> None:
    with pytest.raises(InputError, match="--rank-timeout"), job(seconds):
        pass
