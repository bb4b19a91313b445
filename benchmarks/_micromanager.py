"""Events on Micro-Manager's DemoCamera: a run of ours beside pymmcore-plus' own engine, on the same.

And how soon a run that has the camera take sequences is paused and cancelled in the middle of one.
"""

from __future__ import annotations

import logging
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from _report import Row, Size, attempt, following

import parfocal
from parfocal.runs import Sequence

PEER = "MDARunner"
PATIENCE_S = 60.0
EXPOSURE_MS = 0.1
CAMERA: dict[str, Any] = {"PixelType": "8bit", "FastImage": 1}
"""512 x 512 px that cost the simulated camera next to nothing."""
SERVICES: dict[str, Any] = {
    "camera": {
        "kind": "micromanager",
        "settings": {
            "slots": 512,
            "options": {
                "properties": {"Camera": CAMERA},
                "exposure_ms": EXPOSURE_MS,
                "sequences": False,
            },
        },
    },
    "z": {
        "kind": "stage",
        "depends_on": ["camera"],
        "settings": {
            "device": "micromanager-stage",
            "options": {"axes": {"z": {"limits": [-300, 300], "speed": 1000}}},
        },
    },
}
Z_STEPS = 5
PLANS: dict[str, dict[str, Any]] = {
    "frames alone": {},
    "each plane of a z-stack": {"z_plan": {"range": Z_STEPS - 1, "step": 1}},
}


Collected = Callable[[Any, int, Callable[[], Any]], list[int]]


def demo_camera(size: Size, finished: Callable[[Any], Any], collected: Collected) -> Iterator[Row]:
    """Measure events a second on the DemoCamera, software timed, and intervals between frames.

    Neither of the two stores anything.

    Parameters
    ----------
    size : Size
        How much is measured.
    finished : callable
        Waits for the end of a run.
    collected : callable
        ``collected(rig, count, act)`` returns the times of so many frames, ns, while `act` runs.
    """
    os.environ["PYMM_SIGNALS_BACKEND"] = "psygnal"
    count = size.of(2000, 600, 50)
    config = {"name": f"bench-{os.getpid()}", "runs": {"keep_times": False}, "services": SERVICES}
    with parfocal.open_rig(config) as rig:
        for name, axes in PLANS.items():
            loops = count // Z_STEPS if axes else count
            plan = Sequence(time_plan={"interval": 0, "loops": loops}, **axes)
            ours, peers = [], []
            for _ in range(size.of(3, 2, 1)):
                ours.append(collected(rig, len(plan), lambda: finished(rig.run(plan))))  # noqa: B023
                peers.append(attempt(peer_times, loops, axes))
            yield from _rows(name, ours, peers, judged=not axes)


SEQUENCED_MS = 20.0
ACKNOWLEDGED = "<= 50"


def in_sequences(size: Size, poll: Callable[[Callable[[], bool]], float]) -> Iterator[Row]:
    """Measure how soon a pause and a cancel are acknowledged while the camera takes a sequence by itself.

    ``poll(reached)`` waits until it is so, and returns the monotonic time then.
    """
    rounds = size.of(20, 10, 2)
    with tempfile.TemporaryDirectory() as folder:
        changes = {"recorder.folder": folder}
        with parfocal.open_rig("micromanager", name=f"bench-{os.getpid()}", changes=changes) as rig:
            channel = {"config": "DAPI", "exposure": SEQUENCED_MS}
            plan = Sequence(time_plan={"interval": 0, "loops": 100_000}, channels=[channel])
            paused, late, cancelled = [], 0, []
            handle, counts = rig.run(plan), rig["camera"].counts
            for number in range(rounds):
                before = counts()["frames"]
                poll(lambda: counts()["frames"] > before + 3)  # noqa: B023
                time.sleep(0.0031 * number)
                began = time.monotonic()
                handle.pause()
                paused.append(1e3 * (poll(lambda: handle.status().state == "paused") - began))
                exposed = counts()["frames"]
                time.sleep(0.1)
                late += counts()["frames"] - exposed
                handle.resume()
            handle.cancel("measured")
            handle.wait(timeout_s=PATIENCE_S)
            for number in range(rounds):
                before, handle = counts()["frames"], rig.run(plan)
                poll(lambda: counts()["frames"] > before + 3)  # noqa: B023
                time.sleep(0.0031 * number)
                began = time.monotonic()
                handle.cancel("measured")
                poll(lambda: handle.status().state in ("draining", "ended"))  # noqa: B023
                cancelled.append(1e3 * (time.monotonic() - began))
                handle.wait(timeout_s=PATIENCE_S)
    told = f"in a sequence of the camera's own, exposures of {SEQUENCED_MS:g} ms"
    yield Row(f"pause {told}: median", float(np.median(paused)), "ms", ACKNOWLEDGED)
    yield Row(f"pause {told}: longest", max(paused), "ms", ACKNOWLEDGED)
    yield Row("frames that come after that", late, "", "<= 0")
    yield Row(f"cancel {told}: longest", max(cancelled), "ms", ACKNOWLEDGED)


def _rows(name: str, ours: list[Any], peers: list[Any], *, judged: bool) -> Iterator[Row]:
    fastest = following(*peers, by=lambda *found: max(found, key=rate))
    best = max(ours, key=rate)
    wanted = (">= 400", "<= 5") if judged else ("", "")
    beside = following(fastest, by=rate), following(fastest, by=p99_ms)
    yield Row(f"DemoCamera, {name}: events a second", rate(best), "1/s", wanted[0], PEER, beside[0])
    yield Row(f"DemoCamera, {name}: interval p99", p99_ms(best), "ms", wanted[1], PEER, beside[1])


def rate(times_ns: list[int]) -> float:
    """Return frames a second, from the first to the last."""
    return (len(times_ns) - 1) / ((times_ns[-1] - times_ns[0]) * 1e-9)


def p99_ms(times_ns: list[int]) -> float:
    """Return the interval between two frames that one in a hundred exceeds."""
    return float(np.percentile(np.diff(times_ns), 99)) * 1e-6


def peer_times(loops: int, axes: dict[str, Any]) -> list[int]:
    """Return when MDARunner had the frames of the same plan, from the same devices, in this process."""
    import useq
    from pymmcore_plus import CMMCorePlus

    logging.getLogger("pymmcore-plus").setLevel(logging.ERROR)
    core = CMMCorePlus()
    core.loadSystemConfiguration()
    core.setAutoShutter(False)
    for name, value in CAMERA.items():
        core.setProperty("Camera", name, value)
    core.setExposure(EXPOSURE_MS)
    core.mda.engine.use_hardware_sequencing = False
    times: list[int] = []
    core.mda.events.frameReady.connect(lambda *_: times.append(time.monotonic_ns()))
    core.run_mda(useq.MDASequence(time_plan={"interval": 0, "loops": loops}, **axes), block=True)
    core.unloadAllDevices()
    expected = loops * (Z_STEPS if axes else 1)
    if len(times) != expected:
        raise RuntimeError(f"{len(times)} frames of {expected} events")
    return times
