"""The coordinator's threads over real streams: what goes wrong between the parts and the tracks."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from parfocal.analysis.beads import collector
from parfocal.analysis.beads.collector import TrackCollector
from parfocal.analysis.beads.ledger import TrackLedger
from parfocal.analysis.beads.rows import PART_DTYPE, TRACK_DTYPE, part_rows
from parfocal.core.clock import SYSTEM_CLOCK
from parfocal.core.errors import StreamTimeoutError
from parfocal.core.frames import FrameHeader, FrameSpec, RowSpec
from parfocal.streams import StreamWriter, open_stream

LONG_S = 30.0


class Held(StreamWriter):
    """Tells when a reader has held it."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.was_held = threading.Event()

    def write_rows(self, rows: Any, *, timeout_s: float | None = None) -> None:
        try:
            super().write_rows(rows, timeout_s=timeout_s)
        except StreamTimeoutError:
            self.was_held.set()
            raise


def collector_of(folder: Path, tracks: StreamWriter, failures: list[BaseException]) -> TrackCollector:
    ledger = TrackLedger(folder / "counts", 1)
    return TrackCollector(
        folder, "camera", ["part"], tracks, ledger, SYSTEM_CLOCK, published=len, late_after_s=LONG_S,
        failed=failures.append,
    )  # fmt: skip


def track(folder: Path, camera: StreamWriter, part: StreamWriter, frames: range) -> None:
    """Write frames into a new ring, and one bead for each of them."""
    ring_ns = open_stream(folder, "camera").created_ns
    for sequence, frame in enumerate(frames):
        header = FrameHeader(frame=frame)
        camera.write(np.zeros((2, 2), "u1"), header)
        tell(part, header, ring_ns, sequence)


def tell(part: StreamWriter, header: FrameHeader, ring_ns: int, sequence: int) -> None:
    tracked = np.zeros(1, TRACK_DTYPE)
    rows = part_rows(tracked, header, (0,), ring_ns=ring_ns, sequence=sequence, roi_version=1, worker_pid=7)
    part.write_rows(rows)


def test_rows_that_a_reader_held_up_are_written_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collector, "_WAIT_S", 0.02)
    failures: list[BaseException] = []
    with (
        StreamWriter(tmp_path, "camera", FrameSpec(shape=(2, 2), dtype="uint8"), 16) as camera,
        StreamWriter(tmp_path, "part", RowSpec.of(PART_DTYPE), 64) as part,
        Held(tmp_path, "tracks", RowSpec.of(TRACK_DTYPE), 8) as tracks,
        open_stream(tmp_path, "tracks").lossless("block") as reader,
    ):
        coordinator = collector_of(tmp_path, tracks, failures)
        track(tmp_path, camera, part, range(12))
        coordinator.start()
        try:
            assert tracks.was_held.wait(LONG_S)
            got: list[int] = []
            while len(got) < 12:
                got += reader.read(timeout_s=LONG_S)["frame"].tolist()
        finally:
            coordinator.close()
        assert got == list(range(12))
        assert coordinator.counts() == {"produced": 12, "tracked": 12, "dropped": {}, "in_flight": 0}
    assert failures == []


def test_a_front_that_comes_back_after_the_camera_did_invents_no_losses(tmp_path: Path) -> None:
    failures: list[BaseException] = []
    spec = FrameSpec(shape=(2, 2), dtype="uint8")
    with (
        StreamWriter(tmp_path, "part", RowSpec.of(PART_DTYPE), 64) as part,
        StreamWriter(tmp_path, "tracks", RowSpec.of(TRACK_DTYPE), 64) as tracks,
        open_stream(tmp_path, "tracks").lossless("block") as reader,
    ):

        def frames_until(count: int) -> list[int]:
            got: list[int] = []
            while len(got) < count:
                got += reader.read(timeout_s=LONG_S)["frame"].tolist()
            return got

        with StreamWriter(tmp_path, "camera", spec, 16) as camera:
            ring_ns = open_stream(tmp_path, "camera").created_ns
            coordinator = collector_of(tmp_path, tracks, failures)
            coordinator.start()
            track(tmp_path, camera, part, range(3))
            assert frames_until(3) == [0, 1, 2]
            coordinator.close()
        with StreamWriter(tmp_path, "camera", spec, 16) as camera:
            coordinator = collector_of(tmp_path, tracks, failures)
            tell(part, FrameHeader(frame=3), ring_ns, 3)  # a worker had not sent it yet
            track(tmp_path, camera, part, range(4, 14))
            coordinator.start()
            assert frames_until(11) == list(range(3, 14))
            coordinator.close()
            assert coordinator.counts() == {"produced": 14, "tracked": 14, "dropped": {}, "in_flight": 0}
    assert failures == []
