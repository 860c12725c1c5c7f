"""Every layer that ships through every format that holds it, there and back: the same outputs and the same layers."""

from __future__ import annotations

import ast
import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from core_cases import LAYER_CASES
from export_cases import CASES, net_of
from safetensors.numpy import load_file

import handgrad
from handgrad import MLP, Linear, ReLU, Sequential, load_data
from handgrad.core.layers import LAYERS
from handgrad.export.onnx_out import _OPERATORS
from handgrad.export.out import ENDINGS
from handgrad.export.script import _LINES

every_case = pytest.mark.parametrize("name", CASES)
FORMATS = [
    pytest.param(
        ending,
        marks=pytest.mark.skipif(
            ending == ".pt" and importlib.util.find_spec("torch") is None,
            reason="needs torch, with which CI runs this file once more",
        ),
    )
    for ending in ENDINGS
]


def rounding(outputs: Any) -> float:
    """1e-6, and of outputs above 1 a millionth."""
    return 1e-6 * max(1.0, float(np.abs(outputs).max()))


def flat(net: Sequential) -> list[dict[str, Any]]:
    """The layers of a net, nets inside it opened, without their names."""
    found: list[dict[str, Any]] = []
    for layer in net.config()["layers"]:
        inner = layer.get("layers")
        if inner is not None:
            found += flat(Sequential.from_config(layer))
        else:
            found.append({key: value for key, value in layer.items() if key != "name"})
    return found


def there_and_back(net: Sequential, path: Path, sample: tuple[int, ...]) -> tuple[Any, Sequential]:
    exported = handgrad.export(net, path, input_shape=sample)
    beside = path.with_name(f"{path.stem}_weights.npz")
    return exported, handgrad.import_net(beside if path.suffix == ".py" else path)


@every_case
@pytest.mark.parametrize("ending", FORMATS)
def test_there_and_back(name: str, ending: str, tmp_path: Path) -> None:
    net, x, sample = net_of(name), 2 * CASES[name].x(50, np.float32), CASES[name].sample
    if ending == ".html":  # takes pictures alone; test_drawing_page.py has what it makes of each layer
        net = Sequential(Linear(784, x[0].size, rng=0), net).eval()
        x, sample = np.random.default_rng(0).random((50, 784), np.float32), (784,)
    before = net.theta.copy()
    exported, back = there_and_back(net, tmp_path / f"net{ending}", sample)
    np.testing.assert_allclose(back(x), net(x), rtol=0, atol=rounding(net(x)))
    assert exported.largest_difference <= rounding(net(x))
    assert exported.rows == 256
    assert not exported.from_test_set
    assert flat(back) == flat(net)
    if name != "nested":  # ONNX knows no nets inside nets
        assert back.names == net.names
    assert back.dtype == np.float32
    assert not back.training
    np.testing.assert_array_equal(net.theta, before)


@pytest.mark.parametrize("name", [name for name in LAYER_CASES if CASES[name].sample == (5,)])
@pytest.mark.parametrize("ending", [f for f in FORMATS if f.values[0] not in (".onnx", ".html")])
def test_float64_to_the_last_digit(name: str, ending: str, tmp_path: Path) -> None:
    x = 2 * CASES[name].x(50)
    layer = net_of(name, np.float64)
    net = Sequential(layer, Linear(layer(x).shape[1], 2, rng=0, dtype=np.float64)).eval()
    exported, back = there_and_back(net, tmp_path / f"net{ending}", CASES[name].sample)
    assert exported.largest_difference <= 1e-14
    assert back.dtype == np.float64
    np.testing.assert_array_equal(back(x), net(x))


def test_each_format_knows_each_layer() -> None:
    assert _OPERATORS.keys() == _LINES.keys() == LAYERS.keys()
    assert {type(layer).__name__ for name in LAYER_CASES for layer in net_of(name).layers} == LAYERS.keys()


# -- what others see in the files


@every_case
def test_onnxruntime_gives_the_same(name: str, tmp_path: Path) -> None:
    import onnx
    import onnxruntime

    net, path = net_of(name), tmp_path / "net.onnx"
    handgrad.export(net, path, input_shape=CASES[name].sample)
    onnx.checker.check_model(onnx.load(path), full_check=True)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    for batch in (1, 3, 50):  # any number of rows
        x = 2 * CASES[name].x(batch, np.float32)
        (given,) = session.run(None, {"input": x})
        np.testing.assert_allclose(given, net(x), rtol=0, atol=rounding(net(x)))


