"""A net as one Python file in plain NumPy, unrolled, that a learner can step through; its weights lie beside it.

Every line of it is written here, one layer after another, each with the shape that it gives.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

import handgrad
from handgrad.core import normal
from handgrad.core.arrays import Array
from handgrad.core.net import Sequential
from handgrad.words import say

if TYPE_CHECKING:
    from handgrad.export.out import About

EXAMPLES = 5  # samples of the test set, kept beside the weights to be predicted

_HEAD = """\"\"\"{title}

    python {file}                {examples_text}
    python {file} samples.npy    {own}
    python -m pdb {file}         {steps}

{beside_text}
Written by handgrad {version}.
\"\"\"

import sys
from pathlib import Path

import numpy as np

weights = np.load(Path(__file__).with_name({beside!r}))
CLASSES = {classes!r}

"""

_FORWARD = """

def forward(x):
    \"\"\"x {shape}{scaled} -> {given}.\"\"\"
    x = np.asarray(x, np.{dtype})
"""

_SOFTMAX = """

def probabilities(scores):
    \"\"\"{softmax}\"\"\"
    e = np.exp(scores - scores.max(axis=1, keepdims=True))  # {given}
    return e / e.sum(axis=1, keepdims=True)  # {given}
"""

_READY = """

def probabilities(outputs):
    \"\"\"{ready}\"\"\"
    return outputs
"""

_DRAW = """

def draw(pixels):
    \"\"\"{draw}\"\"\"
    for row in np.clip(pixels, 0, 1).reshape{picture_shape}[::2]:
        print("".join(" .:-=+*#%@"[int(9 * pixel)] for pixel in row))
"""

_MAIN = """

def main():
    \"\"\"{main}\"\"\"
    own = len(sys.argv) > 1
    x = np.load(sys.argv[1]) if own else {examples}
    if x.dtype == np.uint8:
        x = x * np.{dtype}(1 / 255)  # {scale}
    x = x.reshape(len(x), {sample_shape})
    for number, row in enumerate(probabilities(forward(x))):
{draw_line}        likeliest = np.argsort(-row)[:3]
        print(f"{sample} {{number}}:", ", ".join(f"{{CLASSES[k]}} ({{row[k]:.1%}})" for k in likeliest))
{label_lines}

if __name__ == "__main__":
    main()
"""

_LABEL = """        if not own:
            print("    {label}", CLASSES[weights["labels"][number]])
"""


def encode(net: Sequential, about: About, beside: str) -> tuple[bytes, bytes]:
    """(the program, the .npz beside it), in the reader's language. `beside` is the name of that file."""
    writer = _Writer(net, about)
    body = "".join(writer.forward())
    last = type(writer.layers[-1][1]).__name__
    pictures = about.picture_shape is not None and len(about.images) > 0
    values = _values(writer, about, beside) | {"dtype": net.dtype, "ready": _say("ready", layer=last)}
    values["draw_line"] = "        draw(x[number])\n" if pictures else ""
    probabilities = _READY if last in ("Softmax", "Sigmoid") else _SOFTMAX
    parts = [_HEAD, _FORWARD, probabilities, _DRAW if pictures else "", _MAIN]
    head, forward, *rest = (part.format(**values) for part in parts)
    text = head + "".join(writer.loads) + "".join(writer.helpers()) + forward + body + "".join(rest)
    return text.encode(), _weights(net, about)


def _values(writer: _Writer, about: About, beside: str) -> dict[str, Any]:
    """What stands in the gaps of the text above."""
    module = re.sub(r"[^\w.-]", "_", beside.removesuffix("_weights.npz"))  # it stands in the program's own text
    shape = f"(batch, {', '.join(map(str, about.input_shape or ('features',)))})"
    chain = ", ".join(type(layer).__name__ + _sizes(layer) for _, layer in writer.layers)
    plain = {key: _say(key) for key in ("softmax", "draw", "main", "scale", "sample", "label", "steps")}
    return plain | {
        "title": _say("title", chain=chain),
        "file": f"{module}.py",
        "examples_text": _say("examples"),
        "own": _say("own", shape=shape),
        "beside": beside,
        "beside_text": _say("beside", file=f"{module}_weights.npz"),
        "version": handgrad.__version__,
        "classes": list(about.classes) or [str(k) for k in range(writer.outputs)],
        "shape": shape,
        "scaled": _say("pixels") if about.picture_shape else "",
        "given": writer.shown,
        "picture_shape": about.picture_shape,
        "examples": 'weights["examples"]' if len(about.images) else f"np.zeros({(1, *(about.input_shape or (8,)))})",
        "sample_shape": ", ".join(map(str, about.input_shape or (-1,))),
        "label_lines": _LABEL.format(label=_say("label")) if len(about.images) else "",
    }


