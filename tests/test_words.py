"""The sentences: both languages complete and alike, every key that the source asks for there, and none left over."""

from __future__ import annotations

import ast
import re
import string
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import handgrad
from handgrad import words
from handgrad.errors import InputError
from handgrad.words import say
from handgrad.words.formatting import fill
from handgrad.words.particles import PARTICLES, particle

SOURCE = Path(handgrad.__file__).parent
WORDS = SOURCE / "words"
SPEAKERS = {"say", "InputError", "StateError", "DataError", "DivergedError", "HandgradError"}


def tables(lang: str) -> dict[str, dict[str, str]]:
    """All rooms of one language."""
    return {
        path.stem: tomllib.loads(path.read_text(encoding="utf-8")) for path in sorted((WORDS / lang).glob("*.toml"))
    }


EN, KO = tables("en"), tables("ko")
KEYS = sorted(f"{room}.{key}" for room, table in EN.items() for key in table)


def placeholders(sentence: str) -> dict[str, set[str]]:
    """name -> how it is formatted, Korean particles apart."""
    found: dict[str, set[str]] = {}
    for _, name, spec, conversion in string.Formatter().parse(sentence):
        if name is not None:
            assert not conversion, sentence
            found.setdefault(name, set()).add("" if spec in PARTICLES else spec or "")
    return {name: specs - {""} for name, specs in found.items()}


# -- the two languages


def test_both_languages_have_the_same_rooms() -> None:
    assert EN.keys() == KO.keys()
    assert EN


@pytest.mark.parametrize("room", EN)
def test_both_languages_have_the_same_keys_in_the_same_order(room: str) -> None:
    assert list(EN[room]) == list(KO[room])


def pairs(room: str) -> Iterator[tuple[str, str, str]]:
    """(key, English sentence, Korean sentence)."""
    return ((key, EN[room][key], KO[room][key]) for key in EN[room])


@pytest.mark.parametrize("room", EN)
def test_both_sentences_have_the_same_placeholders(room: str) -> None:
    for key, english, korean in pairs(room):
        assert isinstance(english, str), key
        assert isinstance(korean, str), key
        assert english.strip(), key
        assert korean.strip(), key
        assert placeholders(english) == placeholders(korean), key
        assert all(re.fullmatch(r"[a-z][a-z0-9_]*", name) for name in placeholders(english)), key


@pytest.mark.parametrize("room", EN)
def test_each_language_is_itself(room: str) -> None:
    for key, english, korean in pairs(room):
        assert not re.search("[가-힣]", english), key
        if " " in english and re.search("[a-z]{3}", re.sub(r"\{[^}]*\}", "", english)):
            assert re.search("[가-힣]", korean), key
        assert all(spec not in PARTICLES for _, _, spec, _ in string.Formatter().parse(english)), key


@pytest.mark.parametrize("room", EN)
def test_korean_particles_follow_the_sound(room: str) -> None:
    """A particle right after a placeholder hangs on the word that comes: `{name:은/는}`, or both forms written out."""
    for key, _, korean in pairs(room):
        found = re.search(r"\}['\"]?(은|는|이|가|을|를|과|와|으로|로)(?=[\s.,]|$)", korean)
        assert not found, f"{key}: {korean}"


# -- source and sentences


