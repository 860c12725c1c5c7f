"""Korean particles follow the last sound of the word before them: 가중치는, but 기울기값은.

A word that ends in Hangul or a digit has a known sound; Latin letters are read in more than one way, and get
both forms, as Korean typesetting does: Linear은(는).
"""

from __future__ import annotations

# After a consonant, after a vowel.
PARTICLES = {
    "은/는": ("은", "는"),
    "이/가": ("이", "가"),
    "을/를": ("을", "를"),
    "과/와": ("과", "와"),
    "으로/로": ("으로", "로"),
    "이다/다": ("이다", "다"),
}
# How each digit ends when read aloud (영 일 이 삼 사 오 육 칠 팔 구): final consonant, ㄹ, or none.
_DIGIT_ENDS = {"0": "ㅇ", "1": "ㄹ", "3": "ㅁ", "6": "ㄱ", "7": "ㄹ", "8": "ㄹ"}
_RIEUL = 8  # the index of ㄹ among the 28 finals of a Hangul syllable


def particle(word: str, pair: str) -> str:
    """The particle of `pair` (a key of PARTICLES) that fits `word`; both forms where the sound is unknown."""
    after_consonant, after_vowel = PARTICLES[pair]
    last = word.rstrip(")]}'\"%.")[-1:]
    if "가" <= last <= "힣":
        final = (ord(last) - ord("가")) % 28
        closed, rieul = final > 0, final == _RIEUL
    elif last.isdecimal() and last.isascii():
        closed, rieul = last in _DIGIT_ENDS, _DIGIT_ENDS.get(last) == "ㄹ"
    else:
        optional = len(after_consonant) > 1  # 으로/로: only the 으 comes and goes
        return f"({after_consonant[0]}){after_vowel}" if optional else f"{after_consonant}({after_vowel})"
    if pair == "으로/로" and rieul:
        return after_vowel
    return after_consonant if closed else after_vowel
