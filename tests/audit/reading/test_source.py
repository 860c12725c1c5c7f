"""Reading a stranger's file: what is text, what is code, what runs of it and what does not, and where each line is."""

from __future__ import annotations

import builtins
import inspect
import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from types import FunctionType
from typing import Any

import numpy as np
import pytest
from dialect_scripts import BUILT, HELD, MISSING, MODULES, SCRIPTS

from handgrad.audit.reading.execution import Execution
from handgrad.audit.reading.fence import BlockedError
from handgrad.audit.reading.source import Program, read_program
from handgrad.audit.reading.standins import MissingModuleError, StandIn
from handgrad.errors import DataError

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def written(text: str | bytes, name: str = "net.py") -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    return written


def notebook(*cells: str, language: str = "python") -> str:
    code = [{"cell_type": "code", "source": cell.splitlines(keepends=True), "outputs": []} for cell in cells]
    prose = {"cell_type": "markdown", "source": ["# Title\n", "def not_code():"]}
    return json.dumps({"cells": [prose, *code], "metadata": {"language_info": {"name": language}}, "nbformat": 4})


def run(path: Path) -> Execution:
    return read_program(path).execute()


def reasons(done: Execution) -> dict[int, str]:
    return {line: reason.code for line, reason in done.skipped}


# -- reading


@pytest.mark.parametrize(
    ("content", "name", "said"),
    [
        ("def f(:\n    pass\n", "net.py", "line 1, is not valid Python"),
        ("x = 1\n  y = 2\n", "net.py", "line 2, is not valid Python"),
        ("x = (1,\n", "net.py", "is not valid Python"),
        ("import numpy\nprint 'hello'\n", "net.py", "line 2, is written in Python 2"),
        ("try:\n    pass\nexcept IOError, e:\n    pass\n", "net.py", "line 3, is written in Python 2"),
        ("x = '\xe9'".encode("latin-1"), "net.py", "is not text in UTF-8"),
        ("# coding: nonsense\nx = 1\n", "net.py", "is not text in UTF-8"),
        (b"# coding: ascii\nx = '\xff'\n", "net.py", "is not text in ASCII"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "net.py", "is not text"),
        ("x = 1\0", "net.py", "is not text"),
        ("", "net.py", "holds no code"),
        (" \n\t\n", "net.py", "holds no code"),
        ("(" * 5000 + ")" * 5000, "net.py", ""),
        ("-" * 100_000 + "1", "net.py", ""),
        ("{", "net.ipynb", "no notebook"),
        ("[1, 2]", "net.ipynb", "no list of cells"),
        ('{"cells": 3}', "net.ipynb", "no list of cells"),
        (notebook(), "net.ipynb", "holds no code"),
        (notebook(" \n"), "net.ipynb", "holds no code"),
        (notebook("x <- 1", language="R"), "net.ipynb", "notebook in R"),
        (notebook("x = 1", "a = 1\ndef f(:"), "net.ipynb", "cell 2, line 2, is not valid Python"),
        (notebook("this is", "no code"), "net.ipynb", "cell 1, line 1, is not valid Python"),
    ],
)
def test_what_cannot_be_read_is_told_in_one_sentence(content: str | bytes, name: str, said: str, write: Write) -> None:
    path = write(content, name)
    with pytest.raises(DataError) as caught:
        read_program(path)
    assert str(path) in str(caught.value)
    assert said in str(caught.value)
    assert caught.value.text("ko") != caught.value.text("en")


def test_no_such_file_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no file"):
        read_program(tmp_path / "nothing.py")
    with pytest.raises(DataError, match="is a folder"):
        read_program(tmp_path)
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.py")
        with pytest.raises(DataError, match="no ordinary file"):
            read_program(tmp_path / "pipe.py")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1", "cp949", "euc-kr"])
def test_encodings(encoding: str, write: Write) -> None:
    word = "é" if encoding == "latin-1" else "가중치"
    cookie = "" if encoding.startswith("utf") else f"# -*- coding: {encoding} -*-\n"
    done = run(write(f"{cookie}word = '{word}'\r\nother = 1\r\n".encode(encoding)))
    assert done.namespace["word"] == word
    assert done.namespace["other"] == 1


