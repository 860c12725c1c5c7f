"""Weights with a name that optimizers use for what they remember: `v` leads to the output, and is drawn at random."""

from pathlib import Path

import pytest

from handgrad.audit.session import audit_file

NET = """
import numpy as np

rng = np.random.default_rng(0)
x = rng.random((6, 300))
y = np.eye(4)[rng.integers(0, 4, 300)].T
n = x.shape[1]
w, b = rng.standard_normal((9, 6)) * 0.3, np.zeros((9, 1))
v, c = rng.standard_normal((9, 4)) * 0.3, np.zeros((4, 1))
m_w, m_b, m_v, m_c = np.zeros_like(w), np.zeros_like(b), np.zeros_like(v), np.zeros_like(c)
rate, mu = 0.1, 0.9

for e in range(500):
    h = np.tanh(w @ x + b)
    s = v.T @ h + c
    p = np.exp(s - s.max(axis=0))
    p = p / p.sum(axis=0)
    loss = -np.sum(y * np.log(p)) / n
    d = (p - y) / n
    dh = (v @ d) * (1 - h ** 2)
    m_v = mu * m_v + rate * (h @ d.T)
    m_c = mu * m_c + rate * d.sum(axis=1, keepdims=True)
    m_w = mu * m_w + rate * (dh @ x.T)
    m_b = mu * m_b + rate * dh.sum(axis=1, keepdims=True)
    v = v - m_v
    c = c - m_c
    w = w - m_w
    b = b - m_b
    print(e, loss)
"""


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [("", "", set()), ("(v @ d) * (1 - h ** 2)", "v @ d", {"activation-derivative-missing"})],
)
def test_weights_called_v(tmp_path: Path, old: str, new: str, said: set[str]) -> None:
    path = tmp_path / "net.py"
    path.write_text(NET.replace(old, new) if old else NET, encoding="utf-8")
    answer = audit_file({"path": str(path)})
    assert answer["subject"]["sizes"] == [6, 9, 4]
    assert {one["code"] for one in answer["findings"] if one["severity"] != "note"} == said
