"""Networks with a single output, whose labels are the numbers 0 and 1: no sum over classes, no one-hot."""

from __future__ import annotations

from pathlib import Path

import pytest
from function_samples import HERE, edited, judged

# sample -> (dialect, hidden, output, loss, notes)
ONE: dict[str, tuple[str, str, str, str, set[str]]] = {
    "dict_planar": ("dictionaries", "tanh", "sigmoid", "binary cross-entropy", set()),
    "scalars_micrograd": ("scalars", "tanh", "tanh", "squared error", set()),
    "script_circle": ("script", "relu", "sigmoid", "binary cross-entropy", set()),
    "script_logistic": ("script", "none", "sigmoid", "binary cross-entropy", set()),
    "script_series": ("script", "sigmoid", "none", "squared error", {"summed"}),
    "script_synapses": ("script", "sigmoid", "sigmoid", "squared error", {"summed"}),
}


@pytest.mark.parametrize("name", sorted(path.stem for path in (HERE / "one_output").glob("*.py")))
def test_a_network_with_one_output_is_recognised_and_not_called_wrong(name: str, tmp_path: Path) -> None:
    dialect, hidden, output, loss, notes = ONE[name]
    reading, diagnosis = judged(edited(f"one_output/{name}", (), tmp_path))
    identity = diagnosis.identity
    assert identity is not None
    assert reading.subject.classes == 1
    assert (reading.dialect, identity.hidden, identity.output, identity.loss) == (dialect, hidden, output, loss)
    assert diagnosis.ok
    assert {finding.code for finding in diagnosis.findings} == notes
