"""The front's threads over real streams: what goes wrong between the parts and the tracks."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from parfocal.analysis.beads import collector
from parfocal.analysis.beads.collector import Collector
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


def test_rows_that_a_reader_held_up_are_written_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collector, "_WAIT_S", 0.02)
    failures: list[BaseException] = []
    with (
        StreamWriter(tmp_path, "camera", FrameSpec(shape=(2, 2), dtype="uint8"), 16) as camera,
        StreamWriter(tmp_path, "part", RowSpec.of(PART_DTYPE), 64) as part,
        Held(tmp_path, "tracks", RowSpec.of(TRACK_DTYPE), 8) as tracks,
        open_stream(tmp_path, "tracks").lossless("block") as reader,
    ):
        front = Collector(
            tmp_path, "camera", ["part"], tracks, TrackLedger(tmp_path / "counts", 1), SYSTEM_CLOCK,
            late_after_s=LONG_S, failed=failures.append,
        )  # fmt: skip
        ring_ns = open_stream(tmp_path, "camera").created_ns
        for frame in range(12):
            header = FrameHeader(frame=frame)
            camera.write(np.zeros((2, 2), "u1"), header)
            tracked = np.zeros(1, TRACK_DTYPE)
            rows = part_rows(
                tracked, header, (0,), ring_ns=ring_ns, sequence=frame, roi_version=1, worker_pid=7
            )
            part.write_rows(rows)
        front.start()
        try:
            assert tracks.was_held.wait(LONG_S)
            got: list[int] = []
            while len(got) < 12:
                got += reader.read(timeout_s=LONG_S)["frame"].tolist()
        finally:
            front.close()
        assert got == list(range(12))
        assert front.counts() == {"produced": 12, "tracked": 12, "dropped": {}, "in_flight": 0}
    assert failures == []
