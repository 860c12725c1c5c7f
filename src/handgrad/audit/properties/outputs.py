"""Outputs: what the last layer, or a missing activation, does to a network whose gradients are all right."""

from __future__ import annotations

from math import exp, log

import numpy as np

from handgrad.audit.findings import Finding
from handgrad.audit.identify import targets
from handgrad.audit.inspection import Inspection
from handgrad.audit.properties.descent import descend
from handgrad.audit.properties.forward import Shape, batch, flat, known, made_small, through, unusual
from handgrad.audit.properties.places import found, line_of

_SPAN = {"softmax": (0.0, 1.0), "sigmoid": (0.0, 1.0), "tanh": (-1.0, 1.0)}


def unusual_networks(inspection: Inspection) -> list[Finding]:
    """Scores that are squashed before the softmax, and layers without an activation between others that have one."""
    matched = unusual(inspection)
    if matched is None:
        return []
    shape, classes = matched
    line = line_of(inspection, "forward", "loss", "step")
    if len(shape.kinds[-1]) == 1:
        return [_linear(inspection, shape, line)]
    first = shape.kinds[-1][0]
    where = (shape.matrices[-1].weight,)
    if first not in _SPAN:  # a ReLU
        return [found(inspection, "relu-before-softmax", "warning", line, {"classes": int(classes)}, {}, where)]
    low, high = _SPAN[first]
    best = -log(exp(high) / (exp(high) + (classes - 1) * exp(low)))
    measured = {"lowest": best, "most": exp(-best), "classes": int(classes), "activation": first}
    code = "softmax-twice" if first == "softmax" else "squashed-scores"
    severity = "error" if first == "softmax" else "warning"
    return [found(inspection, code, severity, line, measured, {"lowest": 0.0}, where)]


def no_nonlinearity(inspection: Inspection) -> list[Finding]:
    """Layers that collapse into one matrix. Where they narrow on the way they may be meant so, as word vectors are."""
    identity = inspection.diagnosis.identity
    if identity is None or identity.hidden != "none" or len(identity.matrices) < 2:
        return []
    shapes = [inspection.reading.subject.parameters()[m.weight].shape for m in identity.matrices]
    sides = [shape[::-1] if m.transposed else shape for shape, m in zip(shapes, identity.matrices, strict=True)]
    if min(inputs for inputs, _ in sides[1:]) < min(sides[0][0], sides[-1][1]):
        return []
    line = line_of(inspection, "forward", "loss", "step")
    return [_linear(inspection, known(identity), line)]


def _linear(inspection: Inspection, shape: Shape, line: int | None) -> Finding:
    """Which matrices are one matrix."""
    one = [
        matrix.weight
        for i, matrix in enumerate(shape.matrices)
        if (i < len(shape.matrices) - 1 and shape.kinds[i] == ("none",)) or (i and shape.kinds[i - 1] == ("none",))
    ]
    severity = "error" if shape.kinds[-1] in (("softmax",), ("sigmoid",)) else "warning"
    return found(inspection, "no-nonlinearity", severity, line, {"matrices": len(one)}, {"matrices": 1}, tuple(one))


def not_normalised(inspection: Inspection) -> list[Finding]:
    """-sum(t log p) over outputs that do not share a sum of 1: all at 1 reach 0. Judged by what descent does."""
    identity, subject = inspection.diagnosis.identity, inspection.reading.subject
    if identity is None or subject.classes < 2 or not flat(subject):
        return []
    line = line_of(inspection, "loss", "step")
    if identity.loss == "binary cross-entropy":
        if made_small(subject):
            return []
        return [found(inspection, "independent-outputs", "note", line, {"classes": subject.classes})]
    if identity.loss != "cross-entropy" or identity.output != "sigmoid":
        return []
    x, y = batch(subject, 8, 3)
    after = descend(subject, x, y, 0.5, steps=200, seconds=0.15)
    if after is None:
        return []
    output = through(after.parameters, known(identity), x)
    others = float(output[targets(y, subject.classes) == 0].mean())
    right = float((output.argmax(axis=1) == y).mean())
    if not after.fell or not np.isfinite(others) or others < 0.7:
        return []
    measured = {"others": others, "loss": after.best, "right": right}
    return [found(inspection, "not-normalised", "error", line, measured, {"others": 0.0})]
