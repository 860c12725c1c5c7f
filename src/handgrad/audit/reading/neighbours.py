"""What a stranger's file imports: modules that lie beside it, packages that are installed, and stand-ins for the rest.

Modules of the user's own are run as the file itself is, without their training and data; nothing is cached on disk.
"""

from __future__ import annotations

import ast
import builtins
import importlib.util
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

from handgrad.audit.reading.fence import INSTALLED, no_limit, replaced
from handgrad.audit.reading.pruning import MARK
from handgrad.audit.reading.source import Program, read_program
from handgrad.audit.reading.standins import ALIASES, replacement, stand_in
from handgrad.errors import DataError

HONEST = "__honest__"  # in a namespace while a `try` that handles ImportError runs
Run = Callable[[Program, dict[str, Any]], None]


@dataclass(frozen=True, slots=True)
class Home:
    """Where a program lives.

    Attributes:
        module: the full name under which it runs.
        package: the dotted package that it belongs to; "" for none.
        folders: the folder of each level of that package, from the top.
        root: the folder from which its imports are found: that of the file, or that above its package.
    """

    module: str
    package: str
    folders: tuple[Path, ...]
    root: Path


def home_of(program: Program) -> Home:
    """The program's home: a file in a package, or one that imports relatively, belongs to the folders above it."""
    above = list(program.path.parents)
    depth = max((node.level for node in ast.walk(program.tree) if isinstance(node, ast.ImportFrom)), default=0)
    depth = min(depth, len(above) - 1)
    while depth < len(above) - 1 and (above[depth] / "__init__.py").is_file():
        depth += 1
    names = [folder.name for folder in reversed(above[:depth])]
    stem = "".join(letter if letter.isalnum() else "_" for letter in program.path.stem)
    if not names:
        return Home(f"audited_{stem}", "", (), above[0])
    top = sys.modules.get(names[0])
    if top is not None and MARK not in vars(top):  # a folder called test is not Python's own test
        names[0] = f"audited_{names[0]}"
    package = ".".join(names)
    return Home(f"{package}.{stem}", package, tuple(reversed(above[:depth])), above[depth])


def forget() -> None:
    """Drop the modules of programs that were run before, so that a utils.py beside another file is not this one's."""
    for name in [name for name, module in sys.modules.items() if MARK in getattr(module, "__dict__", ())]:
        del sys.modules[name]


