"""The fixtures of `launching`, for all tests here."""

from __future__ import annotations

from launching import folder, train

__all__ = ["folder", "train"]
