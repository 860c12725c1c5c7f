"""Gradients that never have a name: the way back is called where the update is given its arguments."""

from pathlib import Path

import pytest
from quick_first import quick_first

from handgrad.audit.session import audit_file

NET = """
import numpy as np


def init(inputs=8, hidden=12, outputs=3):
    rng = np.random.default_rng(0)
    return {"W1": rng.normal(0, 0.4, (inputs, hidden)), "b1": np.zeros(hidden),
            "W2": rng.normal(0, 0.4, (hidden, outputs)), "b2": np.zeros(outputs)}


def forward(params, x):
    h = np.maximum(x @ params["W1"] + params["b1"], 0)
    s = h @ params["W2"] + params["b2"]
    e = np.exp(s - s.max(axis=1, keepdims=True))
    return h, e / e.sum(axis=1, keepdims=True)


def backward(params, x, y):
    h, p = forward(params, x)
    d = (p - y) / len(x)
    dh = (d @ params["W2"].T) * (h > 0)
    return {"W2": h.T @ d, "b2": d.sum(axis=0), "W1": x.T @ dh, "b1": dh.sum(axis=0)}


def adam(params, grads, state, lr=0.001):
    state["t"] += 1
    for key in params:
        state["m"][key] = 0.9 * state["m"][key] + 0.1 * grads[key]
        state["v"][key] = 0.999 * state["v"][key] + 0.001 * grads[key] ** 2
        m = state["m"][key] / (1 - 0.9 ** state["t"])
        v = state["v"][key] / (1 - 0.999 ** state["t"])
        params[key] -= lr * m / (np.sqrt(v) + 1e-8)


if __name__ == "__main__":
    x, labels = np.random.rand(600, 8), np.random.randint(0, 3, 600)
    y = np.eye(3)[labels]
    params = init()
    state = {"t": 0, "m": {k: np.zeros_like(v) for k, v in params.items()},
             "v": {k: np.zeros_like(v) for k, v in params.items()}}
    for epoch in range(10):
        for i in range(0, len(x), 32):
            adam(params, backward(params, x[i:i + 32], y[i:i + 32]), state)
        print(epoch, -np.mean(np.sum(y * np.log(forward(params, x)[1]), axis=1)))
"""


EACH_KEY = ('    state["t"] += 1\n    for key in params:\n', '    for key in params:\n        state["t"] += 1\n')


@pytest.mark.parametrize(
    ("old", "new", "said"),
    quick_first(
        [
            ("", "", []),
            (" * (h > 0)", "", [("activation-derivative-missing", "dh = (d @ params")]),
            ("h.T @ d,", "-h.T @ d,", [("sign-flipped", '"W2": -h.T')]),
            (*EACH_KEY, [("optimizer-counter-per-parameter", 'state["t"] += 1')]),
        ],
        lambda case: len(case[2]),
    ),
)
def test_a_gradient_that_an_update_is_handed(old: str, new: str, said: list[tuple[str, str]], tmp_path: Path) -> None:
    text = NET.replace(old, new) if old else NET
    assert (text == NET) is not bool(old)
    path = tmp_path / "net.py"
    path.write_text(text, encoding="utf-8")
    found = [one for one in audit_file({"path": str(path)})["findings"] if one["severity"] != "note"]
    assert [one["code"] for one in found] == [code for code, _ in said]
    for one, (_, line) in zip(found, said, strict=True):
        assert line in text.split("\n")[one["line"] - 1]


MADE = """
def make_adam(lr=0.001, b1=0.9, b2=0.999, eps=1e-8):
    m, v, t = {}, {}, 0

    def step(params, grads):
        nonlocal t
        t += 1
        for k in params:
            m[k] = b1 * m.get(k, 0) + (1 - b1) * grads[k]
            v[k] = b2 * v.get(k, 0) + (1 - b2) * grads[k] ** 2
            params[k] -= lr * (m[k] / (1 - b1 ** t)) / (np.sqrt(v[k] / (1 - b2 ** t)) + eps)

    return step


if __name__"""


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("", "", []),
        ('dh = (d @ params["W2"].T) * (h > 0)', 'dh = d @ params["W2"].T', ["activation-derivative-missing"]),
        (" / (1 - b2 ** t)", "", ["optimizer-bias-half"]),
    ],
)
def test_an_optimizer_that_a_function_makes(old: str, new: str, said: list[str], tmp_path: Path) -> None:
    """Its rate and its decays, of which two are named as biases are, stand in a closure: the network is read whole."""
    text = NET.replace("\nif __name__", MADE).replace("params = init()", "params, step = init(), make_adam()")
    text = text.replace("adam(params, backward(params, x[i:i + 32], y[i:i + 32]), state)",
                        "step(params, backward(params, x[i:i + 32], y[i:i + 32]))")  # fmt: skip
    assert not old or old in text
    path = tmp_path / "net.py"
    path.write_text(text.replace(old, new) if old else text, encoding="utf-8")
    found = audit_file({"path": str(path)})
    assert found["subject"]["found"]["parameters"] == "W1, b1, W2, b2"
    assert [one["code"] for one in found["findings"] if one["severity"] != "note"] == said


def test_an_epoch_whose_length_is_a_number(tmp_path: Path) -> None:
    """Of 600 rows that the file writes down a batch has only the first few: one step all the same."""
    path = tmp_path / "net.py"
    text = NET.replace("range(0, len(x), 32)", "range(0, 600, 32)").replace(*EACH_KEY)
    path.write_text(text, encoding="utf-8")
    found = audit_file({"path": str(path)})["findings"]
    assert [one["code"] for one in found] == ["optimizer-counter-per-parameter"]
