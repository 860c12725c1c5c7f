"""Plots: what a training and a net look like, as matplotlib figures. Importing this room imports matplotlib.

Each function returns a Figure of its own and leaves pyplot and its settings alone; `save` writes one to a file.
"""

from __future__ import annotations

from handgrad.plots.activation_shapes import activations
from handgrad.plots.confusion import confusion_matrix
from handgrad.plots.curves import learning_curves
from handgrad.plots.pictures import mistakes_gallery, predictions_grid
from handgrad.plots.saving import save
from handgrad.plots.sweeps import best_curves, parallel_coordinates, setting_importance
from handgrad.plots.weights import first_layer_weights

__all__ = [
    "activations",
    "best_curves",
    "confusion_matrix",
    "first_layer_weights",
    "learning_curves",
    "mistakes_gallery",
    "parallel_coordinates",
    "predictions_grid",
    "save",
    "setting_importance",
]
