"""Judging: from a network that can be called to named mistakes, by its numbers alone."""
