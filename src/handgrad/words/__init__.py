"""Every sentence that a person reads, by key, once in English and once in Korean.

The sentences lie in `en/*.toml` and `ko/*.toml`, one file a room of the house; `say("core.no_forward", ...)`
finds the table of that room, the line, and fills in its placeholders.
"""

from __future__ import annotations

import functools
import os
from typing import Any

LANGUAGES = ("en", "ko")


def language() -> str:
    """The reader's language: HANDGRAD_LANG, else the locale's; English where that is neither of the two."""
    for variable in ("HANDGRAD_LANG", "LC_ALL", "LC_MESSAGES", "LANG"):
        value = os.environ.get(variable, "")
        if value:
            return "ko" if value.lower().startswith("ko") else "en"
    return "en"


def say(key: str, lang: str | None = None, /, **values: Any) -> str:
    """The sentence `room.key` in a language (default: the reader's), its placeholders filled in."""
    room, _, line = key.partition(".")
    from handgrad.words.formatting import fill  # what only a sentence needs is imported when the first one is said

    return fill(sentences(lang or language(), room)[line], values)


@functools.cache
def sentences(lang: str, room: str) -> dict[str, str]:
    """All sentences of one room in one language, unfilled."""
    import tomllib
    from pathlib import Path

    text = (Path(__file__).parent / lang / f"{room}.toml").read_text(encoding="utf-8")
    return dict(tomllib.loads(text))