def _say(key: str, **values: Any) -> str:
    return say(f"export_script.{key}", **values)


def _sizes(layer: Any) -> str:
    return f" {layer.inputs}-{layer.outputs}" if hasattr(layer, "inputs") else ""


def _weights(net: Sequential, about: About) -> bytes:
    arrays: dict[str, Array] = dict(net.state())
    arrays["architecture"] = np.array(json.dumps(net.config()))  # a string, so that handgrad can read the file again
    if len(about.images):
        arrays |= {"examples": about.images[:EXAMPLES], "labels": about.labels[:EXAMPLES]}
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)  # type: ignore[arg-type]  # numpy's stubs take the names for its options
    return file.getvalue()


def runner(text: bytes, weights: bytes, beside: str) -> Callable[[Array], Array]:
    """The program's own `forward`, run as it was written."""
    arrays = dict(np.load(io.BytesIO(weights)))
    source = text.decode().replace(f"np.load(Path(__file__).with_name({beside!r}))", "_ARRAYS")
    namespace: dict[str, Any] = {"__name__": "exported", "_ARRAYS": arrays}
    exec(compile(source, f"<{beside}>", "exec"), namespace)
    return namespace["forward"]  # type: ignore[no-any-return]


class _Writer:
    """The program's lines: weights by plain names, then forward, a layer at a time."""

    def __init__(self, net: Sequential, about: About) -> None:
        self.layers = list(net.named_layers())
        self.names = [name.replace(".", "_") for name, _ in self.layers]
        if not all(re.fullmatch(r"[a-z]+\d+(_[a-z]+\d+)*", name) for name in self.names):
            # Anybody may have chosen them, and they are to become a program's text.
            self.names = [f"{type(layer).__name__.lower()}{i}" for i, (_, layer) in enumerate(self.layers, start=1)]
        self.size = list(about.input_shape) if about.input_shape else None
        self.loads: list[str] = []
        self.used: set[str] = set()
        self.shown, self.outputs = "", 0

    def forward(self) -> list[str]:
        lines: list[str] = []
        x = "x"
        for (full, layer), name in zip(self.layers, self.names, strict=True):
            for key, array in layer.state().items():
                self.loads.append(f"{name}_{key} = weights[{f'{full}.{key}'!r}]  # {array.shape}\n")
            kind = type(layer).__name__
            before = self._shape()
            self._resize(layer)
            texts = _LINES[kind](layer, x, name)
            self.used.update(helper for helper in _HELPERS if any(f"{helper}(" in text for text in texts))
            lines.append(f"    # {layer!r}\n")  # not its name: anybody may have chosen that
            shape = self._shape()
            if kind == "Linear":
                shape = f"{before} @ ({layer.inputs}, {layer.outputs}) -> {shape}"
            lines += [f"    {text}\n" for text in texts[:-1]]
            lines.append(f"    {texts[-1]}  # {shape}\n")
            x = name
        self.shown = self._shape()
        self.outputs = self.size[-1] if self.size else 0
        return [*lines, f"    return {x}\n"]

    def helpers(self) -> list[str]:
        """The functions that some layers need, each once."""
        return [text.replace("@", _say(name)) for name, text in _HELPERS.items() if name in self.used]

    def _resize(self, layer: Any) -> None:
        kind = type(layer).__name__
        if kind == "Linear":
            self.size = [layer.outputs]
        elif kind == "Flatten" and self.size:
            self.size = [int(np.prod(self.size))]
        elif kind in ("BatchNorm", "LayerNorm"):
            self.size = [layer.features]

    def _shape(self) -> str:
        return f"(B, {', '.join(map(str, self.size))})" if self.size else "(B, ...)"


