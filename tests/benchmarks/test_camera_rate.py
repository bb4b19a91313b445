"""A camera that was held up is measured from when it is in time on."""

from __future__ import annotations

import threading
import time
from importlib import import_module

import numpy as np
import pytest

from parfocal.core.frames import FrameHeader, FrameSpec
from parfocal.streams import StreamWriter, open_stream


def test_frames_that_have_waited_are_not_counted(tmp_path, monkeypatch):
    rates = import_module("_camera_rate")
    spec = FrameSpec(shape=(2, 2), dtype="uint8")
    written: list[bool] = []
    with StreamWriter(tmp_path, "camera", spec, slots=8) as writer:
        over = threading.Event()

        def expose():
            """Five seconds late for a while, in time then."""
            while not over.is_set():
                late_ns = 5_000_000_000 if len(written) < 20 else 0
                header = FrameHeader(frame=len(written), time_ns=time.monotonic_ns() - late_ns, utc_ns=0)
                writer.write(np.zeros((2, 2), np.uint8), header)
                written.append(late_ns > 0)
                over.wait(0.005)

        camera = threading.Thread(target=expose)
        camera.start()
        try:
            stream = open_stream(tmp_path, "camera")
            rates.wait_until_in_time(stream)
            assert written.count(True) == 20
            monkeypatch.setattr(rates, "PATIENCE_S", 0.0)
            monkeypatch.setattr(rates, "IN_TIME_S", -1.0)
            with pytest.raises(RuntimeError, match="does not catch up"):
                rates.wait_until_in_time(stream)
        finally:
            over.set()
            camera.join()
