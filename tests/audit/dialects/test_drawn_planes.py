"""Loops that every now and then ask their network about a whole plane, to draw it: that is no part of a step."""

import ast
from pathlib import Path

import pytest

from handgrad.audit.dialects.flow import draws
from handgrad.audit.session import audit_file

NET = """
import numpy as np
import matplotlib.pyplot as plt


class Full:
    def __init__(self, n, m):
        self.w, self.c = np.random.randn(n, m) * np.sqrt(1 / n), np.zeros((1, m))

    def forward(self, x):
        self.x = x
        self.out = x @ self.w + self.c

    def backward(self, up):
        self.dw, self.dc = self.x.T @ up, up.sum(axis=0, keepdims=True)
        self.down = up @ self.w.T


class Bend:
    def forward(self, x):
        self.out = np.tanh(x)

    def backward(self, up):
        self.down = up * (1 - self.out ** 2)


class Shares:
    def forward(self, x):
        e = np.exp(x - x.max(axis=1, keepdims=True))
        self.out = e / e.sum(axis=1, keepdims=True)

    def backward(self, y):
        self.down = self.out.copy()
        self.down[range(len(y)), y] -= 1
        self.down /= len(y)


def price(p, y):
    return -np.log(p[range(len(y)), y]).mean()


X = np.random.randn(300, 2)
y = (X[:, 0] * X[:, 1] > 0).astype(int) + (X[:, 0] > 1)
side = np.linspace(-3, 3, 400)
east, north = np.meshgrid(side, side)
plane = np.c_[east.ravel(), north.ravel()]
one, bend, two, shares = Full(2, 150), Bend(), Full(150, 3), Shares()

for epoch in range(2000):
    one.forward(X)
    bend.forward(one.out)
    two.forward(bend.out)
    shares.forward(two.out)
    loss = price(shares.out, y)
    shares.backward(y)
    two.backward(shares.down)
    bend.backward(two.down)
    one.backward(bend.down)
    one.w -= 0.5 * one.dw
    one.c -= 0.5 * one.dc
    two.w -= 0.5 * two.dw
    two.c -= 0.5 * two.dc
    if epoch % 50 == 0:
        one.forward(plane)
        bend.forward(one.out)
        two.forward(bend.out)
        shares.forward(two.out)
        fig, ax = plt.subplots()
        ax.contourf(east, north, shares.out.argmax(axis=1).reshape(east.shape))
        plt.savefig(f"{epoch}.png")
"""


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [("", "", []), ("up * (1 - self.out ** 2)", "up", ["activation-derivative-missing"])],
)
def test_a_plane_that_is_drawn(tmp_path: Path, old: str, new: str, said: list[str]) -> None:
    path = tmp_path / "net.py"
    path.write_text(NET.replace(old, new) if old else NET, encoding="utf-8")
    answer = audit_file({"path": str(path)})
    assert answer["subject"]["sizes"] == [2, 150, 3]
    assert [one["code"] for one in answer["findings"] if one["severity"] != "note"] == said


@pytest.mark.parametrize(
    ("body", "drawn"),
    [
        ("plt.plot(losses)", True),
        ("loss = cost(a, y)\n    plt.plot(loss)", False),  # the loss is told there alone
        ("plt.clf()\n    w -= 0.1 * dw", False),
        ("print(epoch)", False),
    ],
)
def test_what_only_draws(body: str, drawn: bool) -> None:
    one = ast.parse(f"if epoch % 10 == 0:\n    {body}").body[0]
    assert isinstance(one, ast.If)
    assert draws(one) is drawn
