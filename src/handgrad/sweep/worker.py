"""The work of one process on a sweep: take a trial, train it, tell how it went, until there are enough.

Each epoch's record is reported, and a trial that does worse than most at that epoch is given up.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

import optuna
from optuna.samplers import TPESampler
from optuna.trial import TrialState

from handgrad.data import Dataset, load_data
from handgrad.errors import DivergedError, HandgradError
from handgrad.records import EpochRecord
from handgrad.sweep.study import SEEN, Sweep
from handgrad.train import threads
from handgrad.train.loop import Training
from handgrad.train.recipe import Recipe
from handgrad.train.run import training_of

HELD_BACK = 0.1  # of the training images, for a recipe that keeps none apart: a sweep never looks at the test set
UNJUDGED = 5  # trials that are all seen to their end, before others are held against them
WHY = "why"  # of a trial: why it failed


def work(sweep: Sweep, most: int, *, thread_count: int = 1, seed: int | None = None) -> Iterator[int]:
    """Yield the number of each trial that this process has brought to its end, until `most` are there.

    A trial in whose middle the process is stopped goes back into the queue.
    """
    study = sweep.study
    study.sampler = TPESampler(seed=seed, constant_liar=True)
    study.pruner = optuna.pruners.MedianPruner(n_startup_trials=UNJUDGED)
    data = load_data(sweep.space.recipe.data)
    with threads.limited_to(thread_count):
        while (trial := sweep.begin(most)) is not None:
            try:
                _run(sweep, trial, data, thread_count)
            except BaseException:  # Ctrl-C, a stopped process: somebody is to try this again
                sweep.give_back(trial)
                raise
            yield trial.number


def watched(recipe: Recipe) -> Recipe:
    """The recipe with rows kept apart to judge it by, where it has none."""
    return recipe if recipe.validation else recipe.change(validation=HELD_BACK)


def _run(sweep: Sweep, trial: optuna.Trial, data: Dataset, thread_count: int) -> None:
    try:
        recipe = watched(sweep.space.recipe_of(trial))
        value, state = _train(sweep, trial, recipe, training_of(recipe, data, thread_count=thread_count))
    except HandgradError as error:  # these settings do not go together; the sweep goes on
        trial.set_user_attr(WHY, str(error))
        # Where it diverged the sampler is to learn from it, as it does from what was given up.
        value, state = None, TrialState.PRUNED if isinstance(error, DivergedError) else TrialState.FAIL
    with contextlib.suppress(ValueError, RuntimeError):  # given up for lost by another process, and done again there
        sweep.study.tell(trial, value if state == TrialState.COMPLETE else None, state=state)


def _train(sweep: Sweep, trial: optuna.Trial, recipe: Recipe, training: Training) -> tuple[float | None, TrialState]:
    """(value, state) of one training: its value is that of the weights that it ends with."""
    best: float | None = None
    value: float | None = None
    for record in training.records():
        if not isinstance(record, EpochRecord):
            continue
        value = record.val_accuracy if sweep.goal == "accuracy" else record.val_loss
        assert value is not None
        if record.epoch == (training.best_epoch if recipe.patience else record.epoch):
            best = value
        trial.report(value, record.epoch)
        trial.set_user_attr(SEEN, time.time())
        if record.epoch < recipe.epochs and trial.should_prune():
            return None, TrialState.PRUNED
    return best, TrialState.COMPLETE
