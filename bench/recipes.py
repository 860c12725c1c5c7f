"""Test accuracy of every recipe that ships over several seeds: the figures of the README's table.

python bench/recipes.py                     # ten seeds each
python bench/recipes.py --seeds 3 modular
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from pathlib import Path

from handgrad import Run, load_recipe
from handgrad.train.recipe import names


def main() -> None:
    """Run the recipes and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipes", nargs="*", default=names())
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--rng", default="", help="modern or legacy; default: the recipe's own")
    arguments = parser.parse_args()
    print("| recipe | seeds | test accuracy: mean | lowest | highest | reported loss, first to last epoch | seconds |")
    print("|---|---|---|---|---|---|---|")
    for name in arguments.recipes:
        accuracies, seconds, losses = [], [], []
        for seed in range(arguments.seeds):
            recipe = load_recipe(name).change(seed=seed, **({"rng": arguments.rng} if arguments.rng else {}))
            with tempfile.TemporaryDirectory() as folder:
                run = Run.start(Path(folder) / "run", recipe, thread_count=1)
                for _ in run.train():
                    pass
                accuracies.append(run.finish().accuracy)
            seconds.append(run.manifest["result"]["train_seconds"])
            losses.append(run.manifest["result"]["reported_loss"])
        first, last = (statistics.mean(loss[i] for loss in losses) for i in (0, -1))
        print(
            f"| `{name}` | {len(accuracies)} | {statistics.mean(accuracies):.2%} | {min(accuracies):.2%} "
            f"| {max(accuracies):.2%} | {first:.3f} to {last:.3f} | {statistics.median(seconds):.1f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
