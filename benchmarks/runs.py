"""Runs beside pymmcore-plus' MDARunner and useq-schema: events, jitter, cancel, pause, long plans, loops.

Run ``python benchmarks/runs.py [--json] [--quick | --short] [--only PART]``. Both engines drive the same
simulated camera, a process of a rig, whose frames are small and cost next to nothing: ours is a process of
that rig, MDARunner a thread of this one, with an engine that has the camera snap. What was exposed, and when,
is read from the camera's stream, for both alike.
"""

from __future__ import annotations

import logging
import os
import statistics
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
import psutil
from _closed_loop import image_to_stimulation, steps, track_rows
from _micromanager import demo_camera, in_sequences
from _offline import reanalysis
from _recovery import at_full_speed, journal
from _report import Failed, Row, Size, attempt, following, parser, run

import parfocal
from parfocal.core.errors import StreamClosedError, StreamTimeoutError
from parfocal.core.frames import FrameHeader
from parfocal.rig.rig import Rig
from parfocal.runs import Plan, Sequence, combine, confirm, wait
from parfocal.runs.handle import RunHandle

PATIENCE_S = 60.0
PEER = "MDARunner"
CAMERA = {
    "device": "simulated-camera",
    "slots": 1024,
    "options": {"width_px": 32, "height_px": 32, "beads": 0, "frame_rate_hz": 1e5, "exposure_ms": 0.01},
}


@contextmanager
def laboratory() -> Iterator[Rig]:
    """Start a rig of a camera and its runs."""
    services = {"camera": {"kind": "camera", "settings": CAMERA}}
    config = {"name": f"bench-{os.getpid()}", "runs": {"keep_times": False}, "services": services}
    with parfocal.open_rig(config) as rig:
        yield rig


@contextmanager
def frames_of(rig: Rig) -> Iterator[list[FrameHeader]]:
    """Collect the headers of what the camera exposes meanwhile, in the order of their exposure."""
    headers: list[FrameHeader] = []
    ends = threading.Event()
    with rig.stream("camera").lossless(policy="drop") as reader:

        def collect() -> None:
            while not ends.is_set():
                try:
                    headers.append(reader.read(timeout_s=0.1).header)
                except StreamTimeoutError:
                    continue
                except StreamClosedError:
                    return

        thread = threading.Thread(target=collect)
        thread.start()
        try:
            yield headers
        finally:
            ends.set()
            thread.join()


def poll(reached: Callable[[], bool]) -> float:
    """Look until it is so; return the monotonic time then, or fail."""
    end = time.monotonic() + PATIENCE_S
    while not reached():
        if time.monotonic() > end:
            raise RuntimeError(f"not reached within {PATIENCE_S:g} s")
        time.sleep(0.0005)
    return time.monotonic()


def more_than(count: int, headers: list[FrameHeader]) -> None:
    """Wait for so many frames more."""
    before = len(headers)
    poll(lambda: len(headers) > before + count)


# --- the peer: MDARunner, with an engine that has the same camera snap


class SnapEngine:
    """What MDARunner asks of an engine; the frame itself stays in the stream."""

    image = np.zeros((1, 1), np.uint16)

    def __init__(self, rig: Rig) -> None:
        self._snap = rig["camera"].snap

    def setup_sequence(self, sequence: Any) -> None:
        """Do nothing."""

    def setup_event(self, event: Any) -> None:
        """Do nothing."""

    def exec_event(self, event: Any) -> Iterator[tuple[Any, Any, dict[str, Any]]]:
        """Have the camera expose one frame."""
        self._snap()
        yield self.image, event, {}

    def event_iterator(self, events: Any) -> Any:
        """Take the events as they come."""
        return iter(events)

    def teardown_event(self, event: Any) -> None:
        """Do nothing."""

    def teardown_sequence(self, sequence: Any) -> None:
        """Do nothing."""


class Peer:
    """An MDARunner on the rig's camera, which runs in a thread from now on."""

    def __init__(self, rig: Rig, **time_plan: float) -> None:
        import useq
        from pymmcore_plus.mda import MDARunner

        logging.getLogger("pymmcore-plus").setLevel(logging.ERROR)
        self.runner = MDARunner()
        self.runner.set_engine(SnapEngine(rig))
        sequence = useq.MDASequence(time_plan=time_plan)
        self._thread = threading.Thread(target=self.runner.run, args=(sequence,))
        self._thread.start()

    def join(self) -> None:
        """Wait for its end."""
        self._thread.join(PATIENCE_S)
        if self._thread.is_alive():
            raise RuntimeError("it has not ended")


