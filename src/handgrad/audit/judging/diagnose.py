"""Diagnosis: from figures to a named mistake, one finding for one mistake, and no name where none fits.

The subject is moved to a random point where its gradients say something, and they are held, at two batch sizes, against
the true ones. Where the network is known, each link of the chain is then looked at by itself.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from handgrad.audit.findings import Finding, worst_first
from handgrad.audit.judging import limits
from handgrad.audit.judging.batch import Batch, batch
from handgrad.audit.judging.charges import is_thin, shares
from handgrad.audit.judging.decay import decayed, share_due
from handgrad.audit.judging.descent import UNNAMED, Explanation, Link, descend
from handgrad.audit.judging.evidence import Evidence, never_updated, no_multiples, of_no_scale
from handgrad.audit.judging.identify import Identity, identify, random_point
from handgrad.audit.judging.measure import LOOSE, Steady, steady, tolerance
from handgrad.audit.judging.mistakes import IGNORED
from handgrad.audit.judging.rates import GENTLE, ROUNDING, by_rate
from handgrad.audit.judging.scales import scales
from handgrad.audit.judging.stillness import drawn, draws, held
from handgrad.audit.judging.truth import Slopes, slopes
from handgrad.audit.judging.walk import Case, true_gradient
from handgrad.audit.subject import Subject
from handgrad.core.arrays import Array

ROWS = (5, 8)  # two batch sizes, coprime, so that no factor means two things
SUMMED_OVER_ALL = "bias-summed-over-everything"
MISSING = "activation-derivative-missing"  # in every layer it is one mistake, the output's included
OF_BATCHES = {"averaged-twice", "summed", "averaged", "constant-factor", "batch-dependent-factor"}
LITTLE = 1e-5  # relative: a loss that does not feel this is none that has a derivative
_TURNED = 1e-3  # a velocity's share of the one before, at least
BLURRED = 1e-3  # relative: slopes that are known no better judge nothing


@dataclass(frozen=True)
class Diagnosis:
    """All that an audit of a subject found.

    Attributes:
        identity: which network it is; None where no known network gives its loss.
        checks: how many comparisons were made.
        findings: the worst first.
        seconds: how long it took.
        judged: the parameters whose gradients were held against something.
        withheld: what would have been found, had the loss not only been guessed at.
    """

    identity: Identity | None
    checks: int
    findings: tuple[Finding, ...]
    seconds: float
    judged: frozenset[str] = frozenset()
    withheld: tuple[Finding, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether no error was found."""
        return not any(finding.severity == "error" for finding in self.findings)


def recognise(subject: Subject, seed: int = 0) -> Identity | None:
    """Which of the usual networks the subject is, quickly; None where none gives its loss. Parameters are restored."""
    rng = np.random.default_rng(seed)
    return identify(subject, [batch(subject, rows, seed + rows) for rows in ROWS], rng, mixed=False)


