"""Puts the core's table of layers on the path, so that every layer that ships goes through every format, and the tools
of the command line's tests.
"""

from __future__ import annotations

import sys
from pathlib import Path

for folder in ("core", "cli"):
    sys.path.insert(0, str(Path(__file__).parents[1] / folder))
