"""Checks a script before it runs, from its text alone, against the commands of a rig. Pure."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

import msgspec

from parfocal.core.errors import nearest
from parfocal.runs.scripts import refusals
from parfocal.runs.scripts.script_scopes import MAIN, ScriptCall, ScriptScopes, ServiceCommand

if TYPE_CHECKING:
    import inspect
    from collections.abc import Iterator, Mapping

    from parfocal.ipc import CommandInfo


class ScriptProblem(msgspec.Struct, frozen=True, order=True):
    """What is wrong with a script, and in which line of which file."""

    file: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}"


class ScriptCheck(msgspec.Struct, frozen=True, kw_only=True):
    """What was found in a script.

    Attributes
    ----------
    problems : tuple of ScriptProblem
        By line; none if it may run.
    changes : tuple of str
        The services that it changes by a command that stands in its text.
    """

    problems: tuple[ScriptProblem, ...] = ()
    changes: tuple[str, ...] = ()


def check(
    text: str,
    services: Mapping[str, tuple[CommandInfo, ...]],
    lab: Mapping[str, inspect.Signature],
    *,
    file: str = "script",
) -> ScriptCheck:
    r"""Check a script: services, commands and arguments that are wrong, with their lines.

    Services are found as ``lab["tracker"]`` and ``lab.tracker``, and through names that are given to them
    once. What can't be told from the text, such as ``lab[name]``, is left for when it runs, with the same
    words.

    Parameters
    ----------
    text : str
        Of the file.
    services : mapping
        The commands of each service of the rig.
    lab : mapping
        What ``lab`` offers beside services: the signature of each method, without ``self``.
    file : str
        Named in the problems.

    Examples
    --------
    >>> script = "def main(lab):\n    lab['focus'].move_to(5)\n"
    >>> [str(problem) for problem in check(script, {"camera": ()}, {}, file="a.py").problems]
    ["a.py:2: the rig has no service 'focus'; known: camera"]
    """
    try:
        tree = ast.parse(text)
        compile(tree, file, "exec", dont_inherit=True)  # a `return` outside of functions is told here alone
    except (SyntaxError, ValueError) as error:  # a null byte is a ValueError in Python 3.11
        line = getattr(error, "lineno", None) or 1
        return ScriptCheck(
            problems=(ScriptProblem(file, line, f"it is no Python: {getattr(error, 'msg', error)}"),)
        )
    except (RecursionError, MemoryError):
        return ScriptCheck(problems=(ScriptProblem(file, 1, "it is nested too deeply for Python"),))
    if problem := _problem_of_main(tree):
        return ScriptCheck(problems=(ScriptProblem(file, *problem),))
    scopes = ScriptScopes(tree, services.keys(), lab.keys())
    found = {ScriptProblem(file, line, message) for line, message in _problems(scopes, services, lab)}
    return ScriptCheck(problems=tuple(sorted(found)), changes=_changed(scopes, services))


def _problem_of_main(tree: ast.Module) -> tuple[int, str] | None:
    """Return line and words if there is no ``main`` that takes the lab alone."""
    wanted = f"a script needs a function `def {MAIN}(lab)`"
    mains = [node for node in tree.body if getattr(node, "name", "") == MAIN]
    if not mains:
        return 1, wanted
    main = mains[-1]
    if not isinstance(main, ast.FunctionDef):
        return main.lineno, f"{wanted}, which is neither async nor a class"
    arguments = main.args
    by_position = [*arguments.posonlyargs, *arguments.args]
    needed = len(by_position) - len(arguments.defaults)
    by_name = sum(default is None for default in arguments.kw_defaults)
    if needed > 1 or by_name or not (by_position or arguments.vararg):
        return main.lineno, f"{wanted}: it is called with the lab alone"
    return None


def _problems(
    scopes: ScriptScopes,
    services: Mapping[str, tuple[CommandInfo, ...]],
    lab: Mapping[str, inspect.Signature],
) -> Iterator[tuple[int, str]]:
    for line, service in scopes.services:
        if problem := refusals.service_problem(service, services):
            yield line, problem
    for line, name in scopes.unknown:
        yield line, f"lab has no {name!r}; {nearest(name, {*lab, *services})}"
    for line, used in scopes.commands:
        if used.service in services and (problem := _command_problem(used, services)):
            yield line, problem
    for line, call in scopes.calls:
        if call.service in services and not _command_problem(
            ServiceCommand(call.service, call.command), services
        ):
            wrong = refusals.call_problems(services, call.service, call.command, call.given)
            yield from ((line, problem) for problem in wrong)
        elif not call.service and call.command in lab and (problem := _misuse(call, lab[call.command])):
            yield line, problem


def _command_problem(used: ServiceCommand, services: Mapping[str, tuple[CommandInfo, ...]]) -> str:
    return refusals.command_problem(used.service, used.command, services[used.service])


def _misuse(call: ScriptCall, signature: inspect.Signature) -> str:
    """Return what is wrong with the arguments of a method of the lab; "" if nothing is."""
    bind = signature.bind_partial if call.given.open_ended else signature.bind
    try:
        bind(*call.given.positional, **call.given.named)
    except TypeError as error:
        words = str(error).replace("keyword-only ", "")  # as Python 3.12 says it
        return f"lab.{call.command}: {words}"
    return ""


def _changed(scopes: ScriptScopes, services: Mapping[str, tuple[CommandInfo, ...]]) -> tuple[str, ...]:
    changing = {
        (name, info.name) for name, infos in services.items() for info in infos if info.effect == "changes"
    }
    used = (one for _, one in scopes.commands if (one.service, one.command) in changing)
    return tuple(dict.fromkeys(one.service for one in used))