class Neighbours(MetaPathFinder):
    """Finds modules of the user's own and has them run by `run`; `importable()` puts it to work."""

    def __init__(self, program: Program, run: Run) -> None:
        self.program, self.run = program, run
        self.home = home_of(program)
        own = self.home.folders[0] if self.home.folders else program.path.parent
        self.own = os.path.join(os.path.realpath(own), "")
        self._import = builtins.__import__

    @contextmanager
    def importable(self) -> Iterator[None]:
        """While this lasts, imports of the user's code find what lies beside it, and stand-ins."""
        folder = str(self.program.path.parent)
        importlib.invalidate_caches()  # a file may be seconds old
        self._import = builtins.__import__
        self.open_packages()
        with (
            replaced(sys, "argv", [self.program.filename]),
            replaced(sys, "path", [*dict.fromkeys([folder, str(self.home.root)]), *sys.path]),
            replaced(sys, "meta_path", [self, *sys.meta_path]),
            replaced(os, "getcwd", lambda: folder),
            replaced(builtins, "__import__", self.import_),
        ):
            yield

    def open_packages(self) -> None:
        """Set up the packages that the program is in. Their __init__.py runs only when something of it is asked for."""
        name = ""
        for part, folder in zip(self.home.package.split("."), self.home.folders, strict=False):
            name = f"{name}.{part}" if name else part
            if MARK in getattr(sys.modules.get(name), "__dict__", ()):
                continue
            module = ModuleType(name)
            vars(module).update({"__path__": [str(folder)], "__package__": name, MARK: self.program})
            vars(module)["__getattr__"] = _Later(module, folder, self.run)
            sys.modules[name] = module

    def import_(
        self,
        name: str,
        names: dict[str, Any] | None = None,
        local: dict[str, Any] | None = None,
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> Any:
        """`__import__` as long as the user's code runs; for other importers it is Python's own."""
        if names is None or MARK not in names:
            return self._import(name, names, local, fromlist or (), level)
        root = name.partition(".")[0]
        with no_limit():
            unwanted = None if level else replacement(name if fromlist else root)
            if unwanted is not None and not self.beside(root):
                if HONEST in names and importlib.util.find_spec(root) is None:
                    raise ModuleNotFoundError(f"No module named '{root}'", name=root)
                return unwanted
            try:
                return self._import(name, names, local, fromlist or (), level)
            except Exception as error:  # not there, or there and broken
                if level or HONEST in names:
                    raise
                if root in ALIASES:
                    return self._import(ALIASES[root], names, local, fromlist or ())
                stand = stand_in(name if fromlist else root)
                if stand is None:
                    raise ModuleNotFoundError(str(error), name=getattr(error, "name", None) or name) from None
                return stand

    def beside(self, name: str) -> bool:
        """Whether a top-level module of this name is the user's own."""
        spec = self.find_spec(name)
        return spec is not None and isinstance(spec.loader, _Pruned)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The spec of a module of the user's own; None for all others, which Python's finders then find."""
        if path is None:  # sys.path.append("..") means above the file, wherever this process runs
            path = [os.path.join(self.program.path.parent, entry) for entry in sys.path if isinstance(entry, str)]
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
            return spec if spec is not None and spec.origin is None else None
        origin = os.path.realpath(spec.origin)
        if origin.startswith(INSTALLED) and not (self.own not in INSTALLED and origin.startswith(self.own)):
            return None
        return importlib.util.spec_from_file_location(
            fullname,
            spec.origin,
            loader=_Pruned(Path(spec.origin), self.run),
            submodule_search_locations=spec.submodule_search_locations,
        )


class _Pruned(Loader):
    """Runs a module of the user's without its training, and writes no cache."""

    def __init__(self, path: Path, run: Run) -> None:
        self.path, self.run = path, run

    def exec_module(self, module: ModuleType) -> None:
        if _is_empty(self.path):  # most an __init__.py
            vars(module)[MARK] = None
            return
        try:
            program = read_program(self.path)
        except DataError as error:
            raise ImportError(str(error), name=module.__name__) from None
        self.run(program, vars(module))


def _is_empty(path: Path) -> bool:
    """Whether a file holds nothing but white space."""
    try:
        return path.stat().st_size < 1000 and not path.read_bytes().strip()
    except OSError:
        return False


class _Later:
    """`__getattr__` of a package: runs its __init__.py once, when a name is asked for that is none of its modules."""

    def __init__(self, module: ModuleType, folder: Path, run: Run) -> None:
        self.module, self.folder, self.run, self.done = module, folder, run, False

    def __call__(self, name: str) -> Any:
        init = self.folder / "__init__.py"
        is_module = (self.folder / f"{name}.py").is_file() or (self.folder / name).is_dir()
        is_module = is_module and not _rebinds(init, name)
        if not (name.startswith("__") or is_module or self.done) and init.is_file() and not _is_empty(init):
            self.done = True
            try:
                self.run(read_program(init), vars(self.module))
            except DataError as error:
                raise AttributeError(str(error)) from None
        if name in vars(self.module):
            return vars(self.module)[name]
        raise AttributeError(f"module '{self.module.__name__}' has no attribute '{name}'")


def _rebinds(init: Path, name: str) -> bool:
    """Whether an __init__.py gives the name of one of its modules to something in it: `from .Adam import Adam`."""
    try:
        tree = ast.parse(init.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return False
    return any(
        (alias.asname or alias.name) == name and (node.module or "").rpartition(".")[2] == name
        for node in tree.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    )


def together(names: dict[str, Any]) -> list[dict[str, Any]]:
    """A program's namespace and those of the user's own modules that it works with, each once, the nearest first."""
    found, seen = [names], {id(names)}
    for known in found:
        for more in _beside(known):
            if isinstance(more.get(MARK), Program) and id(more) not in seen:
                seen.add(id(more))
                found.append(more)
    return found


def _beside(names: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The global names of the modules from which functions, classes and objects among some names come."""
    for value in list(names.values()):
        if isinstance(value, ModuleType):
            yield vars(value)
        elif isinstance(value, FunctionType):
            yield value.__globals__
        else:
            kind = value if isinstance(value, type) else type(value)
            methods = [f for base in kind.__mro__[:-1] for f in vars(base).values() if isinstance(f, FunctionType)]
            yield from (f.__globals__ for f in methods[:100])
