"""A service as a script calls it: held before it is changed, safe when the script ends."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from parfocal.core.errors import BadArgumentsError, CommandError, UnknownCommandError
from parfocal.runs.scripts.refusals import (
    UNKNOWN,
    GivenArguments,
    argument_problems,
    command_problem,
)

if TYPE_CHECKING:
    from parfocal.core.messages import Hello
    from parfocal.ipc import Call, CommandInfo, OutputLease, ServiceProxy
    from parfocal.runs.scripts.script_gate import ScriptGate

_LEASE_S = 2.0
_ANSWER_S = 5.0
_LOOK_S = 0.05


class LabService:
    """A service of a lab: its commands are methods, which take ``timeout_s`` beside their own arguments.

    Parameters
    ----------
    proxy : ServiceProxy
        Carries the calls; closed with its rig.
    service : str
        Its name.
    gate : ScriptGate
        Of the script.
    """

    def __init__(self, proxy: ServiceProxy, service: str, gate: ScriptGate) -> None:
        self._proxy, self._service, self._gate = proxy, service, gate
        self._infos: tuple[CommandInfo, ...] = ()
        self._lease: OutputLease | None = None
        self._leasing = threading.Lock()

    def __getattr__(self, command: str) -> Callable[..., Any]:
        """Return a command as a function; `UnknownCommandError` if a script has none of that name."""
        if command.startswith("_"):
            raise AttributeError(command)
        self._info(command)

        def method(*args: Any, **kwargs: Any) -> Any:
            return self._call(command, *args, **kwargs)

        method.__name__ = command
        return method

    def __repr__(self) -> str:
        return f"<LabService {self._service!r}>"

    def submit(self, command: str, /, *args: Any, timeout_s: float | None = None, **kwargs: Any) -> Call:
        """Ask for a command, and return at once what becomes of it: its progress, its result."""
        self._gate.check()
        return self._submit(command, *args, timeout_s=timeout_s, **kwargs)

    def commands(self) -> tuple[CommandInfo, ...]:
        """Return what a script can ask of the service."""
        self._gate.check()
        return tuple(info for info in self._proxy.commands() if info.script)

    def ping(self) -> float:
        """Return how long the service takes to answer, seconds."""
        self._gate.check()
        return self._proxy.ping()

    def hello(self) -> Hello:
        """Return who serves, and what it says of itself."""
        self._gate.check()
        return self._proxy.hello()

    def _call(self, command: str, *args: Any, **kwargs: Any) -> Any:
        """Carry out a command; it is cancelled if the script is to end meanwhile."""
        with self._gate.doing(f"{self._service}.{command}"):
            call = self._submit(command, *args, **kwargs)
            try:
                return self._gate.result_of(call)
            except BaseException:
                call.cancel_soon("the script that asked for it ends")
                raise

    def _submit(self, command: str, *args: Any, **kwargs: Any) -> Call:
        info = self._info(command)
        given = GivenArguments(
            tuple(map(_plain, args)), {name: _plain(value) for name, value in kwargs.items()}
        )
        if wrong := argument_problems(self._service, info, given):
            raise BadArgumentsError("; ".join(wrong), service=self._service, command=command)
        if info.effect == "changes":
            self._gate.claim(self._service)
            self._keep_safe()
        return self._proxy.submit(command, *args, **kwargs)

    def _keep_safe(self) -> None:
        """Have the service make safe what the script switches on, when the script ends, or stands still."""
        with self._leasing:  # a second lease that nobody keeps would end by itself: in the dark
            if self._lease is None or self._lease.lost:
                self._lease = self._proxy.lease("", period_s=_LEASE_S)

    def _info(self, command: str) -> CommandInfo:
        """Return what a command is, asked again where it is not known: the service may be another one now."""
        if all(info.name != command for info in self._infos):
            self._infos = self._proxy.commands()
        if problem := command_problem(self._service, command, self._infos):
            raise UnknownCommandError(problem, service=self._service, command=command)
        return next(info for info in self._infos if info.name == command)

    def _release(self) -> None:
        """Make safe what the script has switched on; a service that has ended has nothing on."""
        with self._leasing:
            lease, self._lease = self._lease, None
        with suppress(CommandError):
            if lease is not None:
                lease.release(make_safe=True)


def _plain(value: Any) -> Any:
    """Return a value that can be judged here; the service judges the others."""
    return value if value is None or isinstance(value, bool | int | float | str) else UNKNOWN
