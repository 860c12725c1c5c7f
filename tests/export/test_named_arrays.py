"""Arrays by name become the net that they were: any usual names, both layouts, norms in their places."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from handgrad import BatchNorm, Dropout, InputError, LayerNorm, Linear, ReLU, Sequential, Tanh, from_arrays, import_net
from handgrad.export.named_arrays import build

RNG = np.random.default_rng(0)


def stack(*sizes: int, dtype: Any = np.float32) -> list[tuple[Any, Any]]:
    """(W, b) for each layer, W as (inputs, outputs)."""
    return [
        (RNG.standard_normal((a, b)).astype(dtype), RNG.standard_normal(b).astype(dtype)) for a, b in pairwise(sizes)
    ]


def relu_net(pairs: list[tuple[Any, Any]], x: Any) -> Any:
    for i, (w, b) in enumerate(pairs):
        x = x @ w + b
        x = np.maximum(x, 0) if i < len(pairs) - 1 else x
    return x


@pytest.mark.parametrize("bias_shape", [(-1,), (1, -1), (-1, 1)])
@pytest.mark.parametrize(
    ("w", "b"), [("W{}", "b{}"), ("w{}", "b{}"), ("weights_{}", "bias_{}"), ("fc{}.weight", "fc{}.bias")]
)
def test_plain_arrays(w: str, b: str, bias_shape: tuple[int, ...]) -> None:
    pairs = stack(6, 5, 4, 3)
    arrays = {}
    for i in (2, 1, 3):  # out of order
        arrays[w.format(i)], arrays[b.format(i)] = pairs[i - 1][0], pairs[i - 1][1].reshape(bias_shape)
    net = from_arrays(arrays, activation="relu")
    x = RNG.standard_normal((7, 6)).astype(np.float32)
    np.testing.assert_allclose(net(x), relu_net(pairs, x), rtol=1e-5, atol=1e-5)
    arrays[w.format(1)][...] = 0  # it has copies
    np.testing.assert_allclose(net(x), relu_net([(net["fc1"].W, net["fc1"].b), *pairs[1:]], x), rtol=1e-5, atol=1e-5)
    assert net["fc1"].W.any()


def test_more_than_nine_layers_are_in_order() -> None:
    pairs = stack(*range(14, 2, -1))
    arrays = {f"layer{i}.weight": w for i, (w, _) in enumerate(pairs)}
    net = from_arrays(dict(sorted(arrays.items())), activation="tanh")  # layer10 before layer2
    assert [layer.inputs for _, layer in net.named_layers() if isinstance(layer, Linear)] == list(range(14, 3, -1))
    assert not any(layer.has_bias for _, layer in net.named_layers() if isinstance(layer, Linear))


@pytest.mark.parametrize("layout", ["in-out", "out-in"])
def test_both_layouts_are_told_by_the_shapes(layout: str) -> None:
    pairs = stack(6, 5, 3)
    arrays = {}
    for i, (w, b) in enumerate(pairs):
        arrays[f"{2 * i}.weight"], arrays[f"{2 * i}.bias"] = w if layout == "in-out" else w.T, b
    x = RNG.standard_normal((7, 6)).astype(np.float32)
    np.testing.assert_allclose(from_arrays(arrays, activation="relu")(x), relu_net(pairs, x), rtol=1e-5, atol=1e-5)


def test_square_weights_lie_as_usual_or_as_said() -> None:
    pairs = stack(4, 4, 4)
    arrays = {f"W{i}": w for i, (w, _) in enumerate(pairs, start=1)}
    x = RNG.standard_normal((3, 4)).astype(np.float32)
    one = np.maximum(x @ pairs[0][0], 0) @ pairs[1][0]
    other = np.maximum(x @ pairs[0][0].T, 0) @ pairs[1][0].T
    np.testing.assert_allclose(from_arrays(arrays, activation="relu")(x), one, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(from_arrays(arrays, activation="relu", layout="out-in")(x), other, rtol=1e-5, atol=1e-5)
    torch_like = build(arrays, activation="relu", layout=None, usual="out-in")
    np.testing.assert_allclose(torch_like(x), other, rtol=1e-5, atol=1e-5)


def norms(kind: type[Any], size: int) -> dict[str, Any]:
    arrays = {"weight": RNG.uniform(1, 2, size), "bias": RNG.standard_normal(size)}
    if kind is BatchNorm:
        arrays |= {"running_mean": RNG.standard_normal(size), "running_var": RNG.uniform(1, 2, size)}
        arrays["num_batches_tracked"] = np.array(7)
    return arrays


@pytest.mark.parametrize("kind", [BatchNorm, LayerNorm])
def test_norms_stand_where_the_numbers_say(kind: type[Any]) -> None:
    """torch.nn.Sequential leaves the number of each module that has no weights free."""
    (w1, b1), (w2, b2) = stack(6, 5, 3, dtype=np.float64)
    linear1, linear2 = {"weight": w1.T, "bias": b1}, {"weight": w2.T, "bias": b2}
    norm = norms(kind, 5)
    after = {0: linear1, 1: norm, 3: linear2}  # Linear, norm, activation, Linear
    before = {0: linear1, 2: norm, 3: linear2}  # Linear, activation, norm, Linear
    named = {"fc1": linear1, "bn1": norm, "out": linear2}
    for numbered, expected in ((after, [Linear, kind, ReLU, Linear]), (before, [Linear, ReLU, kind, Linear]),
                               (named, [Linear, kind, ReLU, Linear])):  # fmt: skip
        arrays = {f"{prefix}.{name}": a for prefix, group in numbered.items() for name, a in group.items()}
        net = from_arrays(arrays, activation="relu")
        assert [type(layer) for layer in net.layers] == expected
        for key in ("running_mean", "running_var"):
            if key in norm:
                np.testing.assert_array_equal(net.buffers()[f"batchnorm1.{key}"], norm[key])


def test_activations_for_each_and_at_the_end() -> None:
    arrays = {f"W{i}": w for i, (w, _) in enumerate(stack(6, 5, 4, 3), start=1)}
    kinds = lambda net: [type(layer).__name__ for layer in net.layers if not isinstance(layer, Linear)]  # noqa: E731
    assert kinds(from_arrays(arrays, activation="sigmoid, tanh")) == ["Sigmoid", "Tanh"]
    assert kinds(from_arrays(arrays, activation=["sigmoid", "none", "softmax"])) == ["Sigmoid", "Softmax"]
    assert kinds(from_arrays(arrays, activation="gelu")) == ["GELU", "GELU"]
    assert kinds(from_arrays({"W1": np.eye(3)})) == []


@pytest.mark.parametrize(
    ("arrays", "given", "says"),
    [
        ({}, {}, "no weight matrix"),
        ({"b1": np.ones(3)}, {}, "no weight matrix"),
        ({"embedding": np.ones((3, 3))}, {}, "'embedding' is not a name"),
        ({"W1": np.ones((6, 5)), "W2": np.ones((5, 3))}, {}, "--activation relu"),
        ({"W1": np.ones((6, 5)), "W2": np.ones((5, 3))}, {"activation": "rel"}, "'rel' is not known"),
        ({"W1": np.ones((6, 5)), "W2": np.ones((5, 3))}, {"activation": "relu,relu,relu"}, "3 activations for 2"),
        ({"W1": np.ones((6, 5)), "W2": np.ones((4, 3))}, {"activation": "relu"}, "do not make a row"),
        ({"W1": np.ones((6, 5)), "b1": np.ones(4)}, {}, "do not make a row"),
        ({"W1": np.ones((6, 5))}, {"layout": "rows"}, "'rows' is not known"),
        ({"W1": np.array([["a", "b"]])}, {}, "weights are numbers"),
        ({"W1": np.ones((0, 5))}, {}, "weights are numbers"),
        ({"c.weight": np.ones((8, 1, 3, 3))}, {}, "no weight matrix"),
        ({"c.weight": np.ones((8, 1, 3, 3)), "f.weight": np.ones((8, 3))}, {}, "do not make a row"),
    ],
)
def test_what_makes_no_net(arrays: dict[str, Any], given: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError) as error:
        from_arrays(arrays, **given)
    assert says in str(error.value)
    assert error.value.text("ko")


def test_a_list_has_no_names() -> None:
    with pytest.raises(InputError, match="needs arrays by name"):
        from_arrays([np.eye(2), np.ones(2)])  # type: ignore[arg-type]


def test_a_state_dict_as_safetensors_and_as_npz(tmp_path: Path) -> None:
    """Of files the usual layout is taken: PyTorch's for safetensors, (inputs, outputs) for an .npz."""
    pairs = stack(4, 4, 4)
    x = RNG.standard_normal((3, 4)).astype(np.float32)
    save_file(
        {f"{2 * i}.weight": np.ascontiguousarray(w.T) for i, (w, _) in enumerate(pairs)}, tmp_path / "a.safetensors"
    )
    np.savez(tmp_path / "a.npz", **{f"W{i}": w for i, (w, _) in enumerate(pairs)})
    for name in ("a.safetensors", "a.npz"):
        net = import_net(tmp_path / name, activation="tanh")
        assert [type(layer) for layer in net.layers] == [Linear, Tanh, Linear]
        np.testing.assert_allclose(net(x), np.tanh(x @ pairs[0][0]) @ pairs[1][0], rtol=1e-5, atol=1e-5)
        assert not net.training


def test_our_own_state_comes_back() -> None:
    net = Sequential(Linear(5, 4, rng=0), BatchNorm(4), ReLU(), Dropout(0.2), Linear(4, 3, rng=1)).eval()
    x = RNG.standard_normal((6, 5)).astype(np.float32)
    np.testing.assert_allclose(from_arrays(net.state(), activation="relu")(x), net(x), rtol=1e-6, atol=1e-6)
