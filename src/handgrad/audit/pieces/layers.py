"""Layers and losses alone: each of the user's is run by itself and held against its own numeric derivative.

That finds the place of a mistake, and mistakes in what the audited network does not use. What only differs by a
convention that the whole network makes good is no mistake.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from types import CodeType
from typing import Any

import numpy as np

from handgrad.audit.dialects.witness import quietly
from handgrad.audit.findings import Finding
from handgrad.audit.inspection import Inspection
from handgrad.audit.judging.batch import batch
from handgrad.audit.objects import parts
from handgrad.audit.pieces import activations, gather, losses, slopes, softmaxes
from handgrad.audit.pieces.complaint import Complaint
from handgrad.audit.pieces.judging import Verdict, judge
from handgrad.audit.pieces.places import calls_one_of, code_of, place, written_into
from handgrad.audit.pieces.unit import Unit
from handgrad.audit.reading.fence import OutOfTime, work_limit
from handgrad.audit.reading.traced import traced

SECONDS, EACH_SECONDS = 1.0, 0.8  # at most, for all pieces of a file and for each
_ANYTHING = (Exception, SystemExit, KeyboardInterrupt, OutOfTime)  # what somebody else's code may raise
# What two pieces may do wrong together is shown by the whole network alone.
_SHOWN_BY = {
    "softmax-passes-error": {"output-derivative-missing"},
    "gradient-of-another-loss": {"gradient-of-squared-error"},
    "loss-gradient-wrong": {"gradient-of-squared-error"},
    "activation-derivative-missing": {"activation-derivative-missing", "output-derivative-missing", "unnamed"},
    "layer-gradient-wrong": {"unnamed"},
    "layer-gradient-missing": {"unnamed", "never-updated"},
}
# What a piece does wrong, by the name that it has in the whole network.
_SAME = {
    "softmax-diagonal-only": ("softmax-as-sigmoid",),
    "softmax-passes-error": ("output-derivative-missing",),
    "gradient-of-another-loss": ("gradient-of-squared-error",),
    "loss-gradient-wrong": ("gradient-of-squared-error", "error-of-another-class"),
    "activation-derivative-missing": ("output-derivative-missing",),
    "layer-gradient-scaled": ("averaged-twice", "batch-dependent-factor"),
    "layer-gradient-sign": ("sign-flipped",),
    "layer-gradient-missing": ("never-updated",),
    "derivative-incomplete": ("derivative-of-another-activation",),
    "derivative-is-value": ("derivative-incomplete", "derivative-of-another-activation"),
    "leaky-slope-missing": ("derivative-of-another-activation",),
    "negative-side-wrong": ("derivative-of-another-activation",),
    "sigmoid-derivative-everywhere": ("derivative-of-another-activation",),
    "layer-gradient-wrong": ("weights-not-transposed", "gradient-transposed", "one-row-only"),
}
_UNSURE = {"network-unknown", "unnamed", "random-step"}
_LOOKED_FOR = {
    "loss-gradient-wrong": "item", "loss-labels-missing": "item", "every-row-indexed": "item",
    "error-of-another-class": "item", "norm-gain-missing": "error",
    "norm-test-uses-batch": "test", "error-ignored": "bound",
}  # fmt: skip
_CALLS = {
    "dropout-modes-disagree": "rand|randn|random|binomial|uniform|random_sample|choice",
    "softmax-overflow": "exp",
    "softmax-over-batch": "sum|exp",
    "softmax-diagonal-only": "diagflat|diag|outer|eye",
}
_SPOILS = Complaint("gradient-edited-in-place", "", severity="note", behaviour=True)
_KEEPS_QUIET = {"scalars"}  # dialects that have no layers


def check(inspection: Inspection) -> list[Finding]:
    """What is wrong with single layers, activations and losses of the audited file, each mistake once."""
    return [] if inspection.reading.dialect in _KEEPS_QUIET else survey(inspection).findings()


def survey(inspection: Inspection, *, alone: bool = False, seconds: float = SECONDS) -> Survey:
    """All pieces judged that can be in so many seconds; `alone`: without those of the modules that the file imports."""
    survey = Survey(inspection, alone, seconds)
    numpy_state, python_state = np.random.get_state(), random.getstate()
    try:
        with inspection.program.guarded():
            quietly(survey.run)
    except _ANYTHING:  # what was found until then stands
        pass
    finally:
        np.random.set_state(numpy_state)
        random.setstate(python_state)
    return survey


@dataclass
class Survey:
    """All pieces of one file, judged one after the other.

    Attributes:
        inspection: the file, and what is known of its network.
        alone: whether the pieces of modules that the file imports are left out.
        seconds: for all of them.
        divided: layers whose gradients are 1/B of what they should be, with their names and B.
        judged: the names of those that ran: of "layers", "activations" and "losses".
        checks: how many gradients were held against numeric ones.
    """

    inspection: Inspection
    alone: bool = False
    seconds: float = SECONDS
    judged: dict[str, list[str]] = field(default_factory=dict)
    divided: list[tuple[Unit, list[str], int]] = field(default_factory=list)
    checks: int = 0
    found: list[tuple[str, Complaint, Any, frozenset[int]]] = field(default_factory=list)  # name, what, function, lines
    seen: dict[Any, list[tuple[int, ...]]] = field(default_factory=dict)  # code -> shapes of its first array
    traced: bool = False
    until: float = 0.0
    pairs: dict[str, tuple[Unit, Verdict]] = field(default_factory=dict)
    wrong: set[type] = field(default_factory=set)
    blamed: set[tuple[str, Any]] = field(default_factory=set)  # (code, activation) of derivatives that are wrong
    rows: bool = False  # a linear layer of the file takes samples as rows
    shares: list[tuple[Unit, Verdict]] = field(default_factory=list)
    valued: list[tuple[losses.LossUnit, losses.LossVerdict]] = field(default_factory=list)

    def run(self) -> None:
        """Judge layers, then derivatives, then losses."""
        self.until = time.thread_time() + self.seconds
        self._each([self.inspection], self._traced)
        names = self.inspection.namespace
        found: list[Mapping[str, Any]] = [names] if self.alone else gather.spaces(names)
        things = gather.objects(found, list(self.inspection.reading.functions.values()))
        self._each(gather.pairs(found), self._pair)
        for unit, verdict in self.pairs.values():
            self._count("layers", unit.name, 1 + len(unit.point))
            for complaint in verdict.complaints:
                self._note(unit.name, complaint, (unit.backward, unit.forward), verdict.lines)
            if verdict.spoils:
                self._note(unit.name, _SPOILS, (unit.backward,))
        self._each(activations.slopes(found, things), self._slope)
        self._each(sorted(gather.layers(found, things), key=lambda one: one.holds), self._layer)
        self._each(losses.loss_units(names, things), self._loss)
        self._each(gather.softmaxes(found, things), self._softmax)
        self._matched()

    def _each(self, pieces: Iterable[Any], judged: Callable[[Any], None]) -> None:
        """Judge piece after piece; one that fails in any way, or takes too long, is left out."""
        for piece in pieces:
            if time.thread_time() > self.until:
                return
            with suppress(*_ANYTHING), work_limit(EACH_SECONDS):
                judged(piece)

    def _traced(self, inspection: Inspection) -> None:
        self.seen, whole, ran = _trace(inspection)
        self.traced = ran and any(code.co_filename == inspection.program.filename for code in self.seen)
        over = None if whole is None or self._right else Complaint("softmax-over-batch", "")
        if over is not None and whole is not None:
            self._note(whole.co_qualname, over, (whole,))

    def _pair(self, unit: Unit) -> None:
        """A function pair, in the shapes in which least is wrong."""
        before = self.pairs.get(unit.name)
        if before is None or before[1].complaints:
            verdict = judge(unit, [])
            if verdict is not None and (before is None or len(verdict.complaints) < len(before[1].complaints)):
                self.pairs[unit.name] = (unit, verdict)

    def _slope(self, slope: activations.Slope) -> None:
        if slope.name not in self.pairs:
            found = slopes.judged(slope)
            if found is None:
                return
            self._count("activations", slope.name)
            for complaint in found[1]:
                self._note(slope.name, complaint, (slope.function, slope.value), slopes.lines(slope))
                self.blamed.add((complaint.code, complaint.measured.get("activation")))

    def _softmax(self, function: Any) -> None:
        complaint = softmaxes.overflows(function)
        if complaint is not None:
            self._note(function.__name__, complaint, (function,))

    def _layer(self, unit: Unit) -> None:
        if unit.holds and _inner(unit) & self.wrong:
            return
        verdict = judge(unit, self._shapes(unit.forward))
        if verdict is None:
            return
        alone = activations.as_slope(unit) if verdict.complaints else None
        said = None if alone is None else slopes.judged(alone)
        if alone is not None and said is not None and not said[1] and (not vars(unit.thing) or slopes.is_right(alone)):
            self._count("activations", unit.name)
            return
        self._count("layers", unit.name, 1 + len(unit.point))
        if verdict.kind == "linear" and verdict.rows:
            self.rows = True
        divided = [c for c in verdict.complaints if c.convention == "scale" and c.measured.get("rows")]
        if divided and all(np.isclose(c.measured["factor"] * c.measured["rows"], 1.0, rtol=1e-4) for c in divided):
            rows = divided[0].measured["rows"]
            self.divided.append((unit, [c.quantity for c in divided], rows))
        if verdict.spoils and not unit.holds:
            self._note(unit.name, _SPOILS, (unit.backward,))
        for complaint in verdict.complaints:
            whole = unit.holds or (
                not verdict.kind and sum(v.ndim == 2 and min(v.shape) > 1 for v in unit.point.values()) > 1
            )
            if whole and complaint.code not in ("skip-gradient-missing",):
                continue  # a network, or a block whose error may be meant in another way
            self.wrong.add(type(unit.thing))
            if (complaint.code, complaint.measured.get("activation")) in self.blamed:
                continue  # the function that it calls is at fault
            back = verdict.within if verdict.within and complaint.quantity in ("", "dx") else unit.backward
            self._note(unit.name, complaint, (back, unit.forward), verdict.lines)
        if verdict.kind.startswith("softmax"):
            self.shares.append((unit, verdict))

    def _loss(self, unit: losses.LossUnit) -> None:
        verdict = losses.judge(unit)
        if verdict is None:
            return
        self.valued.append((unit, verdict))
        self._count("losses", unit.name)
        if verdict.right or verdict.complaint is None:
            return
        complaint = verdict.complaint
        if verdict.fused:
            complaint = replace(complaint, convention="pairing")
        self._note(unit.name, complaint, (unit.at_fault, unit.value))

    def _count(self, kind: str, name: str, checks: int = 1) -> None:
        names = self.judged.setdefault(kind, [])
        if name not in names:
            names.append(name)
        self.checks += checks

    def _matched(self) -> None:
        """Whether softmax and loss go together, where nothing is known of the whole but that both run."""
        known = self.inspection.diagnosis.identity is not None or self._right or self._wrong
        for unit, verdict in self.shares:
            if verdict.kind == "softmax over the rows" and self.rows and not verdict.complaints and not self._right:
                over = Complaint("softmax-over-batch", "", function=unit.forward)
                self._note(unit.name, over, (unit.forward,))
        if known or len(self.shares) != 1 or len(self.valued) != 1:
            return
        (unit, verdict), (loss, said) = self.shares[0], self.valued[0]
        if not self._ran(unit.backward) or loss.slope is None or not self._ran(loss.slope):
            return
        passes = next((c for c in verdict.complaints if c.code == "softmax-passes-error"), None)
        if passes is not None and said.right:
            self._note(unit.name, replace(passes, convention=""), (unit.backward, unit.forward), verdict.lines)
        elif said.fused and said.complaint is not None and not any(c.quantity for c in verdict.complaints):
            twice = replace(said.complaint, code="gradient-of-squared-error", convention="")
            self._note(loss.name, twice, (loss.slope, loss.value))

    def _ran(self, function: Any) -> bool:
        return code_of(function) in self.seen

    def _shapes(self, function: Any) -> list[tuple[int, ...]]:
        """Shapes of batches that a function was seen with, more than one row first."""
        shapes = self.seen.get(getattr(function, "__code__", None), [])
        return [shape for shape in shapes if 0 < int(np.prod(shape)) < 20_000][:2]

    @property
    def _said(self) -> set[str]:
        return {finding.code for finding in self.inspection.diagnosis.findings}

    @property
    def _wrong(self) -> bool:
        return any(finding.severity == "error" for finding in self.inspection.diagnosis.findings)

    @property
    def _right(self) -> bool:
        """Whether the gradients of the whole were judged, and are right."""
        diagnosis = self.inspection.diagnosis
        judged = diagnosis.identity is not None or bool(diagnosis.judged)
        return judged and not self._wrong and not self._said & _UNSURE

    def _note(
        self, name: str, complaint: Complaint, functions: tuple[Any, ...], lines: frozenset[int] = frozenset()
    ) -> None:
        codes = {code_of(f) for f in functions} - {None}
        used = bool(codes & self.seen.keys())
        allowed = self._allowed(complaint, used)
        if allowed is not None:
            self.found.append((name, allowed, complaint.function or functions[0], lines))

    def _allowed(self, complaint: Complaint, used: bool) -> Complaint | None:
        """The complaint, if it is a mistake here; None for a convention, or what the whole network proves right."""
        if complaint.behaviour:
            if complaint.code == "softmax-overflow":
                return replace(complaint, severity="note") if self._right else complaint
            return complaint
        said = self._said
        if self._right:
            unused = self.traced and not used and not complaint.convention
            return complaint if unused else None
        if complaint.convention == "scale":
            return complaint if complaint.code in said else None
        if complaint.convention == "pairing":
            return complaint if self._unpaired(complaint, said) and (used or not self.traced) else None
        return complaint

    def _unpaired(self, complaint: Complaint, said: set[str]) -> bool:
        """Whether the whole network shows that no other piece makes good for this one."""
        return bool(said & _SHOWN_BY[complaint.code]) if complaint.code in _SHOWN_BY else False

    def findings(self) -> list[Finding]:
        """One for each mistake and piece."""
        made: dict[tuple[str, str, Any], Finding] = {}
        blamed = {(complaint.code, getattr(function, "__name__", "")) for _, complaint, function, _ in self.found}
        for name, complaint, function, lines in self.found:
            if calls_one_of(function, {called for code, called in blamed if code == complaint.code}):
                continue  # it hands on what another is at fault for
            where = f"{name}.{complaint.quantity}" if complaint.quantity not in ("", "dx", "first") else name
            key = (complaint.code, name, code_of(function))
            if key in made:
                if where not in made[key].where:
                    made[key] = replace(made[key], where=(*made[key].where, where))
                continue
            call = _CALLS.get(complaint.code, "")
            quantity = _LOOKED_FOR.get(complaint.code, complaint.quantity)
            file, line = place(self.inspection.program, function, quantity, lines, call)
            if complaint.code == _SPOILS.code:
                line = written_into(self.inspection.program.tree, function) or line
                complaint.measured["layer"] = name
            expected = {"residual": 0.0} if "residual" in complaint.measured else {}
            made[key] = Finding(
                self._name(complaint), complaint.severity, (where,), complaint.measured, expected, file, line
            )
        unique: dict[tuple[str, str, int | None], Finding] = {}
        for finding in made.values():
            unique.setdefault((finding.code, finding.file, finding.line), finding)
        return list(unique.values())

    def _name(self, complaint: Complaint) -> str:
        """The name of the same mistake in the whole network, where that has one."""
        if complaint.code in self._said:
            return complaint.code
        return next((code for code in _SAME.get(complaint.code, ()) if code in self._said), complaint.code)


def _inner(unit: Any) -> set[type]:
    return {type(one) for one in parts(unit.thing) if one is not unit.thing}


def _trace(inspection: Inspection) -> tuple[dict[Any, list[tuple[int, ...]]], CodeType | None, bool]:
    """(code that one loss and one gradient of the network run, with shapes of its first array; the first of it that
    shares 1 out over all of a batch; whether they ran).
    """
    seen: dict[Any, list[tuple[int, ...]]] = {}
    whole: list[CodeType] = []

    def note(frame: Any, event: str, value: Any) -> Any:
        code = frame.f_code
        if event != "call":
            if event == "return" and _shared_out(value):
                whole.append(code)
            return note
        frame.f_trace_lines = False
        shapes = seen.setdefault(code, [])
        if len(shapes) < 4:
            names = code.co_varnames[: code.co_argcount]
            arrays = (frame.f_locals.get(name) for name in names)
            shape = next((np.shape(one) for one in arrays if isinstance(one, np.ndarray)), None)
            if shape and shape not in shapes:
                shapes.append(shape)
        return note

    subject = inspection.reading.subject
    try:
        one, saved = batch(subject, 5, 0), subject.snapshot()
        with traced(note):
            try:
                subject.loss(one.x, one.y)
                subject.gradient(one.x, one.y)
            finally:
                subject.restore(saved)
    except Exception:  # it takes another batch than most
        return seen, next(iter(whole), None), False
    return seen, next(iter(whole), None), True


def _shared_out(value: Any) -> bool:
    """Whether an array of several rows and columns has shares of a single 1."""
    if not isinstance(value, np.ndarray) or value.ndim != 2 or min(value.shape) < 2 or value.dtype.kind != "f":
        return False
    return bool(value.min() > 0) and bool(np.isclose(value.sum(), 1.0, rtol=1e-9))
