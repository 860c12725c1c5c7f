"""A net as one offline page: draw a digit, and see what the net makes of it, layer by layer.

The weights lie in the page as the very safetensors file that `.safetensors` gives; `page_parts` holds the rest of it.
"""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import handgrad
from handgrad.core import normal
from handgrad.core.net import Sequential
from handgrad.data.batches import to_input
from handgrad.errors import InputError
from handgrad.export.plain import features
from handgrad.train.checkpoint import encode_net
from handgrad.words import LANGUAGES, language, say, sentences

if TYPE_CHECKING:
    from handgrad.export.out import About

PARTS = Path(__file__).parent / "page_parts"
SIDE = 28
MOST_BYTES = 2_000_000
SAMPLES = 10  # test images in the page, to show and to check its arithmetic on
# The page fills these in itself: here each stands for itself.
_SLOTS = {name: f"{{{name}}}" for name in (
    "sizes", "unit", "count", "value", "positive", "largest", "one", "p", "two", "q", "off",
)}  # fmt: skip
_NET = re.compile(rb'<script type="application/octet-stream" id="net">([A-Za-z0-9+/=\s]*)</script>')


def encode(net: Sequential, about: About, values: dict[str, object]) -> bytes:
    """The page's bytes; `values` go with the weights.

    Raises: InputError for a net that does not take pictures of 28 x 28 pixels, or is too large for a page of 2 MB.
    """
    size = features(net)
    if size not in (None, SIDE * SIDE) or (about.classes and about.picture_shape != (SIDE, SIDE)):
        raise InputError("export.page_pictures", side=SIDE)
    parts = {
        name: (PARTS / name).read_text(encoding="utf-8") for name in ("page.html", "page.css", "net.js", "page.js")
    }
    net = _in_float32(net)
    weights = base64.b64encode(encode_net(net, values)).decode()
    fillings = {
        "LANG": language(),
        "VERSION": handgrad.__version__,
        "CSS": parts["page.css"],
        "NET": "\n".join(weights[i : i + 120] for i in range(0, len(weights), 120)),
        "ABOUT": _as_script(_about(net, about)),
        "NORMAL": json.dumps(normal._COEFFICIENTS),
        "NET_JS": parts["net.js"],
        "PAGE_JS": parts["page.js"],
    }
    page = re.sub(r"@([A-Z_]+)@", lambda slot: fillings[slot[1]], parts["page.html"]).encode()
    if len(page) > MOST_BYTES:
        megabytes = f"{len(page) / 1e6:.2f}"
        raise InputError("export.page_size", parameters=f"{net.theta.size:,}", size=megabytes, most=MOST_BYTES // 10**6)
    return page


def _in_float32(net: Sequential) -> Sequential:
    """The net with its weights rounded to float32: twice as many fit, and nobody sees the difference in a drawing."""

    def rounded(config: dict[str, Any]) -> dict[str, Any]:
        layers = [rounded(layer) if "layers" in layer else layer for layer in config["layers"]]
        return config | {"dtype": "float32", "layers": layers}

    copy = Sequential.from_config(rounded(net.config()))
    copy.load_state(net.state())
    return copy.eval()


def weights_in(content: bytes) -> bytes:
    """The safetensors file inside a page. ValueError where there is none."""
    found = _NET.search(content)
    if found is None:
        raise ValueError("no network in this page")
    return base64.b64decode(found[1])


def _about(net: Sequential, about: About) -> dict[str, object]:
    """What the page knows beside the weights: words, class names, and images with the library's outputs for them."""
    images = about.images[:SAMPLES]
    real = len(images) > 0 and images.dtype == np.uint8
    if not real:
        images = np.random.default_rng(0).integers(0, 256, (SAMPLES, SIDE, SIDE), dtype=np.uint8)
    outputs = net(to_input(images, net.dtype))
    if outputs.ndim != 2 or outputs.shape[1] < 2:
        raise InputError("evaluate.outputs", got=outputs.shape, n=len(images))
    sizes = [SIDE * SIDE, *(layer.outputs for _, layer in net.named_layers() if hasattr(layer, "outputs"))]
    return {
        "language": language(),
        "words": {lang: {key: say(f"export_page.{key}", lang, **_SLOTS) for key in sentences(lang, "export_page")}
                  for lang in LANGUAGES},
        "classes": list(about.classes) or [str(k) for k in range(outputs.shape[1])],
        "sizes": " → ".join(map(str, sizes)),
        "real": real,
        "images": base64.b64encode(images.tobytes()).decode(),
        "outputs": outputs.astype(np.float64).tolist(),
    }  # fmt: skip


def _as_script(value: dict[str, object]) -> str:
    """JSON that can stand in a page: no text in it can end its element."""
    return json.dumps(value, ensure_ascii=False).replace("<", "\\u003c")
