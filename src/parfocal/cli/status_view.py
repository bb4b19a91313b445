"""What a rig looks like on a terminal: a renderable made of one snapshot, nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.table import Table
from rich.text import Text

from parfocal.processes.announcer import how_to_restart

if TYPE_CHECKING:
    from collections.abc import Iterable

    from parfocal.core.status import ProcessStatus, ReaderLedger, RigStatus, StreamStatus

_BUSY_FROM_S = 1.0
_COLOURS = {"ready": "green", "starting": "yellow", "stopping": "yellow", "exited": "bright_black"}


def status_view(status: RigStatus) -> Group:
    """Return the services and the streams of a rig as two tables."""
    title = Text.assemble(
        ("rig ", "bright_black"), (status.name, "bold"), f"  {status.state}  process {status.pid}"
    )
    return Group(title, _services(status.services.values()), _streams(status.streams.values()))


def _services(services: Iterable[ProcessStatus]) -> Table:
    table = Table("service", "state", "pid", "restarts", "last error", box=None, pad_edge=False)
    for service in services:
        table.add_row(*_service_row(service))
    return table


def _service_row(service: ProcessStatus) -> tuple[str | Text, ...]:
    word, colour = service.state, _COLOURS.get(service.state, "bold red")
    if service.busy_s >= _BUSY_FROM_S:
        return service.name, Text(f"busy {service.busy_s:.0f} s", style="yellow"), *_details(service)
    return service.name, Text(word, style=colour), *_details(service)


def _details(service: ProcessStatus) -> tuple[str, str, str]:
    advice = f"{service.error}; {how_to_restart(service)}" if service.state == "degraded" else service.error
    return str(service.pid or "-"), str(service.restarts), advice


def _streams(streams: Iterable[StreamStatus]) -> Table:
    table = Table(
        "stream",
        "produced",
        "reader",
        "policy",
        "delivered",
        "dropped",
        "in flight",
        box=None,
        pad_edge=False,
        collapse_padding=True,  # else a table with usual names is wider than 80 columns
    )
    for stream in streams:
        for row in _stream_rows(stream):
            table.add_row(*row)
    return table


def _stream_rows(stream: StreamStatus) -> list[tuple[str, ...]]:
    head = (stream.name, f"{stream.produced}")
    readers = [
        reader
        for reader in stream.readers
        if reader.alive or any(reader.dropped.values()) or reader.imbalance
    ]
    if not readers:
        return [(*head, "-", "", "", "", "")]
    heads = [head, *([("", "")] * (len(readers) - 1))]
    return [(*first, *_reader_cells(reader)) for first, reader in zip(heads, readers, strict=True)]


def _reader_cells(reader: ReaderLedger) -> tuple[str, ...]:
    stated = [f"{count} {reason}" for reason, count in reader.dropped.items() if count]
    dropped = ", ".join([*stated, *([f"WRONG: {reader.imbalance}"] if reader.imbalance else [])])
    name = reader.name if reader.alive else f"{reader.name} (gone)"
    return name, reader.policy, str(reader.delivered), dropped or "0", str(reader.in_flight)
