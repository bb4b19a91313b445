"""What the status panel tells of services and streams, as rows of texts. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from parfocal.app.desktop.cell_table import TableCell
from parfocal.runs.status_text import bytes_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from parfocal.app.desktop.cell_table import CellTone
    from parfocal.core.status import ProcessStatus, ReaderLedger, RigStatus, StreamStatus

_TONES: dict[str, CellTone] = {
    "ready": "good",
    "starting": "accent",
    "stopping": "accent",
    "exited": "faint",
}
_NO_LOSS = ("sampled",)
"""What a lossless reader leaves out on purpose."""
_NEARLY_FULL = 0.5
_LONG_BUSY_S = 1.0
_BUSY_PERCENT = 50.0
_LARGE = 100.0
"""A rate from which on nobody reads tenths."""
VERBOSE_COLUMN = 5
"""Of the table of services: a click there switches verbose logging."""


class ProcessLoad(NamedTuple):
    """What a process takes: percent of one core, and bytes of memory that are its own."""

    cpu_percent: float
    memory_bytes: int


def service_rows(rig: RigStatus, loads: Mapping[int, ProcessLoad]) -> dict[str, tuple[TableCell, ...]]:
    """Return a row for each service: name, state, CPU, memory, restarts, verbose logging, last error."""
    return {name: _service_row(status, loads.get(status.pid)) for name, status in rig.services.items()}


def _service_row(status: ProcessStatus, load: ProcessLoad | None) -> tuple[TableCell, ...]:
    busy = f" {status.busy_s:.0f} s" if status.state == "ready" and status.busy_s > _LONG_BUSY_S else ""
    return (
        TableCell(status.name, tip=f"process {status.pid}" if status.pid else "no process"),
        TableCell(f"● {'busy' if busy else status.state}{busy}", _TONES.get(status.state, "alarm")),
        TableCell("" if load is None else f"{load.cpu_percent:.0f} %"),
        TableCell("" if load is None else bytes_text(load.memory_bytes)),
        TableCell(str(status.restarts) if status.restarts else "", "flagged"),
        TableCell(
            "☑" if status.verbose else "☐",
            "accent" if status.verbose else "faint",
            "Click: have it log what it does in detail, and its health once a minute, or no longer",
        ),
        TableCell(status.error.partition("\n")[0], "alarm", status.error),
    )


def workers_text(rig: RigStatus, loads: Mapping[int, ProcessLoad]) -> str:
    """Return how many of the workers of each service are busy: those that take half of a core, or more.

    Examples
    --------
    >>> from parfocal.core.status import ProcessStatus, RigStatus
    >>> workers = [
    ...     ProcessStatus(name=f"tracker-{pid}", state="ready", pid=pid, part_of="tracker") for pid in (1, 2)
    ... ]
    >>> rig = RigStatus(name="r", pid=9, state="running", services={each.name: each for each in workers})
    >>> workers_text(rig, {1: ProcessLoad(80.0, 0), 2: ProcessLoad(3.0, 0)})
    'tracker: 1 of 2 workers busy'
    """
    busy: dict[str, list[bool]] = {}
    for status in rig.services.values():
        if status.part_of:
            load = loads.get(status.pid)
            is_busy = load is not None and load.cpu_percent >= _BUSY_PERCENT
            busy.setdefault(status.part_of, []).append(is_busy)
    return "; ".join(f"{name}: {sum(each)} of {len(each)} workers busy" for name, each in busy.items())


def stream_rows(rig: RigStatus, rates: Mapping[str, float]) -> dict[str, tuple[TableCell, ...]]:
    """Return a row for each stream: name, rate, who reads it, lost, how full its ring is."""
    return {name: _stream_row(status, rates.get(name)) for name, status in rig.streams.items()}


def _stream_row(status: StreamStatus, rate: float | None) -> tuple[TableCell, ...]:
    readers = [reader for reader in status.readers if reader.alive]
    lost = sum(losses_of(reader) for reader in status.readers) + status.abandoned
    fill = fill_of(status)
    who = "\n".join(reader_text(reader) for reader in status.readers) or "nobody reads it"
    unit = "fps" if status.kind == "frames" else "rows/s"
    return (
        TableCell(status.name, tip=f"{status.produced} {status.kind} since it was made"),
        TableCell("" if rate is None else f"{rate_text(rate)} {unit}", "text" if rate else "faint"),
        TableCell(readers_text(readers), "text" if readers else "faint", who),
        TableCell(str(lost) if lost else "", "alarm", who),
        TableCell("" if fill is None else f"{fill:.0%}", "alarm" if (fill or 0) > _NEARLY_FULL else "text"),
    )


def readers_text(readers: Sequence[ReaderLedger]) -> str:
    """Return how many read a stream, and who."""
    names = ", ".join(reader.name for reader in readers)
    return f"{len(readers)}  {names}" if readers else "0"


def losses_of(reader: ReaderLedger) -> int:
    """Return what a reader lost against its will: nothing if it wanted but the newest.

    Examples
    --------
    >>> from parfocal.core.status import ReaderLedger
    >>> ledger = {"name": "r", "pid": 1, "offered": 9, "delivered": 4, "in_flight": 0}
    >>> losses_of(ReaderLedger(policy="latest", dropped={"skipped": 4, "left": 1}, **ledger))
    0
    >>> losses_of(ReaderLedger(policy="drop", dropped={"overrun": 3, "sampled": 2}, **ledger))
    3
    """
    if reader.policy == "latest":
        return 0
    return sum(count for reason, count in reader.dropped.items() if reason not in _NO_LOSS)


def fill_of(status: StreamStatus) -> float | None:
    """Return how much of a ring waits for its slowest lossless reader, 0 to 1; None without one."""
    waiting = [reader.in_flight for reader in status.readers if reader.alive and reader.policy != "latest"]
    return max(waiting) / status.slots if waiting else None


def reader_text(reader: ReaderLedger) -> str:
    """Return the ledger of a reader in a line."""
    dropped = ", ".join(f"{count} {reason}" for reason, count in reader.dropped.items() if count)
    gone = "" if reader.alive else " (gone)"
    return f"{reader.name}{gone}: {reader.delivered} of {reader.offered}{f', {dropped}' if dropped else ''}"


def rate_text(rate: float) -> str:
    """Return a rate with as many digits as can be read in passing.

    Examples
    --------
    >>> rate_text(99.83), rate_text(2.04), rate_text(512.3), rate_text(0.0)
    ('99.8', '2.0', '512', '0')
    """
    return f"{rate:.0f}" if rate >= _LARGE or rate == 0 else f"{rate:.1f}"
