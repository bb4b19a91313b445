"""What the journal of a run costs, and how soon it is known what is left of one that was killed."""

from __future__ import annotations

import logging
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from _report import Row, Size

from parfocal.core.clock import SYSTEM_CLOCK
from parfocal.core.event_layout import EventLayout
from parfocal.core.frames import FrameSpec
from parfocal.runs import Sequence
from parfocal.runs.earlier_run import killed_run
from parfocal.runs.event_log import SettledEvent
from parfocal.runs.journal import RunJournal
from parfocal.runs.journal_entries import Began
from parfocal.runs.machine.tasks import Decide, Expose, Hold
from parfocal.runs.plans.event import Event
from parfocal.runs.plans.plan_data import plan_to_data
from parfocal.runs.settings import RunSettings
from parfocal.storage.event_frames import EventFrameSink
from parfocal.storage.event_headers import EventHeaders
from parfocal.storage.manifest import Manifest, StreamRecord, Writer, write_manifest
from parfocal.storage.moment import Moment
from parfocal.storage.ome_zarr import HEADER_COLUMNS, HEADERS

_LOG = logging.getLogger(__name__)
_SPEC = FrameSpec(shape=(32, 32), dtype="uint16")
_POSITIONS = 10
_STORED_EVENTS = "parfocal.storage.stored_events:stored_events"


def journal(size: Size) -> Iterator[Row]:
    """Measure what an image and a stimulus cost in the journal, and a recovery of 100 000 events."""
    with tempfile.TemporaryDirectory() as folder:
        yield from _costs(folder, size.of(20_000, 5_000, 200), size.of(100, 30, 3))
    count = size.of(100_000, 20_000, 200)
    with tempfile.TemporaryDirectory() as folder:
        plan = Sequence(
            time_plan={"interval": 1, "loops": count // _POSITIONS},
            stage_positions=[(x, 0, 0) for x in range(_POSITIONS)],
        )
        _leave(Path(folder), plan, count - 5)
        settings = RunSettings(camera="camera", stored_events=_STORED_EVENTS)
        begin = time.perf_counter()
        recovery = killed_run(folder, settings).recovery
        took_s = time.perf_counter() - begin
        if recovery.left != 5:
            raise RuntimeError(f"{recovery.left} events are left instead of 5")
        yield Row(f"what is left of {count} events, from the disk", took_s, "s", "<= 10")


def _costs(folder: str, images: int, stimuli: int) -> Iterator[Row]:
    kept = RunJournal(Began(run="bench", at=0.0), _LOG)
    events = [_done(number, "image") for number in range(images)]
    _ = [done.row for done in events]  # the log of events needs it anyway
    kept.before(Hold(), folder)  # the file is made, and brought to stable storage
    begin = time.perf_counter()
    for done in events:
        kept.before(Expose(done.event), folder)
        kept.settled(done)
    yield Row("journal, an image", 1e6 * (time.perf_counter() - begin) / images, "us", "<= 100")
    announced, begun = [], []
    for number in range(images, images + stimuli):
        done = _done(number, "stimulus")
        start = time.perf_counter()
        kept.before(Decide(done.event), folder)
        middle = time.perf_counter()
        kept.before(Expose(done.event, "wanted"), folder)
        begun.append(time.perf_counter() - middle)
        announced.append(middle - start)
        kept.settled(done)
    kept.close(folder)
    yield Row("journal, a stimulus before its mask is waited for", 1e3 * statistics.median(announced), "ms")
    yield Row("journal, a stimulus between mask and light", 1e6 * statistics.median(begun), "us", "<= 500")


def _done(number: int, kind: str) -> SettledEvent:
    t, p = divmod(number, _POSITIONS)
    event = Event(number=number, kind=kind, index={"t": t, "p": p, "c": 0, "z": 0})  # type: ignore[arg-type]
    return SettledEvent(event, "acquired", None, 0.0, 0.0, frames=1)


def _leave(folder: Path, plan: Sequence, done: int) -> None:
    """Write what a run leaves that was killed after so many events: journal, headers, manifest."""
    sizes = (len(plan) // _POSITIONS, _POSITIONS, 1, 1)
    layout = EventLayout(axes="tpcz", sizes=sizes)
    kept = RunJournal(Began(run="bench", at=0.0, plan=plan_to_data(plan), layout=layout), _LOG)
    for number in range(done):
        kept.settled(_done(number, "image"))
    kept.close(str(folder))
    EventFrameSink.create(folder / "frames.ome.zarr", _SPEC, layout).close()
    headers = [EventHeaders(folder / "frames.ome.zarr" / str(p) / HEADERS, "tcz") for p in range(_POSITIONS)]
    row = np.zeros(len(HEADER_COLUMNS), np.int64)
    for number in range(done):
        t, p = divmod(number, _POSITIONS)
        headers[p].write((t, 0, 0), row)
    record = StreamRecord(
        kind="events", path="frames.ome.zarr", policy="block", spec=_SPEC, first_sequence=0, events=layout
    )
    started, recorder = Moment.now(SYSTEM_CLOCK), Writer.this()
    write_manifest(
        folder, Manifest(run="bench", started=started, recorder=recorder, streams={"camera": record})
    )
