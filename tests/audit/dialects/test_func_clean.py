"""Clean networks in five dialects: each is recognised, and none is called wrong."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
from function_samples import HERE, edited, judged
from quick_first import quick_first

from handgrad.audit.dialects.reading import Reading
from handgrad.audit.judging.diagnose import Diagnosis

# sample -> (dialect, hidden, output, loss, notes)
CLEAN: dict[str, tuple[str, str, str, str, set[str]]] = {
    "columns_costs": ("columns", "sigmoid", "sigmoid", "binary cross-entropy", {"weight-decay"}),
    "columns_first": ("columns", "sigmoid", "sigmoid", "squared error", set()),
    "columns_matrix": ("columns", "tanh", "softmax", "cross-entropy", set()),
    "dict_class": ("dictionaries", "sigmoid", "softmax", "cross-entropy", set()),
    "dict_course": ("dictionaries", "tanh", "sigmoid", "binary cross-entropy", set()),
    "dict_deep": ("dictionaries", "relu", "sigmoid", "binary cross-entropy", set()),
    "dict_loop": ("dictionaries", "relu", "softmax", "cross-entropy", set()),
    "dict_tuples": ("script", "relu", "softmax", "cross-entropy", set()),
    "pairs_class": ("pairs", "relu", "softmax", "cross-entropy", set()),
    "pairs_columns": ("pairs", "tanh", "softmax", "cross-entropy", set()),
    "pairs_layers": ("pairs", "relu", "softmax", "cross-entropy", set()),
    "pairs_loop": ("script", "sigmoid", "none", "squared error", set()),
    "scalars_loop": ("scalars", "tanh", "tanh", "squared error", set()),
    "scalars_module": ("scalars", "relu", "none", "squared error", set()),
    "scalars_sigmoid": ("scalars", "sigmoid", "sigmoid", "squared error", set()),
    "script_adam": ("dictionaries", "leaky_relu", "softmax", "cross-entropy", set()),
    "script_batches": ("script", "relu", "softmax", "cross-entropy", set()),
    "script_function": ("script", "tanh", "none", "squared error", {"momentum"}),
    "script_softmax": ("script", "relu", "softmax", "cross-entropy", {"weight-decay"}),
    "script_xor": ("script", "sigmoid", "sigmoid", "squared error", {"summed"}),
}


@cache
def _judged(name: str) -> tuple[Reading, Diagnosis]:
    """A sample as it is, read once for all tests."""
    return judged(HERE / f"{name}.py")


@pytest.mark.parametrize("name", sorted(path.stem for path in HERE.glob("*.py")))
def test_a_clean_network_is_recognised_and_not_called_wrong(name: str) -> None:
    dialect, hidden, output, loss, notes = CLEAN[name]
    reading, diagnosis = _judged(name)
    identity = diagnosis.identity
    assert identity is not None
    assert (reading.dialect, identity.hidden, identity.output, identity.loss) == (dialect, hidden, output, loss)
    assert diagnosis.ok
    assert {finding.code for finding in diagnosis.findings} == notes
    assert {"parameters", "loss", "labels"} <= reading.facts.keys()


@pytest.mark.parametrize("name", quick_first(sorted(CLEAN), lambda name: name.partition("_")[0]))
def test_reading_leaves_the_namespace_as_it_was(name: str, tmp_path: Path) -> None:
    from function_samples import READERS

    from handgrad.audit.reading.source import read_program

    program = read_program(edited(name, (), tmp_path))
    namespace = program.execute().namespace
    before = dict(namespace)
    with program.guarded():
        for read in READERS:
            for reading in read(namespace, program.tree):
                reading.subject.parameters()
                break
    assert namespace.keys() == before.keys()
    assert all(namespace[key] is before[key] for key in before)


@pytest.mark.parametrize(
    ("name", "role", "line"),
    [
        ("dict_class", "backward", "def gradient(self, x, t):"),
        ("dict_tuples", "update", "def update_params("),
        ("dict_tuples", "backward", "def backward_prop("),
        ("columns_first", "backward", "def backprop(self, x, y):"),
        ("pairs_layers", "backward", "def affine_backward(dout, cache):"),
        ("script_xor", "update", "output_weights += "),
        ("script_xor", "backward", "d_predicted_output = "),
        ("script_softmax", "step", "for i in range(1000):"),
    ],
)
def test_functions_and_lines_are_found(name: str, role: str, line: str) -> None:
    path = HERE / f"{name}.py"
    reading, _ = _judged(name)
    code = reading.functions[role].__code__
    lines = path.read_text(encoding="utf-8").splitlines()
    first = next(i for i, text in enumerate(lines, 1) if line in text)
    assert code.co_firstlineno == first
    assert code.co_filename == str(path)