def test_warnings_of_the_text_are_its_authors_affair(write: Write) -> None:
    assert run(write("x = '\\d'\nif x is 'd': pass\n")).namespace["x"] == "\\d"


# -- notebooks

CELLS = (
    "%matplotlib inline\nimport numpy as np\n!pip install nosuchpackage\nW = np.ones(3)",
    "%%bash\nrm -rf something",
    "%%time\nb = np.zeros(3)",
    "np.dot?\n?W\nfiles = !ls\nx = (7\n     % 4)\ntext = '''\n%not a magic\n!nor this?\n'''\n# what?\nwhy = 'why?'",
    "",
    "def f(a):\n    %timeit a\n    return a + 1\n\nif True:\n    !ls\n    z = f(1)",
    "this cell is = broken",
    "last = 1",
)


def test_a_notebook_with_magics(write: Write) -> None:
    path = write(notebook(*CELLS), "net.ipynb")
    done = run(path)
    names = done.names()
    assert {"W", "b", "x", "text", "why", "f", "z", "last", "files"} <= set(names)
    assert names["x"] == 3
    assert names["text"] == "\n%not a magic\n!nor this?\n"
    assert names["z"] == 2
    assert names["files"] is None
    assert "syntax" in reasons(done).values()


def test_lines_of_a_notebook_find_their_cell(write: Write) -> None:
    path = write(notebook(*CELLS), "net.ipynb")
    program = read_program(path)
    assert not any(line.strip().startswith(("!p", "%m")) for line in program.text.split("\n"))
    place = {name: program.place(line) for name, line in stores(program).items()}
    assert place["W"] == (str(path), 4, 1)
    assert place["b"] == (str(path), 2, 3)
    assert place["x"] == (str(path), 4, 4)
    assert place["z"] == (str(path), 7, 5)  # the empty cell is no In[5]
    assert place["last"] == (str(path), 1, 7)
    f = program.execute().namespace["f"]
    assert program.place(f.__code__.co_firstlineno) == (str(path), 1, 5)
    assert inspect.getsource(f) == "def f(a):\n    pass\n    return a + 1\n"


def stores(program: Program) -> dict[str, int]:
    import ast

    found = (node for node in ast.walk(program.tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store))
    return {node.id: node.lineno for node in found}


def test_an_old_notebook(write: Write) -> None:
    old = {"worksheets": [{"cells": [{"cell_type": "code", "input": "x = 1\n"}]}], "nbformat": 3, "metadata": {}}
    assert run(write(json.dumps(old), "old.ipynb")).namespace["x"] == 1


def test_a_dialect_as_a_notebook(write: Write) -> None:
    text = MODULES % {"magic": "%matplotlib inline\n!ls"}
    cells = text.split("\n\n\n")
    done = run(write(notebook(*cells), "net.ipynb"))
    assert type(done.namespace["model"]).__name__ == "MLP"
    assert "class Linear:" in inspect.getsource(type(done.namespace["model"].layers[0]))


# -- the nine dialects


@pytest.mark.parametrize("dialect", SCRIPTS)
def test_what_builds_runs_and_what_trains_does_not(dialect: str, write: Write) -> None:
    path = write(SCRIPTS[dialect])
    before = (path.read_bytes(), path.stat().st_mtime_ns, sorted(path.parent.iterdir()))
    start = time.perf_counter()
    done = run(path)
    assert time.perf_counter() - start < 1
    for name, kind in BUILT[dialect].items():
        assert type(done.namespace[name]).__name__ == kind, (name, done.skipped)
    assert not HELD[dialect] & set(done.namespace)
    assert done.missing == MISSING.get(dialect, [])
    assert "time" not in reasons(done).values()
    assert (path.read_bytes(), path.stat().st_mtime_ns, sorted(path.parent.iterdir())) == before


