"""Diagnosis: from figures to a named mistake, one finding for one mistake, and no name where none fits.

The subject is moved to a random point where its gradients say something, and they are held, at two batch sizes, against
the true ones and against those of every known mistake.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from handgrad.audit.findings import Finding, worst_first
from handgrad.audit.identify import Identity, identify, random_point
from handgrad.audit.measure import Fit, Steady, fits, steady, tolerance
from handgrad.audit.mistakes import MISTAKES, Case, true_gradient
from handgrad.audit.subject import Subject
from handgrad.core.arrays import Array

ROWS = (5, 8)  # two batch sizes, coprime, so that no factor means two things
USUAL, BOLD, GENTLE = 2.0**-6, 2.0**-1, 2.0**-24  # learning rates; a gradient does not depend on them


@dataclass(frozen=True)
class Diagnosis:
    """All that an audit of a subject found.

    Attributes:
        identity: which network it is; None where no known network gives its loss.
        checks: how many comparisons were made.
        findings: the worst first.
        seconds: how long it took.
    """

    identity: Identity | None
    checks: int
    findings: tuple[Finding, ...]
    seconds: float

    @property
    def ok(self) -> bool:
        """Whether no error was found."""
        return not any(finding.severity == "error" for finding in self.findings)


@dataclass(frozen=True)
class _Evidence:
    """The subject's gradients of one batch, beside the true ones."""

    case: Case
    gradient: dict[str, Array]
    true: dict[str, Array]
    fits: dict[str, Fit]

    @property
    def rows(self) -> int:
        return len(self.case.x)


def diagnose(subject: Subject, seed: int = 0) -> Diagnosis:
    """Hold the subject's gradients against the derivative of the loss that it reports. Its parameters are restored."""
    began = time.perf_counter()
    rng = np.random.default_rng(seed)
    batches = [_batch(subject, rows, rng) for rows in ROWS]
    identity = identify(subject, batches, rng)
    if identity is None:
        return Diagnosis(None, 0, (Finding("network-unknown", "warning", ()),), time.perf_counter() - began)
    saved, exact = subject.snapshot(), tolerance(subject)
    try:
        subject.restore(random_point(subject, rng))
        early = _updated_too_early(subject, *batches[0])
        found = [steady(subject, x, y, GENTLE if early else USUAL) for x, y in batches]
        evidence = [
            _evidence(Case(identity, subject.snapshot(), x, y), one.gradient, max(exact, 1e-4 if early else 0.0))
            for (x, y), one in zip(batches, found, strict=True)
        ]
    finally:
        subject.restore(saved)
    findings = [*early, *_carry(found), *_name(evidence, exact)]
    checks = sum(len(e.fits) for e in evidence) * (2 + len(MISTAKES))
    return Diagnosis(identity, checks, worst_first(findings), time.perf_counter() - began)


