"""Promises: what any layer, loss or optimizer must keep, for our own tests and for a user's layer alone."""
