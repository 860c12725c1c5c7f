"""Dropout whose share is set within the loop, in a network with one output that Adam updates as it is written out."""

from pathlib import Path

import pytest

from handgrad.audit.session import audit_file

NET = """
import numpy as np

x_train = np.random.randn(200, 5)
y_train = (x_train[:, :1] > 0).astype(float)
W1, b1 = np.random.randn(5, 9), np.zeros(9)
W2, b2 = np.random.randn(9, 1), np.zeros(1)
m_W1, m_b1, m_W2, m_b2 = np.zeros((5, 9)), np.zeros(9), np.zeros((9, 1)), np.zeros(1)
s_W1, s_b1, s_W2, s_b2 = np.zeros((5, 9)), np.zeros(9), np.zeros((9, 1)), np.zeros(1)
t, lr, shrink = 0, 0.001, 0.01

for epoch in range(100):
    for i in range(0, 200, 25):
        x, y = x_train[i:i + 25], y_train[i:i + 25]
        dropout = 0.3
        z = x @ W1 + b1
        a = np.maximum(z, 0)
        mask = (np.random.rand(*a.shape) > dropout) / (1 - dropout)
        a = a * mask
        p = 1 / (1 + np.exp(-(a @ W2 + b2)))
        loss = -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))
        d = (p - y) / len(y)
        dW2, db2 = a.T @ d, d.sum(axis=0)
        dz = d @ W2.T * mask * (z > 0)
        dW1, db1 = x.T @ dz, dz.sum(axis=0)
        t += 1
        m_W1, s_W1 = 0.9 * m_W1 + 0.1 * dW1, 0.999 * s_W1 + 0.001 * dW1 ** 2
        m_b1, s_b1 = 0.9 * m_b1 + 0.1 * db1, 0.999 * s_b1 + 0.001 * db1 ** 2
        m_W2, s_W2 = 0.9 * m_W2 + 0.1 * dW2, 0.999 * s_W2 + 0.001 * dW2 ** 2
        m_b2, s_b2 = 0.9 * m_b2 + 0.1 * db2, 0.999 * s_b2 + 0.001 * db2 ** 2
        up, down = 1 - 0.9 ** t, 1 - 0.999 ** t
        W1 = W1 - lr * (m_W1 / up / np.sqrt(s_W1 / down + 1e-4) + shrink * W1)
        b1 = b1 - lr * (m_b1 / up / np.sqrt(s_b1 / down + 1e-4))
        W2 = W2 - lr * (m_W2 / up / np.sqrt(s_W2 / down + 1e-4) + shrink * W2)
        b2 = b2 - lr * (m_b2 / up / np.sqrt(s_b2 / down + 1e-4))
    print(epoch, loss)
"""


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("", "", []),
        ("d @ W2.T * mask * (z > 0)", "d @ W2.T * (z > 0)", ["dropout-mask-not-applied"]),
        ("d @ W2.T * mask * (z > 0)", "d @ W2.T * mask", ["activation-derivative-missing"]),
    ],
)
def test_a_share_that_each_turn_sets(tmp_path: Path, old: str, new: str, said: list[str]) -> None:
    path = tmp_path / "net.py"
    path.write_text(NET.replace(old, new) if old else NET, encoding="utf-8")
    answer = audit_file({"path": str(path)})
    assert answer["subject"]["sizes"] == [5, 9, 1]
    assert answer["checks"] > 0
    assert [one["code"] for one in answer["findings"] if one["severity"] != "note"] == said
