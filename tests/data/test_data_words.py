"""The data room's sentences: both languages whole, with the same placeholders, each used, and each can be told."""

from __future__ import annotations

import re
import string
from pathlib import Path

import pytest

import handgrad
from handgrad import words

SOURCE = "".join(
    path.read_text(encoding="utf-8")
    for path in [*Path(handgrad.__file__).parent.glob("data/*.py"), Path(handgrad.__file__).parent / "cli" / "data.py"]
)


def placeholders(sentence: str) -> dict[str, str]:
    return {name: spec or "" for _, name, spec, _ in string.Formatter().parse(sentence) if name is not None}


def test_both_languages_have_the_same_keys() -> None:
    assert list(words.sentences("en", "data")) == list(words.sentences("ko", "data"))


@pytest.mark.parametrize("key", words.sentences("en", "data"))
def test_each_sentence_can_be_told(key: str) -> None:
    english, korean = (placeholders(words.sentences(lang, "data")[key]) for lang in ("en", "ko"))
    assert set(english) == set(korean)
    values = {name: 12345 if spec == "," else "<here>" for name, spec in english.items()}
    for lang in ("en", "ko"):
        sentence = words.say(f"data.{key}", lang, **values)
        assert sentence
        assert "{" not in sentence
        assert sentence.count("<here>") >= sum(value == "<here>" for value in values.values())


@pytest.mark.parametrize("key", words.sentences("en", "data"))
def test_no_sentence_is_left_over(key: str) -> None:
    stems = {key, re.sub(r"_.*", "_", key)}
    starts = [f'"data.{key}"', f'"{key}"']
    built = {"where_": "data.where_{", "about_": "data.about_"}
    assert any(start in SOURCE for start in starts) or any(built.get(stem, "\0") in SOURCE for stem in stems)


def test_every_key_that_is_asked_for_is_there() -> None:
    asked = set(re.findall(r'"data\.([a-z_0-9]+)"', SOURCE))
    assert asked <= set(words.sentences("en", "data"))
