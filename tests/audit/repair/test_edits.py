"""Edits change the text where they should and nowhere else, and the tree that is tried is the tree of that text."""

from __future__ import annotations

import ast

import pytest

from handgrad.audit.repair.edits import Change, diff, edited, replacements
from handgrad.audit.repair.source_text import SourceText
from handgrad.audit.repair.swap import rebuilt

TEXT = """def step(größe, dy):  # Schritt
    s = "größe"; dx = größe * dy  # bleibt
    if dy is None:
        dx = 0
    for i in range(1, 3):
        dx -= i   # weniger
    return (dx
            / len(dy))
"""


def _source() -> SourceText:
    return SourceText(TEXT, ast.parse(TEXT))


def _statement(source: SourceText, line: int, which: int = 0) -> ast.stmt:
    found = [n for n in ast.walk(source.tree) if isinstance(n, ast.stmt) and n.lineno == line]
    return sorted(found, key=lambda n: n.col_offset)[which]


def _same(source: SourceText, changes: list[Change], text: str) -> bool:
    made = replacements(source, changes)
    body = [new for one in source.tree.body for new in rebuilt(one, made)]
    return ast.dump(ast.parse(text)) == ast.dump(ast.Module(body, []))


def test_columns_count_bytes_and_comments_stay() -> None:
    source = _source()
    product = _statement(source, 2, 1)
    assert isinstance(product, ast.Assign)
    changes = [Change(product, "dy * größe", product.value)]
    text = edited(source, changes)
    assert text == TEXT.replace("größe * dy", "dy * größe")
    assert _same(source, changes, text)


def test_the_head_of_a_loop_and_its_body_are_changed_together() -> None:
    source = _source()
    loop = _statement(source, 5)
    assert isinstance(loop, ast.For)
    changes = [Change(loop, "range(3)", loop.iter), Change(loop.body[0], "dx += i")]
    text = edited(source, changes)
    assert text == TEXT.replace("range(1, 3)", "range(3)").replace("dx -= i ", "dx += i ")
    assert _same(source, changes, text)


def test_a_block_that_loses_its_only_statement_passes() -> None:
    source = _source()
    changes = [Change(_statement(source, 4), "")]
    text = edited(source, changes)
    assert text == TEXT.replace("        dx = 0\n", "        pass\n")
    assert _same(source, changes, text)


@pytest.mark.parametrize(("where", "at"), [("before", 4), ("after", 6)])
def test_a_statement_is_put_beside_another(where: str, at: int) -> None:
    source = _source()
    loop = _statement(source, 5)
    changes = [Change(loop, "dx = dx * 2\ndx += 1", None, where)]
    text = edited(source, changes)
    assert text is not None
    lines = text.split("\n")
    assert lines[at : at + 2] == ["    dx = dx * 2", "    dx += 1"]
    assert [*lines[:at], *lines[at + 2 :]] == TEXT.split("\n")
    assert _same(source, changes, text)


def test_a_statement_that_shares_its_line_is_not_taken_out() -> None:
    source = _source()
    assert edited(source, [Change(_statement(source, 2, 0), "")]) is None


def test_two_changes_of_one_place_are_none() -> None:
    source = _source()
    product = _statement(source, 2, 1)
    assert isinstance(product, ast.Assign)
    whole = Change(product, "dy", product.value)
    assert isinstance(product.value, ast.BinOp)
    assert edited(source, [whole, Change(product, "dy", product.value.left)]) is None


def test_a_diff_of_a_text_without_an_end_of_line_says_so() -> None:
    ending = "\\ No newline at end of file\n"
    head = "--- a/net.py\n+++ b/net.py\n@@ -1,2 +1,2 @@\n"
    assert diff("a\nb", "a\nc", "net.py") == f"{head} a\n-b\n{ending}+c\n{ending}"
