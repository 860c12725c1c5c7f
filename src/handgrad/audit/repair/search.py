"""Search: which edits are tried, in which order, and what proves that one of them is the mistake.

Tries cost about a millisecond, so the likely ones come first: by what the mistake is called, by where it is suspected,
by how small they are.
"""

from __future__ import annotations

import ast
import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import FunctionType

from handgrad.audit.findings import Finding
from handgrad.audit.inspection import Inspection
from handgrad.audit.judging.diagnose import diagnose
from handgrad.audit.reading.fence import OutOfTime, time_limit
from handgrad.audit.repair import expressions, slopes, statements
from handgrad.audit.repair.bench import RATE, Bench, Score
from handgrad.audit.repair.edits import Change, Edit, diff, edited, replacements
from handgrad.audit.repair.likely import LIKELY, USUAL
from handgrad.audit.repair.places import Hints, Place
from handgrad.audit.repair.source_text import SourceText
from handgrad.audit.repair.swap import Live
from handgrad.audit.repair.telling import told
from handgrad.audit.repair.tracing import Seen, Trace, Tracer
from handgrad.audit.subject import Subject

SECONDS = 1.2
_PATIENCE = 40  # tries after the first edit that mends a part, before it is tried together with others
_CHAIN = 120  # edits that are tried beside one that mends a part
_BUSY = 3.0  # wall time to processor time, at most
_LAST = 0.3  # seconds for what has been put off
_TOGETHER = 4  # edits that may be needed together
_FORWARD = re.compile(
    r"^_*(forward\w*|predict\w*|feed_?forward|__init__|softmax|sigmoid|relu|tanh|accuracy|loss|cost)$"
)
_SLOPE = re.compile(r"prime|deriv|grad|backward|^d_|_d$|delta|slope|jacob", re.IGNORECASE)

OPERATORS = (
    expressions.signs, expressions.averages, expressions.transposes, expressions.names, expressions.factors,
    slopes.missing, slopes.functions, slopes.arguments, slopes.at_entry, slopes.jacobians, statements.assignments,
    statements.siblings, statements.elements, statements.moved, statements.resets, statements.dropped,
    expressions.unwrapped, expressions.axes, expressions.constants, expressions.comparisons, expressions.divisions,
    expressions.rows,
)  # fmt: skip

# Whether gradients are right at a point that a seed chooses, said as `diagnose` says it.
Judge = Callable[[Subject, int], tuple[Finding, ...]]


def judge_by_diagnosis(subject: Subject, seed: int) -> tuple[Finding, ...]:
    """What the audit itself finds."""
    return diagnose(subject, seed).findings


def repair(
    inspection: Inspection,
    findings: Sequence[Finding],
    *,
    suspects: Sequence[int] = (),
    judge: Judge = judge_by_diagnosis,
    seconds: float = SECONDS,
) -> list[Finding]:
    """The findings, with the line of each mistake and a patch wherever an edit was found that mends it.

    Call it within `program.guarded()`. The code and its parameters are left as they were. Raises nothing.

    Args:
        inspection: of the file.
        findings: what the audit of the whole network has found.
        suspects: lines of the program's text, the most suspect first.
        judge: what says whether the gradients are right.
        seconds: of processor time for everything; on a busy machine it takes a few times as long.
    """
    errors = [one for one in findings if one.severity == "error"]
    if not errors:
        return list(findings)
    try:
        with time_limit(_BUSY * seconds + _LAST):
            search = Search(inspection, findings, suspects, judge, time.thread_time() + seconds)
            found = search.run()
            return list(findings) if found is None else told(inspection, findings, found)
    except (Exception, OutOfTime):  # somebody else's code and tree may be anything
        return list(findings)


@dataclass(frozen=True)
class Mended:
    """Edits that together make all gradients right.

    Attributes:
        edits: in the order in which they were found.
        patch: all of them, as a unified diff.
        righted: by edit, the parameters whose gradients it made right.
    """

    edits: tuple[Edit, ...]
    patch: str
    righted: tuple[frozenset[str], ...]


