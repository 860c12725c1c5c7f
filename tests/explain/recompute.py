"""Reads equations back from what a reader sees, and works them out again: a second calculator, that shares no code."""

from __future__ import annotations

import math
import re
from decimal import Decimal
from typing import Any

NUMBER = r"-?(?:\d+(?:\.\d+)?(?:e-?\d+)?|inf|nan)"
FUNCTIONS: dict[str, Any] = {
    "exp": lambda x: math.exp(x) if x < 709 else math.inf,
    "log": math.log,
    "sqrt": math.sqrt,
    "tanh": math.tanh,
    "max": max,
    "min": min,
    "abs": abs,
    "Phi": lambda x: (1 + math.erf(x / math.sqrt(2))) / 2,
}
ARITHMETIC = re.compile(rf"(?:{NUMBER}|[-+×/^(), ]|{'|'.join(FUNCTIONS)})+")


def calculated(text: str) -> float:
    """What a line of arithmetic comes to: 1 / (1 + exp(-0.42))."""
    assert ARITHMETIC.fullmatch(text), text
    names = FUNCTIONS | {"inf": math.inf, "nan": math.nan}
    return float(eval(text.replace("×", "*").replace("^", "**"), {"__builtins__": {}}, names))


def agrees(number: float, printed: str) -> bool:
    """Whether a number rounds to the printed one: it lies within half a unit of its last digit."""
    half = 0.5 * 10.0 ** int(Decimal(printed).as_tuple().exponent)
    return abs(number - float(printed)) <= half * (1 + 1e-6)


def parse_terminal(lines: list[str]) -> int:
    """Check every equation on these lines; returns how many there were."""
    count, column = 0, []
    for line in joined(lines):
        if re.fullmatch(r"\s+─+", line):
            continue
        sum_line = re.fullmatch(rf"    (\S.*?)\s{{2,}}= +({NUMBER})", line)
        term = re.fullmatch(rf"    (\S.*?)(?:\s{{2,}}(\S.*?))? +(?:= )? *({NUMBER})", line)
        if column and sum_line and not term_factors(line):
            total = sum((Decimal(value) for _, value in column), Decimal(0))
            assert agrees(float(total), sum_line[2]), (column, line)
            for factors, value in column:
                assert not factors or agrees(calculated(factors), value), (factors, value)
            count, column = count + 1, []
        elif " = " in line and line.startswith("    ") and not term_factors(line):
            parts = line.strip().split(" = ")
            if len(parts) >= 2 and re.fullmatch(NUMBER, parts[-1]):
                if ARITHMETIC.fullmatch(parts[-2]):
                    assert agrees(calculated(parts[-2]), parts[-1]), line
                count += 1
        elif term:
            found = term_factors(line)
            column.append((found or "", term[3]))
        else:
            column = []
    return count


def term_factors(line: str) -> str | None:
    """The factors of a line of a column: name, two spaces, arithmetic, the value."""
    found = re.fullmatch(rf"    \S.*?\s{{2,}}((?:{NUMBER}|\()\S*? .*?|exp.*?) *= +{NUMBER}", line)
    return found[1] if found and ARITHMETIC.fullmatch(found[1]) else None


def joined(lines: list[str]) -> list[str]:
    """Lines that go on with a sign of equality or of arithmetic, put together."""
    whole: list[str] = []
    for line in lines:
        if re.match(r"\s{5,}[-=+×/] ", line) and whole:
            whole[-1] += " " + line.strip()
        else:
            whole.append(line)
    return whole


def from_json(node: dict[str, Any]) -> float:
    """What a tree of the JSON comes to."""
    if "number" in node:
        return float(node["number"])
    if "value" in node:
        bare = {key: value for key, value in node.items() if key != "value"}
        assert agrees(from_json(bare), node["value"]["number"]), node
        return float(node["value"]["number"])
    a = [from_json(argument) for argument in node["args"]]
    match node["op"]:
        case "add":
            return float(sum(Decimal(repr(term)) for term in a))
        case "sub":
            return float(Decimal(repr(a[0])) - Decimal(repr(a[1])))
        case "mul":
            return math.prod(a)
        case "div":
            return a[0] / a[1]
        case "pow":
            return float(a[0] ** a[1])
        case "neg":
            return -a[0]
        case op:
            return float(FUNCTIONS[op](*a))
