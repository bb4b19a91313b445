"""Notes the ends of services during a run: which one ended, when, how, and whether it was restarted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from parfocal.core.errors import RigNotFoundError
from parfocal.processes import directory
from parfocal.storage.moment import Moment

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from parfocal.core.clock import Clock

_ENDED = ("crashed", "hung", "degraded", "exited")


class Incident(msgspec.Struct, frozen=True, kw_only=True):
    """A service ended during a run, or its process was replaced.

    Attributes
    ----------
    service : str
        Which one.
    at : Moment
        When the recorder saw it.
    state : str
        Of the service then: "crashed", "hung", "degraded" (given up), "exited", or "ready" after a restart.
    restarts : int
        How often it had been started again by then, since the rig was started.
    exit_code : int or None
        Of the process that ended; negative for a signal.
    error : str
        Its last failure in a line.
    """

    service: str
    at: Moment
    state: str
    restarts: int = 0
    exit_code: int | None = None
    error: str = ""


class ServiceWatch:
    """Sees how the services of a rig live, from their records. One thread at a time.

    Parameters
    ----------
    rig, own : str
        The rig, and the service that watches, which is left out.
    known : mapping of str to int, optional
        `pids` of whoever watched before: what was replaced since then is told by the first look.
    """

    def __init__(self, rig: str, own: str, clock: Clock, known: Mapping[str, int] | None = None) -> None:
        self._rig = rig
        self._clock = clock
        try:
            names = directory.rig_record(rig).services
        except RigNotFoundError:  # a recording without a rig, as in scripts
            names = ()
        self._names = tuple(name for name in names if name != own)
        self._pids = {name: record.pid for name, record in self._records()} | dict(known or {})
        self._away: dict[str, str] = {}

    @property
    def pids(self) -> dict[str, int]:
        """The process of each service, as last seen."""
        return dict(self._pids)

    @property
    def on_their_way(self) -> tuple[str, ...]:
        """The services that had ended when they were seen last, and are to be started again."""
        return tuple(name for name, state in self._away.items() if state in ("crashed", "hung"))

    def look(self) -> tuple[Incident, ...]:
        """Return what has happened since the last look: a service ended, was given up, or is back."""
        return tuple(
            Incident(
                service=name,
                at=Moment.now(self._clock),
                state=record.state,
                restarts=record.restarts,
                exit_code=record.exit_code,
                error=record.error,
            )
            for name, record in self._records()
            if self._is_news(name, record)
        )

    def _is_news(self, name: str, record: directory.ServiceRecord) -> bool:
        if record.state in _ENDED:
            known, self._away[name] = self._away.get(name), record.state
            return known != record.state
        if record.state != "ready":
            return False
        was_away, known_pid = self._away.pop(name, ""), self._pids.get(name, record.pid)
        self._pids[name] = record.pid
        return bool(was_away) or known_pid != record.pid

    def writer_of(self, pid: int) -> str:
        """Return the service whose process `pid` is; "" if it is none of the rig's."""
        return next((name for name, known in self._pids.items() if pid and known == pid), "")

    def _records(self) -> Iterable[tuple[str, directory.ServiceRecord]]:
        for name in self._names:
            record = directory.record(self._rig, name)
            if record is not None:
                yield name, record


def given_up(incidents: Iterable[Incident]) -> tuple[str, ...]:
    """Return the services that had failed and not come back by the last incident of each."""
    last = {incident.service: incident for incident in incidents}
    return tuple(
        name
        for name, incident in last.items()
        if incident.state in ("crashed", "hung", "degraded")
        or (incident.state == "exited" and incident.exit_code)
    )


def report(incidents: Iterable[Incident], started: Moment) -> list[str]:
    """Return a sentence for each service that had incidents: when it ended first, how, and what came of it.

    Examples
    --------
    >>> start = Moment(utc="", utc_ns=0, monotonic_ns=0)
    >>> later = Moment(utc="", utc_ns=0, monotonic_ns=3_200_000_000)
    >>> died = Incident(service="camera", at=later, state="crashed", exit_code=-9, error="killed by SIGKILL")
    >>> report([died, msgspec.structs.replace(died, state="ready", restarts=1)], start)
    ['camera ended after 3.2 s (killed by SIGKILL) and was started again']
    >>> report([died], start)
    ['camera ended after 3.2 s (killed by SIGKILL) and was not back when the run ended']
    >>> report([died, msgspec.structs.replace(died, state="degraded")], start)
    ['camera ended after 3.2 s (killed by SIGKILL) and did not come back']
    """
    by_service: dict[str, list[Incident]] = {}
    for incident in incidents:
        by_service.setdefault(incident.service, []).append(incident)
    lost = given_up(i for found in by_service.values() for i in found)
    return [_sentence(found, name in lost, started) for name, found in by_service.items()]


def _sentence(found: list[Incident], is_lost: bool, started: Moment) -> str:
    """Return what befell a service. One that crashed may be on its way back: only a degraded one is not."""
    first = found[0]
    after_s = (first.at.monotonic_ns - started.monotonic_ns) * 1e-9
    how = next((i.error for i in found if i.error), "") or (
        "" if first.exit_code is None else f"exit code {first.exit_code}"
    )
    back = sum(incident.state == "ready" for incident in found)
    times = "" if back == 1 else f" {back} times"
    if not is_lost and not back:
        return f"{first.service} was ended after {after_s:.1f} s"
    end = f"was started again{times}"
    if is_lost:
        is_given_up = found[-1].state == "degraded"
        end = "did not come back" if is_given_up else "was not back when the run ended"
    return f"{first.service} ended after {after_s:.1f} s{f' ({how})' if how else ''} and {end}"
