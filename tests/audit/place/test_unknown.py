"""Unknown networks: a layer norm, a skip connection and an odd loss, and the mistakes in them by name and line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from handgrad.audit.dialects import glue
from handgrad.audit.findings import Finding
from handgrad.audit.inspection import Inspection
from handgrad.audit.judging.diagnose import Diagnosis
from handgrad.audit.place.observe import MADE
from handgrad.audit.place.probe import Probe
from handgrad.audit.place.unknown import explained
from handgrad.audit.reading.source import read_program

NET = """
import numpy as np

rng = np.random.default_rng(0)
W1, gain, shift = rng.standard_normal((4, 6)), np.ones(6), np.zeros(6)
W2, b2 = rng.standard_normal((6, 6)), np.zeros(6)
W3, b3 = rng.standard_normal((6, 3)), np.zeros(3)


def parameters():
    return {"W1": W1, "gain": gain, "shift": shift, "W2": W2, "b2": b2, "W3": W3, "b3": b3}


def forward(x):
    z1 = x @ W1
    centred = z1 - z1.mean(axis=1, keepdims=True)
    std = np.sqrt((centred**2).mean(axis=1, keepdims=True) + 1e-5)
    hat = centred / std
    n1 = gain * hat + shift
    h1 = np.tanh(n1)
    z2 = h1 @ W2 + b2
    h2 = np.log1p(np.exp(2 * z2))
    top = h1 + h2
    return z1, std, hat, n1, h1, z2, h2, top, top @ W3 + b3


def loss(x, y):
    return np.log(np.cosh(forward(x)[-1] - np.eye(3)[y])).sum() / len(y) + 0.05 * (W3**2).sum()


def gradients(x, y):
    z1, std, hat, n1, h1, z2, h2, top, out = forward(x)
    dout = np.tanh(out - np.eye(3)[y]) / len(y)
    dW3 = top.T @ dout + 0.1 * W3
    db3 = dout.sum(axis=0)
    dsum = dout @ W3.T
    slope = 2 / (1 + np.exp(-2 * z2))
    dz2 = dsum * slope
    dW2 = h1.T @ dz2
    db2 = dz2.sum(axis=0)
    dh1 = dsum + dz2 @ W2.T
    dn1 = dh1 * (1 - h1**2)
    dgain = (dn1 * hat).sum(axis=0)
    dshift = dn1.sum(axis=0)
    dhat = dn1 * gain
    inner = dhat - dhat.mean(axis=1, keepdims=True) - hat * (dhat * hat).mean(axis=1, keepdims=True)
    dz1 = inner / std
    dW1 = x.T @ dz1
    return {"W1": dW1, "gain": dgain, "shift": dshift, "W2": dW2, "b2": db2, "W3": dW3, "b3": db3}
