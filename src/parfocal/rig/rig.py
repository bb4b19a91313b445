"""A running laboratory, as scripts, notebooks and the command line hold it."""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self

import msgspec

from parfocal.core.clock import poll_until
from parfocal.core.errors import (
    CommandError,
    ConfigError,
    ServiceNotFoundError,
    StreamNotFoundError,
    nearest,
)
from parfocal.core.reminder import Reminder
from parfocal.ipc import ServiceProxy, Subscription
from parfocal.rig.assemble import specs_of_service
from parfocal.rig.experiments import Experiments
from parfocal.rig.listing import running_commands
from parfocal.rig.rig_panels import RigPanels
from parfocal.rig.rig_settings import Changes, RigSettings, apply_changes, refuse_later
from parfocal.rig.runs import Runs
from parfocal.streams import open_stream, stream_names

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path
    from types import TracebackType

    from parfocal.core.messages import Notice
    from parfocal.core.run_status import StimMode
    from parfocal.core.status import RigStatus
    from parfocal.ipc import Client
    from parfocal.processes.setting_changes import SettingChanges
    from parfocal.processes.setting_status import SettingStatus
    from parfocal.rig.campaign_handle import CampaignHandle
    from parfocal.rig.config import ServiceConfig
    from parfocal.rig.connections import RigConnection
    from parfocal.runs.conditions.interlocks import AnyInterlocks
    from parfocal.runs.handle import RunHandle
    from parfocal.runs.pipeline.request import AnyPipeline
    from parfocal.runs.plans.any_plan import AnyPlan
    from parfocal.streams import Stream

_ANNOUNCED_WITHIN_S = 5.0
_LOOK_S = 0.02


