"""Services in one process: opened, called and closed by a test, on a clock of its own."""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, cast

from parfocal.core.clock import Clock
from parfocal.core.errors import ParfocalError, ServiceNotFoundError, nearest
from parfocal.ipc import CommandTable
from parfocal.ipc.lanes import CallContext, running_as
from parfocal.processes import Service, ServiceContext
from parfocal.processes.commands import ServiceCommands
from parfocal.processes.setting_changes import changed_while_open
from parfocal.processes.setting_layers import Source
from parfocal.processes.settings import plain
from parfocal.processes.validation import validate

if TYPE_CHECKING:
    from collections.abc import Callable

    from parfocal.ipc.commands import CommandInfo
    from parfocal.processes.host import Host


class LocalCall:
    """A call that has ended, with a result or an error."""

    def __init__(self, value: Any = None, error: ParfocalError | None = None) -> None:
        self._value, self._error = value, error

    def done(self) -> bool:
        """Whether it has ended: always."""
        return True

    def exception(self, timeout_s: float | None = None) -> ParfocalError | None:
        """Return its error, if it has one."""
        del timeout_s
        return self._error

    def result(self, timeout_s: float | None = None) -> Any:
        """Return its result, or raise its error."""
        del timeout_s
        if self._error is not None:
            raise self._error
        return self._value


class LocalHost:
    """What the commands that every service has ask of its host, for one without a process."""

    settings_version = 0

    def __init__(self, name: str, service: Service) -> None:
        self._name = name
        self.service = service

    def change_settings(self, changes: dict[str, Any]) -> dict[str, Any]:
        """Check and apply changes, and return all settings."""
        new = changed_while_open(self._name, self.service, changes)
        self.service.settings_changed(self.service.settings, new)
        self.service.settings = new
        return plain(new)

    def setting_sources(self) -> dict[str, Source]:
        """Return nothing: nobody asks where settings of a test come from."""
        return {}

    def traffic(self) -> None:
        """Return nothing: no message comes here."""


class LocalClient:
    """Runs the commands of a service in the thread that calls; a time limit is not looked at.

    Arguments are checked as those of a message are; what waits in a command waits on the rig's clock. A
    `ServiceProxy` around it shows them as methods.
    """

    def __init__(self, name: str, service: Service, clock: Clock) -> None:
        self.service = name
        self._clock = clock
        host = cast("Host", LocalHost(name, service))
        self._table = CommandTable.of(service, *service.command_sources(), ServiceCommands(host))

    def call(
        self,
        command: str,
        /,
        *args: Any,
        timeout_s: float | None = None,
        returns: Any = None,
        force: bool = False,
        **kwargs: Any,
    ) -> Any:
        """Run a command and return its result, as the service made it."""
        del timeout_s, returns, force
        bound = self._table[command]
        with running_as(CallContext(service=self.service, command=command, clock=self._clock)):
            return bound.run(**bound.check(list(args), kwargs))

    def submit(self, command: str, /, *args: Any, **kwargs: Any) -> LocalCall:
        """Run a command, and return a call that has ended: nothing goes on beside it."""
        try:
            return LocalCall(self.call(command, *args, **kwargs))
        except ParfocalError as error:
            return LocalCall(error=error)

    def method(self, command: str) -> Callable[..., Any]:
        """Return a function that runs a command."""

        def method(*args: Any, **kwargs: Any) -> Any:
            return self.call(command, *args, **kwargs)

        return method

    def commands(self) -> tuple[CommandInfo, ...]:
        """Return what the service can be asked."""
        return self._table.describe()

    def close(self) -> None:
        """Nothing is held."""


class LocalRig:
    """Services that find one another by name, without processes, loops and sockets.

    Nothing calls their steps but `step`: what needs its service's loop, such as a camera's `snap`, does not
    work here.

    Parameters
    ----------
    folder : Path
        Where their streams lie.
    clock : Clock
        The time that all of them go by.

    Attributes
    ----------
    services : dict of str to Service
        Those that are open, by name.
    """

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._folder, self.clock = folder, clock
        self.services: dict[str, Service] = {}
        self.notices: list[tuple[str, str, Any]] = []

    def add(self, name: str, kind: type[Service], settings: dict[str, Any]) -> LocalClient:
        """Open a service, and return its client."""
        service = kind(validate(kind.Config, settings, f"service {name!r}: "))
        service.open(self.context(name, service))
        self.services[name] = service
        return self.client(name)

    def step(self, name: str) -> float | None:
        """Do a step of a service's loop; return when it wants the next one."""
        return self.services[name].step()

    def client(self, name: str) -> LocalClient:
        """Return a client of a service that was added."""
        if name not in self.services:
            raise ServiceNotFoundError(f"there is no service {name!r}; {nearest(name, self.services)}")
        return LocalClient(name, self.services[name], self.clock)

    def close(self) -> None:
        """Make all services safe, and close them, the newest first."""
        while self.services:
            _, service = self.services.popitem()
            service.make_safe()
            service.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def context(self, name: str, service: Service) -> ServiceContext:
        """Return what a service is given when it opens."""
        context = _LocalContext(
            rig="local",
            service=name,
            streams=self._folder,
            folder=self._folder,
            log=logging.getLogger(name),
            publish=lambda topic, payload: self.notices.append((name, topic, payload)),
            wake=lambda: None,
            leave=lambda _reason: None,
            fail=lambda _error: None,
            end=lambda _reason: None,
            stopping=threading.Event(),
            stop_reason=lambda: "",
            clock=self.clock,
            change_settings=LocalHost(name, service).change_settings,
        )
        object.__setattr__(context, "rig_services", self)
        return context


class _LocalContext(ServiceContext):
    """Connects to services of the same process."""

    rig_services: LocalRig

    def connect(self, service: str, *, heeds_claims: bool = False) -> Any:
        """Return a client of another service."""
        del heeds_claims  # nothing claims here
        return self.rig_services.client(service)
