"""Training: the loop, recipes, checkpoints, evaluation, and the folder of a run."""

from __future__ import annotations

from handgrad.train.checkpoint import load_net, save_net
from handgrad.train.evaluation import Evaluation, evaluate, probabilities
from handgrad.train.loop import Training, fit
from handgrad.train.recipe import Recipe, load_recipe
from handgrad.train.run import Run

__all__ = [
    "Evaluation",
    "Recipe",
    "Run",
    "Training",
    "evaluate",
    "fit",
    "load_net",
    "load_recipe",
    "probabilities",
    "save_net",
]
