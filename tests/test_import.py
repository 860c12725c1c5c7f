"""`import handgrad` costs NumPy and nothing else."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

import handgrad

SCRIPT = """
import json, sys
import numpy
before = set(sys.modules)
import handgrad
new = sorted({name for name in set(sys.modules) - before})
print(json.dumps(new))
"""


def _new_modules(script: str) -> list[str]:
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return list(json.loads(done.stdout))


def test_nothing_but_numpy_is_imported() -> None:
    tops = {name.split(".")[0] for name in _new_modules(SCRIPT)}
    assert {top for top in tops if top not in sys.stdlib_module_names} <= {"handgrad", "numpy"}


def test_only_the_core_of_the_house_is_imported() -> None:
    rooms = {".".join(name.split(".")[:2]) for name in _new_modules(SCRIPT) if name.startswith("handgrad.")}
    assert rooms <= {"handgrad.core", "handgrad.errors", "handgrad.words", "handgrad.records"}


def test_importing_prints_and_warns_nothing() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", "import handgrad"], capture_output=True, text=True, check=True
    )
    assert done.stdout == done.stderr == ""


def test_heavy_modules_of_the_standard_library_wait() -> None:
    """Each of these takes longer to import than handgrad itself."""
    assert not {"asyncio", "sqlite3", "xml", "email", "unittest", "multiprocessing"} & set(_new_modules(SCRIPT))


def test_every_public_name_is_there() -> None:
    assert [name for name in handgrad.__all__ if not hasattr(handgrad, name)] == []
    assert sorted(handgrad.__all__) == sorted(set(handgrad.__all__))
    assert {"learned", "save_net", "load_net", "fit", "load_data"} <= set(handgrad.__all__)
    assert set(handgrad.__all__) <= set(dir(handgrad))


def test_a_name_from_elsewhere_is_told_the_one_from_here() -> None:
    for theirs, ours in {"CrossEntropyLoss": "SoftmaxCrossEntropy", "save": "save_net", "Module": "Layer"}.items():
        with pytest.raises(AttributeError, match=rf"{theirs}.*here it is called {ours}"):
            getattr(handgrad, theirs)
    with pytest.raises(AttributeError, match=r"no attribute 'Conv2d'$"):
        _ = handgrad.Conv2d
