"""Whatever is wrong with a file, a net or a call: one sentence, in either language, exit status 2, nothing written."""

from __future__ import annotations

import io
import json
import pickle
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from command_cases import Said, call, tree, write_digits
from onnx import TensorProto, helper
from safetensors.numpy import save

import handgrad
from handgrad import MLP, DataError, InputError, Linear, Sequential, import_net
from handgrad.train import Run, checkpoint, load_recipe

DIGITS = MLP(784, 8, 10, rng=0).eval()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run, and beside it every file that is broken."""
    home = tmp_path_factory.mktemp("home")
    recipe = load_recipe("default").change(data=str(write_digits(home / "digits", 60, 20)), hidden=(8,), epochs=1)
    run = Run.start(home / "run", recipe.change(batch_size=20), thread_count=1)
    for _ in run.train():
        pass
    run.finish()
    for name, content in (safetensors_files() | npz_files() | onnx_files()).items():
        (home / name).write_bytes(content)
    (home / "mlp.pkl").write_bytes(pickle.dumps({"a": 1}))
    (home / "text.txt").write_text("W1 = 3")
    (home / "folder.onnx").mkdir()
    return home


def safetensors(header: Any, data: bytes = b"", length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def entry(shape: list[int], start: int, stop: int) -> dict[str, Any]:
    return {"dtype": "F32", "shape": shape, "data_offsets": [start, stop]}


def claiming(architecture: Any) -> bytes:
    """A file of ours, checksum and all, whose architecture is made up."""
    return checkpoint.encode({"fc1.weight": np.ones((2, 2), np.float32)}, {"architecture": architecture})


def safetensors_files() -> dict[str, bytes]:
    whole = checkpoint.encode_net(DIGITS)
    linear = {"name": "fc1", "kind": "Linear", "inputs": 2, "outputs": 2}
    deep: dict[str, Any] = {"dtype": "float32", "layers": [linear]}
    for i in range(50):
        deep = {"dtype": "float32", "layers": [{"name": f"b{i}", "kind": "Sequential"} | deep]}
    nan = MLP(784, 8, 10, rng=0)
    nan["fc1"].W[3, 4] = np.nan
    files = {
        "long-header": safetensors({"W1": entry([2, 2], 0, 16)}, bytes(16), length=10**6),
        "huge-header": safetensors({"W1": entry([2, 2], 0, 16)}, bytes(16), length=2**62),
        "outside": safetensors({"W1": entry([2, 2], 100, 116)}, bytes(16)),
        "backwards": safetensors({"W1": entry([2, 2], 16, 0)}, bytes(16)),
        "negative": safetensors({"W1": entry([-2, 2], 0, 16)}, bytes(16)),
        "gigabyte": safetensors({"W1": entry([2**14, 2**14], 0, 2**30)}, bytes(16)),
        "overflow": safetensors({"W1": entry([2**33, 2**33], 0, 16)}, bytes(16)),
        "no-json": safetensors(b"{'W1': 3", bytes(16)),
        "empty": b"",
        "cut": whole[:-100],
        "flipped": whole[:-100] + bytes([whole[-100] ^ 1]) + whole[-99:],
        "pickle": pickle.dumps({"W1": [1.0]}),
        "claims": claiming({"dtype": "float32", "layers": [linear | {"inputs": 10_000_000, "outputs": 100_000}]}),
        "negative-sizes": claiming({"dtype": "float32", "layers": [linear | {"inputs": -2}]}),
        "kind": claiming({"dtype": "float32", "layers": [linear | {"kind": "Convolution"}]}),
        "settings": claiming({"dtype": "float32", "layers": [linear | {"colour": "red"}]}),
        "no-list": claiming({"dtype": "float32", "layers": 7}),
        "no-dtype": claiming({"dtype": "object", "layers": [linear]}),
        "other-shape": claiming({"dtype": "float32", "layers": [linear | {"inputs": 3}]}),
        "deep": claiming(deep),
        "deep-json": checkpoint.encode({}, {}).replace(b'"values":"{}"', b'"values":"' + b"[" * 2 + b'"'),
        "nan": checkpoint.encode_net(nan),
        "only-biases": save({"fc1.bias": np.ones(3, np.float32)}),
        "not-told": save({"0.weight": np.ones((8, 784), np.float32), "2.weight": np.ones((10, 8), np.float32)}),
    }
    return {f"{name}.safetensors": content for name, content in files.items()}


def npy(shape: tuple[int, ...], data: bytes) -> bytes:
    text = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape!r}, }}".ljust(117).encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + data


def zipped(**members: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return file.getvalue()


def npz(**arrays: Any) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def npz_files() -> dict[str, bytes]:
    whole = zipped(W1=npy((2, 2), bytes(16)))
    files = {
        "claims": zipped(W1=npy((2**14, 2**14), bytes(16))),
        "negative": zipped(W1=npy((-2, -2), bytes(16))),
        "short": zipped(W1=npy((2, 2), bytes(8))),
        "objects": npz(W1=np.array([None, {}], dtype=object)),
        "cut": whole[: len(whole) // 2],
        "empty": b"",
        "text": b"no archive",
        "no-arrays": zipped(),
        "nan": npz(W1=np.array([[1, np.nan]])),
        "words": npz(W1=np.array([["a"]])),
        "architecture": npz(architecture=np.array("[" * 5000), W1=np.eye(2)),
        "architecture-kind": npz(architecture=np.array('{"layers": 3}'), W1=np.eye(2)),
        "architecture-words": npz(
            architecture=np.array(json.dumps(Sequential(Linear(1, 1)).config())),
            **{"fc1.weight": np.array([["a"]]), "fc1.bias": np.ones(1)},
        ),
    }
    return {f"{name}.npz": content for name, content in files.items()}


def graph(nodes: list[Any], weights: list[Any], inputs: int = 1) -> bytes:
    given = [helper.make_tensor_value_info(f"x{i}", TensorProto.FLOAT, ["b", 2]) for i in range(inputs)]
    taken = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["b", 2])
    model = helper.make_model(helper.make_graph(nodes, "g", given, [taken], weights))
    return bytes(model.SerializeToString())


def tensor(name: str, shape: list[int], data: bytes, **more: Any) -> Any:
    return TensorProto(name=name, dims=shape, data_type=TensorProto.FLOAT, raw_data=data, **more)


def onnx_files() -> dict[str, bytes]:
    gemm = [helper.make_node("Gemm", ["x0", "w"], ["y"])]
    eye = tensor("w", [2, 2], np.eye(2, dtype=np.float32).tobytes())
    elsewhere = TensorProto(name="w", dims=[2, 2], data_type=TensorProto.FLOAT, data_location=TensorProto.EXTERNAL)
    elsewhere.external_data.add(key="location", value="../../../../etc/passwd")
    relu = helper.make_node("Relu", ["x0"], ["a"])
    files = {
        "claims": graph(gemm, [tensor("w", [2**14, 2**14], bytes(16))]),
        "negative": graph(gemm, [tensor("w", [-2, -2], bytes(16))]),
        "elsewhere": graph(gemm, [elsewhere]),
        "half": graph(gemm, [TensorProto(name="w", dims=[2, 2], data_type=TensorProto.FLOAT16, raw_data=bytes(8))]),
        "nan": graph(gemm, [tensor("w", [2, 2], np.full(4, np.nan, np.float32).tobytes())]),
        "operator": graph([helper.make_node("Sin", ["x0"], ["y"])], []),
        "setting": graph([helper.make_node("Gemm", ["x0", "w"], ["y"], alpha=2.0)], [eye]),
        "axis": graph([helper.make_node("Softmax", ["x0"], ["y"], axis=0)], []),
        "no-weight": graph([helper.make_node("Gemm", ["x0", "x0"], ["y"])], []),
        "two-inputs": graph([helper.make_node("Add", ["x0", "x1"], ["y"])], [], 2),
        "branches": graph([relu, helper.make_node("Add", ["a", "x0"], ["y"])], []),
        "dangling": graph([relu], []),
        "circle": graph([helper.make_node("Relu", ["x0"], ["x0"])], []),
        "domain": graph([helper.make_node("Relu", ["x0"], ["y"], domain="com.example")], []),
        "no-operators": graph([], []),
        "text": b"no graph at all",
        "empty": b"",
    }
    return {f"{name}.onnx": content for name, content in files.items()}


BROKEN = sorted([*safetensors_files(), *npz_files(), *onnx_files(), "mlp.pkl", "text.txt", "gone.onnx", "folder.onnx"])


def complaint(said: Said) -> None:
    assert said.status == 2, said
    assert said.out == ""
    assert said.err.startswith("handgrad: ")
    assert said.err.count("\n") == 1
    assert "Traceback" not in said.err


@pytest.mark.parametrize("file", BROKEN)
def test_broken_and_hostile_files(file: str, home: Path) -> None:
    before = tree(home)
    lang = ("en", "ko")[BROKEN.index(file) % 2]
    complaint(call("import", home / file, "--out", home / "new", "--data", home / "digits", lang=lang))
    assert tree(home) == before


@pytest.mark.parametrize(
    ("file", "says"),
    [
        ("long-header.safetensors", "damaged"), ("gigabyte.safetensors", "damaged"), ("claims.safetensors", "far more"),
        ("claims.npz", "claims the shape"), ("claims.onnx", "claims the shape"), ("negative.onnx", "claims the shape"),
        ("negative.npz", "claims the shape"), ("objects.npz", "Python objects"), ("elsewhere.onnx", "in another file"),
        ("nan.safetensors", "NaN"), ("nan.npz", "NaN"), ("nan.onnx", "NaN"), ("mlp.pkl", "--trusted"),
        ("not-told.safetensors", "--activation relu"), ("branches.onnx", "not one row"), ("operator.onnx", "Sin"),
        ("other-shape.safetensors", "another net"), ("text.txt", ".safetensors"),
    ],
)  # fmt: skip
def test_the_sentence_says_what_is_wrong(file: str, says: str, home: Path) -> None:
    with pytest.raises((InputError, DataError)) as error:
        import_net(home / file)
    assert says in str(error.value)


def test_an_archive_that_unpacks_to_too_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from handgrad.export import come_in

    monkeypatch.setattr(come_in, "MOST_BYTES", 50_000)
    (tmp_path / "bomb.npz").write_bytes(zipped(W1=npy((128, 128), bytes(4 * 128 * 128))))
    assert (tmp_path / "bomb.npz").stat().st_size < 1000
    with pytest.raises(InputError, match="claims the shape"):
        import_net(tmp_path / "bomb.npz")


def test_nets_that_do_not_fit_the_data(home: Path) -> None:
    handgrad.export(MLP(20, 8, 10, rng=0), home / "other.onnx")
    handgrad.export(MLP(784, 8, 7, rng=0), home / "seven.onnx")
    handgrad.export(DIGITS, home / "fine.onnx")
    before = tree(home)
    for file, says in (("other.onnx", "takes 20 numbers"), ("seven.onnx", "gives 7")):
        said = call("import", home / file, "--out", home / "new", "--data", home / "digits")
        complaint(said)
        assert says in said.err
    complaint(call("import", home / "fine.onnx", "--out", home / "run", "--data", home / "digits"))  # taken
    complaint(call("import", home / "fine.onnx"))
    assert tree(home) == before


def test_wrong_exports(home: Path) -> None:
    before = tree(home)
    for file in ("net", "net.pkl", "net.h5", "folder.onnx", "no/such/net.onnx"):
        complaint(call("export", home / "run", home / file))
    complaint(call("export", home / "run", home / "net.py", "--with-preprocessing"))
    complaint(call("export", home / "digits", home / "net.onnx"))
    assert tree(home) == before


class Guest:
    """Somebody else's layer."""

    def forward(self, x: Any) -> Any:
        return x

    def backward(self, dy: Any) -> Any:
        return dy


