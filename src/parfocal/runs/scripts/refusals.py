"""What is wrong with what a script asks of services, in words: before it runs as while it does. Pure."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from parfocal.core.errors import nearest
from parfocal.core.text_values import Kind

if TYPE_CHECKING:
    from parfocal.ipc import CommandInfo, ParameterInfo

Commands = dict[str, tuple["CommandInfo", ...]]
"""The commands of each service of a rig."""
OPTIONS = frozenset({"timeout_s"})
"""What every command takes beside its own arguments."""
_UNKNOWN = object()


class GivenArguments(NamedTuple):
    """The arguments of a call, as far as they are known.

    Attributes
    ----------
    positional : tuple
        Values by position; `UNKNOWN` for one that is only known when the script runs.
    named : dict
        The same by name.
    open_ended : bool
        Whether there may be more: ``*values`` or ``**values``.
    """

    positional: tuple[Any, ...] = ()
    named: Mapping[str, Any] = MappingProxyType({})
    open_ended: bool = False


UNKNOWN: Any = _UNKNOWN
"""In place of a value that is only known when the script runs."""


def service_problem(service: str, known: Iterable[str]) -> str:
    """Return why there is no such service; "" if there is.

    Examples
    --------
    >>> service_problem("trackr", ["camera", "tracker"])
    "the rig has no service 'trackr'; did you mean 'tracker'?"
    """
    names = tuple(known)
    return "" if service in names else f"the rig has no service {service!r}; {nearest(service, names)}"


def command_problem(service: str, command: str, infos: Iterable[CommandInfo]) -> str:
    """Return why a script can't use that command of a service; "" if it can."""
    infos = tuple(infos)
    found = next((info for info in infos if info.name == command), None)
    if found is None:
        hint = nearest(command, (info.name for info in infos if info.script))
        return f"service {service!r} has no command {command!r}; {hint}"
    return "" if found.script else f"{service}.{command} is not for scripts"


def argument_problems(service: str, info: CommandInfo, given: GivenArguments) -> list[str]:
    """Return what is wrong with the arguments of a call, as far as that can be told without making it."""
    parameters = {parameter.name: parameter for parameter in info.parameters}
    by_position = [parameter for parameter in info.parameters if not parameter.by_name_only]
    wrong = []
    if len(given.positional) > len(by_position):
        wrong.append(f"it takes {len(by_position)} positional arguments, not {len(given.positional)}")
    values = {parameter.name: value for parameter, value in zip(by_position, given.positional, strict=False)}
    wrong += [f"it gets {name!r} twice" for name in given.named if name in values]
    known = parameters.keys() | OPTIONS
    wrong += [
        f"there is no argument {name!r}; {nearest(name, known)}" for name in given.named if name not in known
    ]
    values.update(given.named)
    if not given.open_ended:
        wrong += [
            f"{name} is missing" for name, one in parameters.items() if one.required and name not in values
        ]
    wrong += filter(
        None, (_misfit(parameters[name], value) for name, value in values.items() if name in parameters)
    )
    return [f"{service}.{info.name}: {line}" for line in wrong]


def call_problems(
    services: Mapping[str, Iterable[CommandInfo]], service: str, command: str, given: GivenArguments
) -> list[str]:
    """Return what is wrong with a call of a script, in words; none if nothing is."""
    infos = tuple(services[service])
    if problem := command_problem(service, command, infos):
        return [problem]
    return argument_problems(service, next(info for info in infos if info.name == command), given)


def _misfit(parameter: ParameterInfo, value: Any) -> str:
    """Return why a value that stands in the text is none for a parameter; "" if it may be one."""
    if value is UNKNOWN:
        return ""
    if (allowed := _choices(parameter.type)) and value not in allowed:
        return f"{parameter.name} must be {' or '.join(map(repr, allowed))}, not {value!r}"
    if _kind_of(value) not in parameter.kinds:
        return f"{parameter.name} must be {parameter.type}, not {value!r}"
    return ""


def _kind_of(value: Any) -> Kind:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "truth"
    return "number" if isinstance(value, int | float) else "text"


def _choices(annotation: str) -> list[Any]:
    """Return the values of an annotation that is one ``Literal``, from its text; [] for any other.

    Examples
    --------
    >>> _choices("Literal['sin', 'ramp']"), _choices("float | None")
    (['sin', 'ramp'], [])
    """
    try:
        tree = ast.parse(annotation, mode="eval").body
    except SyntaxError:
        return []
    if not isinstance(tree, ast.Subscript) or not ast.unparse(tree.value).endswith("Literal"):
        return []
    parts = tree.slice.elts if isinstance(tree.slice, ast.Tuple) else [tree.slice]
    return [part.value for part in parts if isinstance(part, ast.Constant)]
