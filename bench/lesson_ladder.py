"""Test accuracy of what lesson 8 adds to a network, one thing at a time, over several seeds: the lesson's table.

python bench/lesson_ladder.py                  # three seeds of each row: about forty minutes on one thread
python bench/lesson_ladder.py --seeds 1 small  # one row
python bench/lesson_ladder.py --time           # the seconds of one epoch of each, and nothing else

The functions that train are those of the lesson's page, so that the table cannot speak of other ones. Set
OPENBLAS_NUM_THREADS=1, and leave OPENBLAS_CORETYPE and OPENBLAS_L2_SIZE unset.
"""

from __future__ import annotations

import argparse
import re
import statistics
import time
from pathlib import Path
from typing import Any

LESSON = Path(__file__).parents[1] / "docs" / "lessons" / "08_to_99_percent.md"
NORMED = {"batch_norm": True}
ROWS: dict[str, tuple[tuple[int, ...], dict[str, Any], dict[str, Any]]] = {  # name: hidden, net, training
    "small": ((256,), {}, {"epochs": 3, "lr": 0.012}),
    "long": ((256,), {}, {"epochs": 15}),
    "wide": ((512, 512), {}, {"epochs": 15, "lr": 0.002}),
    "norm": ((512, 512), NORMED, {"epochs": 15}),
    "drop": ((512, 512), NORMED | {"dropout": 0.25}, {"epochs": 15}),
    "plainshift": ((512, 512), {}, {"epochs": 15, "lr": 0.002, "shift": 2}),
    "shift": ((512, 512), NORMED, {"epochs": 15, "shift": 2}),
    "both": ((512, 512), NORMED | {"dropout": 0.25}, {"epochs": 15, "shift": 2}),
    "big": ((1024, 1024), NORMED, {"epochs": 30, "shift": 2}),
    "bigdrop": ((1024, 1024), NORMED | {"dropout": 0.2}, {"epochs": 30, "shift": 2}),
    "onepixel": ((512, 512), NORMED, {"epochs": 15, "shift": 1}),
    "smallshift": ((256,), {}, {"epochs": 15, "shift": 2}),
}


def main() -> None:
    """Train the rows and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="*", default=list(ROWS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--time", action="store_true")
    arguments = parser.parse_args()
    lesson = functions()
    print("| row | seeds | test accuracy: mean | lowest | highest | training digits | seconds |")
    print("|---|---|---|---|---|---|---|")
    for row in arguments.rows:
        hidden, net_settings, training = ROWS[row]
        if arguments.time:
            training = training | {"epochs": 1}
        found, seen, seconds = [], [], []
        for seed in range(1 if arguments.time else arguments.seeds):
            net = lesson["MLP"](784, *hidden, 10, rng=seed, **net_settings)
            train, test = lesson["data"].train, lesson["data"].test
            began = time.perf_counter()
            lesson["train"](net, train.images, train.labels, seed=seed, **training)
            seconds.append(time.perf_counter() - began)
            found.append(lesson["accuracy"](net, test))
            seen.append(lesson["accuracy"](net, train, 10_000))
        print(
            f"| `{row}` | {len(found)} | {statistics.mean(found):.2%} | {min(found):.2%} | {max(found):.2%} "
            f"| {statistics.mean(seen):.2%} | {statistics.median(seconds):.1f} |",
            flush=True,
        )


def functions() -> dict[str, Any]:
    """What the first block of the lesson defines."""
    first = re.search(r"^```python\n(.*?)^```$", LESSON.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert first is not None
    definitions = first[1].partition("few = ")[0]
    namespace: dict[str, Any] = {}
    exec(compile(definitions, str(LESSON), "exec"), namespace)
    return namespace


if __name__ == "__main__":
    main()
