"""A planted mistake is found by trying: its line, and a patch after which the audit finds no error."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from mending import Planted, inspected, patched, repaired

from handgrad.audit.place.first_wrong import first_wrong
from handgrad.audit.repair import repair
from handgrad.audit.repair.search import judge_by_diagnosis

QUICK = [
    Planted("modules_criterion", (("return dout * self.mask", "return dout"),)),
    Planted("unrolled_matrices", (("dA1 * self.relu_derivative(self.Z1)", "dA1"),)),
    Planted("nnfs_model", (("self.dinputs / samples", "self.dinputs / samples**2"),)),
    Planted("closures_functions", (("return dy * mask", "return dy"),)),
    Planted("dict_class", (("dy = (y - t) / batch_num", "dy = (t - y) / batch_num"),)),
    Planted("pairs_layers", (("return dout * (cache > 0)", "return dout"),)),
    Planted("columns_first", (("sp = sigmoid_prime(z)", "sp = sigmoid_prime(activations[-l])"),)),
    Planted("script_batches", (("da1 = W2.T @ dz2", "da1 = W2 @ dz2"),)),
    Planted("script_xor", (("error_hidden_layer * sigmoid_derivative(hidden_layer_output)", "error_hidden_layer"),)),
    Planted("scalars_loop", (("p.data += -0.1 * p.grad", "p.data += 0.1 * p.grad"),)),
]
NAMELESS = [
    Planted("script_batches", (("dz3 = (probs - yb) / m", "dz3 = probs * (probs - yb) / m"),)),
    Planted("unrolled_matrices", (("np.dot(X.T, dZ1) / m", "np.dot(X.T, dA1) / m"),)),
    Planted("dict_class", (("np.dot(z1.T, dy)", "np.dot(a1.T, dy)"),)),
]
# One for each kind of edit that none of those above needs.
KINDS = [
    Planted("modules_criterion", (("param -= self.lr * grad", "param = param - self.lr * grad"),)),
    Planted(
        "modules_criterion",
        (("self.dW = self.x.T", "self.dW += self.x.T"), ("self.db = dout", "self.db += dout")),
        (19, 20),
    ),
    Planted("modules_independent", (
        ("        input_gradient = np.dot(self.weights.T, output_gradient)\n", ""),
        ("return input_gradient", "return np.dot(self.weights.T, output_gradient)"),
    )),
    Planted("modules_params_dict", (("self.f_prime(self.inputs)", "self.f_prime(self.f(self.inputs))"),)),
    Planted("modules_params_dict", (("return 1 - y**2", "return y * (1 - y)"),)),
    Planted("modules_train_function", (("(model.fc1, model.fc2)", "(model.fc2,)"),)),
    Planted("nnfs_separate", ((
        "np.diagflat(single_output) - np.dot(single_output, single_output.T)",
        "np.diagflat(single_output * (1 - single_output))",
    ),)),
    Planted("closures_objects", ((
        "return Y * (dY - (dY * Y).sum(axis=1, keepdims=True))", "return dY * Y * (1 - Y)",
    ),)),
    Planted("script_adam", ((" * np.where(z1 > 0, 1, 0.01)", ""),)),
    Planted("dict_tuples", (("b1 = b1 - alpha * db1", "b1 = b1"),)),
    Planted("dict_class", (("dy = (y - t) / batch_num", "dy = (y - t) * y * (1 - y) / batch_num"),)),
    Planted("dict_course", (("dW1 = (1 / m) * np.dot", "dW1 = np.dot"),)),
    Planted("columns_costs", (("return a - y", "return (a - y) * sigmoid_prime(z)"),)),
    Planted("unrolled_matrices", ((
        "np.sum(dZ2, axis=0, keepdims=True) / m", "np.mean(dZ2, axis=0, keepdims=True) / m",
    ),)),
]  # fmt: skip


def _name(planted: Planted) -> str:
    return f"{planted.sample}: {planted.edits[0][1].strip()[:30]}"


def _mended(planted: Planted, tmp_path: Path) -> None:
    path = tmp_path / f"{planted.sample}.py"
    path.write_text(planted.text, encoding="utf-8")
    inspection, findings = repaired(path, suspects=planted.suspects)
    errors = [one for one in findings if one.severity == "error"]
    assert errors, findings
    assert all(one.patch for one in errors), findings
    assert errors[0].patch.startswith(f"--- a/{path.name}\n+++ b/{path.name}\n@@ ")
    assert any(one.line in planted.lines for one in errors), (
        [one.line for one in errors],
        planted.lines,
        errors[0].patch,
    )
    assert all(one.file == inspection.program.filename for one in errors)
    assert path.read_text(encoding="utf-8") == planted.text  # never written to
    path.write_text(patched(planted.text, errors[0].patch), encoding="utf-8")
    assert inspected(path).diagnosis.ok


@pytest.mark.parametrize("planted", QUICK, ids=_name)
def test_a_mistake_is_found_and_mended(planted: Planted, tmp_path: Path) -> None:
    _mended(planted, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("planted", KINDS, ids=_name)
def test_every_kind_of_edit_mends_something(planted: Planted, tmp_path: Path) -> None:
    _mended(planted, tmp_path)


@pytest.mark.parametrize("planted", NAMELESS, ids=_name)
def test_a_mistake_without_a_name_is_mended_as_well(planted: Planted, tmp_path: Path) -> None:
    _mended(planted, tmp_path)


@pytest.mark.slow
def test_two_mistakes_are_mended_together(tmp_path: Path) -> None:
    text = Planted("unrolled_matrices", (("dA1 * self.relu_derivative(self.Z1)", "dA1"),)).text
    text = text.replace("dZ2 = self.A2 - y_true", "dZ2 = y_true - self.A2")
    path = tmp_path / "two.py"
    path.write_text(text)
    _, findings = repaired(path)
    errors = [one for one in findings if one.severity == "error"]
    assert errors, findings
    assert all(one.patch for one in errors), findings
    path.write_text(patched(text, errors[0].patch or ""))
    assert inspected(path).diagnosis.ok


@pytest.mark.parametrize("up", ["{0} += self.learning_rate * {1}", "np.add({0}, self.learning_rate * {1}, out={0})"])
def test_an_update_that_goes_up_is_mended_where_it_updates(up: str, tmp_path: Path) -> None:
    pairs = [(f"self.{name}", f"d{name}") for name in ("W1", "b1", "W2", "b2")]
    planted = Planted(
        "unrolled_matrices", tuple((f"{p} -= self.learning_rate * {g}", up.format(p, g)) for p, g in pairs)
    )
    path = tmp_path / "up.py"
    path.write_text(planted.text, encoding="utf-8")
    seen = inspected(path)
    suspects = tuple(one.line for one in first_wrong(seen, seen.diagnosis.findings))
    assert set(suspects[: len(pairs)]) == planted.lines
    _, findings = repaired(path, suspects=suspects)
    (error,) = (one for one in findings if one.severity == "error")
    assert (error.code, error.line in planted.lines) == ("sign-flipped", True)
    path.write_text(patched(planted.text, error.patch or ""), encoding="utf-8")
    assert inspected(path).diagnosis.ok


def test_a_notebook_is_mended_within_its_cell(tmp_path: Path) -> None:
    planted = Planted("script_batches", (("da1 = W2.T @ dz2", "da1 = W2 @ dz2"),))
    lines = planted.text.split("\n")
    first = next(i for i, line in enumerate(lines) if line.startswith("for "))
    cells = ["%matplotlib inline\n" + "\n".join(lines[:first]), "\n".join(lines[first:])]
    code = [{"cell_type": "code", "source": one, "metadata": {}, "outputs": []} for one in cells]
    path = tmp_path / "net.ipynb"
    path.write_text(json.dumps({"cells": code, "metadata": {}, "nbformat": 4, "nbformat_minor": 4}))
    inspection, findings = repaired(path)
    errors = [one for one in findings if one.severity == "error"]
    assert errors[0].patch
    assert errors[0].patch.startswith("--- a/net.ipynb [cell 2]\n+++ b/net.ipynb [cell 2]\n")
    assert patched(cells[1], errors[0].patch) == cells[1].replace("W2 @ dz2", "W2.T @ dz2")
    wrong = 1 + next(i for i, line in enumerate(cells[1].split("\n")) if "W2 @ dz2" in line)
    assert inspection.program.place(errors[0].line or 0)[1:] == (wrong, 2)  # lines of findings are those of the text


@pytest.mark.slow
def test_a_network_of_its_own_kind_is_mended_by_the_slopes_of_its_loss(tmp_path: Path) -> None:
    text = Planted("unrolled_matrices", (("dA1 * self.relu_derivative(self.Z1)", "dA1"),)).text
    text = text.replace("np.maximum(0, Z)", "Z * np.arctan(Z)")
    text = text.replace("(Z > 0).astype(float)", "np.arctan(Z) + Z / (1 + Z * Z)")
    path = tmp_path / "own.py"
    path.write_text(text)
    inspection, findings = repaired(path, known=False)
    assert inspection.diagnosis.identity is None
    errors = [one for one in findings if one.severity == "error"]
    assert errors, findings
    assert "self.relu_derivative(self.Z1)" in (errors[0].patch or "")
    path.write_text(patched(text, errors[0].patch or ""))
    assert inspected(path, known=False).diagnosis.ok


def test_what_is_right_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "right.py"
    path.write_text(Planted("unrolled_matrices", ()).text)
    inspection, findings = repaired(path)
    assert findings == list(inspection.diagnosis.findings)


def test_code_and_parameters_are_as_they_were(tmp_path: Path) -> None:
    path = tmp_path / "net.py"
    path.write_text(QUICK[0].text)
    inspection = inspected(path)
    kinds = [kind for kind in inspection.namespace.values() if isinstance(kind, type) and kind.__module__ != "numpy"]
    functions = [f for kind in kinds for f in vars(kind).values() if hasattr(f, "__code__")]
    codes = [f.__code__ for f in functions]
    before = inspection.reading.subject.snapshot()
    names = dict(inspection.namespace)
    with inspection.program.guarded():
        found = repair(inspection, inspection.diagnosis.findings, seconds=20)
    assert found[0].patch
    assert [f.__code__ for f in functions] == codes
    after = inspection.reading.subject.snapshot()
    assert all((after[name] == value).all() for name, value in before.items())
    assert inspection.namespace == names


def test_no_patch_is_given_that_the_judge_does_not_confirm(tmp_path: Path) -> None:
    path = tmp_path / "net.py"
    path.write_text(QUICK[0].text)
    inspection = inspected(path)
    asked = []

    def never(subject: object, seed: int) -> tuple[object, ...]:
        asked.append(seed)
        return inspection.diagnosis.findings

    with inspection.program.guarded():
        found = repair(inspection, inspection.diagnosis.findings, judge=never, seconds=1.0)  # type: ignore[arg-type]
    assert asked
    assert found == list(inspection.diagnosis.findings)
    assert judge_by_diagnosis(inspection.reading.subject, 1)


def test_no_time_no_patch(tmp_path: Path) -> None:
    path = tmp_path / "net.py"
    path.write_text(QUICK[0].text)
    inspection, findings = repaired(path, seconds=0.0)
    assert [one.code for one in findings] == [one.code for one in inspection.diagnosis.findings]
