"""Likely: which edits mend which mistake. Anything may mend anything; this is only what is tried first."""

from __future__ import annotations

LIKELY: dict[str, tuple[str, ...]] = {
    "averaged-twice": ("drop-division", "sum-for-mean", "drop-power", "drop-factor", "unwrap", "constant"),
    "batch-dependent-factor": ("batch-size", "divide", "drop-division", "mean-for-sum", "sum-for-mean"),
    "uneven-scale": (
        "divide", "drop-division", "batch-size", "mean-for-sum", "sum-for-mean", "constant", "drop-factor",
    ),
    "averaged-every-layer": ("drop-division", "sum-for-mean"),
    "averaged-before-product": ("drop-division", "sum-for-mean", "part-for-whole"),
    "derivative-incomplete": ("rewrite-slope", "constant", "function", "slope", "name", "add-for-subtract"),
    "derivative-of-another-activation": ("rewrite-slope", "function", "name", "slope", "constant"),
    "derivative-of-another-layer": ("name", "index", "function"),
    "mask-inverted": ("compare", "name", "unwrap", "slope"),
    "mask-from-error": ("name", "function"),
    "error-before-activation": ("name", "part-for-whole"),
    "error-of-another-class": ("name", "index", "constant", "unwrap", "order", "drop-statement"),
    "gradient-of-absolute-error": ("unwrap", "name"),
    "weights-left-out": ("name", "part-for-whole", "drop-factor"),
    "weights-of-another-layer": ("name", "index"),
    "error-of-another-layer": ("name", "index", "order"),
    "weights-from-preactivation": ("name", "index"),
    "weights-from-another-layer": ("name", "index"),
    "gradient-transposed": ("transpose", "flip-product"),
    "one-row-only": ("index", "axis", "name", "unwrap", "part-for-whole"),
    "bias-skips-derivative": ("name",),
    "bias-summed-over-everything": ("axis", "keepdims", "sum-for-mean"),
    "gradient-sign-only": ("unwrap",),
    "gradient-absolute": ("unwrap",),
    "weight-decay": ("drop-addend",),
    "weight-decay-sign": ("add-for-subtract", "negate"),
    "penalty-scaled": ("constant", "drop-factor", "drop-division"),
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
