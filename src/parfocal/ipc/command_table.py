"""The commands of a service: its methods that declare one, all checked before the service starts."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from string import Formatter
from typing import Any, Literal, get_args, get_origin, get_type_hints

import msgspec

from parfocal.core.errors import BadArgumentsError, BadInputError, UnknownCommandError, nearest
from parfocal.core.text_values import kinds_of
from parfocal.ipc.commands import BUILT_IN, OPTIONS, RESERVED, URGENT, CommandInfo, Declaration, ParameterInfo
from parfocal.ipc.convert import from_plain
from parfocal.ipc.refusals import refusal
from parfocal.ipc.results import result_name

_PLAIN = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


@dataclass(frozen=True)
class BoundCommand:
    """A command with what it takes to check its arguments and to run it."""

    info: CommandInfo
    run: Callable[..., Any]
    by_position: tuple[str, ...]
    arguments: type[msgspec.Struct]
    lane_varies: bool = False

    def lane(self, arguments: dict[str, Any]) -> str:
        """Return the lane of a call with these arguments."""
        return self.info.lane.format_map(arguments) if self.lane_varies else self.info.lane

    def check(self, positional: list[Any], named: dict[str, Any]) -> dict[str, Any]:
        """Return all arguments by name, converted to what the annotations ask; `BadArgumentsError` if not."""
        if len(positional) > len(self.by_position):
            allowed = f"{len(self.by_position)} positional arguments, not {len(positional)}"
            raise BadArgumentsError(f"{self.info.name}() takes {allowed}")
        given = dict(zip(self.by_position, positional, strict=False))
        if named and (twice := given.keys() & named.keys()):
            raise BadArgumentsError(f"{self.info.name}() got {', '.join(sorted(twice))} twice")
        given.update(named)
        try:
            checked = msgspec.convert(given, self.arguments, dec_hook=from_plain)
        except msgspec.ValidationError as error:
            raise BadArgumentsError(refusal(self.info.name, given, self.arguments)) from error
        return msgspec.structs.asdict(checked)


class CommandTable:
    """The commands of one or more objects (or classes, to look at without making anything).

    Examples
    --------
    >>> from parfocal.ipc import command
    >>> class Lamp:
    ...     @command(effect="changes")
    ...     def set_power(self, fraction: float) -> float:
    ...         "Set the power, 0 to 1."
    ...         return fraction
    >>> table = CommandTable.of(Lamp())
    >>> [info.name for info in table.describe()]
    ['set_power']
    >>> table["set_power"].check([0.5], {})
    {'fraction': 0.5}
    """

    def __init__(self, commands: dict[str, BoundCommand]) -> None:
        self._commands = commands

    @classmethod
    def of(cls, *sources: object) -> CommandTable:
        """Gather the commands of `sources`.

        Raises
        ------
        BadInputError
            If a parameter has no (usable) annotation, or two commands have one name; names them.
        """
        commands: dict[str, BoundCommand] = {}
        owners: dict[str, str] = {}
        for source in sources:
            for where, mark, function in _marked(source):
                if mark.name in RESERVED:
                    raise BadInputError(f"command {mark.name!r} of {where} is built in; give it another name")
                if mark.name in commands:
                    both = f"{owners[mark.name]} and {where}"
                    raise BadInputError(f"{both} are both a command named {mark.name!r}; rename one")
                owners[mark.name] = where
                commands[mark.name] = _bind(where, mark, function, source)
        return cls(commands)

    def __getitem__(self, name: str) -> BoundCommand:
        try:
            return self._commands[name]
        except KeyError:
            hint = nearest(name, self._commands.keys() | BUILT_IN)
            raise UnknownCommandError(f"no command {name!r}; {hint}", command=name) from None

    def describe(self) -> tuple[CommandInfo, ...]:
        """Return all commands, by name."""
        return tuple(self._commands[name].info for name in sorted(self._commands))


def _marked(source: object) -> Iterator[tuple[str, Declaration, Callable[..., Any]]]:
    kind = source if isinstance(source, type) else type(source)
    for attribute in dir(kind):
        definitions = [base.__dict__[attribute] for base in kind.__mro__ if attribute in base.__dict__]
        found = [getattr(item, "__command__", None) for item in definitions]
        marks = [mark for mark in found if isinstance(mark, Declaration)]
        if marks:  # an override without a mark of its own inherits it
            yield f"{kind.__name__}.{attribute}", marks[0], definitions[0]


def _bind(where: str, mark: Declaration, function: Callable[..., Any], source: object) -> BoundCommand:
    hints = _hints(where, function)
    parameters = list(inspect.signature(function).parameters.values())[1:]
    fields: list[Any] = []
    for parameter in parameters:
        if parameter.kind not in _PLAIN:
            raise BadInputError(
                f"command {where} takes {parameter}, but every parameter needs a name to be given by"
            )
        if parameter.name in OPTIONS:
            raise BadInputError(
                f"parameter {parameter.name!r} of command {where} cannot be given: for clients it is an "
                "option of the call itself; rename it (current_call().remaining_s() is the time left)"
            )
        if parameter.name not in hints:
            raise BadInputError(f"parameter {parameter.name!r} of command {where} has no annotation")
        fields.append(_field(parameter, hints[parameter.name]))
    if "return" not in hints:
        raise BadInputError(
            f"command {where} does not say what it returns; annotate it, with None for nothing"
        )
    try:
        arguments = msgspec.defstruct("Arguments", fields, kw_only=True, forbid_unknown_fields=True)
        msgspec.json.Decoder(arguments, dec_hook=from_plain)
    except TypeError as error:
        raise BadInputError(f"command {where} has an annotation that cannot be checked: {error}") from error
    return BoundCommand(
        info=_describe(mark, function, parameters, hints),
        run=function if isinstance(source, type) else function.__get__(source),
        by_position=tuple(parameter.name for parameter in parameters if parameter.kind == _PLAIN[0]),
        arguments=arguments,
        lane_varies=_lane_varies(where, mark.lane, hints),
    )


def _lane_varies(where: str, lane: str, hints: dict[str, Any]) -> bool:
    """Whether a lane depends on arguments; only a `Literal` keeps the number of lanes in bounds."""
    names = [name for _, name, _, _ in Formatter().parse(lane) if name is not None]
    for name in names:
        if get_origin(hints.get(name)) is not Literal or not get_args(hints[name]):
            raise BadInputError(
                f"lane {lane!r} of command {where} needs a parameter {name!r} annotated as a Literal"
            )
    return bool(names)


def _hints(where: str, function: Callable[..., Any]) -> dict[str, Any]:
    try:
        return get_type_hints(function, include_extras=True)
    except NameError as error:
        raise BadInputError(f"an annotation of command {where} is unknown when it runs: {error}") from error


def _field(parameter: inspect.Parameter, hint: Any) -> Any:
    if parameter.default is parameter.empty:
        return (parameter.name, hint)
    return (parameter.name, hint, msgspec.field(default_factory=lambda: parameter.default))


def _describe(
    mark: Declaration,
    function: Callable[..., Any],
    parameters: list[inspect.Parameter],
    hints: dict[str, Any],
) -> CommandInfo:
    described = tuple(
        ParameterInfo(
            name=parameter.name,
            type=inspect.formatannotation(hints[parameter.name]),
            required=parameter.default is parameter.empty,
            default="" if parameter.default is parameter.empty else repr(parameter.default),
            by_name_only=parameter.kind is parameter.KEYWORD_ONLY,
            kinds=tuple(sorted(kinds_of(hints[parameter.name]))),
        )
        for parameter in parameters
    )
    doc = inspect.getdoc(function) or ""
    return CommandInfo(
        name=mark.name,
        lane=f"{URGENT} {mark.name}" if mark.lane == URGENT else mark.lane,
        effect=mark.effect,
        parameters=described,
        returns="None" if hints["return"] is type(None) else inspect.formatannotation(hints["return"]),
        summary=doc.partition("\n")[0],
        doc=doc,
        script=mark.script,
        on_client_loss=mark.on_client_loss,
        result=result_name(hints["return"]),
    )