def _batch(subject: Subject, rows: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Random rows, and labels that name as many classes as they can, the last one always: some count by it."""
    many = max(subject.classes, 2)  # a single output is 0 or 1
    return rng.random((rows, subject.features)), (many - 1 - rng.permutation(rows)) % many


def _evidence(case: Case, gradient: dict[str, Array], exact: float) -> _Evidence:
    true = true_gradient(case)
    return _Evidence(case, gradient, true, fits(gradient, true, exact))


def _updated_too_early(subject: Subject, x: Array, y: Array) -> list[Finding]:
    """A step whose gradient depends on the learning rate changes weights before the error has passed them."""
    if subject.step is None:
        return []
    gentle, bold = (steady(subject, x, y, lr).gradient for lr in (USUAL, BOLD))
    beside = fits(bold, gentle, 1e-4)
    early = tuple(name for name, found in beside.items() if not found.exact)
    residual = max((beside[name].residual for name in early), default=0.0)
    return [Finding("updated-too-early", "error", early, {"residual": residual}, {"residual": 0.0})] if early else []


def _carry(found: list[Steady]) -> list[Finding]:
    """A gradient that brings the one before along was never reset; a share of it is momentum."""
    carries = {name: float(np.mean([one.carry[name] for one in found])) for name in found[0].carry}
    findings = []
    for code, severity, low, high in (("never-reset", "error", 1 - 1e-6, np.inf), ("momentum", "note", 1e-6, 1 - 1e-6)):
        names = tuple(name for name, carry in carries.items() if low <= carry < high)
        if names:
            findings.append(Finding(code, severity, names, {"carry": carries[names[0]]}, {"carry": 0.0}))
    return findings


def _name(evidence: list[_Evidence], exact: float) -> list[Finding]:
    """The mistake behind the gradients of two batches."""
    gone = tuple(name for name in evidence[0].fits if not any(e.gradient[name].any() for e in evidence))
    alive = [name for name in evidence[0].fits if name not in gone]
    found = [Finding("never-updated", "error", gone, {"factor": 0.0}, {"factor": 1.0})] if gone else []
    wrong = tuple(name for name in alive if not all(e.fits[name].exact for e in evidence))
    if not wrong:
        return found + _scales([{name: e.fits[name] for name in alive} for e in evidence], evidence)
    for code, mistake in MISTAKES.items():
        made = [mistake(e.case) for e in evidence]
        beside = [fits(e.gradient, m, exact) for e, m in zip(evidence, made, strict=True)]
        if all(f[name].exact and f[name].factor for f in beside for name in alive):
            residual = max(e.fits[name].residual for e in evidence for name in wrong)
            spoilt = Finding(code, "error", wrong, {"residual": residual}, {"residual": 0.0})
            return [*found, spoilt, *_scales([{name: f[name] for name in alive} for f in beside], evidence)]
    return [*found, _unnamed(evidence, wrong)]


def _scales(found: list[dict[str, Fit]], evidence: list[_Evidence]) -> list[Finding]:
    """What the factors say: of all parameters together, or of some that stand out from the rest."""
    groups: list[tuple[Array, list[str]]] = []
    for name in found[0]:
        factors = np.array([f[name].factor for f in found])
        like = next((names for known, names in groups if np.allclose(factors, known, rtol=1e-5, atol=0)), None)
        if like is None:
            groups.append((factors, [name]))
        else:
            like.append(name)
    findings = []
    for factors, names in groups:
        code, severity = _meaning(factors, [e.rows for e in evidence])
        if code:
            severity = "error" if len(groups) > 1 else severity  # a convention that only some follow is none
            measured = {"factor": float(factors[-1]), "rows": evidence[-1].rows}
            findings.append(Finding(code, severity, tuple(names), measured, {"factor": 1.0}))
    return findings


def _meaning(factors: Array, rows: list[int]) -> tuple[str, str]:
    """(code, severity) of a factor at each batch size: what it does when the batch grows tells what it is."""

    def alike(values: Array) -> bool:
        return bool(np.allclose(values, values[0], rtol=1e-4, atol=0))

    if np.allclose(factors, 1, rtol=1e-4, atol=0):
        return "", ""
    if (factors < 0).all():
        return "sign-flipped", "error"
    if alike(factors * rows):
        return "averaged-twice", "error"
    if alike(factors / rows):
        return "summed", "note"
    return ("constant-factor", "note") if alike(factors) else ("batch-dependent-factor", "error")


def _unnamed(evidence: list[_Evidence], wrong: tuple[str, ...]) -> Finding:
    """No known mistake: say where, coming from the loss, the first wrong number appears."""
    order = [name for m in reversed(evidence[0].case.identity.matrices) for name in (m.bias, m.weight) if name]
    first = next(name for name in order if name in wrong)
    residual = max(e.fits[first].residual for e in evidence)
    return Finding("unnamed", "error", wrong, {"first": first, "residual": residual}, {"residual": 0.0})
