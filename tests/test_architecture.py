"""The house stands on its floors: imports go down only, rooms on one floor leave each other alone, the core is bare."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import handgrad

ROOT = Path(handgrad.__file__).parent
FLOORS = {
    "cli": 5,
    "studio": 4,
    "explain": 3, "plots": 3, "export": 3, "estimator": 3, "sweep": 3, "watch": 3, "parallel": 3,
    "train": 2, "audit": 2, "testing": 3, "bench": 3,
    "engines": 1, "core": 0.5, "data": 0.5,
    "records": 0, "errors": 0, "words": 0,
}  # fmt: skip
# errors say their sentences through words; no other two rooms of one floor know each other.
NEIGHBOURS = {("errors", "words")}
# The two names that type hints are written in lie in the core, and belong to everybody.
FOR_ALL = {"handgrad.core.arrays"}
# What each room may take from outside, besides the standard library. A room that is not listed may take anything.
OUTSIDE = {
    "core": {"numpy"}, "audit": {"numpy"}, "records": set(), "errors": set(), "words": set(),
    "engines": {"numpy", "numba", "llvmlite"},
}  # fmt: skip
LOUD = {"os", "sys", "pathlib", "io", "random", "time", "logging", "subprocess", "threading"}
FILES = sorted(ROOT.rglob("*.py"))


def imports(path: Path) -> Iterator[tuple[str, int]]:
    """(full name of a module, line) for every import, those inside functions too."""
    package = ".".join(("handgrad", *path.relative_to(ROOT).parent.parts))
    tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parent = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*parent, base] if base else parent)
            if base == "handgrad":
                yield from ((f"handgrad.{alias.name}", node.lineno) for alias in node.names)
            else:
                yield base, node.lineno


def room(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def own_room(path: Path) -> str:
    """The first folder, or the file itself where it lies at the top."""
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def label(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", FILES, ids=label)
def test_imports_go_down_only(path: Path) -> None:
    mine = own_room(path)
    if mine in ("__init__", "__main__"):
        return
    assert mine in FLOORS, f"{label(path)} lies in a room that has no floor yet"
    for module, line in imports(path):
        theirs = room(module)
        if not module.startswith("handgrad") or theirs in ("", mine, "__version__") or module in FOR_ALL:
            continue
        where = f"{label(path)}:{line} imports {module}"
        assert theirs in FLOORS, where
        assert FLOORS[theirs] < FLOORS[mine] or (mine, theirs) in NEIGHBOURS, where


@pytest.mark.parametrize("path", [p for p in FILES if own_room(p) in OUTSIDE], ids=label)
def test_what_a_room_takes_from_outside(path: Path) -> None:
    allowed = OUTSIDE[own_room(path)]
    for module, line in imports(path):
        top = module.split(".")[0]
        if top != "handgrad" and top not in sys.stdlib_module_names:
            assert top in allowed, f"{label(path)}:{line} imports {module}"


@pytest.mark.parametrize("path", [p for p in FILES if own_room(p) == "core"], ids=label)
def test_the_core_is_silent(path: Path) -> None:
    """No printing, no files, no processes, no clock, no random numbers but those that are passed in."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for module, line in imports(path):
        assert module.split(".")[0] not in LOUD, f"{label(path)}:{line} imports {module}"
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in {"print", "open", "input"}, f"{label(path)}:{node.lineno}"
        if isinstance(node, ast.Attribute) and ast.unparse(node).startswith("np.random."):
            assert node.attr in {"default_rng", "Generator", "RandomState"}, f"{label(path)}:{node.lineno}"
        assert not isinstance(node, ast.Global), f"{label(path)}:{node.lineno}"


@pytest.mark.parametrize("path", FILES, ids=label)
def test_a_file_opens_with_what_it_is_for_and_stays_short(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert ast.get_docstring(ast.parse(text)), f"{label(path)} has no docstring"
    assert len(text.splitlines()) <= 400, f"{label(path)} is long: one small concept a file"


def test_the_public_names_are_there() -> None:
    """Every name that `handgrad` says it has can be had, and nothing is public by accident."""
    for name in handgrad.__all__:
        assert getattr(handgrad, name) is not None, name
    assert len(set(handgrad.__all__)) == len(handgrad.__all__)
    assert set(handgrad.__all__) <= set(dir(handgrad))
    with pytest.raises(AttributeError):
        _ = handgrad.no_such_name


def test_modules_of_tests_have_names_of_their_own() -> None:
    """pytest puts each folder on the path, so two files of one name would be one module."""
    tests = Path(__file__).parent
    names = [path.name for path in tests.rglob("*.py") if "museum" not in path.parts and path.name != "conftest.py"]
    assert sorted({name for name in names if names.count(name) > 1}) == []
