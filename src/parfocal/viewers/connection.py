"""The way to whichever process a viewer is just now: found by name, started again when it is gone."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from parfocal.processes import ServiceSpec
from parfocal.processes.identity import this_process
from parfocal.processes.standalone import (
    StandaloneRecord,
    State,
    connect_service,
    find_service,
    start_service,
    state_of,
)
from parfocal.viewers.kinds import viewer_kinds

if TYPE_CHECKING:
    from collections.abc import Mapping

    from parfocal.ipc import Client

_STARTS = 3
"""How often a program starts a viewer that is gone."""


class ViewerConnection:
    """Finds, starts and connects to the viewer of a name. Any thread; nothing here waits for the viewer.

    Parameters
    ----------
    name, kind : str
        Which viewer, and what it is.
    persist : bool
        Whether one that is started here outlives this program.
    settings : mapping
        Of one that is started here.
    """

    def __init__(self, name: str, kind: str, persist: bool, settings: Mapping[str, Any]) -> None:
        self.name, self.kind = name, kind
        self._persist = persist
        self._settings = dict(settings)
        self._lock = threading.Lock()
        self._client: Client | None = None
        self._token = ""
        self._starts_left = _STARTS

    @property
    def state(self) -> State:
        """How the viewer is now, by its record and its process."""
        record = find_service(self.name)
        return "exited" if record is None else state_of(record)

    @property
    def error(self) -> str:
        """Why the last start failed; "" if it did not."""
        record = find_service(self.name)
        return "" if record is None else record.error

    def record(self) -> StandaloneRecord | None:
        """Return the record of the process that it is now; None if there is none."""
        record = find_service(self.name)
        return record if record is not None and record.process.alive else None

    def start(self) -> None:
        """Start it, if it does not run; returns at once."""
        spec = ServiceSpec(name=self.name, factory=viewer_kinds()[self.kind], settings=self._settings)
        start_service(spec, owner=None if self._persist else this_process())

    def client(self, *, restart: bool = True) -> Client | None:
        """Return a client of it, None while it is not ready; `restart` starts it again if it is gone."""
        record = self.record()
        if record is None:
            if restart and self._starts_left > 0:
                self._starts_left -= 1
                self.start()
            return None
        if state_of(record) not in ("ready", "hung"):
            return None
        with self._lock:
            if self._client is None or self._token != record.token:
                self._drop_client()
                self._client, self._token = connect_service(self.name), record.token
            return self._client

    def close(self) -> None:
        """Close the client; the viewer runs on. Idempotent."""
        with self._lock:
            self._drop_client()

    def _drop_client(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.close()