class Search:
    """One search for the edits that mend a file."""

    def __init__(
        self, inspection: Inspection, findings: Sequence[Finding], suspects: Sequence[int], judge: Judge, until: float
    ) -> None:
        self.inspection, self.findings, self.judge, self.until = inspection, findings, judge, until
        self.codes = {one.code for one in findings}
        self.errors = {one.code for one in findings if one.severity == "error"}
        self.notes = {one.code for one in findings if one.severity == "note"}
        self.source = SourceText(inspection.program.text, inspection.program.tree)
        self.live = Live(inspection, self.source)
        self.rank = {line: i for i, line in enumerate(dict.fromkeys(suspects))}
        self.tries = 0

    def run(self) -> Mended | None:
        """The edits, or None where none were found in time."""
        with Bench(self.inspection, self.live, self.codes) as bench:
            self.bench = bench
            self.start = bench.score()
            if self.start is None:
                return None
            candidates = self.candidates(self.traced())
            return self.searched(candidates, self.start)

    def searched(self, candidates: list[Edit], start: Score) -> Mended | None:
        """One edit that heals, or several; several that are more suspect go before one."""
        partial: list[tuple[Edit, Score]] = []
        scaled: list[Edit] = []
        looked, patience = False, 0
        for edit, score in self.better(candidates, [], start):
            if score is None:
                pass
            elif not score.wrong:
                if partial and not looked and self.suspected(partial[0][0]) < self.suspected(edit):
                    looked = True
                    found = self.chained(candidates, partial, start)
                    if found is not None:
                        return found
                patch = self.proven([edit])
                if patch is not None:
                    return Mended((edit,), patch, (start.wrong,))
            elif score.right > start.right:
                partial.append((edit, score))
                patience = patience or self.tries + _PATIENCE
            elif score.factor is not None and score.factor != start.factor:
                scaled.append(edit)
            if partial and not looked and self.tries > patience:
                looked = True
                found = self.chained(candidates, partial, start)
                if found is not None:
                    return found
        self.until += _LAST
        for edit in scaled[:3]:
            patch = self.proven([edit])
            if patch is not None:
                return Mended((edit,), patch, (start.wrong,))
        return self.chained(candidates, partial, start) if partial else None

    def suspected(self, edit: Edit) -> float:
        """The rank of its line among the suspects; without suspects it is the same for all."""
        return self.rank.get(edit.line, 99.0)

    def chained(self, candidates: list[Edit], partial: list[tuple[Edit, Score]], before: Score) -> Mended | None:
        """Edits that heal together, one after the other, those like the first before all others."""
        edit, score = max(partial, key=lambda one: len(one[1].right))
        if self.suspected(edit) > self.suspected(partial[0][0]):
            edit, score = partial[0]
        taken, righted = [edit], [score.right - before.right]
        while len(taken) < _TOGETHER:
            function = self.source.function(taken[-1].changes[0].statement)

            def unlike(one: Edit, last: Edit = taken[-1], function: ast.FunctionDef | None = function) -> int:
                near = self.source.function(one.changes[0].statement) is function
                return 2 if one.operator != last.operator else not near

            step: tuple[Edit, Score] | None = None
            for edit, better in self.better(sorted(candidates, key=unlike)[:_CHAIN], taken, score):
                if better is None:
                    continue
                if not better.wrong:
                    patch = self.proven([*taken, edit])
                    if patch is not None:
                        return Mended((*taken, edit), patch, (*righted, score.wrong))
                elif better.right > score.right:
                    step = (edit, better)
                    break
            if step is None:
                return None
            taken.append(step[0])
            righted.append(step[1].right - score.right)
            score = step[1]
        return None

    def traced(self) -> Trace:
        """One step, watched."""
        subject, truth = self.bench.subject, self.bench.truths[0]
        tracer = Tracer(self.source, self.inspection.program.filename)
        self.bench.kept.begin()
        try:
            with time_limit(0.5):
                return tracer.watch(lambda: subject.gradient(truth.x, truth.y, RATE))
        finally:
            self.bench.kept.put_back()

    def candidates(self, trace: Trace) -> list[Edit]:
        """Every edit worth a try, the likely ones first."""
        hints = self.hints()
        weights = {operator: i for i, operator in enumerate(self.likely())}
        found: dict[tuple[tuple[int, str, str, tuple[int, int]], ...], tuple[float, Edit]] = {}
        turned = "sign-flipped" in self.errors and not self.rank  # the update comes last, and is the likeliest
        for line in reversed(trace.lines) if turned else trace.lines:
            statement = self.source.by_line.get(line)
            if statement is None:
                continue
            remote = self.remote(statement)
            if remote is None:
                continue
            place = Place(self.source, statement, trace, hints, self.scope(statement, trace))
            for edit in _made(place):
                key = tuple(self.key(change) for change in edit.changes)
                rank = self.rank.get(edit.line)
                where = 0.0 if rank == 0 else remote  # numbers beat the name of a function
                suspicion = 3.0 if rank is None and self.rank else 0.4 * (rank or 0)
                fit = weights.get(edit.operator)
                if edit.operator == "slope" and self.bends(statement):
                    where -= 0.5
                unlikely = 4.0 if fit is None else 0.25 * fit
                cost = unlikely + suspicion + where + edit.size
                if key not in found or cost < found[key][0]:
                    found[key] = (cost, edit)
        self.cost = {id(edit): cost for cost, edit in found.values()}
        return [edit for _, edit in sorted(found.values(), key=lambda one: one[0])]

    def scope(self, statement: ast.stmt, trace: Trace) -> dict[str, Seen]:
        """What is in scope at a statement, and what the functions around its own have."""
        function = self.source.function(statement)
        outer = self.source.function(function) if function is not None else None
        found: dict[str, Seen] = {}
        if outer is not None:
            for line in trace.lines:
                if outer.lineno < line <= (outer.end_lineno or line):
                    inner = self.source.by_line.get(line)
                    if inner is not None and self.source.function(inner) is outer:
                        found |= trace.scope[line]
        return found | trace.scope.get(statement.lineno, {})

    def key(self, change: Change) -> tuple[int, str, str, tuple[int, int]]:
        """What tells two changes apart."""
        span = self.source.span(change.node if change.node is not None else change.statement)
        return change.statement.lineno, change.new, change.where, span

    def likely(self) -> list[str]:
        """Operators by how well they fit what the mistakes are called."""
        alone = any(one.code == "activation-derivative-missing" and len(one.where) == 1 for one in self.findings)
        found: dict[str, None] = {"name": None} if alone else {}  # the others have the derivative: it has a name
        for code in sorted(self.errors):
            found |= dict.fromkeys(LIKELY.get(code, USUAL))
        return list(found)

    def remote(self, statement: ast.stmt) -> float | None:
        """How far a statement is from the way back, by the name of its function; None for what is never edited."""
        if isinstance(statement, ast.FunctionDef | ast.ClassDef | ast.Import | ast.ImportFrom):
            return None
        function = self.source.function(statement)
        if function is None:
            return 0.0
        if _SLOPE.search(function.name) or re.search("back|updat|step|optim|train|fit|learn|sgd", function.name):
            return 0.0
        return 2.0 if _FORWARD.match(function.name) else 1.0

    def bends(self, statement: ast.stmt) -> bool:
        """Whether the function around a statement bears the name of the network's activation."""
        identity = self.inspection.diagnosis.identity
        inner = self.source.function(statement)
        around = [one.name.lower() for one in (inner, inner and self.source.function(inner)) if one is not None]
        return identity is not None and any(identity.hidden in name for name in around)

    def hints(self) -> Hints:
        """What operators may know of the file."""
        identity = self.inspection.diagnosis.identity
        errors = [one for one in self.findings if one.severity == "error"]
        names = tuple(dict.fromkeys(name for one in errors for name in one.where))
        updated = tuple(name for name in self.bench.point if name not in names)
        words = frozenset(re.findall(r"[A-Za-z_]\w*", self.source.text)) | {"np", "sum", "axis", "keepdims", "True"}
        hidden = identity.hidden if identity is not None else ""
        scalar = self.inspection.reading.dialect == "scalars"
        bends = [line for line in self.source.lines if "where" in line or "maximum" in line]
        leaks = dict.fromkeys(re.findall(r"\b0?\.0*[1-9]\d*\b", "\n".join(bends)))
        return Hints(self.slopes(), hidden, names, updated, frozenset(self.errors), words, scalar, tuple(leaks)[:2])

    def slopes(self) -> tuple[str, ...]:
        """Functions and methods of the file that look like derivatives of one thing."""
        found: dict[str, None] = {}
        for function in self.live.functions:
            code = function.__code__
            if _SLOPE.search(code.co_name) and isinstance(function, FunctionType):
                method = code.co_varnames[:1] == ("self",)
                if code.co_argcount - method == 1:
                    found[f"self.{code.co_name}" if method else code.co_name] = None
        return tuple(found)[:6]

    def better(self, candidates: list[Edit], taken: list[Edit], before: Score) -> Iterator[tuple[Edit, Score | None]]:
        """Edits beside those already taken, with a score if they make more right and nothing wrong."""
        for edit in candidates:
            if time.thread_time() > self.until:
                return
            score = self.measured([*taken, edit])
            yield edit, score if score and (score.right > before.right or score.factor is not None) else None

    def measured(self, edits: Sequence[Edit]) -> Score | None:
        """How right gradients are with some edits at work."""
        self.tries += 1
        try:
            made = replacements(self.source, [change for edit in edits for change in edit.changes])
        except (SyntaxError, ValueError):
            return None
        return self.bench.measured(made)

    def proven(self, edits: Sequence[Edit]) -> str | None:
        """The patch, if with it the gradients are right at two batch sizes and two points, and the text is sound."""
        changes = [change for edit in edits for change in edit.changes]
        text = edited(self.source, changes)
        if text is None or not self.same(text, changes):
            return None
        made = replacements(self.source, changes)
        second = self.bench.measured(made, which=1)
        if second is None or (second.wrong and second.factor is None):
            return None
        try:
            with self.live.at_work(made):
                for seed in (0, 1):
                    self.bench.kept.begin()
                    try:
                        found = self.judge(self.bench.subject, seed)
                    finally:
                        self.bench.kept.put_back()
                    if any(one.severity != "note" or one.code not in self.notes for one in found):
                        return None
        except Exception:
            return None
        return patch(self.inspection, text)

    def same(self, text: str, changes: Sequence[Change]) -> bool:
        """Whether the text is what was tried."""
        from handgrad.audit.repair.swap import rebuilt

        made = replacements(self.source, changes)
        body = [new for one in self.source.tree.body for new in rebuilt(one, made)]
        try:
            return ast.dump(ast.parse(text)) == ast.dump(ast.Module(body, []))
        except SyntaxError:
            return False


def _made(place: Place) -> Iterator[Edit]:
    for operator in OPERATORS:
        try:
            yield from operator(place)
        except Exception:  # an operator that stumbles over somebody's way of writing has nothing to offer
            continue


def patch(inspection: Inspection, text: str) -> str:
    """A unified diff of the user's text; of a notebook that of the cell's, which the header names."""
    program = inspection.program
    name = program.path.name
    if not program.cells:
        return diff(program.text, text, name)
    old, new = program.text.split("\n"), text.split("\n")
    first = next(i for i, (a, b) in enumerate(zip(old, new, strict=False), 1) if a != b)
    _, line, cell = program.place(first)
    start = first - line
    ends = [at - 1 for at in program.cells if at - 1 > start]
    end = ends[0] if ends else len(old)
    mine, made = old[start:end], new[start : end + len(new) - len(old)]
    return diff("\n".join(mine) + "\n", "\n".join(made) + "\n", f"{name} [cell {cell}]")
