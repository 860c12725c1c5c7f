"""The documentation cannot lie: its examples run, its quotations are in the source, both languages say the same.

A ```python block runs, page by page in one namespace; a ```text block right after it is its exact output. A ```py
block is a quotation: its lines stand, in this order, in one file of src/handgrad.
"""

from __future__ import annotations

import ast
import contextlib
import io
import re
import textwrap
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("README*.md"), *(ROOT / "docs").rglob("*.md")])
ENGLISH = [page for page in PAGES if not page.name.endswith(".ko.md")]
ENGLISH_ONLY: set[Path] = set()
LESSONS = [page for page in PAGES if page.parent.name == "lessons" and page.name[0].isdigit()]  # see test_lessons.py

FENCE = re.compile(r"^```([^\n`]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


class Block(NamedTuple):
    """A fenced block: what stands after the fence, the line its text begins on, its text, and what lies before it."""

    kind: str
    line: int
    text: str
    gap: str  # the prose between the block before and this one


def blocks(page: Path) -> list[Block]:
    """All fenced blocks of a page, in their order."""
    source, found, end = page.read_text(encoding="utf-8"), [], 0
    for match in FENCE.finditer(source):
        line = source.count("\n", 0, match.start(2)) + 1
        found.append(Block(match[1].strip(), line, match[2], source[end : match.start()]))
        end = match.end()
    return found


def prose(page: Path) -> str:
    """A page without its blocks and code spans."""
    return re.sub(r"`[^`\n]*`", "code", FENCE.sub("", page.read_text(encoding="utf-8")))


def name(page: Path) -> str:
    """A page's path from the root, as the name of its test."""
    return page.relative_to(ROOT).as_posix()


def korean(page: Path) -> Path:
    """Where the Korean twin of an English page is."""
    return page.with_name(page.name.removesuffix(".md") + ".ko.md")


every_page = pytest.mark.parametrize("page", PAGES, ids=name)
every_pair = pytest.mark.parametrize("page", [page for page in ENGLISH if korean(page).exists()], ids=name)


def run(page: Path) -> list[tuple[Block, str, Block | None]]:
    """Each python block that ran, what it printed, and the text block that says what it prints, if there is one."""
    found, result = blocks(page), []
    namespace: dict[str, Any] = {"__name__": "__main__"}
    for block, after in zip(found, [*found[1:], None], strict=False):
        if block.kind == "python":
            out = io.StringIO()
            code = "\n" * (block.line - 1) + block.text  # so that a traceback names the page's own line
            with contextlib.redirect_stdout(out):
                exec(compile(code, str(page), "exec"), namespace)
            says = after if after and after.kind == "text" and not after.gap.strip() else None
            result.append((block, out.getvalue(), says))
    return result


@pytest.mark.parametrize("page", [page for page in PAGES if page not in LESSONS], ids=name)
def test_examples_run_and_print_what_the_page_says(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # an example may write files
    for block, printed, says in run(page):
        where = f"{name(page)}, line {block.line}"
        assert says is not None or not printed, f"{where}: prints, and no text block follows it:\n{printed}"
        assert says is None or printed == says.text, f"{where}: the text block and the output differ"


@every_page
def test_quotations_stand_in_the_source(page: Path) -> None:
    for block in blocks(page):
        if block.kind == "py":
            quote = stripped(textwrap.dedent(block.text))
            found = any(f"\n{quote}\n" in source for source in sources())
            assert found, f"{name(page)}, line {block.line}: these lines are not in src/, or no longer"


@cache
def sources() -> list[str]:
    """Each file of the source, stripped, between two line breaks."""
    files = sorted((ROOT / "src").rglob("*.py"))
    return [f"\n{stripped(file.read_text(encoding='utf-8'))}\n" for file in files]


def stripped(source: str) -> str:
    """Source without indents, empty lines and what only the type checker reads."""
    return "\n".join(line.partition("  # type: ")[0].strip() for line in source.splitlines() if line.strip())


@every_page
def test_blocks_are_of_a_known_kind_and_closed(page: Path) -> None:
    # A misspelt "pyhton" would silently not run.
    known = ["python", "python no-run", "py", "diff", "text", "console", "sh", "bash", "json", "toml", "mermaid", ""]
    assert {block.kind for block in blocks(page)} <= set(known)
    assert "```" not in FENCE.sub("", page.read_text(encoding="utf-8")), "a fence is not closed"


def test_every_page_exists_in_both_languages() -> None:
    needed = {korean(page) for page in ENGLISH if page not in ENGLISH_ONLY}
    assert sorted(map(name, needed - set(PAGES))) == [], "without a Korean page"
    assert sorted(map(name, set(PAGES) - set(ENGLISH) - {*map(korean, ENGLISH)})) == [], "without an English page"


@every_pair
def test_both_languages_have_the_same_code(page: Path) -> None:
    ours, theirs = blocks(page), blocks(korean(page))
    assert [block.kind for block in ours] == [block.kind for block in theirs]
    for a, b in zip(ours, theirs, strict=True):
        if a.kind.startswith("python"):
            assert bare(a.text, b.text) == bare(b.text, a.text), f"{name(page)}, lines {a.line} and {b.line}"
        elif a.kind == "py":
            assert a.text == b.text


@every_pair
def test_both_languages_have_the_same_headings_and_formulas(page: Path) -> None:
    for pattern in (r"^(#+) ", r"^\$\$\n(.*?)^\$\$$"):
        ours, theirs = (re.findall(pattern, prose(p), re.MULTILINE | re.DOTALL) for p in (page, korean(page)))
        assert [without_words(part) for part in ours] == [without_words(part) for part in theirs]


def without_words(formula: str) -> str:
    """A formula without its words, which are translated."""
    return re.sub(r"\\text\{[^}]*\}", "", formula)


def bare(text: str, twin: str) -> str:
    """Code as its syntax tree, so without comments, and with the strings left out that are Korean in either version."""

    def strings(source: str) -> list[ast.Constant]:
        return [n for n in ast.walk(trees[source]) if isinstance(n, ast.Constant) and isinstance(n.value, str)]

    trees = {source: ast.parse(source) for source in (text, twin)}
    for mine, other in zip(strings(text), strings(twin), strict=False):
        if re.search("[가-힣]", f"{mine.value}{other.value}"):
            mine.value = "(in words)"
    return ast.dump(trees[text])


@every_page
def test_relative_links_lead_somewhere(page: Path) -> None:
    for target in LINK.findall(prose(page)):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), f"{name(page)} links to {target}, which is not there"
        if anchor and file.suffix == ".md":
            assert anchor in anchors(file), f"{name(page)} links to {target}, and that page has no such heading"


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives to a page's headings."""
    headings = re.findall(r"^#+ (.*)$", FENCE.sub("", page.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.replace("`", "").lower()).strip().replace(" ", "-") for heading in headings}


@every_page
def test_formulas_will_be_seen_as_formulas(page: Path) -> None:
    # GitHub leaves $...$ as it stands where a letter, a digit or Hangul touches it from outside, or a line break lies
    # inside; and Markdown takes the backslash away before punctuation (hence \cr, \lbrace and \quad in the formulas).
    text = re.sub(r"^\$\$\n.*?^\$\$$", "", prose(page), flags=re.MULTILINE | re.DOTALL)
    for line in text.splitlines():
        assert line.count("$") % 2 == 0, line
        for before, formula, after in re.findall(r"(.?)\$([^$]*)\$(?=(.?))", line):
            assert before in ("", " "), line
            assert not re.match(r"[^\W_]", after), line
            assert formula == formula.strip() != "", line
    for formula in re.findall(r"\$\$?([^$]+)\$\$?", prose(page)):
        assert not re.search(r"\\[^A-Za-z]", formula), formula