def finished(handle: RunHandle) -> RunHandle:
    """Wait for the end, which has to be a complete one."""
    status = handle.wait(timeout_s=10 * PATIENCE_S)
    if status.outcome != "complete":
        raise RuntimeError(f"the run has ended as {status.outcome!r}: {status.reason}")
    return handle


# --- what is measured


def plans(size: Size) -> Iterator[Row]:
    """Measure how fast the events of a plan of 100 000 are made, and the memory that it takes."""
    import tracemalloc

    count = size.of(100_000, 20_000, 1_000)
    plan = Sequence(time_plan={"interval": 1, "loops": count // 20}, **AXES)
    rate = count / best(size, lambda: deque(plan.events(), maxlen=0))
    peer = attempt(useq_rate, size, count // 10)
    yield Row("events made of a plan", rate, "1/s", ">= 300000", "useq-schema", peer)
    tracemalloc.start()
    deque(plan.events(), maxlen=0)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    yield Row("memory while they are made", most / 1024, "KiB", "<= 100")
    seek = best(size, lambda: next(plan.events(count - 1)))
    yield Row("the last event of it, from nothing", 1e3 * seek, "ms", "<= 1")


AXES: dict[str, Any] = {
    "stage_positions": [(x, 0, 0) for x in range(10)],
    "channels": [{"config": "a", "exposure": 10}, {"config": "b", "exposure": 20}],
}


def useq_rate(size: Size, count: int) -> float:
    import useq

    sequence = useq.MDASequence(time_plan={"interval": 1, "loops": count // 20}, **AXES)
    return count / best(size, lambda: deque(sequence, maxlen=0))


def best(size: Size, work: Callable[[], object]) -> float:
    """Return the least time that it takes, seconds."""
    times = []
    for _ in range(size.of(5, 3, 1)):
        begin = time.perf_counter()
        work()
        times.append(time.perf_counter() - begin)
    return min(times)


def throughput(size: Size) -> Iterator[Row]:
    """Measure events per second with nothing to do, and with observers that hurt; nothing may be lost."""
    count = size.of(3000, 1000, 50)
    with laboratory() as rig:
        plain, hurt, peers = [], [], []
        for _ in range(size.of(3, 2, 1)):
            plain.append(run_rate(rig, count))
            peers.append(attempt(peer_rate, rig, count))
            hurt.append(run_rate(rig, count, raises, slow))
        fastest = following(*peers, by=lambda *rates: max(rates))
        yield Row("events a second, nothing to do", max(plain), "1/s", ">= 1000", PEER, fastest)
        cost = 100 * (1 - max(hurt) / max(plain))
        yield Row("cost of observers that raise or take 20 ms", cost, "%", "<= 2")


def run_rate(rig: Rig, count: int, *observers: Callable[[Any], None]) -> float:
    with frames_of(rig) as headers:
        handle = rig.run(Sequence(time_plan={"interval": 0, "loops": count}))
        for observer in observers:
            handle.status_changed.connect(observer)
        finished(handle)
        poll(lambda: len(headers) >= count)
    for observer in observers:
        handle.status_changed.disconnect(observer)
    return rate_of(headers, count)


def peer_rate(rig: Rig, count: int) -> float:
    with frames_of(rig) as headers:
        Peer(rig, interval=0, loops=count).join()
        poll(lambda: len(headers) >= count)
    return rate_of(headers, count)


def rate_of(headers: list[FrameHeader], count: int) -> float:
    """Return frames a second, from the first to the last; there have to be as many as events."""
    if len(headers) != count:
        raise RuntimeError(f"{len(headers)} frames of {count} events")
    return (count - 1) / ((headers[-1].time_ns - headers[0].time_ns) * 1e-9)


def times_of(rig: Rig, count: int, act: Callable[[], object]) -> list[int]:
    """Return when the frames were exposed that the camera takes while something is done; `count` of them."""
    with frames_of(rig) as headers:
        act()
        poll(lambda: len(headers) >= count)
    rate_of(headers, count)
    return [header.time_ns for header in headers]


def micromanager(size: Size) -> Iterator[Row]:
    """Measure events a second on Micro-Manager's DemoCamera, software timed."""
    yield from demo_camera(size, finished, times_of)
    yield from in_sequences(size, poll)


def journal_costs(size: Size) -> Iterator[Row]:
    """Measure the journal by itself, a recovery, and what the journal costs a run at full speed."""
    yield from journal(size)
    yield from at_full_speed(size, CAMERA, times_of, finished)


def raises(_: Any) -> None:
    raise RuntimeError("an observer that raises, on purpose")


def slow(_: Any) -> None:
    time.sleep(0.02)


def jitter(size: Size) -> Iterator[Row]:
    """Measure how even the frames of a 50 Hz schedule are: in turn, and the evenest of each counts."""
    count = size.of(1000, 300, 20)
    ours, peers = [], []
    with laboratory() as rig:
        for _ in range(size.of(2, 2, 1)):
            ours.append(own_intervals_ms(rig, count))
            peers.append(attempt(peer_intervals_ms, rig, count))
        yield Row("50 Hz by a bare sleep, interval: SD", float(np.std(slept_intervals_ms(count))), "ms")
    evenest = min(ours, key=np.std)
    peer = following(*peers, by=lambda *found: min(found, key=np.std))
    names = {"SD": np.std, "p99 off": p99_off, "mean": np.mean}
    wanted = {"SD": "<= 1", "p99 off": "<= 3", "mean": "<= 20.1"}
    for name, of in names.items():
        beside = following(peer, by=of)
        yield Row(f"50 Hz schedule, interval: {name}", float(of(evenest)), "ms", wanted[name], PEER, beside)


def p99_off(intervals: Any) -> float:
    return float(np.percentile(np.abs(intervals - 20), 99))


def intervals_ms(headers: list[FrameHeader]) -> Any:
    return np.diff([header.time_ns for header in headers]) * 1e-6


def own_intervals_ms(rig: Rig, count: int) -> Any:
    with frames_of(rig) as headers:
        finished(rig.run(Sequence(time_plan={"interval": 0.02, "loops": count})))
        poll(lambda: len(headers) >= count)
    return intervals_ms(headers)


def slept_intervals_ms(count: int) -> Any:
    """Return intervals of a loop that does nothing but sleep: what this machine allows just now."""
    origin, woken = time.monotonic(), []
    for number in range(count):
        time.sleep(max(0.0, origin + 0.02 * number - time.monotonic()))
        woken.append(time.monotonic())
    return np.diff(woken) * 1e3


def peer_intervals_ms(rig: Rig, count: int) -> Any:
    with frames_of(rig) as headers:
        Peer(rig, interval=0.02, loops=count).join()
        poll(lambda: len(headers) >= count)
    return intervals_ms(headers)


WAITS: dict[str, Plan] = {
    "between time points": Sequence(time_plan={"interval": 600, "loops": 2}),
    "a wait": combine(wait(600), Sequence()),
    "a question": combine(confirm("well?"), Sequence()),
}


def cancel(size: Size) -> Iterator[Row]:
    """Measure how long after a cancel a run that waits exposes nothing more: its thread has left the wait."""
    rounds = size.of(10, 5, 1)
    with laboratory() as rig:
        for name, plan in WAITS.items():
            took = [cancelled_ms(rig, plan, is_waiting) for _ in range(rounds)]
            is_schedule = name == "between time points"
            peer = attempt(peer_cancelled_ms, rig, rounds) if is_schedule else None
            yield Row(f"cancel in {name}", max(took), "ms", "<= 20", PEER if is_schedule else "", peer)
        busy = Sequence(time_plan={"interval": 0.02, "loops": 10_000})
        took = [cancelled_ms(rig, busy, pause_it) for _ in range(rounds)]
        yield Row("cancel in a pause", max(took), "ms", "<= 20")


def cancelled_ms(rig: Rig, plan: Plan, ready: Callable[[RunHandle], bool]) -> float:
    handle = rig.run(plan)
    poll(partial(ready, handle))
    begin = time.monotonic()
    handle.cancel("to see how long it takes")
    left = poll(lambda: handle.status().state in ("draining", "ended"))
    handle.wait(timeout_s=PATIENCE_S)
    return 1e3 * (left - begin)


def is_waiting(handle: RunHandle) -> bool:
    status = handle.status()
    return status.wait_remaining_s > 1 or bool(status.question)


def pause_it(handle: RunHandle) -> bool:
    status = handle.status()
    if status.events_acquired and not status.is_paused:
        handle.pause("to cancel it")
    return status.state == "paused"


def peer_cancelled_ms(rig: Rig, rounds: int) -> float:
    took = []
    for _ in range(rounds):
        with frames_of(rig) as headers:
            peer = Peer(rig, interval=600, loops=2)
            poll(partial(bool, headers))
            time.sleep(0.2)
            begin = time.monotonic()
            peer.runner.cancel()
            peer.join()
            took.append(1e3 * (time.monotonic() - begin))
    return max(took)


def pause(size: Size) -> Iterator[Row]:
    """Measure how soon a pause of a 50 Hz schedule is acknowledged, and how many frames begin after that."""
    rounds = size.of(20, 10, 2)
    with laboratory() as rig:
        ours = paused(rig, rounds)
        peer = attempt(peer_paused, rig, rounds)
    rows = (("pause acknowledged", "ms", "<= 50"), ("exposures that begin after that", "", "<= 0"))
    for place, (name, unit, wanted) in enumerate(rows):
        beside = peer if isinstance(peer, Failed) else peer[place]
        yield Row(name, ours[place], unit, wanted, PEER, beside)


def paused(rig: Rig, rounds: int) -> tuple[float, float]:
    took, late = [], 0
    with frames_of(rig) as headers:
        handle = rig.run(Sequence(time_plan={"interval": 0.02, "loops": 100_000}))
        for number in range(rounds):
            more_than(3, headers)
            time.sleep(0.0031 * number)  # at another place of the interval each time
            begin = time.monotonic()
            handle.pause()
            acknowledged = poll(lambda: handle.status().state == "paused")
            took.append(1e3 * (acknowledged - begin))
            late += begun_after(headers, acknowledged)
            handle.resume()
        handle.cancel("measured")
        handle.wait(timeout_s=PATIENCE_S)
    return max(took), late


def peer_paused(rig: Rig, rounds: int) -> tuple[float, float]:
    took, late = [], 0
    with frames_of(rig) as headers:
        peer = Peer(rig, interval=0.02, loops=100_000)
        for number in range(rounds):
            more_than(3, headers)
            time.sleep(0.0031 * number)
            begin = time.monotonic()
            peer.runner.set_paused(True)
            acknowledged = poll(peer.runner.is_paused)
            took.append(1e3 * (acknowledged - begin))
            late += begun_after(headers, acknowledged)
            peer.runner.set_paused(False)
        peer.runner.cancel()
        peer.join()
    return max(took), late


def begun_after(headers: list[FrameHeader], instant_s: float) -> int:
    """Return how many exposures have begun within 0.2 s after an instant of the monotonic clock."""
    time.sleep(0.2)
    return sum(header.time_ns * 1e-9 - CAMERA_EXPOSURE_S > instant_s for header in headers[-50:])


CAMERA_EXPOSURE_S = 1e-5


def long_plan(size: Size) -> Iterator[Row]:
    """Measure what a plan of 100 000 events costs while it runs: its start, its status, its memory."""
    count = size.of(100_000, 20_000, 2_000)
    plan = Sequence(time_plan={"interval": 0, "loops": count})
    with laboratory() as rig:
        process = psutil.Process(rig.status().services["runs"].pid)
        finished(rig.run(Sequence(time_plan={"interval": 0, "loops": size.of(500, 200, 20)})))
        before = process.memory_info().rss
        begin = time.perf_counter()
        rig.prepare(plan).cancel()
        yield Row(
            f"prepare {count} events, and drop them", 1e3 * (time.perf_counter() - begin), "ms", "<= 2000"
        )
        begin = time.perf_counter()
        handle = rig.run(plan)
        yield Row(f"start of {count} events", 1e3 * (time.perf_counter() - begin), "ms", "<= 500")
        took = []
        done = size.of(20_000, 4_000, 400)
        while handle.status().events_acquired < done:
            begin = time.perf_counter()
            handle.status()
            took.append(1e3 * (time.perf_counter() - begin))
            time.sleep(0.02)
        grown = (process.memory_info().rss - before) / 2**20
        handle.cancel("measured")
        handle.wait(timeout_s=PATIENCE_S)
    yield Row("status of it, median", statistics.median(took), "ms", "<= 10")
    yield Row("memory that the engine takes more", grown, "MiB", "<= 20")


def painting(size: Size) -> Iterator[Row]:
    """Measure how long the view of a run in the terminal takes to paint, in the middle of a long plan."""
    from rich.console import Console

    from parfocal.cli.run_view import run_view
    from parfocal.core.run_status import RunStatus
    from parfocal.runs.plans.outline import outline_of
    from parfocal.runs.plans.schedule import Schedule

    count = size.of(100_000, 20_000, 2_000)
    schedule = Schedule(Sequence(time_plan={"interval": 1, "loops": count // 20}, **AXES))
    outline = outline_of(schedule, 400)
    middle = schedule.event(count // 2)
    status = RunStatus(
        run="bench",
        state="running",
        events_total=count,
        events_consumed=count // 2,
        event_number=middle.number,
        event_kind=middle.kind,
        event_index=middle.index,
    )
    with open(os.devnull, "w", encoding="utf-8") as nowhere:
        console = Console(file=nowhere, width=100, force_terminal=True)
        took = best(size, lambda: console.print(run_view(status, outline, 100)))
    yield Row(f"status of {count} events painted", 1e3 * took, "ms", "<= 10")


SLOW_FILTERS_S = 0.3
TWO = [{"config": "nucleus", "exposure": 50}, {"config": "cytoplasm", "exposure": 80}]


def predicted_plans(loops: int) -> dict[str, Plan]:
    """Return the plans whose prediction is compared with what happens, of so many time points."""
    twelve = [(150.0 * (place % 4), 200.0 * (place // 4), 0) for place in range(12)]
    return {
        "z-stacks": Sequence(
            time_plan={"interval": 2, "loops": loops},
            stage_positions=[(0, 0, 0), (300, 100, 5)],
            channels=TWO[:1],
            z_plan={"range": 10, "step": 1},
        ),
        "12 positions": Sequence(
            time_plan={"interval": 2.5, "loops": loops}, stage_positions=twelve, channels=TWO[:1]
        ),
        "two channels with slow filters": Sequence(
            time_plan={"interval": 3, "loops": loops}, stage_positions=[(0, 0, 0), (200, 0, 0)], channels=TWO
        ),
    }


def predictions(size: Size) -> Iterator[Row]:
    """Measure how far off the predictions of the first and second run of a rig are, in parts of the limit."""
    for name, plan in predicted_plans(size.of(4, 4, 1)).items():
        with tempfile.TemporaryDirectory() as folder:
            os.environ["PARFOCAL_STATE_DIR"] = f"{folder}/state"  # nothing is known of the rig
            changes = {
                "recorder.folder": f"{folder}/runs",
                "channels.options.light_path.options.step_s": SLOW_FILTERS_S,
            }
            with parfocal.open_rig("microscope", name=f"bench-{os.getpid()}", changes=changes) as rig:
                for number in ("first", "second"):
                    status = finished(rig.run(plan)).status()
                    part = off_in_limits(parfocal.open_run(status.folder).events())
                    yield Row(f"{name}, {number} run: p95 of what it was off, in limits", part, "", "<= 1")


def off_in_limits(events: Any) -> float:
    """Return how far off predictions were at p95, in parts of 50 ms or a tenth of the time so far."""
    limit_s = np.maximum(0.05, 0.1 * events["started_s"])
    return float(np.percentile(np.abs(events["started_s"] - events["predicted_s"]) / limit_s, 95))


PARTS = {
    "plans": plans,
    "throughput": throughput,
    "micromanager": micromanager,
    "jitter": jitter,
    "cancel": cancel,
    "pause": pause,
    "journal": journal_costs,
    "long_plan": long_plan,
    "painting": painting,
    "predictions": predictions,
    "image_to_stimulation": image_to_stimulation,
    "steps": steps,
    "track_rows": track_rows,
    "reanalysis": reanalysis,
}

if __name__ == "__main__":
    sys.exit(run(PARTS, parser(__doc__).parse_args()))
