"""Running what a stranger's file defines and builds, statement by statement, without its training, data and plots.

Each statement at top level is judged and run on its own; one that is held back or fails leaves its names unset, and
the rest goes on. Modules that lie beside the file are run in the same way when it imports them.
"""

from __future__ import annotations
import __future__

import ast
import builtins
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import resolve_name
from time import perf_counter
from types import ModuleType
from typing import Any, NamedTuple

from handgrad.audit.reading.fence import BlockedError, OutOfTime, fenced, time_limit
from handgrad.audit.reading.neighbours import HONEST, Neighbours, forget, home_of
from handgrad.audit.reading.pruning import MARK, Judge, Objection, stored_names
from handgrad.audit.reading.source import Program
from handgrad.audit.reading.standins import USUAL, Missing
from handgrad.audit.reading.wrappers import open_wrappers
from handgrad.words import say

STATEMENT_SECONDS = 1.0
ALL_SECONDS = 5.0
_LEAST_SECONDS = 0.05  # for each statement when the whole time is spent: definitions need less
_MESSAGE = 200  # characters of a stranger's error message


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a statement did not run.

    Attributes:
        code: training, data, output, ends, check (an assert or raise), unset (it uses a name that was left unset),
            failed, time, or syntax (a notebook cell that is no Python).
        detail: the call, name or message that it is about.
    """

    code: str
    detail: str

    def text(self, lang: str | None = None) -> str:
        """The reason as a sentence."""
        return say(f"audit_file.held_{self.code}", lang, detail=self.detail)

    def __str__(self) -> str:
        return self.text()


class Skipped(NamedTuple):
    """A statement that did not run: its first line in `Program.text`, and why."""

    line: int
    reason: Reason


@dataclass(frozen=True, slots=True)
class Execution:
    """What a program has set up.

    Attributes:
        namespace: its global names, live: the `globals()` of its functions. `names()` leaves Python's own out.
        skipped: what did not run, in the order of the file.
        missing: modules, or names of modules, that could not be imported and for which there is no harmless stand-in.
        modules: the modules of the user's that it imported, by name, each as it was read.
    """

    namespace: dict[str, Any]
    skipped: list[Skipped] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    modules: dict[str, Program] = field(default_factory=dict)

    def names(self) -> dict[str, Any]:
        """The names that the program itself has set or imported."""
        return {name: value for name, value in self.namespace.items() if not name.startswith("__")}


def execute(program: Program, given: Mapping[str, Any] | None = None) -> Execution:
    """Run what the program defines and builds, within `ALL_SECONDS`; see `Program.execute`."""
    forget()
    home = home_of(program)
    module = ModuleType(home.module)
    done = Execution(vars(module), [Skipped(line, Reason("syntax", message)) for line, message in program.broken])
    setup = {"__file__": program.filename, "__package__": home.package, "__builtins__": builtins, MARK: program}
    vars(module).update(setup)
    sys.modules[home.module] = module
    with _guarded(program, done):
        _Runner(program, done, perf_counter() + ALL_SECONDS, main=True, given=given).run(program.tree.body)
    done.skipped.sort(key=lambda skipped: skipped.line)
    return done


@contextmanager
def guarded(program: Program) -> Iterator[None]:
    """The conditions under which `execute` runs a program, for calling its functions later."""
    with _guarded(program, Execution({})):
        yield


@contextmanager
def _guarded(program: Program, done: Execution) -> Iterator[None]:
    deadline = perf_counter() + ALL_SECONDS

    def run(neighbour: Program, namespace: dict[str, Any]) -> None:
        namespace[MARK] = neighbour
        done.modules[str(namespace["__name__"])] = neighbour
        inner = Execution(namespace, [], done.missing, done.modules)
        _Runner(neighbour, inner, deadline, main=False).run(neighbour.tree.body)

    with fenced(), Neighbours(program, run).importable():
        yield


class _Runner:
    """Runs the statements of one program in its namespace."""

    def __init__(
        self, program: Program, done: Execution, deadline: float, *, main: bool, given: Mapping[str, Any] | None = None
    ) -> None:
        self.program, self.done, self.deadline, self.main, self.given = program, done, deadline, main, given or {}
        self.namespace = done.namespace
        self.judge = Judge(program.tree, done.namespace)
        self.flags = 0  # of `from __future__ import ...`, which every later statement is compiled with

    def run(self, statements: Sequence[ast.stmt]) -> Exception | None:
        """Run statements one after the other; the first thing that kept one from running, for a `try` around them."""
        first: Exception | None = None
        for node in statements:
            problem = self.statement(node)
            first = first or problem
        return first

    def statement(self, node: ast.stmt) -> Exception | None:
        """Run one statement, or the statements within it. Returns what kept it from running."""
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            return self.imports(node)
        if isinstance(node, ast.If):
            return self.branch(node)
        if isinstance(node, ast.Try):
            return self.attempt(node)
        if isinstance(node, ast.With):
            return self.within(node)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            return None  # a docstring
        objection = self.judge.objection(node)
        return self.hold(node, objection) if objection else self.go(node)

    def hold(self, node: ast.stmt, objection: Objection) -> Exception:
        """Note that a statement does not run. A name that it would have set anew keeps its old value."""
        new = [name for name in stored_names(node) if name not in self.namespace]
        self.namespace.update({name: self.given[name] for name in new if name in self.given})
        self.judge.unset |= {name for name in new if name not in self.given}
        if objection[0] == "training":
            self.judge.leave_untrained(node)
        self.judge.trained |= objection[0] == "training" or isinstance(node, (ast.For, ast.While))
        self.done.skipped.append(Skipped(node.lineno, Reason(*objection)))
        return BlockedError(objection[1])

    def go(self, node: ast.stmt) -> Exception | None:
        """Run one statement as it stands, within its time."""
        error: Exception
        try:
            code = compile(ast.Module([node], []), self.program.filename, "exec", flags=self.flags, dont_inherit=True)
            with time_limit(min(STATEMENT_SECONDS, max(self.deadline - perf_counter(), _LEAST_SECONDS))):
                exec(code, self.namespace)
        except OutOfTime:
            return self.hold(node, ("time", ast.unparse(node).split("\n")[0][:60]))
        except SystemExit:
            return self.hold(node, ("ends", ast.unparse(node).split("\n")[0][:60]))
        except Exception as problem:
            error = problem.with_traceback(None)
            message = f"{type(error).__name__}: {error}"[:_MESSAGE].strip()
            self.hold(node, ("failed", message))
            return error
        self.judge.unset -= stored_names(node)
        if isinstance(node, (ast.ClassDef, ast.FunctionDef)):
            open_wrappers(node.name, self.namespace.get(node.name))
        return None

    def imports(self, node: ast.Import | ast.ImportFrom) -> Exception | None:
        """Import name by name, so that one that is missing costs no other."""
        problem: Exception | None = None
        if isinstance(node, ast.ImportFrom) and node.module == "__future__":
            for alias in node.names:
                self.flags |= getattr(getattr(__future__, alias.name, None), "compiler_flag", 0)
            return None
        for alias in node.names:
            single = (
                ast.Import([alias])
                if isinstance(node, ast.Import)
                else ast.ImportFrom(node.module, [alias], node.level)
            )
            error = self.go(ast.copy_location(single, node))
            if error is not None:
                self.done.skipped.pop()  # it is told in `missing`, or the `try` around it is there for that
                if self.unmade(node, alias):
                    self.done.skipped.append(Skipped(node.lineno, Reason("data", alias.name)))
                elif HONEST not in self.namespace:
                    self.absent(alias, _absent_module(node, alias, error))
            problem = problem or error
        return problem

    def unmade(self, node: ast.Import | ast.ImportFrom, alias: ast.alias) -> bool:
        """Whether a module of the user's own would set a name, and could not: as what it takes from data that are not
        there, or are not loaded.
        """
        if isinstance(node, ast.Import):
            return False
        try:
            module = resolve_name("." * node.level + (node.module or ""), self.namespace.get("__package__") or "")
        except ImportError:
            return False
        program = self.done.modules.get(module)
        return program is not None and any(alias.name in stored_names(one) for one in program.tree.body)

    def absent(self, alias: ast.alias, module: str) -> None:
        """Let a name that could not be imported stand for what everybody means by it, or for something that says so
        when it is used.
        """
        own = {alias.asname or alias.name.partition(".")[0]: alias.name}
        for name, there in own.items() if alias.name != "*" else zip(USUAL, USUAL, strict=True):
            usual = USUAL.get(there) if there != module else None
            self.namespace.setdefault(name, usual or Missing(module))
            self.judge.unset.discard(name)
        if module and module not in self.done.missing:
            self.done.missing.append(module)

    def branch(self, node: ast.If) -> Exception | None:
        """The branch of an `if` that its condition takes; `__name__ == "__main__"` holds in the file itself."""
        if _asks_for_main(node.test):
            return self.run(node.body if self.main else node.orelse)
        value = self.value(node.test, node)
        return value if isinstance(value, Exception) else self.run(node.body if value else node.orelse)

    def value(self, expression: ast.expr, node: ast.stmt) -> Any:
        """What an expression of a statement gives; an exception where it may not be asked or fails."""
        objection = self.judge.uses_unset(expression) or self.judge.calls_objection(expression)
        if objection:
            return self.hold(node, objection)
        hidden = "__handgrad_value__"
        statement = ast.Assign([ast.Name(hidden, ast.Store())], expression)
        problem = self.go(ast.fix_missing_locations(ast.copy_location(statement, node)))
        if problem is not None:
            self.judge.unset |= {name for name in stored_names(node) if name not in self.namespace}
            self.judge.unset.discard(hidden)
            return problem
        return self.namespace.pop(hidden)

    def attempt(self, node: ast.Try) -> Exception | None:
        """A `try`: its body, and where a part of that did not run, the first handler that is for it."""
        with self.honest_imports(node):
            problem = self.run(node.body)
        if problem is None:
            problem = self.run(node.orelse)
        else:
            for handler in node.handlers:
                if self.handles(handler, problem):
                    if handler.name:
                        self.namespace[handler.name] = problem
                    problem = self.run(handler.body)
                    break
        self.run(node.finalbody)
        return problem

    @contextmanager
    def honest_imports(self, node: ast.Try) -> Iterator[None]:
        """While the body of a try runs that handles ImportError: what is not installed raises, with no stand-in."""
        outer = HONEST in self.namespace
        if any(self.handles(handler, ImportError()) for handler in node.handlers):
            self.namespace[HONEST] = True
        try:
            yield
        finally:
            if not outer:
                self.namespace.pop(HONEST, None)

    def handles(self, handler: ast.ExceptHandler, problem: Exception) -> bool:
        if handler.type is None:
            return True
        parts = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
        kinds = [getattr(builtins, part.id, None) for part in parts if isinstance(part, ast.Name)]
        return any(isinstance(kind, type) and isinstance(problem, kind) for kind in kinds)

    def within(self, node: ast.With) -> Exception | None:
        """A `with` whose context may be entered: its statements one by one, in that context."""
        entered = []
        for item in node.items:
            context = self.value(item.context_expr, node)
            if isinstance(context, Exception):
                break
            try:
                got = context.__enter__()
            except Exception as error:
                self.hold(node, ("failed", f"{type(error).__name__}: {error}"[:_MESSAGE]))
                break
            entered.append(context)
            if isinstance(item.optional_vars, ast.Name):
                self.namespace[item.optional_vars.id] = got
        problem: Exception | None = BlockedError("with")
        if len(entered) == len(node.items):
            problem = self.run(node.body)
        for context in reversed(entered):
            try:
                context.__exit__(None, None, None)
            except Exception as error:
                problem = problem or error
        return problem


def _absent_module(node: ast.Import | ast.ImportFrom, alias: ast.alias, error: Exception) -> str:
    """What is missing: the module, or the name in it; "" where that is in a module of the user's own, half run.

    A package's __init__.py may ask a module for what that, which asked for the package, has still to define.
    """
    half = sys.modules.get(getattr(error, "name", None) or "")
    running = half is not None and (half.__spec__ is None or getattr(half.__spec__, "_initializing", False))
    if half is not None and running and MARK in vars(half):
        return ""
    if isinstance(error, ModuleNotFoundError) and error.name:
        return error.name
    return alias.name if isinstance(node, ast.Import) else f"{'.' * node.level}{node.module or ''}.{alias.name}"


def _asks_for_main(test: ast.expr) -> bool:
    """Whether a condition is `__name__ == "__main__"`, either way round."""
    if not isinstance(test, ast.Compare) or len(test.ops) != 1 or not isinstance(test.ops[0], ast.Eq):
        return False
    sides = [ast.unparse(side) for side in (test.left, *test.comparators)]
    return sorted(sides) == ["'__main__'", "__name__"]
