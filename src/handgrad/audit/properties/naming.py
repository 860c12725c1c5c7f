"""Naming: which names people give to rows of data and to their labels, and to which set (training, test) they belong.

Used only where the code's text is all there is: data that is loaded at top level never runs.
"""

from __future__ import annotations

import ast
import re

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_X = {"x", "xs", "xb", "xtrain", "xtest", "xtr", "xte", "input", "inputs", "image", "images", "img", "imgs"} | {
    "data", "features", "samples", "xbatch", "xval",
}  # fmt: skip
_Y = {"y", "ys", "yb", "t", "ts", "tb", "ytrain", "ytest", "ytr", "yte", "label", "labels", "target", "targets"} | {
    "ttrain", "ttest", "ybatch", "yval", "onehot",
}  # fmt: skip
_TRAIN = {"train", "training", "tr", "xtrain", "ytrain", "ttrain", "xtr", "ytr"}
_HELD = {"test", "testing", "te", "val", "valid", "validation", "dev", "xtest", "ytest", "ttest", "xte", "yte"} | {
    "xval", "yval", "eval",
}  # fmt: skip
_OTHER = {"mean", "std", "min", "max", "size", "len", "n", "num", "shape", "dim", "count", "pred", "hat", "loss"} | {
    "acc", "accuracy", "grad", "loader", "path", "file", "dir", "name", "names", "idx", "index", "indices", "type",
    "range", "sum", "true", "prob", "probs", "column", "columns", "axis", "error", "scaler", "mu", "sigma", "noise",
    "generator", "per", "scale", "dict", "map", "col",
}  # fmt: skip


def words(name: str) -> list[str]:
    """x_trainBatch2: ["x", "train", "batch", "2"]."""
    return [word.lower() for word in _WORD.findall(name.replace("self.", ""))]


def kind_of(name: str) -> str:
    """Which a name stands for: "x" for rows, "y" for labels, "" for anything else."""
    said = words(name)
    if not said or set(said) & _OTHER or len(said) > 4:
        return ""
    is_x, is_y = bool(set(said) & _X), bool(set(said) & _Y)
    if is_y and not (is_x and not set(said) & {"label", "labels", "target", "targets", "y", "t"}):
        return "y"
    return "x" if is_x else ""


def stem(name: str) -> str:
    """Which set a name belongs to: "train", "held" (test, validation) or ""."""
    said = set(words(name.split("@", maxsplit=1)[0]))
    if said & _HELD:
        return "held"
    return "train" if said & _TRAIN else ""


def last_name(node: ast.AST) -> str:
    """shuffle of np.random.shuffle; "" for what is no name."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""