def test_parameters_are_as_initialised(write: Write) -> None:
    """Nothing was trained, and the seed that the script sets itself counts."""
    done = run(write(SCRIPTS["script"]))
    rng = np.random.RandomState(1)
    expected = (2 * rng.random_sample((3, 4)) - 1) * 0.5
    np.testing.assert_array_equal(done.namespace["W1"], expected)
    assert [w.shape for w in done.namespace["weights"]] == [(3, 4), (4, 1)]
    assert sorted(done.namespace["params"]) == ["W1", "W2", "b1", "b2"]


def test_without_a_seed_it_is_repeatable(write: Write) -> None:
    path = write(
        "import random\nimport numpy as np\nfrom numpy.random import default_rng\n"
        "a = np.random.randn(3)\nb = random.random()\n"
        "c = np.random.default_rng().random()\nd = default_rng().random()\n"
    )
    first, second = run(path).names(), run(path).names()
    assert all(np.array_equal(first[name], second[name]) for name in "abcd")


def test_why_each_statement_was_held_back(write: Write) -> None:
    done = run(write(SCRIPTS["script"]))
    line = {text.strip(): number for number, text in enumerate(SCRIPTS["script"].split("\n"), 1)}
    found = reasons(done)
    assert found[line['plt.style.use("ggplot")']] == "output"
    assert found[line["digits = load_digits()"]] == "data"
    assert found[line["X_digits = digits.data / 16.0"]] == "unset"
    assert found[line["for j in range(60000):"]] == "training"
    assert found[line["for j in range(100):"]] == "training"
    assert found[line['name = input("Your name? ")']] == "ends"
    assert found[line["assert l2.shape == (4, 1)"]] == "check"
    assert found[line["W1.shape"]] == "output"
    assert len(found) == 8
    assert all(reason.text("en") != reason.text("ko") for _, reason in done.skipped)


# -- kinds of statements


RUN = {
    "x = 3 * 4": 12,
    "x: int = 5": 5,
    "x = 1; x += 2": 3,
    "x = [i for i in range(3)]": [0, 1, 2],
    "a, (b, *x) = 1, (2, 3, 4)": [3, 4],
    "x = (lambda: train())": None,
    "def train(): pass\nx = 1": 1,
    "x = []\nfor i in range(3): x.append(i)": [0, 1, 2],
    "x = {}\nx.update({'a': 1})": {"a": 1},
    "x = 0\nwhile x < 5:\n    x += 1": 5,
    "x = {}\nfor w in 'aba': x[w] = x.get(w, 0) + 1": {"a": 2, "b": 1},
    "if __name__ == '__main__':\n    x = 1": 1,
    "if '__main__' == __name__:\n    x = 1": 1,
    "y = 3\nif y > 2:\n    x = 'big'\nelse:\n    x = 'small'": "big",
    "try:\n    import nosuchmodule as np\nexcept ImportError:\n    np = None\nx = np": None,
    "try:\n    import cupy as xp\nexcept ImportError:\n    import numpy as xp\nx = xp.__name__": "numpy",
    "import cupy as cp\nx = cp.__name__": "numpy",
    "try:\n    f = open('w.txt')\nexcept FileNotFoundError:\n    x = 'made'": "made",
    "try:\n    x = 1\nfinally:\n    y = 2": 1,
    "import numpy as np\nwith np.errstate(all='ignore'):\n    x = 1": 1,
    "import argparse\np = argparse.ArgumentParser()\np.add_argument('--lr', type=float, default=0.5)\n"
    "args = p.parse_args()\nx = args.lr": 0.5,
    "from __future__ import annotations\ndef f(a: Nothing): pass\nx = f.__annotations__": {"a": "Nothing"},
    "from dataclasses import dataclass\n@dataclass\nclass C:\n    n: int = 3\nx = C().n": 3,
    "import torch\nclass Net(torch.nn.Module):\n    n = 3\nx = Net().n": 3,
    "import numba\n@numba.njit(cache=True)\ndef f(): return 7\n@numba.njit\ndef g(): return f()\nx = g()": 7,
    "from tqdm import trange, tqdm\nx = []\nfor i in tqdm([5, 6]): x.append(i)": [5, 6],
    "import tqdm\nx = list(tqdm.trange(3))": [0, 1, 2],
    "import numpy as np\nx = np.float is float and np.Inf > 1": True,
    "net = 'kept'\nnet = load_net()\nx = net": "kept",
    "x = 1\ndel x\nx = 2": 2,
    "import os, sys\nsys.path.append(os.path.dirname(__file__))\nx = os.path.basename(os.getcwd()) != ''": True,
    "class Init:\n    def __call__(self, n): return n\ninit = Init()\nx = init(3)": 3,
    "def init_params():\n    return {i: 0 for i in range(2)}\nx = init_params()": {0: 0, 1: 0},
    "import scipy_nosuch.special as s\nx = 1": 1,
    "import sys\nx = len(sys.argv)": 1,
    "from collections import Hashable\nx = isinstance(3, Hashable)": True,
    "import nnfs\nnnfs.init()\nimport numpy as np\nx = np.dot.__module__": "numpy",
}