def test_a_graph_that_takes_raw_pixels(tmp_path: Path) -> None:
    import onnxruntime

    data = load_data("mnist")
    net, path = MLP(784, 20, 10, rng=0), tmp_path / "net.onnx"
    exported = handgrad.export(net, path, data=data, with_preprocessing=True)
    assert exported.rows == len(data.test)
    assert exported.from_test_set
    assert exported.largest_difference < 1e-6
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    assert (session.get_inputs()[0].type, session.get_inputs()[0].shape) == ("tensor(uint8)", ["batch", 28, 28])
    images = data.test.images[:100]
    (given,) = session.run(None, {"pixels": images})
    np.testing.assert_allclose(given, net(images.reshape(100, 784) / np.float32(255)), rtol=0, atol=1e-6)
    assert session.get_modelmeta().custom_metadata_map["classes"].split("\n") == list(data.classes)
    assert flat(handgrad.import_net(path)) == flat(net)


def test_the_public_safetensors_package_reads_ours(tmp_path: Path) -> None:
    net, path = net_of("MLP both"), tmp_path / "net.safetensors"
    handgrad.export(net, path)
    arrays = load_file(path)
    assert arrays.keys() == net.state().keys()
    for name, array in net.state().items():
        np.testing.assert_array_equal(arrays[name], array)
    assert json.loads(_metadata(path)["values"])["architecture"] == net.config()
    assert handgrad.load_net(path).config() == net.config()


def _metadata(path: Path) -> dict[str, str]:
    content = path.read_bytes()
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    return dict(header["__metadata__"])


# -- the program


def test_the_program_runs_alone_and_predicts(tmp_path: Path) -> None:
    """In a Python that sees NumPy and not handgrad."""
    data = load_data("mnist")
    net, path = net_of_digits(), tmp_path / "digits.py"
    exported = handgrad.export(net, path, data=data)
    assert [file.name for file in exported.files] == ["digits.py", "digits_weights.npz"]
    assert "handgrad" not in path.read_text().replace("Written by handgrad", "")
    np.save(tmp_path / "own.npy", data.test.images[:2])
    blind = "import runpy, sys; sys.modules['handgrad'] = None; del sys.argv[0]; "
    blind += "runpy.run_path(sys.argv[0], None, '__main__')"
    for arguments, samples in (([], 5), ([str(tmp_path / "own.npy")], 2)):
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", blind, str(path), *arguments], capture_output=True, text=True,
            check=True, cwd="/", env={"PATH": os.environ["PATH"]},
        )  # fmt: skip
        assert done.stdout.count("sample ") == samples
        assert done.stdout.count("label: ") == (0 if arguments else samples)
    guess = handgrad.probabilities(net, data.test.images[:1])[0]
    assert f"sample 0: {guess.argmax()} ({guess.max():.1%})" in done.stdout


def test_the_program_speaks_korean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In Korean nothing is left in English but names, and the code is the same."""
    net, data = net_of_digits(), load_data("mnist")
    texts = []
    for lang in ("en", "ko"):
        monkeypatch.setenv("HANDGRAD_LANG", lang)
        path = tmp_path / "digits.py"
        handgrad.export(net, path, data=data)
        texts.append(path.read_text(encoding="utf-8"))
    trees = [ast.parse(text) for text in texts]
    for tree in trees:
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                node.value = ""
    assert ast.dump(trees[0]) == ast.dump(trees[1])
    parts = [node for node in ast.walk(ast.parse(texts[1])) if isinstance(node, (ast.FunctionDef, ast.Module))]
    words = [text for text in map(ast.get_docstring, parts) if text]
    assert len(words) == 6
    assert all(re.search("[가-힣]", word) for word in words)


def net_of_digits() -> Sequential:
    net = MLP(784, 16, 10, activation="gelu", batch_norm=True, rng=0)
    net["batchnorm1"].running_var[...] = 2
    return net.eval()


@pytest.mark.parametrize("name", ["x", "fc1_weight", "np", "a b", "import os\nos.abort()", "글", "weights"])
def test_names_that_would_harm_a_program(name: str, tmp_path: Path) -> None:
    net = Sequential(Linear(5, 4, rng=0), ReLU(), Linear(4, 3, rng=1, name=name)).eval()
    exported = handgrad.export(net, tmp_path / 'it\'s {odd} """ name.py')
    assert exported.largest_difference < 1e-6
    assert all(file.is_file() for file in exported.files)
    compile(exported.files[0].read_text(), "name", "exec")
    handgrad.export(net, tmp_path / "net.onnx")