def test_nets_that_cannot_go(tmp_path: Path) -> None:
    nan = MLP(5, 4, 3, rng=0)
    nan["fc2"].b[1] = np.inf
    for net, says in (
        (Sequential(Linear(5, 3), Guest()), "Guest"), (nan, "'fc2.bias' holds 1 of 3"), ([1], "it got list"),
        (MLP(5, 3, dtype=np.float16), "float16"), (MLP(5, 3, dtype=np.longdouble), "128"),
    ):  # fmt: skip
        with pytest.raises(InputError) as error:
            handgrad.export(net, tmp_path / "net.onnx")
        assert says in str(error.value)
    with pytest.raises(InputError, match=str(np.dtype(np.longdouble))):
        handgrad.export(MLP(5, 3, dtype=np.longdouble), tmp_path / "net.safetensors")
    with pytest.raises(InputError, match="takes 5 numbers a sample"):
        handgrad.export(MLP(5, 3), tmp_path / "net.onnx", data=handgrad.load_data("mnist"))
    assert list(tmp_path.iterdir()) == []
    handgrad.export(MLP(5, 3, dtype=np.float16), tmp_path / "net.safetensors")


def test_a_file_that_is_there_stays_whole_if_the_export_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "net.onnx"
    handgrad.export(MLP(5, 3, rng=0), path)
    before = path.read_bytes()
    from handgrad.export import onnx_out

    monkeypatch.setattr(onnx_out, "runner", lambda content: lambda x: np.zeros((len(x), 3)))
    with pytest.raises(DataError, match="was not written"):
        handgrad.export(MLP(5, 3, rng=1), path)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["net.onnx"]