@pytest.mark.parametrize("code", RUN)
def test_statements_that_run(code: str, write: Write) -> None:
    done = run(write(code))
    assert "x" in done.namespace, done.skipped
    if RUN[code] is not None:
        assert done.namespace["x"] == RUN[code]


HELD_BACK = {
    "x = net.forward(data)": "training",
    "def train(): return 1\nx = train()": "training",
    "def fit_model(): return 1\nx = fit_model()": "training",
    "def model(n):\n    for epoch in range(n): pass\n    return 1\nx = model(5)": "training",
    "def inner(n):\n    for iteration in range(n): pass\ndef outer(): return inner(3)\nx = outer()": "training",
    "class A:\n    def __init__(self):\n        for epoch in range(9): pass\nx = A()": "training",
    "class A:\n    def forward(self, v): return v\n    def __call__(self, v): return v\na = A()\nx = a(1)": "training",
    "class A:\n    def step(self): return 1\na = A()\nx = a.step()": "training",
    "x = [net.train_step() for _ in range(3)]": "training",
    "def main(): pass\nx = main()": "training",
    "x = load_data()": "data",
    "import numpy as np\nx = np.load('a.npy')": "data",
    "import numpy as np\nx = np.loadtxt('a.csv')": "data",
    "import pandas as pd\nx = pd.read_csv('a.csv')": "data",
    "from sklearn.datasets import fetch_openml\nx = fetch_openml('mnist_784')": "data",
    "from urllib.request import urlopen\nx = urlopen('http://localhost')": "data",
    "import tensorflow as tf\n(x, y), _ = tf.keras.datasets.mnist.load_data()": "data",
    "with open('a') as f:\n    x = 1": "data",
    "x = open(__file__).read()": "data",
    "x = input()": "ends",
    "import sys\nx = sys.exit(1)": "ends",
    "import os\nx = os._exit(1)": "ends",
    "import os\nx = os.system('true')": "ends",
    "raise SystemExit": "check",
    "x = 1 / 0": "failed",
    "import subprocess\nx = subprocess.run(['true'])": "failed",
    "import os\nx = os.chdir('/')": "failed",
    "import pathlib\nx = pathlib.Path(__file__).read_text()": "data",
    "import socket\nx = socket.create_connection(('127.0.0.1', 9))": "failed",
    "def quit_now(): raise SystemExit\nx = quit_now()": "ends",
    "import sys\ndef leave(): sys.exit()\nx = leave()": "ends",
    "import os\ndef leave(): os._exit(0)\nx = leave()": "ends",
    "import nosuchmodule\nx = nosuchmodule.thing(3)": "failed",
    "print(1)": "output",
    "for i in range(10**9): print(i)": "output",
    "import matplotlib.pyplot as plt\nplt.figure()": "output",
    "while True:\n    pass": "training",
    "1 + 1": "output",
}


