"""Where no network is found, one sentence says why, as far as that can be told."""

from __future__ import annotations

from pathlib import Path

import pytest

from handgrad.audit.reading.sandbox import run_in_child
from handgrad.errors import DataError

NARROW = """
import numpy as np

class Net:
    def __init__(self):
        self.W1, self.W2 = np.random.randn(4, 5), np.random.randn(6, 3)

    def forward(self, x):
        return np.tanh(x @ self.W1) @ self.W2
"""

SLIP = NARROW.replace("self):", "self, n_in, n_hidden):").replace(
    "(4, 5), np.random.randn(6, 3)", "(n_in, n_hidden), self.w1"
)
FILES = {
    "no_network": "x = 1\n",
    "no_network_import": "import a_package_that_nobody_has as lib\nnet = lib.Net()\n",
    "no_network_failed": "class Net:\n    pass\n\nnet = Net(784, 10)\n",
    "forward_fails": NARROW,
}
UNSET = """
import numpy as np
def forward(X, W):
    Z = X @ W
    return np.tanh(Z)
def slope(X, W, d):
    return X.T @ (d * (1 - np.tanh(Z) ** 2))
"""


def test_a_constructor_that_fails_whatever_it_is_given_is_told(tmp_path: Path) -> None:
    path = tmp_path / "net.py"
    path.write_text(SLIP, encoding="utf-8")
    with pytest.raises(DataError) as raised:
        run_in_child("handgrad.audit.session:audit_file", {"path": str(path)})
    assert raised.value.key == "audit.forward_fails"
    assert "'Net' object has no attribute 'w1'" in raised.value.values["reason"]


@pytest.mark.parametrize("key", FILES)
def test_the_reason_is_told(key: str, tmp_path: Path) -> None:
    path = tmp_path / "net.py"
    path.write_text(FILES[key], encoding="utf-8")
    with pytest.raises(DataError) as raised:
        run_in_child("handgrad.audit.session:audit_file", {"path": str(path)})
    assert raised.value.key == f"audit.{key}"
    assert "net.py" in str(raised.value)


def test_a_name_that_nothing_sets_is_told_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "net.py"
    path.write_text(UNSET, encoding="utf-8")
    with pytest.raises(DataError) as raised:
        run_in_child("handgrad.audit.session:audit_file", {"path": str(path)})
    assert raised.value.key == "audit.no_network_failed"
    assert raised.value.values["line"] == "7"
    assert "'Z'" in raised.value.values["reason"]


def test_what_the_stranger_s_error_ends_with_is_said_once(tmp_path: Path) -> None:
    file = tmp_path / "net.py"
    file.write_text("def made():\n    raise ValueError('no such file.')\n\nW = made()\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"no such file\. Mend that line"):
        run_in_child("handgrad.audit.session:audit_file", {"path": str(file)})