"""


# The same with a square matrix that is kept as (outputs, inputs).
TURNED = NET.replace("h1 @ W2", "h1 @ W2.T").replace("h1.T @ dz2", "dz2.T @ h1").replace("dz2 @ W2.T", "dz2 @ W2")


def wrong(text: str, net: str) -> tuple[str, ...]:
    """The parameters whose gradients are others than those of the right network."""
    found = []
    for one in (net, text):
        space: dict[str, Any] = {}
        exec(one, space)
        space["gain"][...] = np.linspace(0.5, 2, 6)
        np.random.seed(2)
        x = np.random.default_rng(1).random((5, 4))
        found.append(space["gradients"](x, np.arange(5) % 3))
    return tuple(name for name in found[0] if not np.allclose(found[0][name], found[1][name]))


def said(folder: Path, old: str, new: str, net: str = NET) -> dict[str, str]:
    """Code of each error -> its line, with one text of the network replaced."""
    assert net.count(old) == 1, old
    text = net.replace(old, new)
    path = folder / "net.py"
    path.write_text(text, encoding="utf-8")
    program = read_program(str(path))
    namespace = program.execute().namespace
    unnamed = Finding("unnamed", "error", wrong(text, net), {"residual": 0.5, "first": "W1"})
    with program.guarded():
        reading = next(iter(glue.read(namespace, program.tree)))
    inspection = Inspection(program, namespace, reading, Diagnosis(None, 1, (unnamed,), 0.0))
    found, _ = explained(inspection, [unnamed])
    rows = text.split("\n")
    return {f.code: rows[f.line - 1].strip() if f.line else "" for f in found}


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("dn1 = dh1 * (1 - h1**2)", "dn1 = dh1", "activation-derivative-missing"),
        ("dn1 = dh1 * (1 - h1**2)", "dn1 = dh1 * (1 - n1**2)", "derivative-fed-input"),
        ("dn1 = dh1 * (1 - h1**2)", "dn1 = dh1 * h1 * (1 - h1)", "sigmoid-derivative-everywhere"),
        ("dn1 = dh1 * (1 - h1**2)", "dn1 = dh1 * (1 - np.tanh(z2) ** 2)", "derivative-of-another-layer"),
        ("slope = 2 / (1 + np.exp(-2 * z2))", "slope = 2 / (1 + np.exp(-2 * h2))", "derivative-at-output"),
        ("slope = 2 / (1 + np.exp(-2 * z2))", "slope = h2", "derivative-is-value"),
        ("dh1 = dsum + dz2 @ W2.T", "dh1 = dz2 @ W2.T", "skip-gradient-missing"),
        ("dh1 = dsum + dz2 @ W2.T", "dh1 = dsum", "skip-gradient-missing"),
        ("dh1 = dsum + dz2 @ W2.T", "dh1 = dsum + dz2 @ W2", "weights-not-transposed"),
        ("dh1 = dsum + dz2 @ W2.T", "dh1 = dsum + dsum @ W2.T", "derivative-not-handed-down"),
        ("dhat = dn1 * gain", "dhat = dn1 + 0", "norm-gain-missing"),
        (
            "inner = dhat - dhat.mean(axis=1, keepdims=True) - hat * (dhat * hat).mean(axis=1, keepdims=True)",
            "inner = dhat - dhat.mean(axis=1, keepdims=True)",
            "norm-variance-constant",
        ),
        ("dz1 = inner / std", "dz1 = inner", "norm-spread-missing"),
        ("dgain = (dn1 * hat).sum(axis=0)", "dgain = (dn1 * z1).sum(axis=0)", "norm-gain-by-input"),
        ("dW2 = h1.T @ dz2", "dW2 = h2.T @ dz2", "weights-from-another-layer"),
        ("db2 = dz2.sum(axis=0)", "db2 = dsum.sum(axis=0)", "bias-skips-derivative"),
        (" + 0.1 * W3", " + 0.3 * W3", "penalty-scaled"),
        ("np.tanh(out - np.eye(3)[y]) / len(y)", "np.sign(out - np.eye(3)[y]) / len(y)", "gradient-of-another-loss"),
    ],
)
def test_a_mistake_has_its_name_and_line(old: str, new: str, code: str, tmp_path: Path) -> None:
    found = said(tmp_path, old, new)
    assert list(found) == [code]
    assert new in found[code] or code == "penalty-scaled"  # whose line is found by reading


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("slope = 2 / (1 + np.exp(-2 * z2))", "slope = h2", "derivative-is-value"),
        ("dW2 = dz2.T @ h1", "dW2 = dz2.T @ h2", "weights-from-another-layer"),
        ("dW2 = dz2.T @ h1", "dW2 = h1.T @ dz2", "gradient-transposed"),
    ],
)
def test_a_square_matrix_that_is_kept_turned_round(old: str, new: str, code: str, tmp_path: Path) -> None:
    found = said(tmp_path, old, new, TURNED)
    assert list(found) == [code]
    assert new in found[code]


# A batch normalisation in the line of its activation, on the way back in one line as well.
INLINE = """
import numpy as np

rng = np.random.default_rng(0)
W1, W2, b2 = rng.standard_normal((4, 6)), rng.standard_normal((6, 3)), np.zeros(3)
gain = np.ones(6)


def parameters():
    return {"W1": W1, "W2": W2, "b2": b2}


def forward(x):
    z1 = x @ W1
    std = np.sqrt(z1.var(axis=0) + 1e-6)
    h1 = np.tanh((z1 - z1.mean(axis=0)) / std)
    return std, h1, h1 @ W2 + b2


def loss(x, y):
    return np.log(np.cosh(forward(x)[-1] - np.eye(3)[y])).sum() / len(y)


def gradients(x, y):
    std, h1, out = forward(x)
    dout = np.tanh(out - np.eye(3)[y]) / len(y)
    hat = np.arctanh(h1)
    dh = (dout @ W2.T) * (1 - h1**2)
    dz1 = (dh - dh.mean(axis=0) - hat * (dh * hat).mean(axis=0)) / std
    return {"W1": x.T @ dz1, "W2": h1.T @ dout, "b2": dout.sum(axis=0)}
