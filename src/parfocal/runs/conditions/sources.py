"""Looks at the values that conditions ask for: asks services, reads streams, folders and records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from parfocal.core.errors import ParfocalError
from parfocal.core.frames import RowSpec
from parfocal.processes import directory
from parfocal.runs.conditions.condition import Comparison, Told
from parfocal.runs.conditions.row_values import NewestRows, value_of_rows
from parfocal.runs.conditions.values import FreeDisk, Lag, Lock, Reading, Rows, ServiceState
from parfocal.streams import follow_latest, open_stream, stream_names

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from parfocal.ipc import Call, Client
    from parfocal.streams import LatestReader

_GB = 1e9


class UnknownValueError(ParfocalError):
    """A value that cannot be told; the message says why."""


class Sources:
    """Looks at values without waiting: who has to be asked is asked, and answers later. One thread.

    Parameters
    ----------
    rig : str
        Its name.
    connect : callable
        Returns a client of a service by name; closed by `close`.
    streams : Path
        Folder of the rig's streams.
    recorder : str
        The service that knows how much disk is free; "" for none.
    folder : str
        Where the record goes; "" as the recorder has it.

    Attributes
    ----------
    lag_ms : callable
        Returns how late the run is; 0 before it has begun.
    """

    def __init__(
        self,
        rig: str,
        connect: Callable[[str], Client],
        streams: Path,
        *,
        recorder: str = "",
        folder: str = "",
    ) -> None:
        self._rig, self._connect, self._streams = rig, connect, streams
        self._recorder, self._folder = recorder, folder
        self.lag_ms: Callable[[], float] = lambda: 0.0
        self._clients: dict[str, Client] = {}
        self._readers: dict[str, tuple[LatestReader, NewestRows]] = {}

    def check(self, asked: Comparison) -> None:
        """Raise `ParfocalError`, saying why, if nobody can tell a value. Asks who would be asked.

        Rows of a stream that is not there yet may come.
        """
        match asked:
            case Reading(service=service, command=command, arguments=arguments):
                told = self._client(service).check_call(command, **arguments)
                if told.effect != "reads":
                    raise UnknownValueError(f"{service}.{command} {told.effect}, and a condition only reads")
            case Lock(service=service):
                self._client(service).check_call("status")
            case ServiceState(service=service):
                self._state_of(service)
            case FreeDisk() if not self._recorder:
                raise UnknownValueError("the rig has no recorder that knows the disk")
            case Rows(stream=stream) if stream in stream_names(self._streams):
                spec = open_stream(self._streams, stream).spec
                if not isinstance(spec, RowSpec):
                    raise UnknownValueError(f"{stream!r} is a stream of frames, not of rows")
                value_of_rows(asked, np.zeros(1, spec.numpy_dtype))

    def ask(self, asked: Comparison) -> Call | None:
        """Ask the service that has to be asked for a value; None if `look` needs no answer."""
        match asked:
            case Reading(service=service, command=command, arguments=arguments):
                return self._submit(service, command, asked.stale_s, **arguments)
            case Lock(service=service):
                return self._submit(service, "status", asked.stale_s)
            case FreeDisk(folder=folder):
                if not self._recorder:
                    raise UnknownValueError("the rig has no recorder that knows the disk")
                return self._submit(self._recorder, "free_bytes", asked.stale_s, folder or self._folder)
            case _:
                return None

    def look(self, asked: Comparison, answer: Call | None, now_ns: int) -> tuple[Told, int]:
        """Return a value, and as of when it is; `ParfocalError` tells why nobody can tell it.

        Rows are as old as the newest of them.
        """
        if isinstance(asked, Rows):
            kept = self._newest_rows(asked.stream, now_ns)
            value, came_ns = kept.value(asked)
            if not came_ns:
                where = "" if asked.p is None else f" at p={asked.p}"
                raise UnknownValueError(f"no row of {asked.stream!r}{where} has come yet")
            return value, came_ns
        return self._value(asked, answer), now_ns

    def _value(self, asked: Comparison, answer: Call | None) -> Told:
        match asked:
            case Reading(field=field):
                return _plain(_inside(_result(answer), field))
            case Lock():
                return bool(_inside(_result(answer), "state") == "holding")
            case FreeDisk():
                return float(_result(answer)) / _GB
            case ServiceState(service=service):
                return self._state_of(service)
            case Lag():
                return self.lag_ms()
        raise AssertionError(asked)

    def close(self) -> None:
        """Let go of services and streams."""
        while self._clients:
            self._clients.popitem()[1].close()
        while self._readers:
            self._readers.popitem()[1][0].close()

    def _state_of(self, service: str) -> str:
        record = directory.record(self._rig, service)
        if record is None:
            raise UnknownValueError(f"there is no service {service!r}")
        return record.state

    def _client(self, service: str) -> Client:
        if service not in self._clients:
            self._clients[service] = self._connect(service)
        return self._clients[service]

    def _submit(self, service: str, command: str, limit_s: float, *args: Any, **named: Any) -> Call:
        return self._client(service).submit(command, *args, timeout_s=limit_s, **named)

    def _newest_rows(self, stream: str, now_ns: int) -> NewestRows:
        if stream not in self._readers:
            self._readers[stream] = follow_latest(self._streams, stream), NewestRows()
        reader, kept = self._readers[stream]
        if (new := reader.poll()) is not None:
            kept.take(np.asarray(new), now_ns)
        return kept


def _result(answer: Call | None) -> Any:
    assert answer is not None, "who has to be asked was asked"
    return answer.result(0.0)


def _inside(result: Any, path: str) -> Any:
    """Return a part of what a service returned."""
    for name in filter(None, path.split(".")):
        try:
            result = result[name] if isinstance(result, dict) else result[int(name)]
        except (KeyError, ValueError, IndexError, TypeError) as error:
            known = f"; it has {', '.join(map(str, result))}" if isinstance(result, dict) else ""
            raise UnknownValueError(f"the answer has no {name!r}{known}") from error
    return result


def _plain(value: Any) -> Told:
    """Return a value that can be compared."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bool | str):
        return value
    if isinstance(value, int | float):
        return float(value)
    raise UnknownValueError(
        f"the answer is a {type(value).__name__}, and no number, text or yes or no; name a field"
    )
