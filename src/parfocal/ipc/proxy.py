"""A service as an object: its commands are its methods, with their signatures and docstrings."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from parfocal.core.errors import CommandError, UnknownCommandError, nearest
from parfocal.ipc.results import Declared

if TYPE_CHECKING:
    from collections.abc import Callable

    from parfocal.core.messages import Hello
    from parfocal.ipc.call import Call
    from parfocal.ipc.claim import Claim
    from parfocal.ipc.client import Client
    from parfocal.ipc.commands import CommandInfo, ParameterInfo
    from parfocal.ipc.output_lease import OutputLease


class ServiceProxy:
    """Calls the commands of a service as methods: ``camera.set_exposure_ms(2.0)``.

    Each takes ``timeout_s`` beside its own arguments. A result whose command declares a dataclass or a
    struct, or a container of them, arrives as such.
    ``help(camera.snap)``, ``camera.snap?`` and TAB show what the service says of them.

    Parameters
    ----------
    client : Client
        Carries the calls; closed by whoever made it.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._methods: dict[str, Callable[..., Any]] = {}

    def __getattr__(self, command: str) -> Callable[..., Any]:
        """Return the method of that name; `UnknownCommandError` names the nearest if there is none.

        The service is asked for its commands, which are attributes from then on.
        """
        if command.startswith("_"):
            raise AttributeError(command)
        try:
            methods = self._learn()
        except CommandError:  # nobody answers now: the call itself will tell why, if that is still so
            return self._client.method(command)
        if command not in methods:
            service, hint = self._client.service, nearest(command, methods)
            raise UnknownCommandError(
                f"service {service!r} has no command {command!r}; {hint}", service=service, command=command
            )
        return methods[command]

    def __dir__(self) -> list[str]:
        self._learn()
        return list(super().__dir__())

    def __repr__(self) -> str:
        return f"<ServiceProxy of {self._client.service!r}>"

    def submit(self, command: str, /, *args: Any, timeout_s: float | None = None, **kwargs: Any) -> Call:
        """Ask for a command and return at once: see `Client.submit`."""
        return self._client.submit(command, *args, timeout_s=timeout_s, returns=Declared, **kwargs)

    def attach_call(self, id: str) -> Call:
        """Return a call that was made before, by any program, to get its progress and result."""
        return self._client.attach_call(id, returns=Declared)

    def lease(self, output: str = "", *, period_s: float = 2.0) -> OutputLease:
        """Have an output made safe when this program ends or stands still: see `Client.lease`."""
        return self._client.lease(output, period_s=period_s)

    def claim(self, run: str) -> Claim:
        """Let nobody else change the service while `run` uses it: see `Client.claim`."""
        return self._client.claim(run)

    def commands(self) -> tuple[CommandInfo, ...]:
        """Return what the service can be asked."""
        return self._client.commands()

    def hello(self) -> Hello:
        """Return who serves, and what it says of itself."""
        return self._client.hello()

    def ping(self) -> float:
        """Return how long the service takes to answer, seconds."""
        return self._client.ping()

    def _learn(self) -> dict[str, Callable[..., Any]]:
        """Make methods of the commands that the service has now, in place of those that it had."""
        methods = {}
        for info in self._client.commands():
            method = methods[info.name] = self._client.method(info.name)
            method.__doc__ = info.doc
            method.__dict__["__signature__"] = signature(info)
        gone, self._methods = self._methods.keys() - methods, methods
        self.__dict__.update(methods)
        for name in gone:
            self.__dict__.pop(name, None)
        return methods


def signature(info: CommandInfo) -> inspect.Signature:
    """Return the signature of a command as its service wrote it.

    Examples
    --------
    >>> from parfocal.ipc import CommandTable, command
    >>> class Lamp:
    ...     @command()
    ...     def set_power(self, fraction: float, *, ramp_s: float = 0.5) -> float: ...
    >>> signature(CommandTable.of(Lamp).describe()[0])
    <Signature (fraction: float, *, ramp_s: float = 0.5, timeout_s: float | None = None) -> float>
    """
    own = [_parameter(parameter) for parameter in info.parameters]
    timeout = inspect.Parameter(
        "timeout_s", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=_Text("float | None")
    )
    return inspect.Signature([*own, timeout], return_annotation=_Text(info.returns))


def _parameter(info: ParameterInfo) -> inspect.Parameter:
    kind = inspect.Parameter.KEYWORD_ONLY if info.by_name_only else inspect.Parameter.POSITIONAL_OR_KEYWORD
    default = inspect.Parameter.empty if info.required else _Text(info.default)
    return inspect.Parameter(info.name, kind, default=default, annotation=_Text(info.type))


class _Text:
    """An annotation or a default, of which only the text is known here."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text