"""


@pytest.mark.parametrize(
    ("new", "code"),
    [
        ("dz1 = (dout @ W2.T) * (1 - h1**2) / std", "norm-statistics-constant"),
        ("dz1 = (dh - dh.mean(axis=0)) / std", "norm-variance-constant"),
    ],
)
def test_a_normalisation_that_is_never_kept(new: str, code: str, tmp_path: Path) -> None:
    old = "dz1 = (dh - dh.mean(axis=0) - hat * (dh * hat).mean(axis=0)) / std"
    found = said(tmp_path, old, new, INLINE)
    assert list(found) == [code]
    assert found[code] == new


# A dropout in the line of its activation.
THINNED = """
import numpy as np

rng = np.random.default_rng(0)
W1, W2, b2 = rng.standard_normal((4, 6)), rng.standard_normal((6, 3)), np.zeros(3)
gain = np.ones(6)


def parameters():
    return {"W1": W1, "W2": W2, "b2": b2}


def forward(x):
    z1 = x @ W1
    mask = np.random.rand(*z1.shape) < 0.8
    h1 = np.maximum(z1, 0) * mask / 0.8
    return z1, mask, h1, h1 @ W2 + b2


def loss(x, y):
    return np.log(np.cosh(forward(x)[-1] - np.eye(3)[y])).sum() / len(y)


def gradients(x, y):
    z1, mask, h1, out = forward(x)
    dout = np.tanh(out - np.eye(3)[y]) / len(y)
    dz1 = (dout @ W2.T) * (z1 > 0) * mask / 0.8
    return {"W1": x.T @ dz1, "W2": h1.T @ dout, "b2": dout.sum(axis=0)}
"""


@pytest.mark.parametrize(
    ("new", "code"),
    [
        ("dz1 = (dout @ W2.T) * (z1 > 0)", "dropout-mask-not-applied"),
        ("dz1 = (dout @ W2.T) * mask / 0.8", "activation-derivative-missing"),
        ("dz1 = (dout @ W2.T) * (z1 < 0) * mask / 0.8", "mask-inverted"),
    ],
)
def test_a_dropout_in_the_line_of_its_activation(new: str, code: str, tmp_path: Path) -> None:
    found = said(tmp_path, "dz1 = (dout @ W2.T) * (z1 > 0) * mask / 0.8", new, THINNED)
    assert list(found) == [code]
    assert found[code] == new


def test_what_no_mistake_explains_stays_unnamed(tmp_path: Path) -> None:
    assert list(said(tmp_path, "dn1 = dh1 * (1 - h1**2)", "dn1 = dh1 * (1 - np.abs(h1)) ** 1.5")) == ["unnamed"]


def test_the_slopes_of_a_number_in_the_middle(tmp_path: Path) -> None:
    text = "def run(x, w):\n    z = x * w\n    a = z**2\n    z = a + 3 * z\n    return float(z.sum())\n"
    space: dict[str, object] = {}
    exec(compile(text, "middle.py", "exec"), space)
    x, w = np.arange(1.0, 7.0).reshape(2, 3), np.array([0.5, -1.0, 2.0])
    probe = Probe(lambda: space["run"](x, w), {"middle.py"})  # type: ignore[operator]
    made = {note.value.tobytes(): note for note in probe.notes if note.how == MADE}
    first, square = made[(x * w).tobytes()], made[((x * w) ** 2).tobytes()]
    v = np.random.default_rng(0).standard_normal((2, 2, 3))
    np.testing.assert_allclose(probe.slopes(square, v), v.sum(axis=(1, 2)), rtol=1e-9)
    np.testing.assert_allclose(probe.slopes(first, v), (v * (2 * x * w + 3)).sum(axis=(1, 2)), rtol=1e-9)
    response = probe.response(first, np.ones_like(x), [square])
    assert response is not None
    np.testing.assert_allclose(response[square.order], 2 * x * w, rtol=1e-9)
    np.testing.assert_array_equal(x, np.arange(1.0, 7.0).reshape(2, 3))


def test_one_run_tells_that_an_array_leads_nowhere() -> None:
    runs = []
    text = (
        "def run(x, runs):\n    runs.append(1)\n    y = x * 2\n    aside = y + 1\n    z = y**2\n"
        "    return float(z.sum())\n"
    )
    space: dict[str, object] = {}
    exec(compile(text, "aside.py", "exec"), space)
    probe = Probe(lambda: space["run"](np.arange(1.0, 4.0), runs), {"aside.py"})  # type: ignore[operator]
    made = {note.name: note for note in probe.notes if note.how == MADE}
    v = np.ones((3, 3))
    for name, expected, most in (("aside", 0.0, 1), ("y", 24.0, 6)):
        runs.clear()
        np.testing.assert_allclose(probe.slopes(made[name], v), np.full(3, expected), rtol=1e-6)
        assert len(runs) <= most