def diagnose(subject: Subject, seed: int = 0) -> Diagnosis:
    """Hold the subject's gradients against the derivative of the loss that it reports. Its parameters are restored."""
    began = time.perf_counter()
    rng = np.random.default_rng(seed)
    batches = [batch(subject, rows, seed + rows) for rows in ROWS]
    if len({float(subject.loss(batches[0].x, batches[0].y)) for _ in range(2)}) > 1:
        subject = held(subject, rng)
    identity = identify(subject, batches, rng)
    if subject.step is None and subject.gradients is None:  # only its optimizer is in question
        return Diagnosis(identity, 0, (), time.perf_counter() - began)
    saved, exact = subject.snapshot(), tolerance(subject)
    try:
        subject.restore(_point(subject, batches[0], rng))
        if identity is None and _in_steps(subject, batches[0], rng):  # from one step to the next its gradient jumps
            return Diagnosis(None, 0, (Finding("network-unknown", "warning", ()),), time.perf_counter() - began)
        early, rate = by_rate(subject, batches[0])
        found = [steady(subject, one.x, one.y, rate) for one in batches]
        exact = max(exact, 1e-4 if rate == GENTLE else 0.0)
        if max(one.spread for one in found) > LOOSE:
            if draws(lambda: subject.gradient(batches[0].x, batches[0].y), rng):
                return Diagnosis(identity, 0, (Finding("random-step", "note", ()),), time.perf_counter() - began)
            if subject.gradients is None:
                return Diagnosis(identity, 0, (Finding("scaled-step", "note", ()),), time.perf_counter() - began)
        if identity is None:
            named, checks = _unknown(subject, batches, found, exact, rng)
        else:
            named, checks = of_known(subject, identity, batches, found, exact)
    finally:
        subject.restore(saved)
    if any(one.fading for one in found):  # then it is the steps, and not the batches, that change the factors
        named = [finding for finding in named if finding.code not in OF_BATCHES]
    order = list(saved)
    unnamed = [finding for finding in named if finding.code == UNNAMED]
    if unnamed and _only_step_draws(subject, batches[0], known=identity is not None):
        return Diagnosis(identity, 0, (Finding("random-step", "note", ()),), time.perf_counter() - began)
    findings = [
        replace(finding, where=tuple(sorted(finding.where, key=order.index)))
        for finding in (*early, *_carry(found), *named)
    ]
    judged = frozenset(name for name, value in found[0].gradient.items() if value.size > 1)
    return Diagnosis(identity, checks, worst_first(findings), time.perf_counter() - began, judged)


def _point(subject: Subject, one: Batch, rng: np.random.Generator) -> dict[str, Array]:
    """Where the gradients are looked at: a random point, or near the present one where the loss has no value there."""
    saved = subject.snapshot()
    point = random_point(subject, rng)
    subject.restore(point)
    with np.errstate(all="ignore"):
        fine = np.isfinite(subject.loss(one.x, one.y))
    subject.restore(saved)
    near = {n: v + 0.1 * (float(np.std(v)) or 0.1) * rng.standard_normal(v.shape) for n, v in saved.items()}
    return point if fine else near


def _carry(found: list[Steady]) -> list[Finding]:
    """A gradient that brings the one before along was never reset; a share of it is momentum."""
    carries = {name: float(np.mean([one.carry[name] for one in found])) for name in found[0].carry}
    told = [one for one in found if not one.fading] or found  # a velocity that only settles down tells no share
    findings = []
    for code, severity, low, high in (("never-reset", "error", 1 - 1e-6, np.inf), ("momentum", "note", 1e-6, 1 - 1e-6)):
        names = tuple(name for name, carry in carries.items() if low <= carry < high)
        if names:
            share = float(np.mean([one.carry[names[0]] for one in told]))
            findings.append(Finding(code, severity, names, {"carry": share}, {"carry": 0.0}))
    turned = tuple(name for name, carry in carries.items() if -1 < carry < -_TURNED)
    if turned and len(turned) == sum(bool(found[0].gradient[name].any()) for name in carries):
        measured = {"carry": carries[turned[0]], "optimizer": "update"}
        findings.append(Finding("optimizer-velocity-sign", "error", turned, measured, {"carry": -carries[turned[0]]}))
    return findings


