"""Claimed: which optimizer some statements are of, told by their names or by their form, from their text in lower case.

Only what is claimed is judged by its steps; plain descent and momentum need no name.
"""

from __future__ import annotations

import re

# What names in a loop say that its optimizer is, the more special first.
_SIGNS = {
    "adam": r"adam(?!w)|beta_?2|\bb2 ?\*\*|[mv]_?hat|_corrected",
    "rmsprop": r"rms_?prop|\brho\b|decay_?rate|mean_?sq",
    "adagrad": r"adagrad",
}


def by_name(text: str) -> str:
    """The optimizer of which the names in some statements are; "" for none."""
    return next((claim for claim, sign in _SIGNS.items() if re.search(sign, text)), "")


def by_form(text: str) -> str:
    """The optimizer of which statements have the form: an average, or sum, of squares, which divides something;
    with an average beside it Adam's.
    """
    text = re.sub(r"\.get\((\w+), 0(?:\.0)?\)", r"[\1]", text)
    averages = re.findall(r"^ *(\S+) = .*\* \1 [+-] .*$", text, re.M)
    squares = re.search(r"^ *(\S+) = (?=.*\* \1 \+).*(?:\*\* 2|square|abs\()", text, re.M)
    sums = re.search(r"^ *(\S+) \+= .*(?:\*\* 2|square)", text, re.M)
    if squares and len(averages) in (1, 2) and _divides(squares[1], text):
        return "rmsprop" if len(averages) == 1 else "adam"
    return "adagrad" if sums and not averages and _divides(sums[1], text) else ""


def _divides(name: str, text: str) -> bool:
    """Whether something is divided by a name, or by its root, or what is kept of it once it is corrected."""
    corrected = re.search(rf"^ *\(?(\S.*?)\)? = .*(?<!\w){re.escape(name)} / \(1 - ", text, re.M)
    names = {name, *(corrected[1].split(", ") if corrected else ())}
    return any(f"sqrt({one}" in text or re.search(rf"/ \(?{re.escape(one)}[ )]", text) for one in names)
