"""Data: read it by name or by path, look at it, take it batch by batch.

Importing this room costs NumPy alone; pooch and Pillow are imported by what needs them.
"""

from __future__ import annotations

from handgrad.data.dataset import Dataset, Split
from handgrad.data.idx import read_idx, write_idx
from handgrad.data.load import load_data
from handgrad.data.picture import to_mnist
from handgrad.data.sources import DATASETS, Source

__all__ = ["DATASETS", "Dataset", "Source", "Split", "load_data", "read_idx", "to_mnist", "write_idx"]
