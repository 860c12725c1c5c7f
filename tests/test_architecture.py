"""The house stands on its floors: imports go down only, rooms on one floor leave each other alone, the core is bare."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from functools import cache
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
ROOMS: dict[str, list[Path]] = {}  # the files of each: the first folder, or the file itself where it lies at the top
for file in sorted(ROOT.rglob("*.py")):
    ROOMS.setdefault(file.relative_to(ROOT).parts[0].removesuffix(".py"), []).append(file)


@cache
def tree_of(path: Path) -> ast.Module:
    """What a file says, parsed."""
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def imports(path: Path) -> Iterator[tuple[str, int]]:
    """(full name of a module, line) for every import, those inside functions too."""
    package = ".".join(("handgrad", *path.relative_to(ROOT).parent.parts))
    for node in ast.walk(tree_of(path)):
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


def imports_of(mine: str) -> Iterator[tuple[Path, str, int]]:
    """(file, module, line) for every import of a room."""
    return ((path, module, line) for path in ROOMS[mine] for module, line in imports(path))


def label(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("mine", sorted(ROOMS.keys() - {"__init__", "__main__"}))
def test_imports_go_down_only(mine: str) -> None:
    assert mine in FLOORS, f"{mine} is a room that has no floor yet"
    for path, module, line in imports_of(mine):
        theirs = room(module)
        if not module.startswith("handgrad") or theirs in ("", mine, "__version__") or module in FOR_ALL:
            continue
        where = f"{label(path)}:{line} imports {module}"
        assert theirs in FLOORS, where
        assert FLOORS[theirs] < FLOORS[mine] or (mine, theirs) in NEIGHBOURS, where


@pytest.mark.parametrize("mine", OUTSIDE)
def test_what_a_room_takes_from_outside(mine: str) -> None:
    for path, module, line in imports_of(mine):
        top = module.split(".")[0]
        if top != "handgrad" and top not in sys.stdlib_module_names:
            assert top in OUTSIDE[mine], f"{label(path)}:{line} imports {module}"


def test_the_core_is_silent() -> None:
    """No printing, no files, no processes, no clock, no random numbers but those that are passed in."""
    for path, module, line in imports_of("core"):
        assert module.split(".")[0] not in LOUD, f"{label(path)}:{line} imports {module}"
    for path in ROOMS["core"]:
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id not in {"print", "open", "input"}, f"{label(path)}:{node.lineno}"
            if isinstance(node, ast.Attribute) and ast.unparse(node).startswith("np.random."):
                assert node.attr in {"default_rng", "Generator", "RandomState"}, f"{label(path)}:{node.lineno}"
            assert not isinstance(node, ast.Global), f"{label(path)}:{node.lineno}"


@pytest.mark.parametrize("mine", ROOMS)
def test_a_file_opens_with_what_it_is_for_and_stays_short(mine: str) -> None:
    for path in ROOMS[mine]:
        assert ast.get_docstring(tree_of(path)), f"{label(path)} has no docstring"
        lines = len(path.read_text(encoding="utf-8").splitlines())
        assert lines <= 400, f"{label(path)} is long: one small concept a file"


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
