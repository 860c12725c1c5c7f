"""Write the index of all findings, docs/findings/README.md and its Korean twin, from the codes and the pages' titles.

python bench/findings_index.py

Run it again after a page or a code was added; a test compares. A code that has no page yet stands without a link.
"""

from __future__ import annotations

from pathlib import Path

from handgrad.audit.findings import codes
from handgrad.words import sentences

FOLDER = Path(__file__).parents[1] / "docs/findings"
NAMES = {"en": "{}.md", "ko": "{}.ko.md"}
NOTES = {"en": "## As it is written", "ko": "## 이렇게 쓴 코드"}  # the heading of a page on what is no mistake
WORDS = {
    "en": {
        "head": """\
# Findings

Every code that `handgrad audit` can say, with a page each: what happened, what it does to training, how the numbers
show it, a small program that has it, and the lines that mend it. The programs are audited by our tests, as they stand
and mended. A *note* explains something and calls nothing wrong, such as a convention. How an audit comes to its
findings is told in [audit](../audit.md).
""",
        "note": "note",
        "findings": "In the gradients of a network",
        "findings_layers": "In a layer or a loss by itself",
        "findings_optimizers": "In an optimizer",
        "findings_properties": "Where every derivative is right",
    },
    "ko": {
        "head": """\
# 발견 목록

`handgrad audit`이 알려 주는 코드를 모두 모았습니다. 코드마다 페이지가 있습니다. 무슨 일이 일어났는지, 학습이 어떻게
달라지는지, 숫자에서 어떻게 드러나는지를 설명하고, 그렇게 쓴 작은 프로그램과 고친 줄을 보여 줍니다. 프로그램은 그대로도,
고친 뒤에도 테스트에서 실제로 검사합니다. *참고*라고 적은 것은 관례처럼 설명만 할 뿐 틀렸다고 하지 않습니다. 어떻게
알아내는지는 [검사](../audit.ko.md)에 있습니다.
""",
        "note": "참고",
        "findings": "신경망의 기울기",
        "findings_layers": "층과 손실 하나하나",
        "findings_optimizers": "옵티마이저",
        "findings_properties": "미분이 모두 맞을 때",
    },
}


def main() -> None:
    """Write both files."""
    for language, name in NAMES.items():
        (FOLDER / name.format("README")).write_text(index(language), encoding="utf-8")


def index(language: str) -> str:
    """The whole file in one language: a heading a family, a line a code."""
    words = WORDS[language]
    parts = [words["head"]]
    for room in (key for key in words if key.startswith("findings")):
        family = sorted(set(codes()) & sentences("en", room).keys())
        lines = "".join(f"{line(code, language)}\n" for code in family)
        parts.append(f"## {words[room]}\n\n{lines}")
    return "\n".join(parts)


def line(code: str, language: str) -> str:
    """The code, its page's title, and whether it is a convention."""
    page = FOLDER / NAMES[language].format(code)
    if not page.exists():
        return f"- `{code}`"
    text = page.read_text(encoding="utf-8")
    title = text.partition("\n")[0].removeprefix(f"# {code}: ")
    note = f" *({WORDS[language]['note']})*" if NOTES[language] in text else ""
    return f"- [{code}]({page.name}): {title}{note}"


if __name__ == "__main__":
    main()