def test_programs_and_pages_of_ones_own_are_not_written_over(tmp_path: Path) -> None:
    net = MLP(784, 3, rng=0)
    for name in ("net.py", "net.html", "other_weights.npz"):
        (tmp_path / name).write_text("my own work, which names handgrad too")
    before = tree(tmp_path)
    for name in ("net.py", "net.html", "other.py"):
        with pytest.raises(InputError, match="is there already"):
            handgrad.export(net, tmp_path / name)
    assert tree(tmp_path) == before
    for ending in handgrad.export.out.ENDINGS:  # an earlier export is
        if ending != ".pt":
            for _ in range(2):
                handgrad.export(net, tmp_path / f"again{ending}")


def test_a_package_that_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    for package, ending, install in (("onnx", ".onnx", "handgrad[onnx]"), ("torch", ".pt", "pip install 'torch>=2.5'")):
        monkeypatch.setitem(sys.modules, package, None)
        with pytest.raises(InputError) as error:
            handgrad.export(MLP(5, 3), tmp_path / f"net{ending}")
        assert install in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_our_onnx_graph_passes_its_own_full_check(tmp_path: Path) -> None:
    handgrad.export(DIGITS, tmp_path / "net.onnx")
    onnx.checker.check_model(str(tmp_path / "net.onnx"), full_check=True)