@pytest.mark.parametrize("code", HELD_BACK)
def test_statements_that_are_held_back(code: str, write: Write) -> None:
    done = run(write(code + "\nafter = 1\n"))
    assert "x" not in done.namespace
    assert done.namespace["after"] == 1
    assert HELD_BACK[code] in reasons(done).values(), done.skipped


SWITCHED = {  # (what a layer is while it trains, what switches it for a test)
    "training = True": "training = False",
    "flags = [True]\ntraining = flags": "flags[0] = False",
    "training = {'on': True}": "training['on'] = False",
    "class Layer: training = True\ntraining = Layer": "for one in [Layer]:\n"
    "    if one.training:\n        one.training = False",
    "class Drop: rate = 0.5\nDrop.drop = 0.5\ntraining = Drop": "Drop.drop = 0.0",
    "class Net:\n    on = True\n    def set_training(self, on): self.on = on\n"
    "training = Net()": "training.set_training(False)",
}


@pytest.mark.parametrize("while_training", SWITCHED)
def test_what_is_switched_after_the_training_stays_as_it_was_while_it_trained(
    while_training: str, write: Write
) -> None:
    switch = SWITCHED[while_training]

    def state(text: str) -> Any:
        kept = run(write(text)).namespace["training"]
        return dict(vars(kept)) if hasattr(kept, "__dict__") else kept

    def plain(kept: Any) -> str:
        return str({k: v for k, v in kept.items() if not callable(v)} if isinstance(kept, dict) else kept)

    built = plain(state(while_training))
    trained = plain(state(f"{while_training}\ndef train(): pass\ntrain()\n{switch}\n"))
    untrained = plain(state(f"{while_training}\n{switch}\n"))
    assert trained == built != untrained


def test_what_uses_a_name_that_is_not_set_is_held_back_too(write: Write) -> None:
    done = run(write("x = load_data()\ny = x / 255\nz = [y for y in [1]]\nd = []\nfor i in range(2): d.append(y)\n"))
    assert reasons(done) == {1: "data", 2: "unset", 5: "unset"}
    assert done.namespace["z"] == [1]
    assert done.namespace["d"] == []


def test_names_may_be_given_for_data_that_is_not_loaded(write: Write) -> None:
    text = (
        "import numpy as np\nx, y = load_data()\nx = x / 255\nn = x.shape[1]\nW = np.zeros((n, 10))\n"
        "known = 1\nother = load_data()\nz = other + 1\n"
    )
    done = read_program(write(text)).execute({"x": np.full((2, 5), 255.0), "known": 2})
    assert done.namespace["W"].shape == (5, 10)
    assert done.namespace["x"].max() == 1
    assert done.namespace["known"] == 1
    assert not {"y", "other", "z"} & set(done.namespace)
    assert reasons(done) == {2: "data", 7: "data", 8: "unset"}


def test_an_import_that_may_fail_is_no_fault(write: Write) -> None:
    done = run(write("try:\n    import nosuchmodule\nexcept ImportError:\n    nosuchmodule = None\n"))
    assert (done.missing, done.skipped, done.namespace["nosuchmodule"]) == ([], [], None)


def test_a_file_without_a_network(write: Write) -> None:
    done = run(write("# nothing here\n"))
    assert done.names() == {}
    assert done.skipped == []


# -- time


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no interval timer")
def test_code_that_does_not_end(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("handgrad.audit.reading.execution.STATEMENT_SECONDS", 0.1)
    monkeypatch.setattr("handgrad.audit.reading.execution.ALL_SECONDS", 0.3)
    text = (
        "class A:\n    def __init__(self):\n        while True:\n            try: pass\n            except: pass\n"
        "a = A()\nb = [i for i in iter(int, 1)]\nn = 0\nwhile n < 1:\n    m = []\n    m.append(1)\n" + "a = A()\n" * 5
        + "def f(): pass\nend = 1\n"
    )  # fmt: skip
    start = time.perf_counter()
    done = run(write(text))
    assert time.perf_counter() - start < 2
    assert list(reasons(done).values()) == ["time"] * 8
    assert isinstance(done.namespace["f"], FunctionType)
    assert done.namespace["end"] == 1
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)
    assert signal.getsignal(signal.SIGALRM) == signal.SIG_DFL