def _in_rows(numbers: tuple[float, ...], a_row: int = 4) -> str:
    rows = [numbers[start : start + a_row] for start in range(0, len(numbers), a_row)]
    return "\n".join(f"    {', '.join(map(repr, row))}," for row in rows)


_HELPERS = {
    "sigmoid": '''

def sigmoid(x):
    """@"""
    return np.exp(np.minimum(x, 0)) / (1 + np.exp(-np.abs(x)))
''',
    "normal_cdf": f'''

def normal_cdf(x):
    """@"""
    z = np.minimum(np.abs(x), 40) * 0.5**0.5
    t = 2 / (2 + z)
    series = np.polynomial.chebyshev.chebval(2 * t - 1, NORMAL)
    upper = 0.5 * t * np.exp(series - z * z)
    return np.where(x > 0, 1 - upper, upper).astype(x.dtype)


NORMAL = [
{_in_rows(normal._COEFFICIENTS)}
]
''',
}


def _linear(layer: Any, x: str, name: str) -> list[str]:
    return [f"{name} = {x} @ {name}_weight" + (f" + {name}_bias" if layer.has_bias else "")]


def _gelu(layer: Any, x: str, name: str) -> list[str]:
    if layer.approximate == "none":
        return [f"{name} = {x} * normal_cdf({x})"]
    near = f"near = np.clip({x}, -10, 10)  # {_say('near')}"
    return [near, f"{name} = {x} * 0.5 * (1 + np.tanh({float(np.sqrt(2 / np.pi))} * (near + 0.044715 * near**3)))"]


def _softmax(layer: Any, x: str, name: str) -> list[str]:
    return [
        f"{name} = np.exp({x} - {x}.max(axis=-1, keepdims=True))  # {_say('largest')}",
        f"{name} = {name} / {name}.sum(axis=-1, keepdims=True)",
    ]


def _batch_norm(layer: Any, x: str, name: str) -> list[str]:
    return [
        f"{name}_std = np.sqrt({name}_running_var + {layer.eps})  # {_say('running')}",
        f"{name} = {name}_scale * ({x} - {name}_running_mean) / {name}_std + {name}_shift",
    ]


def _layer_norm(layer: Any, x: str, name: str) -> list[str]:
    return [
        f"{name}_mean = {x}.mean(axis=1, keepdims=True)  # (B, 1)",
        f"{name}_std = np.sqrt({x}.var(axis=1, keepdims=True) + {layer.eps})  # (B, 1)",
        f"{name} = {name}_scale * ({x} - {name}_mean) / {name}_std + {name}_shift",
    ]


_LINES: dict[str, Callable[[Any, str, str], list[str]]] = {
    "Linear": _linear,
    "Sigmoid": lambda layer, x, name: [f"{name} = sigmoid({x})"],
    "Tanh": lambda layer, x, name: [f"{name} = np.tanh({x})"],
    "ReLU": lambda layer, x, name: [f"{name} = np.maximum({x}, 0)"],
    "LeakyReLU": lambda layer, x, name: [f"{name} = np.where({x} > 0, {x}, {layer.slope} * {x})"],
    "ELU": lambda layer, x, name: [f"{name} = np.where({x} > 0, {x}, {layer.alpha} * np.expm1(np.minimum({x}, 0)))"],
    "GELU": _gelu,
    "SiLU": lambda layer, x, name: [f"{name} = {x} * sigmoid({x})"],
    "Softplus": lambda layer, x, name: [f"{name} = np.logaddexp({x}, 0)"],
    "Softmax": _softmax,
    "Flatten": lambda layer, x, name: [f"{name} = {x}.reshape(len({x}), -1)"],
    "Dropout": lambda layer, x, name: [f"{name} = {x}  # {_say('dropout')}"],
    "BatchNorm": _batch_norm,
    "LayerNorm": _layer_norm,
}
