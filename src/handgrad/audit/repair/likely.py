"""Likely: which edits mend which mistake. Anything may mend anything; this is only what is tried first."""

from __future__ import annotations

_SLOPES = ("slope", "function", "rewrite-slope", "name", "unwrap", "branch", "part-for-whole")

LIKELY: dict[str, tuple[str, ...]] = {
    "averaged-twice": ("drop-division", "sum-for-mean", "drop-power", "drop-factor", "unwrap", "constant"),
    "batch-dependent-factor": ("batch-size", "divide", "drop-division", "mean-for-sum", "sum-for-mean"),
    "summed": ("divide", "mean-for-sum", "batch-size"),
    "constant-factor": ("constant", "drop-factor", "drop-power", "drop-division", "batch-size"),
    "sign-flipped": ("update-sign", "swap-sides", "negate", "add-for-subtract"),
    "never-reset": ("assign", "drop-addend", "reset"),
    "never-updated": (
        "in-place", "element", "sibling", "drop-factor", "bound", "whole", "index", "name", "update-sign", "unwrap",
    ),
    "updated-too-early": ("order", "hoist", "name"),
    "activation-derivative-missing": ("slope", "function", "name", "branch", "part-for-whole", "order"),
    "output-derivative-missing": ("slope", "branch", "name"),
    "derivative-at-output": ("unwrap", "name", "function", "rewrite-slope", "branch"),
    "derivative-fed-input": ("name", "function", "rewrite-slope", "branch"),
    "derivative-applied-twice": ("drop-factor", "part-for-whole", "unwrap", "drop-power"),
    "sigmoid-derivative-everywhere": ("rewrite-slope", "function", "name", "slope"),
    "gradient-of-squared-error": ("drop-factor", "part-for-whole", "divide-slope", "unwrap", "name", "function"),
    "softmax-as-sigmoid": ("drop-factor", "part-for-whole", "jacobian", "unwrap"),
    "softmax-diagonal-only": ("jacobian", "drop-factor", "part-for-whole"),
    "weights-not-transposed": ("transpose", "branch", "flip-product", "name"),
}  # fmt: skip

USUAL = (
    "name", "transpose", "drop-factor", "swap-sides", "slope", "function", "constant", "index", "assign", "accumulate",
    "drop-division", "axis", "rewrite-slope", "unwrap", "update-sign", "add-for-subtract", "compare", "bound",
    "flip-product", "drop-power", "part-for-whole", "order", "sum-for-mean",
)  # fmt: skip
