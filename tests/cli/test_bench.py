"""`handgrad bench`: a table, a plot and one JSON object; one sentence for what it cannot do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command_cases import Call

from handgrad.cli.bench import duration


@pytest.mark.slow
def test_a_work_in_korean(call: Call, tmp_path: Path) -> None:
    done = call(
        "bench", "A", "--peers", "products,numpy", "--rounds", "1", "--samples", "4096", "--threads", "1", "--json",
        "--out", str(tmp_path / "b"), "--lang", "ko",
    )  # fmt: skip
    assert done.status == 0, done.err
    assert "products 대비" in done.err
    told = json.loads(done.out.splitlines()[-1])
    assert [r["peer"] for r in told["works"]["A"]] == ["products", "numpy"]
    assert sorted(path.name for path in (tmp_path / "b").iterdir()) == ["epochs.png", "results.json"]
    assert json.loads((tmp_path / "b" / "results.json").read_text("utf-8")) == told


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["D"], "no work 'D'"),
        (["A", "--peers", "tensorflow"], "no contestant 'tensorflow'"),
        (["A", "--rounds", "0"], "from 1 to 1000"),
        (["A", "--threads", "99"], "--threads needs auto"),
        (["A", "--samples", "100"], "from 4,096 to 60,000"),
        (["one", "--peers", "products"], "Nobody is left for 'one'"),
    ],
)
def test_wrong_usage(call: Call, tmp_path: Path, arguments: list[str], says: str) -> None:
    done = call("bench", *arguments, "--out", str(tmp_path / "b"))
    assert done.status == 2
    assert says in done.err
    assert not (tmp_path / "b").exists()


@pytest.mark.parametrize(
    ("seconds", "text"), [(1.2345, "1.23 s"), (0.16234, "162 ms"), (0.0000271, "27.1 µs"), (2e-7, "0.2 µs")]
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text
