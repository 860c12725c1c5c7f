"""What was taken for what, in the reader's language.

The readers of the dialects note it in English, names and phrases together, which is also what the JSON holds. Each
phrase stands in `words/en/audit_told.toml`; here it is found again by its words there.
"""

from __future__ import annotations

import functools
import re

from handgrad import words


def told(note: str, lang: str | None = None) -> str:
    """The note in a language (default: the reader's); names of the file's own stay as they are."""
    if (lang or words.language()) == "en":
        return note
    for key, pattern in _patterns():
        if found := pattern.fullmatch(note):
            return words.say(
                f"audit_told.{key}", lang, **{name: told(part, lang) for name, part in found.groupdict().items()}
            )
    parts = note.split(", ")
    return ", ".join(told(part, lang) for part in parts) if len(parts) > 1 else note


@functools.cache
def _patterns() -> list[tuple[str, re.Pattern[str]]]:
    """Each phrase as what it looks like with anything in the place of its placeholders, the longest first."""
    phrases = sorted(words.sentences("en", "audit_told").items(), key=lambda item: -len(item[1]))
    return [(key, re.compile(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>.+)", re.escape(text)))) for key, text in phrases]