class Rig(Experiments, RigPanels, RigSettings):
    """A running laboratory: its services by name, its streams, its status.

    Made by `parfocal.open_rig` (leaving the ``with`` block ends the rig, unless it is detached) and by
    `parfocal.attach` (leaving it lets the rig run on). Thread-safe.

    Attributes
    ----------
    name : str
        The rig's name, one of those that ``parfocal rigs`` lists.
    """

    def __init__(self, connection: RigConnection) -> None:
        self.name = connection.name
        self._connection = connection
        self._opening = threading.RLock()  # of the four below: one of each, whoever asks first
        self._proxies: dict[str, ServiceProxy] = {}
        self._clients: dict[str, Client] = {}
        self._subscriptions: list[Subscription] = []
        self._runs: Runs | None = None
        self._reminder = Reminder(self, f"rig {connection.name!r}")

    @property
    def services(self) -> tuple[str, ...]:
        """Names of the services there are now, in the order in which they came."""
        return self._connection.services()

    @property
    def detached(self) -> bool:
        """Whether it runs in the background, so that it outlives this program."""
        return self._connection.detached

    def __iter__(self) -> Iterator[str]:
        return iter(self.services)

    def __contains__(self, service: object) -> bool:
        return service in self.services

    def __getitem__(self, service: str) -> ServiceProxy:
        """Return the service of that name: its commands are methods, and `submit` makes a `Call`.

        Raises
        ------
        ServiceNotFoundError
            If the rig has no such service; names the nearest.
        """
        with self._opening:
            if service not in self._proxies:
                if service != "rig":
                    self._check(service)
                client = self._connection.client(service)
                self._clients[service] = client
                self._proxies[service] = ServiceProxy(client)
            return self._proxies[service]

    @property
    def streams(self) -> tuple[str, ...]:
        """Names of the streams that exist now."""
        return tuple(stream_names(self._connection.streams))

    def stream(self, name: str, timeout_s: float = 5.0) -> Stream:
        """Return a stream of frames or rows, waiting up to `timeout_s` for a service to create it.

        Raises
        ------
        StreamNotFoundError
            If there is none of that name by then; names the nearest.
        """
        try:
            return open_stream(self._connection.streams, name, timeout_s=timeout_s)
        except StreamNotFoundError as error:
            hint = nearest(name, self.streams)
            raise StreamNotFoundError(f"rig {self.name!r} has no stream {name!r}; {hint}") from error

    def status(self) -> RigStatus:
        """Return a frozen snapshot: each service, each stream with its ledger."""
        streams = {}
        for name in self.streams:
            try:
                streams[name] = open_stream(self._connection.streams, name).status()
            except StreamNotFoundError:
                continue  # ended between the listing and the look
        return msgspec.structs.replace(self._connection.status(), streams=streams)

    @property
    def runs(self) -> Runs:
        """Its runs by name, whoever started them: a mapping of handles.

        Raises
        ------
        ServiceNotFoundError
            If it is a rig without runs.
        """
        with self._opening:
            if self._runs is None:
                if "runs" not in self.services:
                    raise ServiceNotFoundError(
                        f"rig {self.name!r} has no service 'runs', as it has no camera; "
                        "a table [runs] in its file adds it"
                    )
                self._runs = Runs(self._connection)
            return self._runs

    def script(
        self,
        script: str | Path,
        *,
        name: str = "",
        folder: str | Path = "",
        force: bool = False,
        notes: Mapping[str, Any] | None = None,
    ) -> RunHandle:
        """Check a script against this rig, and start it as a run; return its handle at once.

        It goes on in a process of its own, and is steered as any run. Its record holds the script, what it
        printed, and the runs that it has started.

        Parameters
        ----------
        script : path
            A Python file with ``def main(lab)``; see `parfocal.rig.lab.Lab` for what a lab offers.
        name : str
            Of the run; by default that of the file.
        folder, force, notes
            As for `run`.

        Raises
        ------
        BadInputError
            If the script can't be carried out; a line for each problem. Nothing was started.
        ClaimedError
            If another run uses a service that the script changes; names both.
        """
        from parfocal.rig.scripts import checked_script

        source, found = checked_script(script, running_commands(self))
        self.keep_light()
        return self.runs.start_script(
            source, changes=found.changes, name=name, folder=folder, force=force, notes=notes
        )

    def campaign(
        self,
        script: str | Path,
        *,
        name: str = "",
        folder: str | Path = "",
        force: bool = False,
        notes: Mapping[str, Any] | None = None,
    ) -> CampaignHandle:
        """Start a script that calls `Lab.campaign`; return the handle of all its runs at once.

        It is a run with the runs of its steps as its own, in a process of its own, and survives this program
        as any script does. The parameters are those of `script`, and it raises as that does.
        """
        from parfocal.rig.campaign_handle import CampaignHandle

        run = self.script(script, name=name, folder=folder, force=force, notes=notes)
        return CampaignHandle(run, self.runs)

    def prepare(
        self,
        plan: AnyPlan,
        *,
        name: str = "",
        folder: str | Path = "",
        continues: str = "",
        force: bool = False,
        notes: Mapping[str, Any] | None = None,
        pipeline: AnyPipeline | None = None,
        stim_mode: StimMode | None = None,
        interlocks: AnyInterlocks | None = None,
    ) -> RunHandle:
        """Check a run of a plan as `run` does, and show it in every view; `RunHandle.start` has it begin.

        Nothing is claimed or touched until then. Its status is "prepared", and its `forecast` tells how long
        it takes, the largest move, the disk that it needs, and what else should be known. In a detached rig
        it outlives this program.

        The parameters are those of `run`; it raises as `run` does. At most 100 runs are prepared at a time.
        """
        self.keep_light()
        return self.runs.prepare(
            plan,
            name=name,
            folder=folder,
            continues=continues,
            force=force,
            notes=notes,
            pipeline=pipeline,
            stim_mode=stim_mode,
            interlocks=interlocks,
        )

    def keep_light(self) -> None:
        """Have its runs end, and all light go off, when this program ends, if the rig does so too."""
        if self._connection.owner:
            self.runs.keep_light()

    def subscribe(
        self, callback: Callable[[Notice], None] | None = None, topics: tuple[str, ...] = ("",)
    ) -> Subscription:
        """Have `callback` called with each notice of the rig and its services, in a thread of its own.

        Services that are added later are included. ``async for notice in rig.subscribe()`` yields them in an
        event loop, those of topic "services" always among them. Returns when notices arrive, within a few
        milliseconds; a rig that does not answer is waited for up to 5 s.
        """
        announced = threading.Event()

        def receive(notice: Notice) -> None:
            if (notice.service, notice.topic) == ("rig", "services"):
                announced.set()
                for service in notice.payload["names"]:
                    subscription.add(service)
            if callback is not None and notice.topic.startswith(topics):
                callback(notice)

        services = (*self.services, "rig")
        subscription = Subscription(
            self._connection.folder, services, (*topics, "services"), callback=receive
        )
        with self._opening:
            listening = [one for one in self._subscriptions if not one.is_closed]
            self._subscriptions = [*listening, subscription]
        self._wait_until_announced(announced)
        return subscription

    def _wait_until_announced(self, announced: threading.Event) -> None:
        """Have the rig name its services until that arrives: a new subscription misses what came before."""

        def named() -> bool:
            self["rig"].announce_services(timeout_s=_ANNOUNCED_WITHIN_S)
            return announced.wait(_LOOK_S)

        with suppress(CommandError):  # a rig that ends has nothing more to say
            poll_until(named, _ANNOUNCED_WITHIN_S, every_s=0.0)

    def add(self, name: str, service: ServiceConfig | Mapping[str, Any]) -> None:
        """Start one more service, which everybody can use from then on; return when it is ready.

        Parameters
        ----------
        name : str
            One that no service of the rig has.
        service : ServiceConfig or mapping
            What a rig file would say of it: ``{"kind": "stage", "settings": {...}}``.

        Raises
        ------
        ConfigError
            If the rig has a service of that name, or what is said of it is not valid.
        StartError
            If it did not become ready; carries its own error. The rig is as before.
        """
        specs = specs_of_service(name, service)
        if name in self.services:
            raise ConfigError(f"rig {self.name!r} has a service {name!r} already; choose another name")
        self._connection.add(specs)

    def remove(self, service: str) -> None:
        """End a service in order; the rig has it no longer.

        Raises
        ------
        ServiceNotFoundError
            If there is none of that name.
        BadInputError
            If another service depends on it.
        """
        self._check(service)
        self._forget(service)
        self._connection.remove(service)

    def end(self, service: str) -> None:
        """End a service in order: outputs safe, drained, its process gone. It stays ended until `restart`."""
        self._check(service)
        self._connection.end(service)

    def restart(self, service: str) -> None:
        """End a service in order and start it again, also one that was given up; return when it is ready."""
        self._check(service)
        self._connection.restart(service)

    def settings(self, service: str = "") -> dict[str, tuple[SettingStatus, ...]]:
        """Return each setting of each service, or of one: value, where it comes from, type, limits, meaning.

        Raises
        ------
        ServiceNotFoundError
            If there is none of that name; names the nearest.
        """
        if service:
            self._check(service)
        found: dict[str, tuple[SettingStatus, ...]] = self["rig"].list_settings(service)
        return found

    def _check_settings(self, changes: Changes, *, keep: bool) -> dict[str, SettingChanges]:
        for service in changes:
            self._check(service)
        plain = {service: dict(values) for service, values in changes.items()}
        checked: dict[str, SettingChanges] = self["rig"].check_settings(plain, keep)
        return checked

    def _apply_settings(
        self, checked: Mapping[str, SettingChanges], *, restart: bool, keep: bool, force: bool
    ) -> None:
        refuse_later(checked, restart=restart, keep=keep)
        apply_changes(self, checked, self._connection.status(), restart=restart, force=force)

    def wait(self, timeout_s: float | None = None) -> bool:
        """Block until the rig has ended, whoever ended it; return False if `timeout_s` passed first."""
        return self._connection.wait(timeout_s)

    def stop(self) -> None:
        """End the rig, whoever started it: safe states, drained streams, no process left. Idempotent."""
        self._close_connections()
        self._connection.stop("the rig's process asked")

    def close(self) -> None:
        """Let go: a rig that this process opened ends; one it attached to runs on. Idempotent."""
        self._let_go("the rig's process closed it")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._let_go("the rig's process left it" if error is None else _reason_of(error))

    def __repr__(self) -> str:
        # nobody is asked for it: a rig that is gone, or somebody else's, can be named all the same
        return f"<Rig {self.name!r} seen from process {os.getpid()}>"

    def _let_go(self, reason: str) -> None:
        self._close_connections()
        self._connection.leave(reason)

    def _close_connections(self) -> None:
        self._reminder.cancel()
        with self._opening:
            runs, self._runs = self._runs, None
            clients, self._clients = self._clients, {}
            subscriptions, self._subscriptions = self._subscriptions, []
            self._proxies.clear()
        if runs is not None:
            runs.close()
        for subscription in reversed(subscriptions):
            subscription.close()
        for client in clients.values():
            client.close()

    def _check(self, service: str) -> None:
        if service not in self.services:
            raise ServiceNotFoundError(
                f"rig {self.name!r} has no service {service!r}; {nearest(service, self.services)}"
            )

    def _forget(self, service: str) -> None:
        with self._opening:
            self._proxies.pop(service, None)
            client = self._clients.pop(service, None)
        if client is not None:
            client.close()


def _reason_of(error: BaseException) -> str:
    """Return why a program lets go of its rig, as the records of its runs tell it.

    Examples
    --------
    >>> _reason_of(KeyboardInterrupt("SIGTERM")), _reason_of(ValueError("no"))
    ('SIGTERM', "the rig's process failed: ValueError: no")
    """
    if isinstance(error, KeyboardInterrupt):
        return str(error) or "Ctrl-C"
    return f"the rig's process failed: {type(error).__name__}: {error}"
