"""Puts the core's table of layers on the path, so that every layer that ships goes through every format."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "core"))
