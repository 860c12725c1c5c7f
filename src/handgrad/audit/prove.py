"""Proof: the network as it is written and with the patch, trained side by side on digits from the same start.

Both are read from text, in memory; the file is not touched. What is compared is how many digits they then know.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from handgrad.audit.choosing import judged
from handgrad.audit.judging.batch import batch
from handgrad.audit.judging.identify import Identity
from handgrad.audit.judging.walk import Case, true_gradient
from handgrad.audit.reading.source import Program, read_program
from handgrad.audit.subject import Subject
from handgrad.core.arrays import Array
from handgrad.data import load_data
from handgrad.errors import DataError

STEPS, BATCH, POINTS = 300, 32, 12
RATES = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0)  # of which the one is taken that suits the mended network
USUAL_RATE = 0.1  # for networks that are not known
_TRIAL = 60  # steps with each
_TEST = 500  # digits


@dataclass(frozen=True)
class Proof:
    """Two trainings.

    Attributes:
        steps: at which the accuracies were taken.
        lr: the learning rate of both, the best of a few for the mended network.
        rows: digits a step.
        test: digits on which accuracies were taken; none of them was trained on.
        written: accuracy of the network as it is written, at each of the steps.
        mended: with the patch.
    """

    steps: list[int]
    lr: float
    rows: int
    test: int
    written: list[float]
    mended: list[float]

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def prove_file(request: dict[str, Any]) -> dict[str, Any]:
    """Train the file `request["path"]` as it is and with `request["patch"]`. It runs in a child process of its own.

    Raises:
        DataError: where one of the two cannot be trained on digits.
    """
    program = read_program(request["path"])
    text = patched(program, request["patch"])
    again = replace(program, text=text, tree=ast.parse(text, program.filename))
    written, mended = _Net(program), _Net(again)
    mended.start_from(written)
    digits = Digits(written.subject.features, written.subject.classes)
    lr = mended.rate(digits)
    curves = [net.trained(digits, lr) for net in (written, mended)]
    steps = [round(STEPS * k / POINTS) for k in range(POINTS + 1)]
    return Proof(steps, lr, BATCH, len(digits.test[1]), *curves).to_json()


class Digits:
    """MNIST's digits with as many numbers a row, and as many classes, as a network wants.

    Args:
        features: numbers a row. A net of other sizes than 784 gets the digits shrunk to the largest square that fits.
        classes: the digits 0 to classes - 1, all ten at most; a single output tells 0 from 1.
    """

    def __init__(self, features: int, classes: int) -> None:
        most = min(max(classes, 2), 10)
        data = load_data("mnist")
        self.train = _fitted(data.train.images[:8000], data.train.labels[:8000], features, most)
        self.test = tuple(
            part[:_TEST] for part in _fitted(data.test.images[:4000], data.test.labels[:4000], features, most)
        )


def _fitted(images: Array, labels: Array, features: int, classes: int) -> tuple[Array, Array]:
    kept = labels < classes
    x, y = images[kept] / 255.0, labels[kept].astype(np.int64)
    if features == 28 * 28:
        return x.reshape(len(x), -1), y
    side = max(1, int(np.sqrt(features)))
    edges = np.linspace(0, 28, side + 1).astype(int) if side <= 28 else np.arange(29)
    starts = edges[:-1]
    areas = np.diff(edges)[:, None] * np.diff(edges)[None, :]
    small = np.add.reduceat(np.add.reduceat(x, starts, axis=1), starts, axis=2) / areas
    rows = small.reshape(len(x), -1)
    return np.pad(rows, ((0, 0), (0, features - rows.shape[1]))), y


class _Net:
    """A network of the user's, ready to be trained from one start again and again."""

    def __init__(self, program: Program) -> None:
        self.program = program
        execution = program.execute()
        with program.guarded():
            reading, diagnosis = judged(program, execution.namespace)
        self.subject: Subject = reading.subject
        self.identity: Identity | None = diagnosis.identity
        self.start = self.subject.snapshot()
        if self.subject.data is not None or batch(self.subject, 4, 0).flat is None or self.subject.features < 4:
            raise DataError("audit.no_digits", file=str(program.path))

    def start_from(self, other: _Net) -> None:
        """Take over another net's first weights."""
        if {n: v.shape for n, v in other.start.items()} == {n: v.shape for n, v in self.start.items()}:
            self.start = other.start

    def rate(self, digits: Digits) -> float:
        """The learning rate that suits this network: tried on its twin, so that no optimizer keeps a memory of it."""
        if self.identity is None:
            return USUAL_RATE
        x, y = digits.train
        rows = np.random.default_rng(1).integers(0, len(x), (_TRIAL, BATCH))
        losses = {rate: self._after(rate, x, y, rows) for rate in RATES}
        best = min(RATES, key=lambda rate: losses[rate])
        self.subject.restore(self.start)
        one = self._fed(x[rows[0]]), y[rows[0]]
        with self.program.guarded():
            given = self.subject.gradient(*one)
        self.subject.restore(self.start)
        true = true_gradient(Case(self.identity, self.start, *one))
        name = max(true, key=lambda n: float(np.linalg.norm(true[n])))
        factor = float(np.vdot(given[name], true[name]) / np.vdot(true[name], true[name]))
        return best / factor if factor > 0 else best  # a summed gradient wants a smaller rate

    def _after(self, rate: float, x: Array, y: Array, rows: Array) -> float:
        """The loss of the twin's last batches after some steps at a rate."""
        assert self.identity is not None
        point = {name: np.array(value, np.float64) for name, value in self.start.items()}
        with np.errstate(all="ignore"):
            for some in rows:
                true = true_gradient(Case(self.identity, point, self._fed(x[some]), y[some]))
                point = {name: value - rate * true[name] for name, value in point.items()}
            known = self._known(point, x[rows[-10:].ravel()], y[rows[-10:].ravel()])
        return 1 - known if all(np.isfinite(value).all() for value in point.values()) else np.inf

    def _fed(self, x: Array) -> Array:
        """Pixels in 0..1 as the code wants them: one that divides by 255 itself gets them in 0..255."""
        scaled = self.identity is not None and self.identity.scaling[0] < 0.1
        return 255 * x if scaled else x

    def _known(self, parameters: Mapping[str, Array], x: Array, y: Array) -> float:
        """The share of rows whose label has the highest output."""
        assert self.identity is not None
        output = self.identity.net(parameters)(self.identity.scaled(self._fed(x)))
        said = (output[:, 0] > 0.5).astype(np.int64) if output.shape[1] == 1 else output.argmax(axis=1)
        return float(np.mean(said == y))

    def trained(self, digits: Digits, lr: float) -> list[float]:
        """Accuracies on the way through a training from the start, the first before it."""
        rng = np.random.default_rng(0)
        x, y = digits.train
        looked = {round(STEPS * k / POINTS) for k in range(POINTS + 1)}
        found = []
        with self.program.guarded(), np.errstate(all="ignore"):
            self.subject.restore(self.start)
            step = self.subject.step or self._descend
            for k in range(STEPS + 1):
                if k in looked:
                    found.append(self._accuracy(*digits.test))
                rows = rng.integers(0, len(x), BATCH)
                step(self._fed(x[rows]), y[rows], lr)
            self.subject.restore(self.start)
        return found

    def _descend(self, x: Array, y: Array, lr: float) -> None:
        """Plain gradient descent, for code that gives its gradients only."""
        gradients = self.subject.gradient(x, y)
        for name, value in self.subject.parameters().items():
            value -= lr * gradients[name]

    def _accuracy(self, x: Array, y: Array) -> float:
        """The share of rows whose label has the lowest loss; of a known network, whose label has the highest output."""
        if self.identity is not None:
            return self._known(self.subject.parameters(), x, y)
        return float(np.mean([self._likeliest(x[i : i + 1]) == y[i] for i in range(min(len(x), 100))]))

    def _likeliest(self, row: Array) -> int:
        losses = [self.subject.loss(row, np.array([c])) for c in range(max(self.subject.classes, 2))]
        return int(np.argmin(losses))


def patched(program: Program, patch: str) -> str:
    """The program's text after a unified diff of it, or of one cell of a notebook, which the diff's head then names.

    Raises: ValueError where the diff is of another text.
    """
    cell = re.search(r"^\+\+\+ .*\[cell (\d+)\]", patch, re.MULTILINE)
    offset = program.cells[int(cell.group(1)) - 1] - 1 if cell else 0
    lines, out, at = program.text.split("\n"), [], 0
    inside = False
    for line in patch.split("\n"):
        if line.startswith("@@"):
            start = int(line.split()[1].split(",")[0].lstrip("-")) - 1 + offset
            out += lines[at:start]
            at, inside = start, True
        elif inside and line[:1] in (" ", "-"):
            if lines[at : at + 1] != [line[1:]]:
                raise ValueError(line)
            out += [line[1:]] if line[0] == " " else []
            at += 1
        elif inside and line[:1] == "+":
            out.append(line[1:])
    return "\n".join([*out, *lines[at:]])