def of_known(
    subject: Subject, identity: Identity, batches: list[Batch], found: list[Steady], exact: float,
    masks: Sequence[tuple[Array | None, ...]] = ((), ()),
) -> tuple[list[Finding], int]:  # fmt: skip
    """What the gradients of a network say that is known to its last link, and how many comparisons that took; behind
    `masks`, if it drops units, those of each batch.
    """
    point = subject.snapshot()
    cases = [
        Case(identity, point, *one.flat, mask) for one, mask in zip(batches, masks, strict=True) if one.flat is not None
    ]
    true = [true_gradient(case) for case in cases]
    gradients, most = limits.released([one.gradient for one in found], true, exact)
    evidence = [
        Evidence(len(case.x), gradient, beside, exact)
        for case, gradient, beside in zip(cases, gradients, true, strict=True)
    ]
    most = most or limits.norm(gradients, evidence)
    gone = never_updated(evidence)
    findings = [*gone, *([limits.told(most, true[0])] if most else [])]
    wrong = {*no_multiples(evidence), *(() if most else of_no_scale(evidence))} - set(_where(gone))
    checks = sum(len(e.true) for e in evidence)
    if not wrong:
        alive = [{n: f for n, f in e.fits.items() if n not in _where(gone)} for e in evidence]
        alive = limits.signs(alive) if most else alive
        averaged = "B" in identity.divisor
        return [*findings, *scales(alive, [e.rows for e in evidence], averaged=averaged)], checks
    explanation = descend(cases, gradients, exact, _where(gone))
    if not any(link.error or any(link.mistakes.values()) or _decays(link) for link in explanation.links):
        explanation = descend(cases, gradients, exact, _where(gone), every=True)  # what is wrong is in few rows
    residuals = {name: max(e.fits[name].residual for e in evidence) for name in evidence[0].true}
    findings += _explained(explanation, identity, residuals, set(_where(gone)))
    ignored = max((link.layer for link in explanation.links if IGNORED in link.error), default=-1)
    scalable = tuple(link for link in explanation.links if link.layer > ignored)  # without an error there is no scale
    made = [
        {name: both[k] for link in scalable for name, both in link.fits.items()
         if UNNAMED not in link.error and UNNAMED not in link.mistakes[name]}
        for k in range(len(cases))
    ]  # fmt: skip
    findings = _of_one_sum(findings, evidence)
    rows = [e.rows for e in evidence]
    biases = [matrix.bias for matrix in identity.matrices if matrix.bias is not None]
    fits = {name: both for link in scalable for name, both in link.fits.items()}
    penalty = identity.penalty
    wanted = {name: [share_due(penalty, name, count) for count in rows] for name in fits}
    decays = decayed(fits, wanted, biases, charged=penalty is not None and bool(penalty.names))
    scaled = scales(limits.signs(made) if most else made, rows, averaged="B" in identity.divisor)
    return [*findings, *decays, *scaled], checks + explanation.tried


def _decays(link: Link) -> bool:
    return any(one.decay for fits in link.fits.values() for one in fits)


def _of_one_sum(findings: list[Finding], evidence: list[Evidence]) -> list[Finding]:
    """A bias that never changes belongs to those that are summed over everything: under a softmax that sum is 0."""
    summed = next((one for one in findings if one.code == SUMMED_OVER_ALL), None)
    gone = next((one for one in findings if one.code == "never-updated"), None)
    if summed is None or gone is None:
        return findings
    largest = {name: float(np.abs(evidence[0].true[name]).sum()) for name in gone.where}
    same = tuple(name for name in gone.where if abs(evidence[0].true[name].sum()) <= ROUNDING * largest[name])
    rest = tuple(name for name in gone.where if name not in same)
    others = [one for one in findings if one is not summed and one is not gone]
    kept = [replace(gone, where=rest)] if rest else []
    return [replace(summed, where=(*summed.where, *same)), *kept, *others]


def _explained(
    explanation: Explanation, identity: Identity, residuals: dict[str, float], gone: set[str]
) -> list[Finding]:
    """One finding for each mistake: with all parameters that it spoils, and the one at which it is made."""
    spoilt: dict[str, list[str]] = {}
    first: dict[str, str] = {}
    everywhere = len(explanation.links) > 1 and all(MISSING in link.error for link in explanation.links[1:])
    for link in explanation.links:
        below = [name for m in identity.matrices[: link.layer + 1] for name in (m.weight, m.bias) if name]
        own = identity.matrices[link.layer]
        for code in link.error:
            name = MISSING if everywhere and code == "output-derivative-missing" else code
            lost = [own.weight, *([own.bias] if own.bias else []), *explanation.lost]
            spoilt.setdefault(name, []).extend(lost if name == UNNAMED else below)
            first.setdefault(name, own.weight)
        for name, codes in link.mistakes.items():
            for code in codes:
                spoilt.setdefault(code, []).append(name)
                first.setdefault(code, name)
    findings = []
    for code, names in spoilt.items():
        where = tuple(name for name in residuals if name in names and name not in gone)
        residual = max((residuals[name] for name in where), default=0.0)
        measured = {"residual": residual, "first": first[code]}
        findings.append(Finding(code, "error", where, measured, {"residual": 0.0}))
    return findings


