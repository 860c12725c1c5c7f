"""The story of a network that is not recognised: its own statements, one after the other, each with its numbers."""

from __future__ import annotations

import ast
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from handgrad.audit.dialects import Reading
from handgrad.audit.judging.batch import batch as batch_for
from handgrad.audit.judging.measure import steady
from handgrad.audit.reading.source import Program
from handgrad.core.arrays import Array
from handgrad.errors import DataError
from handgrad.explain.decimals import to_digits
from handgrad.explain.story import Block, Chapter, Sentence, Story
from handgrad.explain.strangers.longhand import equations_of
from handgrad.explain.strangers.purpose import Known
from handgrad.explain.strangers.rate import own_rate
from handgrad.explain.strangers.seen import RATE, own_step
from handgrad.explain.strangers.statements import Done, watch_statements
from handgrad.explain.strangers.step import ROWS
from handgrad.explain.terminal import chapter_lines

LINE = 70  # characters of a line of the file that are shown
MOST_CALLS = 3  # of one function
SCREEN, WIDE = 38, 80  # lines and columns that a chapter may fill


@dataclass(frozen=True, eq=False)
class _Telling:
    """What each statement is told with."""

    program: Program
    known: Known
    terms: int
    digits: int


def story_by_lines(program: Program, reading: Reading, terms: int, digits: int) -> Story:
    """One step of a file's network, statement by statement, on random rows. Its parameters are put back.

    Raises:
        DataError: where none of its statements could be watched.
    """
    subject = reading.subject
    if subject.afresh is not None:
        subject.afresh()
    given = batch_for(subject, ROWS, 0)
    rate, line = own_rate(program.tree) or (RATE, 0)
    step, saved = own_step(subject), subject.snapshot()

    def run() -> None:
        if subject.step is None and subject.whole is None:
            subject.loss(given.x, given.y)
        step(given.x, given.y, rate)

    try:
        done = watch_statements(run, {program.filename, "<audit>"}, program.tree)
    finally:
        subject.restore(saved)
    telling = _Telling(program, _known(reading, given.x, given.y, saved), terms, digits)
    chapters = _chapters(telling, done)
    if not any(chapter.equations for chapter in chapters):
        raise DataError("explain_file.unknown", file=str(program.path))
    opening = [Sentence("explain_file.by_lines", {"dialect": reading.dialect, "rows": given.rows})]
    if not line and subject.step is not None:
        opening.append(Sentence("explain_file.no_rate", {"rate": f"{rate:g}"}))
    chapters[0] = replace(chapters[0], about=(*opening, *chapters[0].about))
    chapters = [part for chapter in chapters for part in _screens(chapter)]
    title = Sentence("explain_file.title", {"file": program.path.name})
    return Story(title, tuple(chapters), {}, 0, {"file": str(program.path), "batch": given.rows, "step": None})


def _known(reading: Reading, x: Any, y: Any, parameters: dict[str, Array]) -> Known:
    """What the audit knows of the step without its lines."""
    subject = reading.subject
    try:
        loss = float(subject.loss(x, y))
        gradients = steady(subject, x, y, 2.0**-6).gradient
    except Exception:  # the code is a stranger's, and this is an extra
        return Known(parameters, {})
    finally:
        subject.restore(parameters)
    return Known(parameters, gradients, loss)


def _chapters(telling: _Telling, done: list[Done]) -> list[Chapter]:
    """A chapter for each call in which something was worked out, in the order in which that was done."""
    calls: dict[int, list[Done]] = {}
    for one in done:
        if _works(one.node):
            calls.setdefault(one.call, []).append(one)
    chapters: list[Chapter] = []
    told: dict[str, list[list[Done]]] = {}
    for statements in calls.values():
        name = statements[0].function
        before = told.setdefault(name, [])
        if len(before) < MOST_CALLS and not any(_same(statements, other) for other in before):
            if before and any(telling.known.updated(one) for one in before[0]):
                continue  # the same for another parameter
            before.append(_once_updated(telling, statements))
            chapters.append(_chapter(telling, name, len(before), before[-1]))
    return chapters


def _once_updated(telling: _Telling, statements: list[Done]) -> list[Done]:
    """Without the turns of a loop that do to other parameters what was done to the first."""
    lines: set[int] = set()
    updated, kept = False, []
    for one in statements:
        if not (updated and one.line in lines):
            kept.append(one)
        lines.add(one.line)
        updated = updated or bool(telling.known.updated(one))
    return kept


