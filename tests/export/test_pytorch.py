"""PyTorch out and in: an equal module in both modes, its state dict and file, and nothing unpickled without trust."""

from __future__ import annotations

import os
import warnings
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from export_cases import CASES, net_of

import handgrad
from handgrad import MLP, DataError, InputError, Linear, Sequential, from_torch, import_net, to_torch

torch = pytest.importorskip("torch")
every_case = pytest.mark.parametrize("name", CASES)


@every_case
def test_the_module_is_equal_in_eval_mode(name: str) -> None:
    net, x = net_of(name, np.float64), 3 * CASES[name].x(20)
    module = to_torch(net)
    assert not module.training
    np.testing.assert_allclose(module(torch.from_numpy(x)).detach().numpy(), net.forward(x), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", [name for name in CASES if "ropout" not in name and name != "MLP both"])
def test_the_module_is_equal_in_train_mode(name: str) -> None:
    """Outputs, all gradients, and what a batch leaves in the running statistics."""
    net, x = net_of(name, np.float64).train(), 3 * CASES[name].x(20)
    module = to_torch(net)
    assert module.training
    y, given = net.forward(x), module(torch.from_numpy(x))
    np.testing.assert_allclose(given.detach().numpy(), y, rtol=1e-12, atol=1e-12)
    dy = np.random.default_rng(1).standard_normal(y.shape)
    if net.parameters():
        net.backward(dy)
        given.backward(torch.from_numpy(dy))
    for (_, grad), theirs in zip(net.parameters(), module.parameters(), strict=True):
        theirs = theirs.grad.numpy()
        np.testing.assert_allclose(theirs.T if theirs.ndim == 2 else theirs, grad, rtol=1e-9, atol=1e-10)
    state = {key.rpartition(".")[2]: value.numpy() for key, value in module.state_dict().items()}
    for key, array in net.buffers().items():
        if name.startswith("BatchNorm"):
            np.testing.assert_allclose(state[key.rpartition(".")[2]], array, rtol=1e-12)


def test_dropout_in_train_mode_drops_as_much_and_scales_the_rest() -> None:
    net = net_of("Dropout").train()
    y = to_torch(net)(torch.ones(2000, 20)).numpy()
    assert set(np.unique(y)) == {0, np.float32(1 / 0.6)}
    assert abs((y == 0).mean() - 0.4) < 0.01


def test_the_modules_weights_are_its_own() -> None:
    net = MLP(4, 3, 2, rng=0)
    module, before = to_torch(net), net.theta.copy()
    with torch.no_grad():
        module.fc1.weight.zero_()
    np.testing.assert_array_equal(net.theta, before)
    assert list(module.state_dict()) == ["fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias"]
    assert tuple(module.fc1.weight.shape) == (3, 4)


class Own(torch.nn.Module):  # type: ignore[name-defined,misc]
    """As most people write it."""

    def __init__(self) -> None:
        super().__init__()
        self.fc1, self.bn1, self.out = torch.nn.Linear(6, 5), torch.nn.BatchNorm1d(5), torch.nn.Linear(5, 3)

    def forward(self, x: Any) -> Any:
        return self.out(torch.tanh(self.bn1(self.fc1(x))))


def test_a_module_with_a_forward_of_its_own(tmp_path: Path) -> None:
    own = Own()
    own(torch.randn(30, 6))
    own.eval()
    x = np.random.default_rng(0).standard_normal((9, 6)).astype(np.float32)
    expected = own(torch.from_numpy(x)).detach().numpy()
    with pytest.raises(InputError, match="--activation"):
        from_torch(own)
    torch.save(own.state_dict(), tmp_path / "state.pt")
    torch.save({"epoch": 3, "model_state_dict": own.state_dict(), "loss": 0.5}, tmp_path / "checkpoint.pth")
    nets = [from_torch(own, activation="tanh"), from_torch(own.state_dict(), activation="tanh")]
    nets += [import_net(tmp_path / name, activation="tanh") for name in ("state.pt", "checkpoint.pth")]
    for net in nets:
        np.testing.assert_allclose(net(x), expected, rtol=1e-5, atol=1e-6)
    torch.save(own, tmp_path / "whole.pt")  # the pickle of a class of their own
    with pytest.raises(DataError, match="--trusted"):
        import_net(tmp_path / "whole.pt", activation="tanh")
    trusted = import_net(tmp_path / "whole.pt", activation="tanh", trusted=True)
    np.testing.assert_allclose(trusted(x), expected, rtol=1e-5, atol=1e-6)


def test_half_precision_becomes_float32() -> None:
    module = torch.nn.Sequential(torch.nn.Linear(6, 5), torch.nn.ReLU(), torch.nn.Linear(5, 3))
    for dtype in (torch.float16, torch.bfloat16):
        net = from_torch(module.to(dtype).state_dict(), activation="relu")
        assert net.dtype == np.float32
        np.testing.assert_array_equal(net["fc1"].W.T, module[0].weight.detach().float().numpy())
        assert from_torch(module)["fc2"].W.dtype == np.float32


def test_nets_inside_nets_keep_their_names(tmp_path: Path) -> None:
    module = torch.nn.Sequential(OrderedDict(
        body=torch.nn.Sequential(OrderedDict(first=torch.nn.Linear(6, 5), act=torch.nn.SiLU())),
        nothing=torch.nn.Identity(), head=torch.nn.Linear(5, 3, bias=False),
    ))  # fmt: skip
    net = from_torch(module)
    assert [name for name, _ in net.named_parameters()] == ["body.first.weight", "body.first.bias", "head.weight"]
    handgrad.export(net, tmp_path / "net.pt")
    assert import_net(tmp_path / "net.pt").config() == net.config()


@pytest.mark.parametrize(
    "module",
    [
        torch.nn.Conv2d(1, 1, 3), torch.nn.Softmax(dim=0), torch.nn.Softplus(beta=2), torch.nn.Flatten(0),
        torch.nn.BatchNorm1d(3, affine=False), torch.nn.LayerNorm((2, 3)), torch.nn.LayerNorm(3, bias=False),
        torch.nn.Hardtanh(),
    ],
)  # fmt: skip
def test_modules_without_a_counterpart(module: Any) -> None:
    with pytest.raises(InputError, match="has no counterpart"):
        from_torch(torch.nn.Sequential(torch.nn.Linear(3, 3), module))


class Evil:
    """A pickle that runs code."""

    def __reduce__(self) -> Any:
        return os.mkdir, ("evil-was-here",)


def test_hostile_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"fc1.weight": Evil()}, "evil.pt")
    with pytest.raises(DataError, match="--trusted"):
        import_net("evil.pt")
    one = torch.ones(1)
    torch.save({"fc1.weight": one.expand(100_000, 100_000)}, "spread.pt")
    module = torch.nn.Sequential(torch.nn.Linear(2, 2))
    module[0].in_features, module[0].out_features = 1_000_000, 100_000
    torch.save(module, "claims.pt")
    for name in ("spread.pt", "claims.pt"):
        with pytest.raises(InputError, match="claims the shape"):
            import_net(name)
    whole = Path("claims.pt").read_bytes()
    for name, content in (("cut.pt", whole[: len(whole) // 2]), ("empty.pt", b""), ("text.pt", b"hello " * 50)):
        Path(name).write_bytes(content)
        with pytest.raises(DataError):
            import_net(name)
    torch.save([1, 2], "list.pt")
    with pytest.raises(InputError, match="no tensors by name, but list"):
        import_net("list.pt")
    torch.save({"fc1.weight": torch.tensor([[1.0, float("nan")]])}, "nan.pt")
    with pytest.raises(InputError, match="holds 1 of 2 numbers"):
        import_net("nan.pt")
    assert not Path("evil-was-here").exists()


def test_a_graph_that_torch_wrote(tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    layers = [handgrad.BatchNorm(5), handgrad.GELU(), handgrad.LayerNorm(5), handgrad.SiLU(), handgrad.Dropout(0.1)]
    net = Sequential(Linear(6, 5, rng=0), *layers, Linear(5, 3, rng=1), handgrad.Softmax()).eval()
    module, path = to_torch(net), tmp_path / "theirs.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the newer exporter needs another package
        torch.onnx.export(module, (torch.zeros(1, 6),), str(path), dynamo=False)
    x = np.random.default_rng(0).standard_normal((9, 6)).astype(np.float32)
    np.testing.assert_allclose(import_net(path)(x), net(x), rtol=1e-6, atol=1e-6)
