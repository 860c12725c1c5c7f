"""Stand-ins for modules that an audit does not need: plotting, progress bars, other frameworks, and what is missing.

A stand-in can be asked for anything and called with anything, and does nothing. One for a module that the network may
depend on, and that is not installed, says so when it is used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from types import FunctionType
from typing import Any

import numpy as np

from handgrad.audit.reading.fence import no_limit
from handgrad.words import say

# Replaced even where they are installed: an audit draws nothing, some of them take seconds to import, and nnfs.init()
# makes all of NumPy float32.
UNWANTED = {
    "IPython", "alive_progress", "bokeh", "google", "ipywidgets", "jax", "kaggle", "kagglehub", "keras", "matplotlib",
    "mlflow", "mpl_toolkits", "mxnet", "nnfs", "numba", "plotly", "progressbar", "pygame", "pylab", "pyqtgraph",
    "requests", "seaborn", "tensorboard", "tensorboardX", "tensorflow", "tensorflow_datasets", "tkinter", "torch",
    "torchaudio", "torchsummary", "torchvision", "tqdm", "turtle", "visdom", "wandb", "webbrowser",
}  # fmt: skip
# Imported only when something of them is called, which at top level is for data alone: they take a second to import.
DEFERRED = {
    "PIL", "cv2", "datasets", "h5py", "imageio", "joblib", "mlxtend", "networkx", "nltk", "pandas", "polars", "skimage",
    "sklearn", "statsmodels", "xgboost",
}  # fmt: skip
# Replaced only where they are not installed: data, and conveniences beside the network.
OPTIONAL = {
    "absl", "click", "cloudpickle", "colorama", "dill", "docopt", "dotenv", "emoji", "graphviz", "gym", "gymnasium",
    "idx2numpy", "line_profiler", "loguru", "memory_profiler", "mnist", "nose", "prettytable", "psutil", "pydot",
    "pytest", "rich", "tabulate", "tensorly", "termcolor", "texttable", "typer", "typing_extensions", "ucimlrepo",
    "urllib2", "yaml",
}  # fmt: skip
# Python 2 under other names, and NumPy on a graphics card.
ALIASES = {"cupy": "numpy", "cPickle": "pickle", "Queue": "queue", "StringIO": "io"}
_PYTHON_2_MODULES = {"past", "future", "six"}
_REAL: dict[str, Any] = {"xrange": range, "prange": range, "range": range, "zip": zip, "map": map, "input": input}
_BARS = {"tqdm", "tqdm_notebook", "trange", "tnrange", "progressbar", "alive_it", "ProgressBar"}
_BAR_MODULES = {"tqdm", "progressbar", "alive_progress"}


class MissingModuleError(ImportError):
    """A module that is not installed was used after all."""

    def __init__(self, module: str) -> None:
        super().__init__(module)
        self.module = module

    def __str__(self) -> str:
        return say("audit_file.not_installed", module=self.module)


class StandIn:
    """Anything that an unwanted module has, or gives back: `plt`, `plt.figure`, `plt.figure()`."""

    def __init__(self, path: str) -> None:
        self._path = path

    def __repr__(self) -> str:
        return f"<stand-in for {self._path}>"

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name == "_path":  # protocols that are not written here, and copies half-made
            raise AttributeError(name)
        root = self._path.partition(".")[0]
        if name in _REAL and (root == "numba" or root in _PYTHON_2_MODULES):
            return _REAL[name]
        return type(self)(f"{self._path}.{name}")

    def __call__(self, *values: Any, **named: Any) -> Any:
        """A progress bar over what it is given, what it decorates, a figure and its axes, or one more stand-in."""
        root, last = self._path.partition(".")[0], self._path.rpartition(".")[2]
        if root in _BAR_MODULES and last in _BARS:
            over = named.get("iterable", values[0] if values else None)
            return Progress(self._path, range(*values) if last in {"trange", "tnrange"} else over)
        if len(values) == 1 and not named and isinstance(values[0], (FunctionType, type)):
            return values[0]  # a decorator
        if last == "subplots":
            return StandIn(f"{root}.figure"), StandIn(f"{root}.axes")
        return StandIn(f"{self._path}()")

    def __mro_entries__(self, bases: tuple[Any, ...]) -> tuple[type, ...]:
        return ()  # class Net(nn.Module) becomes class Net

    def __instancecheck__(self, thing: Any) -> bool:
        return False

    def __subclasscheck__(self, kind: Any) -> bool:
        return False

    def __array__(self, *_: Any, **__: Any) -> Any:  # else NumPy would take it for an empty sequence
        raise MissingModuleError(self._path.partition(".")[0])

    def __iter__(self) -> Iterator[Any]:
        return iter(())

    def __len__(self) -> int:
        return 0

    def __bool__(self) -> bool:
        return False

    def __contains__(self, _: Any) -> bool:
        return False

    def __getitem__(self, _: Any) -> Any:
        return self

    def __setitem__(self, _: Any, __: Any) -> None:
        pass

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def __format__(self, _: str) -> str:
        return ""

    def _binary(self, _: Any) -> Any:
        return self

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = _binary
    __floordiv__ = __mod__ = __pow__ = __matmul__ = __rmatmul__ = __or__ = __ror__ = __and__ = _binary
    __array_ufunc__ = None  # array * stand-in is the stand-in's affair


class Deferred(StandIn):
    """Something of a package that is imported when it is called; where that is not installed, a stand-in."""

    def __call__(self, *values: Any, **named: Any) -> Any:
        """What the real thing gives."""
        real = self._real()
        return super().__call__(*values, **named) if real is None else real(*values, **named)

    def _real(self) -> Any:
        parts = self._path.split(".")
        with no_limit():
            try:
                real = import_module(parts[0])
                for i, part in enumerate(parts[1:], 2):
                    real = getattr(real, part, None) or import_module(".".join(parts[:i]))
            except Exception:  # not there, or there and broken
                return None
        return real


class Progress(StandIn):
    """`tqdm(x)`: gives what x gives, and takes every call that a progress bar takes."""

    def __init__(self, path: str, over: Any = None) -> None:
        super().__init__(path)
        self._over = () if over is None else over

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name in {"_path", "_over"}:
            raise AttributeError(name)
        return StandIn(f"{self._path}.{name}")

    def __iter__(self) -> Iterator[Any]:
        return iter(self._over)

    def __len__(self) -> int:
        return len(self._over)

    def __bool__(self) -> bool:
        return True


class Missing:
    """A name of a module that is not installed and may matter: any use of it raises MissingModuleError."""

    def __init__(self, module: str) -> None:
        self._module = module

    def __repr__(self) -> str:
        return f"<missing {self._module}>"

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name == "_module":
            raise AttributeError(name)
        return Missing(self._module)

    def _use(self, *_: Any, **__: Any) -> Any:
        raise MissingModuleError(self._module)

    __call__ = __mro_entries__ = __iter__ = __len__ = __bool__ = __getitem__ = __setitem__ = __enter__ = _use
    __array__ = __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = _use
    __matmul__ = __rmatmul__ = __pow__ = __neg__ = __float__ = __index__ = _use
    __array_ufunc__ = None

    def __exit__(self, *_: object) -> None:
        pass


def _sigmoid(z: Any) -> Any:
    return 0.5 * (1 + np.tanh(0.5 * np.asarray(z)))


def _relu(z: Any) -> Any:
    return np.maximum(z, 0)


def _tanh(z: Any) -> Any:
    return np.tanh(z)


# Functions of one number which everybody means alike, for files that import them from a module that is not there. No
# derivatives, which may be of the input or of the output, and no softmax, whose axis is not known.
USUAL: dict[str, Callable[[Any], Any]] = {"sigmoid": _sigmoid, "relu": _relu, "tanh": _tanh}


def replacement(module: str) -> StandIn | None:
    """What stands for a module whether or not it is installed; None for most, which are imported."""
    root = module.partition(".")[0]
    return StandIn(module) if root in UNWANTED else Deferred(module) if root in DEFERRED else None


def stand_in(module: str) -> StandIn | None:
    """The harmless stand-in for a module that is not installed; None where there must not be one."""
    return StandIn(module) if module.partition(".")[0] in OPTIONAL | _PYTHON_2_MODULES else None