def _screens(chapter: Chapter) -> list[Chapter]:
    """A chapter that fills more than a screen as several."""
    parts: list[list[Block]] = [[]]
    start = 0
    for block in chapter.blocks:
        begins = isinstance(block, Sentence) and block.key in ("explain_file.statement", "explain_file.statement_cell")
        if begins:
            start = len(parts[-1])
        parts[-1].append(block)
        if len(list(chapter_lines(replace(chapter, blocks=tuple(parts[-1])), width=WIDE))) > SCREEN and start:
            parts.append(parts[-1][start:])
            parts[-2] = parts[-2][:start]
            start = 0
    about = [chapter.about] + [()] * (len(parts) - 1)
    titles = [chapter.title] + [Sentence("explain_file.title_on", {"title": chapter.title})] * (len(parts) - 1)
    keys = [chapter.key] + [f"{chapter.key}-on-{i}" for i in range(2, len(parts) + 1)]
    return [
        replace(chapter, key=key, title=title, about=said, blocks=tuple(blocks))
        for key, title, said, blocks in zip(keys, titles, about, parts, strict=True)
    ]


def _works(node: ast.AST) -> bool:
    """Whether a statement works anything out, and does not only hand something on, keep it or copy it."""
    if isinstance(node, ast.AugAssign):
        return True
    value = getattr(node, "value", None)
    return any(
        isinstance(part, (ast.BinOp, ast.UnaryOp, ast.Compare))
        or (isinstance(part, ast.Call) and isinstance(part.func, ast.Attribute)
            and (ast.unparse(part.func.value) in ("np", "numpy") or part.func.attr in ("dot", "sum", "mean", "var")))
        for part in ([value, *ast.iter_child_nodes(value)] if value is not None else ())
    ) and not _counts(value)  # fmt: skip


def _counts(value: Any) -> bool:
    """Whether it is drawn, or an array of zeros or ones, or a whole number."""
    return (
        isinstance(value, ast.Call)
        and isinstance(value.func, ast.Attribute)
        and (
            value.func.attr
            in ("zeros", "zeros_like", "ones", "ones_like", "empty_like", "choice", "permutation", "copy")
        )
    )


def _same(one: list[Done], other: list[Done]) -> bool:
    """Whether two calls did the same with the same numbers."""
    return len(one) == len(other) and all(
        a.line == b.line and np.array_equal(np.asarray(a.result), np.asarray(b.result))
        for a, b in zip(one, other, strict=True)
    )


def _chapter(telling: _Telling, name: str, which: int, done: list[Done]) -> Chapter:
    blocks: list[Block] = []
    for one in done:
        blocks += [_line(telling.program, one), *_outcome(telling, one)]
    if any(telling.known.updated(one) for one in done):
        blocks.append(Sentence("explain_file.others"))
    key = f"function-{name or 'file'}" + (f"-{which}" if which > 1 else "")
    said = {"name": name or telling.program.path.name, "which": which}
    title = Sentence("explain_file.title_function" if which == 1 else "explain_file.title_call", said)
    return Chapter(key, "forward", title, name, "", (), (), (), tuple(blocks))


def _line(program: Program, one: Done) -> Sentence:
    _, shown, cell = program.place(one.line)
    text = " ".join(program.text.split("\n")[one.line - 1].split())
    said = {"line": shown, "cell": cell, "text": text if len(text) <= LINE else text[: LINE - 1] + "…"}
    return Sentence("explain_file.statement" if cell is None else "explain_file.statement_cell", said)


def _outcome(telling: _Telling, one: Done) -> list[Block]:
    """What it is for, the shapes, and the arithmetic at the largest number; where that is not read, the number."""
    purpose = telling.known.purpose(one)
    blocks: list[Block] = [purpose] if purpose is not None else []
    result = np.asarray(one.result)
    if result.ndim:
        blocks.append(Sentence("explain_file.shapes", {"shapes": _shapes(one, result)}))
    equations = equations_of(one, telling.terms, telling.digits)
    if not equations and result.dtype.kind == "f" and result.size:
        largest = result.reshape(-1)[int(np.argmax(np.abs(np.nan_to_num(result))))]
        blocks.append(Sentence("explain_file.outcome", {"largest": to_digits(largest, telling.digits)}))
    return [*blocks, *equations]


def _shapes(one: Done, result: Array) -> str:
    """x (4, 64), W (64, 10) → (4, 10)."""
    arrays = {name: value for name, value in one.operands.items() if isinstance(value, np.ndarray) and value.ndim}
    left = ", ".join(f"{name} {value.shape}" for name, value in arrays.items())
    return f"{left} → {result.shape}" if left else str(result.shape)
