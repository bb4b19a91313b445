"""The base of all services: commands, a step of a loop, a safe state, declared resources."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import BaseModel

from parfocal.core.clock import Clock
from parfocal.processes import directory
from parfocal.processes.loop import Loop, MainLoop
from parfocal.processes.settings import NoSettings

if TYPE_CHECKING:
    from parfocal.ipc import Client

LOOP = "loop"
"""The lane of commands that run in the service's main thread, between two steps."""
RIG_GONE = "the rig is gone"
HANGS = "its loop hangs"
"""The `stop_reason` of a service whose rig's process was killed or has crashed: nobody asked for an end."""


@dataclass(frozen=True, kw_only=True)
class ServiceContext:
    """What a service is given when it opens. All of it may be used from any thread.

    Attributes
    ----------
    rig, service : str
        Where it runs, and under which name.
    streams : Path
        Folder of the rig's streams.
    folder : Path
        Runtime folder of the rig: records, sockets, logs.
    log : logging.Logger
        Its records arrive in the rig's log.
    publish : callable
        ``publish(topic, payload)`` tells subscribers; never blocks. Before it is ready nobody listens.
    wake : callable
        Have the loop do a step now.
    leave : callable
        ``leave(reason)`` ends the service in order, as its command for that does: a window was closed.
    fail : callable
        ``fail(error)`` ends the service as if its step had raised `error`; for threads of the service's own.
    end : callable
        ``end(reason)`` ends the service in order, and for good: as when the user closes its window.
    stopping : threading.Event
        Set when the service shall end; whatever waits should wait on this as well.
    stop_reason : callable
        Why the service ends, or is about to, in a few words; "" as long as it shall run.
    clock : Clock
        The time that the service goes by: a test may run it on one of its own.
    change_settings : callable
        ``change_settings(changes)`` does what the command `set_settings` does, so that a change outlives a
        restart; for commands of lane "loop" alone. Returns all settings.
    """

    rig: str
    service: str
    streams: Path
    folder: Path
    log: logging.Logger
    publish: Callable[[str, Any], None]
    wake: Callable[[], None]
    leave: Callable[[str], None]
    fail: Callable[[BaseException], None]
    end: Callable[[str], None]
    stopping: threading.Event
    stop_reason: Callable[[], str]
    clock: Clock
    change_settings: Callable[[dict[str, Any]], dict[str, Any]]
    _clients: list[Client] = field(default_factory=list)
    _connecting: threading.Lock = field(default_factory=threading.Lock)

    def connect(self, service: str, *, heeds_claims: bool = False) -> Client:
        """Return a client of another service of this rig; close it, or it is closed with this service.

        With `heeds_claims` it does not change what a run claims: `ClaimedError`.
        """
        client = directory.connect(self.rig, service, heeds_claims=heeds_claims)
        with self._connecting:
            self._clients[:] = [one for one in self._clients if not one.is_closed] + [client]
        return client

    def close_clients(self) -> None:
        """Close what `connect` returned. Called by the service's process."""
        while self._clients:
            self._clients.pop().close()


FixedSettings = Mapping[str, Literal["restart", "rig"]]
"""Settings that never change while their service is open, and what it takes to change them."""


