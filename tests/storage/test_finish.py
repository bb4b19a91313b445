"""The end of a recording whose disk takes its time, or whose services have just ended."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from parfocal.core.frames import FrameHeader, FrameSpec
from parfocal.storage.collecting import Collected
from parfocal.storage.incidents import ServiceWatch
from parfocal.storage.recording import Recording
from parfocal.storage.requests import RunRequest, Site, StreamRequest
from parfocal.storage.run_manifests import Ended
from parfocal.streams import StreamWriter
from parfocal.testing.clock import JumpClock

SPEC = FrameSpec(shape=(8, 8), dtype="uint16")
PATIENCE_S = 40.0


def begin(streams: Path, runs: Path) -> Recording:
    site = Site(streams=streams, rig="bench", service="recorder", on_error=print)
    return Recording.begin(runs, [StreamRequest(name="camera")], RunRequest(), site)


def test_the_end_waits_for_the_disk_and_tells_what_it_waits_for(streams: Path, tmp_path: Path) -> None:
    told: list[tuple[float, str]] = []
    disk = threading.Event()
    with StreamWriter(streams, "camera", SPEC) as camera:
        recording = begin(streams, tmp_path)
        recording._recorders["camera"]._sink._syncing._thread.submit(disk.wait)  # type: ignore[attr-defined]
        recording.start()
        camera.write(np.ones(SPEC.shape, SPEC.dtype), FrameHeader(frame=0))

        def tell(fraction: float, text: str) -> None:
            told.append((fraction, text))
            if text == "camera: on its way to stable storage":
                assert recording.manifest.outcome == "recording"
                disk.set()

        assert recording.finish(Ended(ending="complete"), tell).outcome == "complete"
    assert disk.is_set()
    assert told[-2][0] == 0.0


class Watch(ServiceWatch):
    """Sees the camera in one state after the other, one with each look; the last one stays."""

    def __init__(self, *states: str) -> None:
        self._states = list(states)
        super().__init__("no rig", "recorder", JumpClock())

    def _records(self) -> Iterator[tuple[str, Any]]:
        state = self._states.pop(0) if len(self._states) > 1 else self._states[0]
        yield "camera", SimpleNamespace(state=state, pid=1, restarts=1, exit_code=-9, error="killed")


@pytest.mark.parametrize(
    ("states", "ends", "outcome", "words"),
    [
        (("crashed", "crashed", "starting", "ready"), False, "complete", "and was started again"),
        (("hung", "crashed", "starting", "degraded"), False, "failed", "and did not come back"),
        (("crashed",), False, "failed", "and was not back when the run ended"),
        (("crashed",), True, "failed", "and was not back when the run ended"),
    ],
)
def test_the_end_waits_for_a_service_that_is_on_its_way_back_unless_the_rig_ends(
    streams: Path, tmp_path: Path, states: tuple[str, ...], ends: bool, outcome: str, words: str
) -> None:
    with StreamWriter(streams, "camera", SPEC):
        recording = begin(streams, tmp_path)
        recording._watch = Watch("ready", *states)
        clock = JumpClock()
        began_ns = clock.monotonic_ns()
        recording._site = replace(recording._site, clock=clock, is_ending=lambda: ends)
        recording.start()
        manifest = recording.finish(Ended(ending="complete", missing=0))
    assert manifest.outcome == outcome
    assert words in manifest.reason
    assert ends == (clock.monotonic_ns() == began_ns), "nobody comes back to a rig that ends"


def test_the_end_does_not_wait_for_whoever_has_asked_for_it_and_has_ended_since(
    streams: Path, tmp_path: Path
) -> None:
    """Its next process begins once the record is closed: each waited for the other."""
    with StreamWriter(streams, "camera", SPEC):
        recording = begin(streams, tmp_path)
        recording._watch = Watch("ready", "crashed")
        clock = JumpClock()
        began_ns = clock.monotonic_ns()
        recording._site = replace(recording._site, clock=clock)
        recording.start()
        manifest = recording.finish(Ended(ending="complete", missing=0, asked_by="camera"))
    assert manifest.outcome == "failed"
    assert "and was not back when the run ended" in manifest.reason
    assert clock.monotonic_ns() == began_ns


def test_the_end_waits_for_a_service_that_is_found_to_stand_still_while_it_is_asked(
    streams: Path, tmp_path: Path
) -> None:
    watch = Watch("ready")

    def collect(folder: Path, at_end: bool) -> Collected:
        watch._states[:] = ["hung", "crashed", "starting", "ready"]
        return Collected()

    with StreamWriter(streams, "camera", SPEC):
        recording = begin(streams, tmp_path)
        recording._watch = watch
        recording._site = replace(recording._site, clock=JumpClock(), collect=collect)
        recording.start()
        manifest = recording.finish(Ended(ending="complete", missing=0))
    assert manifest.outcome == "complete"
    assert "and was started again" in manifest.reason
