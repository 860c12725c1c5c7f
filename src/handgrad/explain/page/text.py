"""Text for a page in two languages, and numbers and their names as a book sets them.

What is typeset differently from how it is typed keeps its typed form in the text: y₃₅ reads "y[35]" when it is copied
or read aloud, and 1.25 × 10⁻⁶ reads "1.25e−6".
"""

from __future__ import annotations

import re
from collections.abc import Callable
from html import escape
from typing import Any

from handgrad.explain.story import Sentence
from handgrad.words import LANGUAGES, say

_FUNCTIONS = {"log", "exp", "max", "min", "sqrt", "tanh"}
# A name, as typed here or by the author of a file: y[35], W_new[460,35], β₁, self.weights[0,3].
_LETTER = r"[^\W₀-₉]"
_NAME = re.compile(rf"(?!\d)({_LETTER}(?:{_LETTER}|\.(?=\w))*?)(_new|_old)?([₀-₉]?)(?:\[([\d,]+)\])?(?!{_LETTER}|\.\w)")


def both(text: Callable[[str], str]) -> str:
    """The text in every language, of which the page shows one; as it is where they are the same."""
    found = {lang: text(lang) for lang in LANGUAGES}
    if len(set(found.values())) == 1:
        return found["en"]
    return "".join(f'<span lang="{lang}">{html}</span>' for lang, html in found.items())


def words(key: str, **values: Any) -> str:
    """A sentence of this page, in every language."""
    return both(lambda lang: escape(say(key, lang, **values)))


def sentence(said: Sentence) -> str:
    """A sentence of the story, in every language; what it quotes of a file, its `text`, as code."""
    code = said.values.get("text")
    if not isinstance(code, str):
        return both(lambda lang: escape(said.text(lang)))
    quoting = Sentence(said.key, said.values | {"text": "\0"})
    return both(lambda lang: escape(quoting.text(lang)).replace("\0", f"<code>{escape(code)}</code>"))


def hidden(text: str) -> str:
    """What is typed and not seen: the brackets of an index."""
    return f'<span class="h">{text}</span>'


def number(text: str) -> str:
    """A printed number, with a real minus, and its power of ten raised."""
    mantissa, _, power = text.replace("-", "−").partition("e")
    return f'{mantissa}<span class="e">e</span><sup>{power}</sup>' if power else mantissa


def name(text: str) -> str:
    """y[35] with its index lowered; a name of one letter, or of d and a letter, is slanted, a word upright."""
    parts, at = [], 0
    for found in _NAME.finditer(text):
        parts.append(escape(text[at : found.start()]).replace("-", "−"))
        parts.append(_one_name(*found.groups()))
        at = found.end()
    return "".join([*parts, escape(text[at:])])


def _one_name(letters: str, suffix: str | None, digit: str, index: str | None) -> str:
    slanted = letters not in _FUNCTIONS and (len(letters) == 1 or (len(letters) == 2 and letters[0] == "d"))
    html = f"<i>{letters}</i>" if slanted else letters
    if digit:
        html += f"<sub>{ord(digit) - ord('₀')}</sub>"
    if suffix:
        html += f"{hidden('_')}<sup>{suffix[1:]}</sup>"
    if index:
        html += f"{hidden('[')}<sub>{index}</sub>{hidden(']')}"
    return html
