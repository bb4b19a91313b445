"""Finds in a script's syntax tree what is asked of its lab: services, commands, calls. Pure."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Collection
from typing import Any, NamedTuple

from parfocal.runs.scripts.refusals import UNKNOWN, GivenArguments

MAIN = "main"
"""The function of a script that is called with the lab."""
OF_SERVICES = frozenset({"submit", "commands", "ping", "hello"})
"""What every service of a lab has beside its commands."""
_Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


class LabItself(NamedTuple):
    """What an expression means: the lab."""


class ServiceOfLab(NamedTuple):
    """What an expression means: a service of the lab."""

    service: str


class ServiceCommand(NamedTuple):
    """What an expression means: a command of a service, or of the lab itself where `service` is ""."""

    service: str
    command: str


class ScriptCall(NamedTuple):
    """A call of a command, with its arguments."""

    service: str
    command: str
    given: GivenArguments


_Meaning = LabItself | ServiceOfLab | ServiceCommand | None


class ScriptScopes(ast.NodeVisitor):
    """What a script asks of its lab, each with its line, as far as its text tells.

    A name means what it is given in its function, if that is once; else nobody knows before it runs.

    Attributes
    ----------
    services : list of (int, str)
        Services that are named.
    unknown : list of (int, str)
        Names after ``lab.`` that are neither a method of it nor a service.
    commands : list of (int, ServiceCommand)
        Commands of services that are named.
    calls : list of (int, ScriptCall)
        Calls of such commands, and of methods of the lab.
    """

    def __init__(self, tree: ast.Module, services: Collection[str], methods: Collection[str]) -> None:
        self._known, self._methods = services, methods
        self._texts = _constants(tree)
        self._scopes: list[dict[str, _Meaning]] = [{}]
        self._lab = _name_of_lab(tree)
        self._given_the_lab = {MAIN, *_called_with(tree, self._lab)}
        self.services: list[tuple[int, str]] = []
        self.unknown: list[tuple[int, str]] = []
        self.commands: list[tuple[int, ServiceCommand]] = []
        self.calls: list[tuple[int, ScriptCall]] = []
        self.visit(tree)

    # --- functions and their names

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        """Look into a function, where names may mean something else."""
        self._function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        """As any function."""
        self._function(node)

    def visit_Lambda(self, node: ast.Lambda) -> None:
        """As any function."""
        self._function(node)

    def _function(self, node: _Function) -> None:
        own = _parameters(node)
        scope: dict[str, _Meaning] = dict.fromkeys(own)
        if self._lab in own and getattr(node, "name", "") in self._given_the_lab:
            scope[self._lab] = LabItself()
        body = node.body if isinstance(node.body, list) else [node.body]
        stored = _stored(body)
        scope.update(dict.fromkeys(stored))
        self._scopes.append(scope)
        for statement in _own_statements(body):
            if (
                (named := _single_name(statement)) is not None
                and stored[named[0]] == 1
                and named[0] not in own
            ):
                scope[named[0]] = self._meaning(named[1])
        self.generic_visit(node)
        self._scopes.pop()

    # --- what is asked for

    def visit_Subscript(self, node: ast.Subscript) -> None:
        """Note ``lab["service"]``."""
        self.generic_visit(node)
        found = self._meaning(node)
        if isinstance(found, ServiceOfLab):
            self.services.append((node.lineno, found.service))

    def visit_Attribute(self, node: ast.Attribute) -> None:
        """Note ``lab.service``, ``lab.method`` and ``service.command``."""
        self.generic_visit(node)
        if isinstance(self._meaning(node.value), LabItself) and not node.attr.startswith("_"):
            if node.attr not in self._methods and node.attr not in self._known:
                self.unknown.append((node.lineno, node.attr))
            return
        found = self._meaning(node)
        if isinstance(found, ServiceCommand) and found.service and found.command not in OF_SERVICES:
            self.commands.append((node.lineno, found))

    def visit_Call(self, node: ast.Call) -> None:
        """Note a call with its arguments."""
        self.generic_visit(node)
        found = self._meaning(node.func)
        if not isinstance(found, ServiceCommand):
            return
        given = _given(node)
        if found.service and found.command == "submit" and given.positional:
            command, *others = given.positional
            if isinstance(command, str):
                found, given = (
                    ServiceCommand(found.service, command),
                    given._replace(positional=tuple(others)),
                )
                self.commands.append((node.lineno, found))
        if found.command not in OF_SERVICES:
            self.calls.append((node.lineno, ScriptCall(found.service, found.command, given)))

    def _meaning(self, node: ast.expr) -> _Meaning:
        """Return what an expression means, None if that is not known, or nothing of the lab."""
        match node:
            case ast.Name(id=name):
                return next((scope[name] for scope in reversed(self._scopes) if name in scope), None)
            case ast.Subscript(value=value, slice=key) if isinstance(self._meaning(value), LabItself):
                service = self._text(key)
                return None if service is None else ServiceOfLab(service)
            case ast.Attribute(value=value, attr=name) if not name.startswith("_"):
                of = self._meaning(value)
                if isinstance(of, ServiceOfLab):
                    return ServiceCommand(of.service, name)
                if isinstance(of, LabItself):
                    is_service = name in self._known and name not in self._methods
                    return ServiceOfLab(name) if is_service else ServiceCommand("", name)
        return None

    def _text(self, node: ast.expr) -> str | None:
        """Return a text that stands in the script, or in a constant of it."""
        if isinstance(node, ast.Name) and not any(node.id in scope for scope in self._scopes):
            return self._texts.get(node.id)
        return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def _name_of_lab(tree: ast.Module) -> str:
    """Return the name that ``main`` gives to the lab; "" if it gives none."""
    mains = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == MAIN]
    return next(iter(_parameters(mains[-1])), "") if mains else ""


def _called_with(tree: ast.Module, name: str) -> set[str]:
    """Return the functions that are called with what has that name; a parameter of that name is the same."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            given = [*node.args, *(keyword.value for keyword in node.keywords)]
            if any(isinstance(argument, ast.Name) and argument.id == name for argument in given):
                found.add(node.func.id)
    return found