def pattern(node: ast.expr) -> str | None:
    """A string or f-string as a regular expression, anything in braces standing for any text."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return re.escape(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(re.escape(str(p.value)) if isinstance(p, ast.Constant) else ".+" for p in node.values)
    return None


def strings(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """(pattern, line) of all strings below, the pieces of an f-string not each alone."""
    pieces = {id(piece) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for piece in node.values}
    for node in ast.walk(tree):
        if isinstance(node, (ast.Constant, ast.JoinedStr)) and id(node) not in pieces:
            found = pattern(node)
            if found is not None:
                yield found, node.lineno


@cache
def trees() -> dict[Path, ast.Module]:
    """The source, parsed."""
    return {path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(SOURCE.rglob("*.py"))}


@cache
def calls() -> list[tuple[str, ast.Call]]:
    """(file:line, call) for everything in the source that says a sentence."""
    found = []
    for path, tree in trees().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and node.args and ast.unparse(node.func).split(".")[-1] in SPEAKERS:
                found.append((f"{path.relative_to(SOURCE)}:{node.lineno}", node))
    return found


def test_every_key_that_the_source_asks_for_exists() -> None:
    asked = 0
    for where, call in calls():
        for wanted, _ in strings(call.args[0]):
            if re.fullmatch(r"[a-z_]+\\\..+", wanted):  # a room, a dot, a key
                asked += 1
                assert any(re.fullmatch(wanted, key) for key in KEYS), f"{where} asks for {wanted}"
    assert asked > 20


def test_every_string_that_looks_like_a_key_is_one() -> None:
    """Also where it reaches `say` by way of a variable: `key = "core.x_shape"`."""
    for path, tree in trees().items():
        for text, line in strings(tree):
            room, _, key = text.replace("\\", "").partition(".")
            if room in EN and re.fullmatch("[a-z0-9_]+", key):
                assert f"{room}.{key}" in KEYS, f"{path.relative_to(SOURCE)}:{line}: {room}.{key}"


def test_every_placeholder_gets_its_value() -> None:
    for where, call in calls():
        key = call.args[0]
        if not isinstance(key, ast.Constant) or any(keyword.arg is None for keyword in call.keywords):
            continue
        room, _, line = str(key.value).partition(".")
        given = {keyword.arg for keyword in call.keywords}
        for table in (EN, KO):
            assert placeholders(table[room][line]).keys() <= given, f"{where}: {table[room][line]}"


def test_every_sentence_is_said_somewhere() -> None:
    wanted = {found for tree in trees().values() for found, _ in strings(tree)}
    exact = {text.replace("\\", "") for text in wanted if ".+" not in text}
    open_ended = [text for text in wanted if re.match(r"[a-z_]+\\\.", text) and ".+" in text]

    def said(key: str) -> bool:
        room, _, code = key.partition(".")
        if room.startswith("findings"):  # a finding is said by its code
            return code.removesuffix("_remedy").removesuffix("_lines") in exact
        return key in exact or any(re.fullmatch(text, key) for text in open_ended)

    left_over = [key for key in KEYS if not said(key)]
    assert left_over == []


# -- how a sentence is filled in


def test_say() -> None:
    assert say("core.nesterov", "en") == EN["core"]["nesterov"]
    assert "784" in say("core.x_shape", "en", layer="Linear 'fc1'", got=(3, 4), columns=784)
    with pytest.raises(KeyError):
        say("core.no_such_line", "en")
    with pytest.raises(KeyError):
        say("core.x_shape", "en", layer="Linear")


@pytest.mark.parametrize(
    ("variables", "lang"),
    [
        ({}, "en"), ({"LANG": "ko_KR.UTF-8"}, "ko"), ({"LANG": "de_DE.UTF-8"}, "en"), ({"LANG": "C"}, "en"),
        ({"LC_ALL": "C", "LANG": "ko_KR.UTF-8"}, "en"), ({"LC_MESSAGES": "ko_KR", "LANG": "en_US"}, "ko"),
        ({"HANDGRAD_LANG": "ko", "LC_ALL": "en_US.UTF-8"}, "ko"), ({"HANDGRAD_LANG": "en", "LANG": "ko_KR"}, "en"),
        ({"HANDGRAD_LANG": "", "LANG": "ko_KR"}, "ko"),
    ],
)  # fmt: skip
def test_the_readers_language(variables: dict[str, str], lang: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HANDGRAD_LANG", "LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert words.language() == lang


def test_an_error_tells_itself_in_both_languages(monkeypatch: pytest.MonkeyPatch) -> None:
    error = InputError("core.sizes", got=(784,))
    assert str(error) == error.text("en")
    assert "(784,)" in error.text("ko")
    assert "MLP" in error.text("ko")
    monkeypatch.setenv("HANDGRAD_LANG", "ko")
    assert str(error) == error.text("ko") != error.text("en")


def test_an_error_survives_a_pickle() -> None:
    import pickle

    error = pickle.loads(pickle.dumps(InputError("core.sizes", got=(784,))))
    assert isinstance(error, InputError)
    assert isinstance(error, ValueError)
    assert error.text("en") == InputError("core.sizes", got=(784,)).text("en")


# -- Korean particles

# word + particle. Digits are read aloud (영 일 이 삼 사 오 육 칠 팔 구), quotes and brackets are not, and Latin
# letters are read in more than one way: both forms.
PARTICLE_CASES = {
    "은/는": "가중치+는 기울기값+은 0+은 1+은 2+는 784+는 60+은 '가중치'+는 (784)+는 Linear+은(는) +은(는)",
    "이/가": "손실+이 함수+가 3+이 4+가 층.+이 fc1.weight+이(가)",
    "을/를": "모델+을 자료+를 5+를 6+을 [1,3]+을 Adam+을(를)",
    "과/와": "값+과 함수+와 7+과 8+과 9+와 ReLU+과(와)",
    "으로/로": "파일+로 폴더+로 화면+으로 0+으로 1+로 2+로 3+으로 6+으로 7+로 8+로 Adam+(으)로",
    "이다/다": "오류+다 값+이다 Adam+(이)다",
}


@pytest.mark.parametrize("pair", PARTICLES)
def test_particles(pair: str) -> None:
    for case in PARTICLE_CASES[pair].split(" "):
        word, right = case.split("+")
        assert particle(word, pair) == right, case
        assert fill("{word:" + pair + "}", {"word": word}) == word + right


def test_other_formats_still_work() -> None:
    assert fill("{n:,} {x:.2f} {y:>4}", {"n": 60000, "x": 1 / 3, "y": 7}) == "60,000 0.33    7"
