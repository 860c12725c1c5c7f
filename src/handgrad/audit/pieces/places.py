"""Places: the line at which somebody's backward computes one gradient, as far as its text gives it away."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Callable
from contextlib import suppress
from types import CodeType, FunctionType
from typing import Any

from handgrad.audit.dialects.calling import plain
from handgrad.audit.dialects.chain import DOWN
from handgrad.audit.reading.source import Program
from handgrad.audit.reading.traced import traced

_MODE = re.compile(r"(not\b.*)?(train|learn|test|eval|infer)")


def place(
    program: Program, function: Any, quantity: str, ran: frozenset[int] = frozenset(), call: str = ""
) -> tuple[str, int | None]:
    """(file, line) of a gradient within a function; its first line where the text does not tell.

    Args:
        program: the audited file.
        function: somebody's backward, or the code of a function that it calls.
        quantity: "dx", a parameter's name, "first" for what is computed first, "error" for what is made of the error
            before dx, "test" for statistics that a test takes, "item" for items that are changed, "bound" for dx
            without its items, or "" for the function as a whole.
        ran: the lines that ran, where that is known.
        call: a pattern for what is called on the line that is looked for, if anything is.
    """
    code = code_of(function)
    if code is None:
        return program.filename, None
    line = _line(function, quantity, ran, call) or code.co_firstlineno
    return code.co_filename, line


def code_of(function: Any) -> CodeType | None:
    """The code of a function, a method or of code itself; None for what is written in another language."""
    if isinstance(function, CodeType):
        return function
    return getattr(getattr(function, "__func__", function), "__code__", None)


def calls_one_of(function: Any, names: set[str]) -> bool:
    """Whether a function at top level calls another of these names."""
    if not isinstance(function, FunctionType) or function.__qualname__ != function.__name__:
        return False
    return not (names - {function.__name__}).isdisjoint(function.__code__.co_names)


def called_by(back: Any, action: Callable[[], Any], before: Callable[[], Any], file: str) -> CodeType | None:
    """The first function of a file that `back` calls in an action, unless `before` calls it too.

    A class that inherits its backward keeps what is its own there: the derivative that it hands to its parent.
    """
    mine, other = _calls_in(action, code_of(back)), _calls_in(before, None)
    return next((code for code in mine if code not in other and code.co_filename == file), None)


def _calls_in(action: Callable[[], Any], within: CodeType | None) -> list[CodeType]:
    """The code of all functions that run in an action, in order; with `within` only those that this one calls."""
    seen: list[CodeType] = []

    def note(frame: Any, event: str, _: Any) -> None:
        if within is None or (frame.f_back is not None and frame.f_back.f_code is within):
            seen.append(frame.f_code)

    with suppress(Exception), traced(note):  # it need not run to the end
        action()
    return seen


def _tree(function: Any) -> tuple[ast.AST, int] | None:
    """(the function's tree, the line that its own line 1 is)."""
    try:
        lines, first = inspect.getsourcelines(getattr(function, "__func__", function))
        tree = ast.parse(textwrap.dedent("".join(lines)))
    except (OSError, TypeError, SyntaxError):
        return None
    node = next((n for n in ast.walk(tree) if isinstance(n, (ast.FunctionDef, ast.Lambda))), None)
    return None if node is None else (node, first)


def ran_lines(action: Callable[[], Any], function: Any) -> frozenset[int]:
    """Which lines of a function run in an action."""
    code = getattr(getattr(function, "__func__", function), "__code__", None)
    seen: set[int] = set()

    def note(frame: Any, event: str, _: Any) -> Any:
        if frame.f_code is not code:
            return None
        if event == "line":
            seen.add(frame.f_lineno)
        return note

    with suppress(Exception), traced(note):  # it need not run to the end
        action()
    return frozenset(seen)


def _line(function: Any, quantity: str, ran: frozenset[int], call: str) -> int | None:
    found = _tree(function)
    if found is None:
        return None
    node, first = found
    alive = {line - first + 1 for line in ran}
    lines = [n.lineno for n in ast.walk(node) if isinstance(n, ast.Call) and call and re.fullmatch(call, _called(n))]
    if quantity == "first" and not lines:
        lines = [line for _, line in reversed(_targets(node)) if line in alive]
    elif quantity == "error" and not lines:
        lines = _by_error(node)[-1:] or _by_input(node, alive)
    elif quantity == "test" and not lines:
        lines = _by_test(node)
    elif quantity == "bound" and not lines:
        made, items = _by_input(node, alive), _into_items(node)
        lines = [line for line in made if line not in items] or made
    elif quantity == "item" and not lines:
        lines = _by_item(node) or _by_input(node, alive)
    elif quantity and not lines:
        lines = _by_input(node, alive) if quantity == "dx" else _by_parameter(node, quantity)
    lines = [line for line in lines if line in alive] or lines
    return first + lines[-1] - 1 if lines else None


def _called(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def _by_input(node: ast.AST, alive: set[int]) -> list[int]:
    """Lines that make what is returned, or kept as the gradient by the input."""
    returns = [n for n in ast.walk(node) if isinstance(n, ast.Return) and n.value is not None]
    returns = [n for n in returns if set(range(n.lineno, (n.end_lineno or n.lineno) + 1)) & alive] or returns
    if isinstance(node, ast.Lambda):
        return [node.lineno]
    if returns:
        value = returns[-1].value
        if isinstance(value, ast.Tuple) and value.elts:
            named = [one for one in value.elts if re.match(r"d|grad", _written(one))]
            value = named[0] if named else value.elts[0]
        name = _written(value) if isinstance(value, (ast.Name, ast.Attribute)) else ""
        made = _assigned(node, name) if name else []
        return made or [returns[-1].lineno]
    return [line for name in DOWN for line in _assigned(node, f"self.{name}")]


def _by_error(node: ast.AST) -> list[int]:
    """Lines that make something of the error for dx, the gradients of gain and shift aside."""
    if not isinstance(node, ast.FunctionDef):
        return []
    names = [a.arg for a in node.args.args if a.arg != "self"][:1]
    found = []
    for n in ast.walk(node):
        if (
            isinstance(n, ast.Assign)
            and not re.search("gamma|beta|weight|bias|gain|shift|scale", _written(n.targets[0]))
            and any(isinstance(one, ast.Name) and one.id in names for one in ast.walk(n.value))
        ):
            found.append(n.lineno)
    return sorted(found)


def _by_test(node: ast.AST) -> list[int]:
    """The line that takes a mean or a variance where a flag says that nothing is learnt; without such a flag the last.

    What is looked for stands last in the list.
    """
    branches: list[ast.stmt] = []
    for one in ast.walk(node):
        if isinstance(one, ast.If) and (said := _MODE.search(ast.unparse(one.test))):
            learns = (said[2] in ("train", "learn")) != bool(said[1])
            branches += one.orelse if learns else one.body
    scopes: list[ast.AST] = [*branches] or [node]
    taken = [
        inner.lineno
        for scope in scopes
        for inner in ast.walk(scope)
        if isinstance(inner, ast.Call) and _called(inner) in ("mean", "var", "std", "average")
    ]
    first = min(taken, default=branches[0].lineno if branches else 0)
    return [first] if branches and first else sorted(taken)[-1:]


def _by_item(node: ast.AST) -> list[int]:
    """Lines that change items of an array: `dx[range(n), y] -= 1`."""
    return sorted(
        n.lineno for n in ast.walk(node) if isinstance(n, ast.AugAssign) and isinstance(n.target, ast.Subscript)
    )


def _into_items(node: ast.AST) -> set[int]:
    """Lines that assign to items of an array: `dx[mask] = 0`."""
    return {
        n.lineno for n in ast.walk(node)
        if isinstance(n, ast.Assign) and all(isinstance(target, ast.Subscript) for target in n.targets)
    }  # fmt: skip


def _by_parameter(node: ast.AST, quantity: str) -> list[int]:
    """Lines that make a parameter's gradient, by its name."""
    item = re.search(r"\['(\w+)'\]$", quantity)
    bare = re.sub(r"\.(data|value|val|array)$", "", quantity)  # of an object that holds value and gradient
    key = plain(item[1] if item else bare.rpartition(".")[2])
    stem = key.rstrip("0123456789")
    names = {f"d{key}", f"grad{key}", f"{key}grad", f"d{stem}", f"{key}gradient", f"grad{stem}", f"{key}error",
             f"d{stem[:1]}", f"{key}d", f"{stem}sgradient", f"{stem}sgrad", f"dl{key}", f"dldb{key}"}  # fmt: skip
    made = [(re.sub(r"\.(grad|gradient|g|d)$", "", written), line) for written, line in _targets(node)]
    lines = [line for written, line in made if plain(written.rpartition(".")[2]) in names]
    return lines or [line for written, line in made if plain(written.rpartition(".")[2]) == key]


def _assigned(node: ast.AST, name: str) -> list[int]:
    return [line for written, line in _targets(node) if written == name]


def _targets(node: ast.AST) -> list[tuple[str, int]]:
    """(what is assigned, line), in order; dW[...] and grads['W'] count by their names."""
    found: list[tuple[str, int]] = []
    for n in ast.walk(node):
        if isinstance(n, (ast.Assign, ast.AugAssign, ast.AnnAssign)):
            targets = n.targets if isinstance(n, ast.Assign) else [n.target]
            for target in targets:
                each = target.elts if isinstance(target, ast.Tuple) else [target]
                values = n.value.elts if isinstance(n.value, ast.Tuple) and len(each) > 1 else [n.value] * len(each)
                found += [(_written(one), (v or n).lineno) for one, v in zip(each, values, strict=False)]
    return sorted(((name, line) for name, line in found if name), key=lambda pair: pair[1])


def _written(node: ast.AST | None) -> str:
    """`dx`, `self.dinputs`, and for an item its own key or the name of what holds it."""
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=value, attr=name):
            return f"{_written(value)}.{name}"
        case ast.Subscript(value=value, slice=ast.Constant(value=str() as key)):
            return f"{_written(value)}.{key}" if _written(value) else key
        case ast.Subscript(value=value):
            return _written(value)
    return ""


def written_into(tree: ast.Module, function: Any) -> int | None:
    """The first line of a function that writes into one of its arguments; where it has another name, that line."""
    code = getattr(getattr(function, "__func__", function), "__code__", None)
    first = code.co_firstlineno if code is not None else None
    node = next((n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef) and n.lineno == first), None)
    names = {one.arg: 0 for one in node.args.args} if node is not None else {}
    statements = [] if node is None else [n for n in ast.walk(node) if isinstance(n, ast.Assign | ast.AugAssign)]
    for one in sorted(statements, key=lambda n: n.lineno):
        if isinstance(one, ast.Assign) and ast.unparse(one.value) in names:
            names |= {ast.unparse(target): one.lineno for target in one.targets}  # a copy would have to be made here
        targets = one.targets if isinstance(one, ast.Assign) else [one.target]
        for target in targets:
            into = target.value if isinstance(target, ast.Subscript) else target
            if ast.unparse(into) in names and (into is not target or isinstance(one, ast.AugAssign)):
                return names[ast.unparse(into)] or one.lineno
    return None
