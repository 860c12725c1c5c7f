"""A story as one HTML page that loads nothing: for a window, a phone, paper, a screen reader, and a notebook.

The page adds no arithmetic of its own in the browser: what is shown when a cell is pointed at was printed here.
"""

from __future__ import annotations

from handgrad.explain.page.document import frame, page

__all__ = ["frame", "page"]