# -- places


def test_tracebacks_and_sources_name_the_true_line(write: Write) -> None:
    path = write(
        "import numpy as np\n\n\ndef f(x):\n    # why\n    return x / 0\n\n\n"
        "class A:\n    n = 1\n\n    def g(self): ...\n"
    )
    program = read_program(path)
    names = program.execute().namespace
    assert names["f"].__code__.co_firstlineno == 4
    assert names["f"].__code__.co_filename == str(path)
    assert inspect.getsource(names["f"]) == "def f(x):\n    # why\n    return x / 0\n"
    assert inspect.getsourcelines(names["A"]) == (["class A:\n", "    n = 1\n", "\n", "    def g(self): ...\n"], 9)
    with pytest.raises(ZeroDivisionError) as caught:
        names["f"](1)
    last = traceback.extract_tb(caught.value.__traceback__)[-1]
    assert (last.filename, last.lineno, last.line) == (str(path), 6, "return x / 0")
    assert program.place(6) == (str(path), 6, None)


# -- what lies beside the file


def test_a_module_beside_the_file_is_imported_without_its_training(write: Write, tmp_path: Path) -> None:
    write(
        "import numpy as np\nX = np.load('x.npy')\ndef relu(x): return x * (x > 0)\n"
        "if __name__ == '__main__': wrong = 1\n"
        "for epoch in range(10**9): pass\nclass Layer: pass\n",
        "layers.py",
    )
    path = write("from layers import relu, Layer, gone\nimport layers\nlayer = Layer()\n")
    done = run(path)
    assert "relu" in inspect.getsource(done.namespace["relu"])
    assert "class Layer" in inspect.getsource(type(done.namespace["layer"]))
    assert not hasattr(done.namespace["layers"], "X")
    assert not hasattr(done.namespace["layers"], "wrong")
    assert done.missing == ["layers.gone"]
    assert done.modules["layers"].path == tmp_path / "layers.py"
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["layers.py", "net.py"]


def test_a_module_of_the_same_name_beside_another_file(write: Write) -> None:
    write("n = 1\n", "one/utils_of_net.py")
    write("n = 2\n", "two/utils_of_net.py")
    text = "from utils_of_net import n\n"
    assert run(write(text, "one/net.py")).namespace["n"] == 1
    assert run(write(text, "two/net.py")).namespace["n"] == 2


def test_sys_path_is_relative_to_the_file(write: Write) -> None:
    write("def f(): return 5\n", "common/functions.py")
    for line in ("sys.path.append(os.pardir)", "sys.path.insert(0, os.path.abspath('..'))"):
        path = write(f"import os, sys\n{line}\nfrom common.functions import *\nx = f()\n", "ch05/net.py")
        assert run(path).namespace["x"] == 5


@pytest.mark.parametrize("init", [None, "from .net import Net\nfrom .base import Base\nversion = 7\n"])
def test_a_file_of_a_package_imports_relatively(init: str | None, write: Write) -> None:
    write("class Base: pass\n", "mynets/base.py")
    write("from ..base import Base\ndef relu(x): return x\n", "mynets/ops/relu.py")
    if init:
        write(init, "mynets/__init__.py")
        write("", "mynets/ops/__init__.py")
    text = (
        "from .base import Base\nfrom .ops.relu import relu\nfrom . import base\nclass Net(Base): pass\nnet = Net()\n"
    )
    done = run(write(text + ("from . import version\n" if init else ""), "mynets/net.py"))
    assert done.missing == []
    assert done.namespace["net"].__class__.__mro__[1] is done.namespace["base"].Base
    assert done.namespace["relu"](3) == 3
    if init:
        assert done.namespace["version"] == 7