class Service:
    """Base of everything that runs in a process of its own; every method here may be left as it is.

    ::

        __init__(settings) -> open(context) -> step() step() ... -> make_safe() -> close()

    Methods marked with `parfocal.ipc.command` are its commands. Those of lane ``"loop"`` run in the main
    thread between two steps; every other lane has a thread of its own. `open`, `step`, `settings_changed`,
    `state` and `close` are called in the main thread; `make_safe` in any.

    Parameters
    ----------
    settings : BaseModel
        An instance of `Config`, kept as `settings` and replaced when it is changed.

    Attributes
    ----------
    Config : type of BaseModel
        The model of its settings.
    step_limit_s : float
        How long one `step`, or one command of lane ``"loop"``, may take. Until then a long one is shown as
        busy, after it the service counts as hung. A rig file may say otherwise.
    outputs : tuple of str
        Names of outputs that clients can bind to themselves one by one, see `make_output_safe`.
    """

    Config: ClassVar[type[BaseModel]] = NoSettings
    step_limit_s: ClassVar[float] = 30.0
    outputs: ClassVar[tuple[str, ...]] = ()

    def __init__(self, settings: Any) -> None:
        self.settings = settings

    @classmethod
    def make_loop(cls, clock: Clock) -> MainLoop:
        """Return what runs in the main thread; a service with windows returns one that belongs to Qt."""
        return Loop(clock)

    @property
    def resources(self) -> frozenset[str]:
        """What it must own alone on this machine, such as ``"serial:/dev/ttyUSB0"``; locked before `open`."""
        return frozenset()

    def command_sources(self) -> tuple[object, ...]:
        """Return objects whose marked methods are commands of this service too. Called before `open`."""
        return ()

    def streams_written(self, service: str) -> tuple[str, ...]:
        """Return the streams that it writes under these settings, when it is called `service`.

        Nothing need be running: a check of a rig file asks this, `streams_read` and `commands_called`.
        """
        return (service,)

    def streams_read(self) -> dict[str, tuple[str, ...]]:
        """Return the streams that its settings name for it to read, by setting."""
        return {}

    def commands_called(self) -> dict[str, tuple[tuple[str, str], ...]]:
        """Return the commands of other services that its settings name, as (service, command), by setting."""
        return {}

    def problems(self) -> tuple[str, ...]:
        """Return what can be seen to be wrong before `open`, a line each: `parfocal check` shows them."""
        return ()

    def open(self, context: ServiceContext) -> None:
        """Acquire everything. What is raised here is the cause that the rig's process gets."""

    def step(self) -> float | None:
        """Do one step of the loop; may wait up to 0.2 s for data.

        Returns
        -------
        float or None
            Seconds until the next step is wanted, 0 for at once; None if only a command or a wake wants one.
        """
        return None

    def fixed_settings(self) -> FixedSettings:
        """Return the settings that never change while it is open, and what it takes to change them.

        "restart" is one of this service alone, "rig" the next start of the rig, as for what other services
        are told at their starts too. A name stands for all that is inside of it, "options" for all options.
        Nothing need be open: whoever lists settings asks this.
        """
        return {}

    def settings_changed(self, old: Any, new: Any) -> None:
        """Apply settings that were checked; raising refuses the change, and `settings` stays `old`."""

    def make_safe(self) -> None:
        """Bring every output to its safe value. Called on every way out, from any thread, more than once."""

    def make_output_safe(self, output: str) -> None:
        """Bring one of `outputs` to its safe value: who switched it on is gone, or silent. Any thread."""
        del output
        self.make_safe()

    def close(self) -> None:
        """Drain, and let go of everything. Not called if `open` was not."""

    def state(self) -> dict[str, Any]:
        """Return what it is set to now, as plain values: the record of a run keeps it."""
        return {}

    def losses(self) -> dict[str, int]:
        """Return how many frames or rows never came to its streams, by reason, since the rig was started.

        A run during which one of them grows is not complete. Called in a thread of its own, like
        `save_record`.
        """
        return {}

    def versions(self) -> dict[str, str]:
        """Return the versions of what it drives: a firmware, a vendor's library. Packages are known anyway.

        The record of a run keeps them. Called in a thread of its own, like `save_record`.
        """
        return {}

    def save_record(self, folder: Path, *, at_end: bool) -> None:
        """Write what the record of a run shall keep beside settings and state into `folder`, as files.

        Called when a run begins and when it ends, in a thread of its own. The recorder puts the files into
        the run's folder, in place of those of the same names before, and their hashes into its record. What
        is raised stands in the record, too; files that are there by then are kept.
        """

    def health_line(self) -> str:
        """Return its health in a line, logged once a minute while logging is verbose; "" for none."""
        return ""
