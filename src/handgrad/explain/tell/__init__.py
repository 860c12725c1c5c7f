"""Telling: what each kind of layer, loss and optimizer does, as a chapter with the real numbers in it."""
