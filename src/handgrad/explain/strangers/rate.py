"""The learning rate that a file gives itself: in a call, in an assignment, or as a default."""

from __future__ import annotations

import ast

from handgrad.audit.optimizing.claims import role_of


def own_rate(tree: ast.Module) -> tuple[float, int] | None:
    """(the learning rate that a file gives, the line that gives it): in a call, in an assignment, or as a default."""
    found: list[tuple[int, float, int]] = []  # the stronger, the smaller

    def note(strength: int, name: str | None, value: ast.expr) -> None:
        number = _number(value)
        if name is not None and role_of(name) == "lr" and number is not None and number > 0:
            found.append((strength, number, value.lineno))

    functions = {n.name: n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)}
    functions |= {
        c.name: f for c in ast.walk(tree) if isinstance(c, ast.ClassDef)
        for f in c.body if isinstance(f, ast.FunctionDef) and f.name == "__init__"
    }  # fmt: skip
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)):
                for keyword in node.keywords:
                    note(0, keyword.arg, keyword.value)
                function = functions.get(name)
                arguments = [one.arg for one in function.args.args] if function is not None else []
                arguments = arguments[1:] if arguments[:1] == ["self"] else arguments
                for argument, value in zip(arguments, node.args, strict=False):
                    note(0, argument, value)
                given = {*arguments[: len(node.args)], *(keyword.arg for keyword in node.keywords)}
                for argument, value in _defaults(function) if function is not None else ():
                    if argument not in given:
                        note(2, argument, value)
            case ast.Assign(targets=[ast.Tuple(elts=targets)], value=ast.Tuple(elts=values)):
                for target, value in zip(targets, values, strict=False):
                    note(1, _called(target), value)
            case ast.Assign(targets=[target], value=value):
                note(1, _called(target), value)
            case ast.FunctionDef():
                for argument, value in _defaults(node):
                    note(3, argument, value)
    best = min(found, key=lambda one: one[0], default=None)
    return None if best is None else best[1:]


def _defaults(function: ast.FunctionDef) -> list[tuple[str, ast.expr]]:
    own = function.args
    found = list(zip([one.arg for one in own.args[len(own.args) - len(own.defaults) :]], own.defaults, strict=True))
    return found + [(one.arg, value) for one, value in zip(own.kwonlyargs, own.kw_defaults, strict=True) if value]


def _called(target: ast.expr) -> str | None:
    return target.id if isinstance(target, ast.Name) else target.attr if isinstance(target, ast.Attribute) else None


def _number(value: ast.expr) -> float | None:
    try:
        number = ast.literal_eval(value)
    except (ValueError, TypeError, SyntaxError):
        return None
    return float(number) if isinstance(number, (int, float)) and not isinstance(number, bool) else None
