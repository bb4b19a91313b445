"""What a panel offers of a service that nobody wrote a panel for, from its typed commands. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from parfocal.app.desktop.fields import (
    FormField,
    is_simple,
    kind_of,
    label_of,
    parameter_field,
    parameter_tip,
)
from parfocal.ipc import CommandTable
from parfocal.processes.commands import ServiceCommands

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from parfocal.app.desktop.fields import Limits
    from parfocal.ipc import CommandInfo

COMMON = frozenset(info.name for info in CommandTable.of(ServiceCommands).describe())
"""Commands that every service has."""
_OF_THE_PANEL = frozenset({"declared_limits", "declared_times", "stop_sequence"})
_SETS = "set_"


class ServiceControl(NamedTuple):
    """A value that one command sets, and that the service's state tells: it is shown, and edited in place.

    Attributes
    ----------
    command, parameter : str
        What sets it.
    key : str
        Its name in the state.
    field : FormField
        How it is edited.
    """

    command: str
    parameter: str
    key: str
    field: FormField


class ServiceForm(NamedTuple):
    """The commands of a service, each where a panel has it.

    Attributes
    ----------
    halts : tuple of CommandInfo
        Those that bring it to rest.
    controls : tuple of ServiceControl
        Values that can be set.
    actions : tuple of CommandInfo
        What else changes it.
    reads, others : tuple of CommandInfo
        What it can be asked; what no form can ask for without JSON, or scripts should not use.
    """

    halts: tuple[CommandInfo, ...] = ()
    controls: tuple[ServiceControl, ...] = ()
    actions: tuple[CommandInfo, ...] = ()
    reads: tuple[CommandInfo, ...] = ()
    others: tuple[CommandInfo, ...] = ()


def service_form(
    commands: Sequence[CommandInfo], state: Mapping[str, Any], limits: Mapping[str, Limits]
) -> ServiceForm:
    """Return where the commands of a service go.

    Examples
    --------
    >>> from parfocal.ipc import CommandTable, command
    >>> class Lamp:
    ...     @command(effect="changes")
    ...     def set_power(self, fraction: float) -> float: ...
    ...     @command(effect="changes")
    ...     def flash(self, pulse_ms: float, count: int = 1) -> None: ...
    ...     @command(effect="stops")
    ...     def off(self) -> None: ...
    >>> form = service_form(CommandTable.of(Lamp).describe(), {"power": 0.5}, {"fraction": (0.0, 1.0)})
    >>> [info.name for info in (*form.halts, *form.actions)], form.controls[0].field.high
    (['off', 'flash'], 1.0)
    """
    own = [info for info in commands if info.name not in _OF_THE_PANEL]
    controls = {info.name: found for info in own if (found := _control(info, state, limits)) is not None}
    shown = {control.key for control in controls.values()}
    groups: dict[str, list[CommandInfo]] = {"halts": [], "actions": [], "reads": [], "others": []}
    for info in own:
        if info.name not in controls and info.name not in shown:
            groups[_group(info)].append(info)
    return ServiceForm(
        halts=tuple(groups["halts"]),
        controls=tuple(controls.values()),
        actions=tuple(groups["actions"]),
        reads=tuple(groups["reads"]),
        others=tuple(groups["others"]),
    )


def command_fields(info: CommandInfo, limits: Mapping[str, Limits]) -> tuple[FormField, ...]:
    """Return the fields of the parameters of a command, but for those that need not be given as JSON."""
    fields = (
        parameter_field(parameter, limits, parameter_tip(info, parameter.name))
        for parameter in info.parameters
    )
    required = {parameter.name for parameter in info.parameters if parameter.required}
    return tuple(field for field in fields if field.kind != "plain" or field.name in required)


def command_label(name: str) -> str:
    """Return a command in words, as a button has it.

    Examples
    --------
    >>> command_label("move_to"), command_label("set_exposure_ms")
    ('Move to', 'Set exposure')
    """
    return label_of(name).capitalize()


def readings(state: Mapping[str, Any], form: ServiceForm) -> dict[str, Any]:
    """Return what the state tells beside what the controls show."""
    shown = {control.key for control in form.controls}
    return {key: value for key, value in state.items() if key not in shown}


def is_rare(info: CommandInfo) -> bool:
    """Whether a command is for programs more than for people: every service has it, or scripts may not."""
    return info.name in COMMON or not info.script


def _group(info: CommandInfo) -> str:
    if is_rare(info) or not is_simple(info):
        return "others"
    if info.effect == "stops":
        return "halts" if not any(parameter.required for parameter in info.parameters) else "actions"
    return "actions" if info.effect == "changes" else "reads"


def _control(
    info: CommandInfo, state: Mapping[str, Any], limits: Mapping[str, Limits]
) -> ServiceControl | None:
    """Return the value that a command sets, if it does no more than that."""
    required = [parameter for parameter in info.parameters if parameter.required]
    if info.effect != "changes" or not info.name.startswith(_SETS) or len(required) != 1:
        return None
    key = next((key for key in (info.name[len(_SETS) :], required[0].name) if key in state), None)
    if key is None or kind_of(required[0].type)[0] == "plain":
        return None
    field = parameter_field(required[0], limits, info.summary)
    return ServiceControl(info.name, required[0].name, key, field._replace(name=_longer(key, field.name)))


def _longer(key: str, parameter: str) -> str:
    """Return the name of the two that tells the unit, the state's if neither does."""
    return parameter if label_of(parameter) != parameter.replace("_", " ") else key
