"""A loop that calls the update for some parameters only is the line of those that it leaves out."""

from __future__ import annotations

from pathlib import Path

from handgrad.audit.session import audit_file

NET = """
import numpy as np

rng = np.random.default_rng(0)
params = {"W1": rng.normal(0, 0.3, (12, 9)), "b1": np.zeros(9), "W2": rng.normal(0, 0.3, (9, 6)), "b2": np.zeros(6)}


def descend(w, dw, state):
    state["v"] = 0.9 * state.get("v", 0.0) - state["lr"] * dw
    w += state["v"]
    return state


def loss_and_gradients(params, x, t):
    h = np.tanh(x @ params["W1"] + params["b1"])
    p = np.exp(h @ params["W2"] + params["b2"])
    p /= p.sum(axis=1, keepdims=True)
    loss = -np.mean(np.log(p[np.arange(len(t)), t] + 1e-12))
    d = p.copy()
    d[np.arange(len(t)), t] -= 1
    d /= len(t)
    dh = d @ params["W2"].T * (1 - h**2)
    return loss, {"W1": x.T @ dh, "b1": dh.sum(axis=0), "W2": h.T @ d, "b2": d.sum(axis=0)}


rule, states = descend, {name: {"lr": 0.1} for name in params}

if __name__ == "__main__":
    for epoch in range(20):
        for i in range(0, len(x_train), 16):
            loss, grads = loss_and_gradients(params, x_train[i:i + 16], y_train[i:i + 16])
            for name in ("W1", "W2"):
                states[name] = rule(params[name], grads[name], states[name])
"""


def test_the_line_is_the_loop(tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(NET)
    found = [one for one in audit_file({"path": tmp_path / "net.py"})["findings"] if one["severity"] == "error"]
    line = NET[: NET.index('for name in ("W1"')].count("\n") + 1
    assert [(one["code"], one["line"]) for one in found] == [("never-updated", line)]
