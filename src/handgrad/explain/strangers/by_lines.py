"""The story of a network that is not recognised: its own statements, one after the other, each with its numbers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from handgrad.audit.dialects import Reading
from handgrad.audit.judging.batch import batch as batch_for
from handgrad.audit.reading.source import Program
from handgrad.errors import DataError
from handgrad.explain.decimals import to_digits
from handgrad.explain.story import Block, Chapter, Sentence, Story
from handgrad.explain.strangers.longhand import equation_of
from handgrad.explain.strangers.seen import RATE
from handgrad.explain.strangers.statements import Done, watch_statements
from handgrad.explain.strangers.step import ROWS

LINE = 70  # characters of a line of the file that are shown


def story_by_lines(program: Program, reading: Reading, terms: int, digits: int) -> Story:
    """One step of a file's network, statement by statement, on random rows. Its parameters are put back.

    Raises:
        DataError: where none of its statements could be watched.
    """
    subject = reading.subject
    given = batch_for(subject, ROWS, 0)
    saved = subject.snapshot()

    def run() -> None:
        if subject.gradients is not None:
            subject.loss(given.x, given.y)
            subject.gradients(given.x, given.y)
        elif subject.step is not None:
            subject.step(given.x, given.y, RATE)

    try:
        done = watch_statements(run, program.filename, program.tree)
    finally:
        subject.restore(saved)
    chapters: list[Chapter] = []
    for function in dict.fromkeys(one.function for one in done):
        chapters += _chapter(program, function, [one for one in done if one.function == function], terms, digits)
    if not any(chapter.equations for chapter in chapters):
        raise DataError("explain_file.unknown", file=str(program.path))
    opening = Sentence("explain_file.by_lines", {"dialect": reading.dialect, "rows": given.rows})
    chapters[0] = _with_opening(chapters[0], opening)
    title = Sentence("explain_file.title", {"file": program.path.name})
    return Story(title, tuple(chapters), {}, 0, {"file": str(program.path), "batch": given.rows, "step": None})


def _chapter(program: Program, function: str, done: list[Done], terms: int, digits: int) -> list[Chapter]:
    blocks: list[Block] = []
    for one in done:
        blocks += [_line(program, one), *_outcome(one, terms, digits)]
    key = f"function-{function or 'file'}"
    title = Sentence("explain_file.title_function", {"name": function or program.path.name})
    return [Chapter(key, "forward", title, function, "", (), (), (), tuple(blocks))] if blocks else []


def _line(program: Program, one: Done) -> Sentence:
    _, shown, cell = program.place(one.line)
    text = " ".join(program.text.split("\n")[one.line - 1].split())
    said = {"line": shown, "cell": cell, "text": text if len(text) <= LINE else text[: LINE - 1] + "…"}
    return Sentence("explain_file.statement" if cell is None else "explain_file.statement_cell", said)


def _outcome(one: Done, terms: int, digits: int) -> list[Block]:
    """The arithmetic at the largest number; where it is not read, that number and the shape."""
    equation = equation_of(one, terms, digits)
    if equation is not None:
        return [equation]
    result = np.asarray(one.result)
    if result.dtype.kind != "f":
        return []
    largest = result.reshape(-1)[int(np.argmax(np.abs(np.nan_to_num(result))))]
    said = {"shape": str(result.shape) if result.shape else "()", "largest": to_digits(largest, digits)}
    return [Sentence("explain_file.outcome", said)]


def _with_opening(chapter: Chapter, opening: Sentence) -> Chapter:
    return replace(chapter, about=(opening, *chapter.about))
