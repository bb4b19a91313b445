"""What the journal of a run costs, and how soon it is known what is left of one that was killed."""

from __future__ import annotations

import logging
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from _report import Row, Size

import parfocal
from parfocal.core.clock import SYSTEM_CLOCK
from parfocal.core.event_layout import EventLayout
from parfocal.core.frames import FrameSpec
from parfocal.rig import run_roles
from parfocal.rig.rig import Rig
from parfocal.runs import Sequence
from parfocal.runs.earlier_run import killed_run
from parfocal.runs.event_log import SettledEvent
from parfocal.runs.journal import RunJournal
from parfocal.runs.journal_entries import FILE_NAME, Began
from parfocal.runs.machine.tasks import Decide, Expose, Hold
from parfocal.runs.plans.event import Event
from parfocal.runs.plans.plan_data import plan_to_data
from parfocal.runs.settings import SERVICE as RUNS
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


_UNJOURNALLED = "_unjournalled:RunService"


@contextmanager
def recorded_laboratory(camera: dict[str, Any], *, journalled: bool) -> Iterator[Rig]:
    """Start a rig that records its runs, with a journal or with one that writes nothing."""
    services = {
        "camera": {"kind": "camera", "settings": camera},
        "recorder": {"kind": "recorder", "depends_on": ["camera"], "settings": {"frames": ["camera"]}},
    }
    factory = run_roles.FACTORY
    with tempfile.TemporaryDirectory() as folder:
        services["recorder"]["settings"]["folder"] = folder  # type: ignore[index]
        config = {
            "name": f"bench-{os.getpid()}-{'journal' if journalled else 'none'}",
            "runs": {"keep_times": False},
            "services": services,
        }
        if not journalled:
            run_roles.FACTORY = _UNJOURNALLED  # type: ignore[misc]
            sys.path.insert(0, str(Path(__file__).parent))
        try:
            rig = parfocal.open_rig(config)
        finally:
            run_roles.FACTORY = factory  # type: ignore[misc]
        with rig:
            yield rig


def at_full_speed(
    size: Size, camera: dict[str, Any], times_of: Callable[..., list[int]], finished: Callable[..., Any]
) -> Iterator[Row]:
    """Measure events a second of runs that are recorded, with the journal and, in turn, without.

    ``times_of(rig, count, act)`` returns when the frames were exposed that the camera takes while `act` runs.
    """
    count = size.of(3000, 1000, 50)
    plan = Sequence(time_plan={"interval": 0, "loops": count})
    rates: dict[bool, list[float]] = {True: [], False: []}
    cpu_us: dict[bool, list[float]] = {True: [], False: []}
    with ExitStack() as stack:
        rigs = {
            journalled: stack.enter_context(recorded_laboratory(camera, journalled=journalled))
            for journalled in rates
        }
        for _ in range(size.of(7, 5, 1)):
            for journalled, rig in rigs.items():
                handles: list[Any] = []
                runs = psutil.Process(rig.status().services[RUNS].pid)
                before_s = sum(runs.cpu_times()[:2])
                times = times_of(rig, count, lambda: handles.append(finished(rig.run(plan))))  # noqa: B023
                cpu_us[journalled].append(1e6 * (sum(runs.cpu_times()[:2]) - before_s) / count)
                rates[journalled].append((count - 1) / ((times[-1] - times[0]) * 1e-9))
                if (Path(handles[0].status().folder) / FILE_NAME).exists() is not journalled:
                    raise RuntimeError(f"the run has a journal: {not journalled}")
    took_us = {journalled: 1e6 / max(found) for journalled, found in rates.items()}
    yield Row("events a second that are recorded, with the journal", max(rates[True]), "1/s", ">= 1000")
    yield Row("the same without", max(rates[False]), "1/s")
    yield Row(
        "what the journal adds to an event at full speed", took_us[True] - took_us[False], "us", "<= 100"
    )
    cost_us = statistics.median(cpu_us[True]) - statistics.median(cpu_us[False])
    yield Row("what it adds to the CPU time of the run, per event", cost_us, "us", "<= 100")


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
