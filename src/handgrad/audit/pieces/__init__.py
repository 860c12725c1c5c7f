"""Pieces: single layers, activations and losses of somebody's, run alone and judged by their numbers."""