def _constants(tree: ast.Module) -> dict[str, str]:
    """Return texts that are given to a name of the module, once."""
    stored = _stored(tree.body)
    named = filter(None, map(_single_name, tree.body))
    return {
        name: value.value
        for name, value in named
        if stored[name] == 1 and isinstance(value, ast.Constant) and isinstance(value.value, str)
    }


def _parameters(node: _Function) -> list[str]:
    taken = node.args
    all_of_them = [*taken.posonlyargs, *taken.args, *taken.kwonlyargs, taken.vararg, taken.kwarg]
    return [argument.arg for argument in all_of_them if argument is not None]


def _single_name(statement: ast.AST) -> tuple[str, ast.expr] | None:
    """Return name and value of a statement that gives a value to one name."""
    match statement:
        case ast.Assign(targets=[ast.Name(id=name)], value=value):
            return name, value
        case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
            return name, value
    return None


def _own_statements(body: list[Any]) -> list[ast.AST]:
    """Return all nodes of a function in their order, but for those of functions and classes in it."""
    found: list[ast.AST] = []
    for node in body:
        found.append(node)
        if not isinstance(node, _Function | ast.ClassDef):
            found += _own_statements(list(ast.iter_child_nodes(node)))
    return found


def _stored(body: list[Any]) -> Counter[str]:
    """Return how often each name is given a value."""
    counts: Counter[str] = Counter()
    for node in _own_statements(body):
        match node:
            case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
                counts[name] += 1
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                counts[name] += 1
            case ast.Import(names=names) | ast.ImportFrom(names=names):
                counts.update(alias.asname or alias.name.partition(".")[0] for alias in names)
            case (
                ast.ExceptHandler(name=str(name))
                | ast.MatchAs(name=str(name))
                | ast.MatchStar(name=str(name))
            ):
                counts[name] += 1
            case ast.Global(names=names) | ast.Nonlocal(names=names):
                counts.update(dict.fromkeys(names, 2))
    return counts


def _given(node: ast.Call) -> GivenArguments:
    named = {keyword.arg: _value(keyword.value) for keyword in node.keywords if keyword.arg is not None}
    starred = any(isinstance(argument, ast.Starred) for argument in node.args)
    positional = () if starred else tuple(map(_value, node.args))
    return GivenArguments(positional, named, starred or len(named) < len(node.keywords))


def _value(node: ast.expr) -> Any:
    """Return a number, text, truth or None that stands in the text; `UNKNOWN` for anything else."""
    try:
        value = ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return UNKNOWN
    return value if value is None or isinstance(value, bool | int | float | str) else UNKNOWN
