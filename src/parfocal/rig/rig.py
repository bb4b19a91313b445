"""A running laboratory, as scripts, notebooks and the command line hold it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Protocol, Self

import msgspec

from parfocal.core.errors import BadInputError, StreamNotFoundError, nearest
from parfocal.core.reminder import Reminder
from parfocal.core.status import RigStatus
from parfocal.ipc import ServiceProxy, Subscription
from parfocal.streams import open_stream, stream_names

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from types import TracebackType

    from parfocal.core.messages import Notice
    from parfocal.ipc import Client
    from parfocal.streams import Stream


class Seat(Protocol):
    """Where a rig is held from: the process that owns it, or one that attached to it."""

    name: str
    folder: Path
    streams: Path

    def services(self) -> tuple[str, ...]:
        """Names of the services."""
        ...

    def status(self) -> RigStatus:
        """Return the services now, without streams."""
        ...

    def client(self, service: str) -> Client:
        """Return a connection to a service, to be closed by whoever asked."""
        ...

    def stop(self, reason: str) -> None:
        """End the rig and wait until it has ended; the records of its runs tell the reason."""
        ...

    def wait(self, timeout_s: float | None) -> bool:
        """Wait until the rig has ended; False if the time is up first."""
        ...

    def leave(self, reason: str) -> None:
        """Let go: the owner ends the rig, a guest only closes what it opened."""
        ...


class Rig:
    """A running laboratory: its services by name, its streams, its status.

    Made by `parfocal.open_rig` (leaving the ``with`` block ends the rig) and by `parfocal.attach` (leaving
    it lets the rig run on). Thread-safe.

    Attributes
    ----------
    name : str
        The rig's name, one of those that ``parfocal rigs`` lists.
    """

    def __init__(self, seat: Seat) -> None:
        self.name = seat.name
        self._seat = seat
        self._proxies: dict[str, ServiceProxy] = {}
        self._clients: list[Client] = []
        self._subscriptions: list[Subscription] = []
        self._reminder = Reminder(self, f"rig {seat.name!r}")

    @property
    def services(self) -> tuple[str, ...]:
        """Names of the services, in the order of their start."""
        return self._seat.services()

    def __iter__(self) -> Iterator[str]:
        return iter(self.services)

    def __contains__(self, service: object) -> bool:
        return service in self.services

    def __getitem__(self, service: str) -> ServiceProxy:
        """Return the service of that name: its commands are methods, and `submit` makes a `Call`.

        Raises
        ------
        BadInputError
            If the rig has no such service; names the nearest.
        """
        if service not in self._proxies:
            if service != "rig" and service not in self.services:
                raise BadInputError(
                    f"rig {self.name!r} has no service {service!r}; {nearest(service, self.services)}"
                )
            client = self._seat.client(service)
            self._clients.append(client)
            self._proxies[service] = ServiceProxy(client)
        return self._proxies[service]

    @property
    def streams(self) -> tuple[str, ...]:
        """Names of the streams that exist now."""
        return tuple(stream_names(self._seat.streams))

    def stream(self, name: str, timeout_s: float = 5.0) -> Stream:
        """Return a stream of frames or rows, waiting up to `timeout_s` for a service to create it.

        Raises
        ------
        StreamNotFoundError
            If there is none of that name by then; names the nearest.
        """
        try:
            return open_stream(self._seat.streams, name, timeout_s=timeout_s)
        except StreamNotFoundError as error:
            hint = nearest(name, self.streams)
            raise StreamNotFoundError(f"rig {self.name!r} has no stream {name!r}; {hint}") from error

    def status(self) -> RigStatus:
        """Return a frozen snapshot: each service, each stream with its ledger."""
        streams = {}
        for name in self.streams:
            try:
                streams[name] = open_stream(self._seat.streams, name).status()
            except StreamNotFoundError:
                continue  # ended between the listing and the look
        return msgspec.structs.replace(self._seat.status(), streams=streams)

    def subscribe(self, callback: Callable[[Notice], None], topics: tuple[str, ...] = ("",)) -> Subscription:
        """Have `callback` called with each notice of the rig and its services, in a thread of its own."""
        subscription = Subscription(self._seat.folder, (*self.services, "rig"), topics, callback=callback)
        self._subscriptions.append(subscription)
        return subscription

    def wait(self, timeout_s: float | None = None) -> bool:
        """Block until the rig has ended, whoever ended it; return False if `timeout_s` passed first."""
        return self._seat.wait(timeout_s)

    def stop(self) -> None:
        """End the rig, whoever started it: safe states, drained streams, no process left. Idempotent."""
        self._close_connections()
        self._seat.stop("the rig's process asked")

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
        return f"<Rig {self.name!r}: {', '.join(self.services)} (seen from process {os.getpid()})>"

    def _let_go(self, reason: str) -> None:
        self._close_connections()
        self._seat.leave(reason)

    def _close_connections(self) -> None:
        self._reminder.cancel()
        while self._subscriptions:
            self._subscriptions.pop().close()
        self._proxies.clear()
        while self._clients:
            self._clients.pop().close()


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