def _unknown(
    subject: Subject,
    batches: list[Batch],
    found: list[Steady],
    exact: float,
    rng: np.random.Generator,
) -> tuple[list[Finding], int]:
    """What the gradients of a network say of which only the loss is known."""
    evidence, seen = list[Evidence](), list[Slopes]()
    for of, one in zip(batches, found, strict=True):
        known = slopes(subject, of.x, of.y, rng)
        if not known.values:
            return [Finding("network-unknown", "warning", ())], 0
        seen.append(known)
        evidence.append(Evidence(of.rows, known.along(one.gradient), known.values, max(exact, 1e-5), known.noise))
    flat = {name for name in evidence[0].true if all(e.flat(name) for e in evidence)}  # truly 0, and given as 0
    blurred = {name for e in evidence for name, noise in e.noise.items() if noise > BLURRED}
    evidence = [e.without(flat | blurred) for e in evidence]
    wrong = no_multiples(evidence)
    gone = never_updated(evidence, 0.0 if wrong else ROUNDING)  # a wrong error from above may add up to nearly 0
    alone = {name for name, value in evidence[0].true.items() if wrong and value.size == 1}  # a multiple of anything
    right = [{n: f for n, f in e.fits.items() if n not in {*_where(gone), *wrong, *alone}} for e in evidence]
    raw = [one.gradient for one in found]
    most = limits.norm(raw, evidence)
    averaged = _is_mean(subject, batches[0])
    findings = [*gone, *([limits.told(most, evidence[0].true)] if most else [])]
    findings += scales(limits.signs(right) if most else right, [e.rows for e in evidence], averaged=averaged)
    wrong = tuple(name for name in wrong if name not in limits.cut(raw))
    odd = [name for name in wrong if name not in _where(gone)]
    if odd:
        usual = [float(np.median([one.factor for one in fits.values()] or [1.0])) for fits in right]
        asked = [{name: e.gradient[name] for name in odd} for e in evidence]
        own = shares(subject, batches, seen, asked, usual, evidence[0].exact)
        biases = [name for name, value in subject.parameters().items() if is_thin(value)]
        findings += decayed(own.fits, own.due, biases, charged=own.charged)
        wrong = tuple(name for name in wrong if name not in own.fits)
    if wrong:
        residual = max(e.fits[name].residual for e in evidence for name in wrong)
        findings.append(Finding(UNNAMED, "error", wrong, {"residual": residual, "first": wrong[-1]}, {"residual": 0.0}))
    return findings, sum(one.size for e in evidence for one in e.true.values())


def _only_step_draws(subject: Subject, one: Batch, *, known: bool) -> bool:
    """Whether a step draws random numbers and the loss, one of a known network or not, does not depend on them."""
    saved = subject.snapshot()
    stepped = drawn(lambda: subject.gradient(one.x, one.y))
    subject.restore(saved)
    return stepped > 0 and (known or drawn(lambda: subject.loss(one.x, one.y)) == 0)


def _in_steps(subject: Subject, one: Batch, rng: np.random.Generator) -> bool:
    """Whether the loss stays the same to the last digit as all parameters move a little: it is rounded somewhere."""
    saved = subject.snapshot()
    here = float(subject.loss(one.x, one.y))
    moved = {n: v * (1 + LITTLE * rng.standard_normal(v.shape)) + LITTLE * (v == 0) for n, v in saved.items()}
    subject.restore(moved)
    there = float(subject.loss(one.x, one.y))
    subject.restore(saved)
    return here == there


def _is_mean(subject: Subject, one: Batch) -> bool:
    """Whether the loss of a batch that is given twice over is the same; a sum is twice as large.

    It may be so only roughly, for a mask is drawn anew for twice as many rows.
    """
    try:
        x, y = (np.concatenate([part, part]) for part in (one.x, one.y))
        return not 1.4 < subject.loss(x, y) / subject.loss(one.x, one.y) < 2.8
    except Exception:  # columns, lists, a form of its own
        return True


def _where(findings: list[Finding]) -> tuple[str, ...]:
    return tuple(name for finding in findings for name in finding.where)
