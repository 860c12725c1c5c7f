"""What somebody's code does to its arrays is noted line by line, and a planted mistake's line is the first suspect."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from handgrad.audit.dialects import READERS
from handgrad.audit.findings import Finding
from handgrad.audit.inspection import Inspection
from handgrad.audit.judging.diagnose import Diagnosis, diagnose
from handgrad.audit.place.first_wrong import first_wrong
from handgrad.audit.place.observe import Noted, observe
from handgrad.audit.place.right_numbers import factor_of
from handgrad.audit.reading.source import read_program

SAMPLES = Path(__file__).parents[1] / "dialects"

Edits = tuple[tuple[str, str], ...]


def noted(text: str, **settings: Any) -> list[Noted]:
    code = compile(text, "theirs.py", "exec")
    return observe(lambda: exec(code, {"np": np}), {"theirs.py"}, **settings)


def told(notes: list[Noted]) -> list[tuple[int, str, str]]:
    return [(note.line, note.name, note.how) for note in notes]


def test_an_array_is_noted_where_it_is_made_and_where_it_is_changed() -> None:
    notes = noted("a = np.ones(3)\nb = a\nb[0] -= 1\n")
    assert told(notes) == [(1, "a", "made"), (2, "b", "named"), (3, "b", "changed")]
    assert [note.value.tolist() for note in notes] == [[1, 1, 1], [1, 1, 1], [0, 1, 1]]
    assert len({note.array for note in notes}) == 1


def test_what_a_function_gets_and_returns_is_noted_with_the_lines_of_its_callers() -> None:
    notes = noted("def twice(x):\n    return 2 * x\na = np.ones(3)\nd = {'a': twice(a + 1)}\n")
    assert told(notes) == [(3, "a", "made"), (4, "x", "given"), (2, "return", "returned"), (4, "d['a']", "named")]
    assert notes[1].function == "twice"
    assert notes[2].stack == (4,)
    assert notes[2].value.tolist() == [4, 4, 4]


def test_attributes_lists_and_comprehensions_are_looked_into() -> None:
    notes = noted(
        "class Net:\n    def __init__(self):\n        self.W = [np.zeros(2) for _ in range(2)]\n"
        "    def step(self):\n        self.W[1] -= 1\nnet = Net()\nnet.step()\n"
    )
    assert (3, "return[0]", "returned") in told(notes)
    assert (5, "self.W[1]", "changed") in told(notes)


def test_a_value_of_long_ago_is_no_news_to_a_function_that_can_see_it() -> None:
    notes = noted("a = np.ones(3)\ndef f():\n    b = a * 2\n    return b\nc = f()\n")
    assert [one for one in told(notes) if one[1] == "a"] == [(1, "a", "made")]


def test_large_arrays_are_not_copied_and_notes_come_to_an_end() -> None:
    held: dict[str, Any] = {"np": np}
    code = compile("a = np.zeros(100)\nfor i in range(50):\n    a[i] = 1\n", "theirs.py", "exec")
    notes = observe(lambda: exec(code, held), {"theirs.py"}, most=10, large=50)
    assert len(notes) <= 10
    assert notes[0].value is held["a"]
    assert held["a"].sum() == 50


def test_what_the_code_raises_is_raised_and_tracing_ends() -> None:
    before = sys.gettrace()
    with pytest.raises(ZeroDivisionError):
        noted("1 / 0\n")
    assert sys.gettrace() is before


def test_code_of_other_files_is_not_noted() -> None:
    code = compile("a = np.ones(3)\n", "ours.py", "exec")
    assert observe(lambda: exec(code, {"np": np}), {"theirs.py"}) == []


def test_a_number_is_known_in_any_layout_and_up_to_a_factor() -> None:
    right = np.random.default_rng(0).random((3, 4))
    assert factor_of(right.T / 5, right, 1e-9) == pytest.approx(0.2)
    assert factor_of(-right[:, :1].ravel(), right[:, :1], 1e-9) == pytest.approx(-1)
    assert factor_of(right + 1e-3, right, 1e-9) is None
    assert factor_of(np.zeros((3, 4)), right, 1e-9) is None


def inspected(path: Path) -> Inspection:
    program = read_program(path)
    namespace = program.execute().namespace
    with program.guarded():
        for reader in READERS:
            for reading in reader(namespace, program.tree):
                try:
                    diagnosis: Diagnosis = diagnose(reading.subject)
                except Exception:  # a reading that makes no sense fails in whatever way the code happens to
                    continue
                if diagnosis.identity is not None:
                    return Inspection(program, namespace, reading, diagnosis)
    raise AssertionError(f"{path.name} was not read")


# (sample, edits, the text of the line that must be the first suspect, what should stand there)
PLANTED: list[tuple[str, Edits, str, str]] = [
    ("samples/modules_criterion", (("return dout * self.mask", "return dout"),), "return dout", "dL/dz1"),
    ("samples/modules_criterion", (("param -= self.lr", "param += self.lr"),), "param += self.lr * grad", "dL/dW2"),
    (
        "samples/modules_criterion",
        (("self.dW = self.x.T", "self.dW += self.x.T"), ("self.db = dout.sum", "self.db += dout.sum")),
        "self.dW += self.x.T @ dout",
        "dL/dW2",
    ),
    (
        "samples/modules_params_dict",
        (("self.f_prime(self.inputs)", "self.f_prime(self.f(self.inputs))"),),
        "return self.f_prime(self.f(self.inputs)) * grad",
        "f'(z1)",
    ),
    (
        "samples/unrolled_matrices",
        (("dA1 * self.relu_derivative(self.Z1)", "dA1"),),
        "dZ1 = dA1",
        "dL/dz1",
    ),
    (
        "samples/unrolled_three",
        (("d2 @ self.w2.T", "d2 @ self.w2"),),
        "d1 = (d2 @ self.w2) * (1 - self.h1**2)",
        "dL/dz1",
    ),
    (
        "samples/nnfs_separate",
        (
            (
                "jacobian = np.diagflat(single_output) - np.dot(single_output, single_output.T)",
                "jacobian = np.diagflat(single_output * (1 - single_output))",
            ),
        ),
        "jacobian = np.diagflat(single_output * (1 - single_output))",
        "f'(z2)",
    ),
    (
        "samples/closures_objects",
        (("return -(Y / Yh) / len(Y)", "return (Yh - Y) / len(Y)"),),
        "return (Yh - Y) / len(Y)",
        "dL/da3",
    ),
    (
        "samples_functions/dict_loop",
        (('for key in ("W1", "b1", "W2", "b2"):', 'for key in ("W1", "W2"):'),),
        'for key in ("W1", "W2"):',
        "dL/db2",
    ),
    ("samples_functions/pairs_columns", (("return A, A", "return A, Z"),), "return A, Z", "f'(z1)"),
    (
        "samples_functions/columns_first",
        (("sp = sigmoid_prime(z)", "sp = sigmoid_prime(activations[-l])"),),
        "sp = sigmoid_prime(activations[-l])",
        "f'(z1)",
    ),
    (
        "samples_functions/script_batches",
        (("dz3 = (probs - yb) / m", "dz3 = probs * (probs - yb) / m"),),
        "dz3 = probs * (probs - yb) / m",
        "dL/dz3",
    ),
    (
        "samples_functions/script_softmax",
        (("dscores /= num_examples", "dscores /= num_examples\n    dscores /= num_examples"),),
        "dscores /= num_examples",
        "dL/dz2",
    ),
]


@pytest.mark.parametrize(
    ("sample", "edits", "line", "quantity"), PLANTED, ids=lambda v: v if isinstance(v, str) else ""
)
def test_the_planted_line_is_the_first_suspect(
    sample: str, edits: Edits, line: str, quantity: str, tmp_path: Path
) -> None:
    text = (SAMPLES / f"{sample}.py").read_text(encoding="utf-8")
    for old, new in edits:
        assert old in text
        text = text.replace(old, new)
    path = tmp_path / "theirs.py"
    path.write_text(text, encoding="utf-8")
    inspection = inspected(path)
    before = inspection.reading.subject.snapshot()
    suspects = first_wrong(inspection, inspection.diagnosis.findings)
    assert suspects, inspection.diagnosis.findings
    assert text.split("\n")[suspects[0].line - 1].strip() == line
    assert suspects[0].quantity == quantity
    assert len({one.line for one in suspects}) == len(suspects)
    for name, value in inspection.reading.subject.parameters().items():
        assert np.array_equal(value, before[name])


@pytest.mark.parametrize(
    "sample",
    [
        "samples/modules_criterion",
        "samples/modules_train_function",
        "samples/unrolled_matrices",
        "samples/nnfs_separate",
        "samples/closures_objects",
        "samples_functions/dict_class",
        "samples_functions/pairs_loop",
        "samples_functions/columns_first",
        "samples_functions/script_softmax",
    ],
)
def test_right_numbers_are_not_suspected_whatever_is_said_of_them(sample: str) -> None:
    inspection = inspected(SAMPLES / f"{sample}.py")
    assert first_wrong(inspection, inspection.diagnosis.findings) == []
    claim = Finding("unnamed", "error", tuple(inspection.reading.subject.parameters()))
    assert first_wrong(inspection, [claim]) == []


def test_code_that_fails_has_no_suspects(tmp_path: Path) -> None:
    inspection = inspected(SAMPLES / "samples/modules_criterion.py")
    inspection.namespace["SGD"].step = lambda self: 1 / 0
    claim = Finding("unnamed", "error", tuple(inspection.reading.subject.parameters()))
    assert first_wrong(inspection, [claim]) == []