def test_a_package_named_like_one_of_pythons(write: Write) -> None:
    write("class Base: pass\n", "json/base.py")
    done = run(write("from .base import Base\nimport json\nx = Base()\ny = json.dumps(1)\n", "json/net.py"))
    assert done.namespace["y"] == "1"
    assert type(done.namespace["x"]).__name__ == "Base"


def test_a_broken_module_beside_the_file_is_missing(write: Write) -> None:
    write("def f(:\n", "layers.py")
    done = run(write("import layers\nfrom layers import g\nx = 1\ny = g(2)\n"))
    assert done.missing == ["layers"]
    assert done.namespace["x"] == 1
    assert "not installed" in str(done.skipped[-1].reason)


def test_a_missing_import_says_so_when_it_is_used(write: Write) -> None:
    done = run(write("import nosuchmodule as nm\nfrom nosuchmodule.layers import Dense\ndef f(): return Dense(3)\n"))
    assert done.missing == ["nosuchmodule"]
    for use in (
        done.namespace["f"],
        lambda: done.namespace["nm"].zeros(3),
        lambda: np.array(1.0) * done.namespace["nm"],
    ):
        with pytest.raises(MissingModuleError, match="'nosuchmodule"):
            use()


# -- the fence


@pytest.mark.parametrize("failing", [False, True])
def test_the_process_is_as_before(failing: bool, write: Write) -> None:
    def state() -> tuple[Any, ...]:
        return (
            builtins.print, builtins.__import__, builtins.exit, os._exit, time.sleep, sys.stdout, sys.stderr, sys.argv,
            list(sys.path), list(sys.meta_path), os.getcwd(), np.random.default_rng, hasattr(np, "float"),
            sys.dont_write_bytecode, np.geterr(),
        )  # fmt: skip

    before = state()
    program = read_program(write("import sys, numpy as np, warnings\nsys.path.append('x')\nnp.seterr(all='ignore')\n"))
    program.execute()
    if failing:
        with pytest.raises(ZeroDivisionError), program.guarded():
            _ = 1 / 0
    assert state() == before


def test_functions_run_guarded(write: Write, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """While a net is measured its functions may print, plot, import and sleep, and reach nothing."""
    (tmp_path / "beside.py").write_text("n = 3\n")
    (tmp_path / "data.csv").write_text("1,2\n")
    program = read_program(
        write(
            "import time, sys, matplotlib.pyplot as plt\nfrom tqdm import tqdm\n"
            "from pathlib import Path\nimport numpy as np\n"
            "def train():\n    bar = tqdm(range(3), desc='epochs')\n    for i in bar:\n        print(i)\n"
            "        bar.set_postfix(loss=f'{i:.2f}')\n        sys.stdout.write('x')\n        time.sleep(100)\n"
            "    fig, ax = plt.subplots(1, 2)\n    ax[0].plot([1])\n    plt.show()\n    import beside\n"
            "    from matplotlib import cm\n    return beside.n\n"
            "def save():\n    np.savez('w.npz', w=np.ones(3))\n    Path('log').mkdir()\n"
            "    with Path('log/a.txt').open('w') as log:\n        return log.write('lost')\n"
            "def read():\n    return open(__file__[:-6] + 'data.csv').read()\n"
        )
    )
    names = program.execute().namespace
    with program.guarded():
        assert names["train"]() == 3
        assert names["save"]() == 4  # into a file in memory
        with pytest.raises(BlockedError, match="no files"):
            names["read"]()
    assert capfd.readouterr() == ("", "")
    assert not any(Path(folder, name).exists() for folder in (tmp_path, ".") for name in ("w.npz", "log"))
    assert isinstance(names["plt"].figure(), StandIn)


def test_data_packages_are_imported_when_they_are_called(write: Write) -> None:
    text = "from PIL import Image\nimport pandas as pd\ndata = pd.DataFrame([1])\n"
    program = read_program(write(text + "def blank(n): return Image.new('L', (n, n))\n"))
    done = program.execute()
    assert isinstance(done.namespace["Image"], StandIn)
    assert reasons(done) == {3: "data"}
    with program.guarded():
        assert done.namespace["blank"](3).size == (3, 3)
