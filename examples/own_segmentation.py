"""A segmentation step of your own: frames in, one row for each object out, however slow it is.

Run it: ``python examples/own_segmentation.py``. What it does is told in docs/own-analysis.md.
"""

import os
import signal
import time

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel
from scipy import ndimage

import parfocal
from parfocal.core.errors import StreamTimeoutError, WriterDiedError
from parfocal.core.frames import Frame, RowSpec
from parfocal.processes import Service, ServiceContext
from parfocal.streams import StreamWriter, follow_lossless

OBJECT = np.dtype(
    [("frame", "<i8"), ("time_ns", "<i8"), ("area_px", "<i4"), ("y_px", "<f8"), ("x_px", "<f8")]
)


class SegmenterSettings(BaseModel):
    """Settings, as they stand in the rig file."""

    frames: str = "camera"
    sigmas: float = 4.0
    work_s: float = 0.0


class Segmenter(Service):
    """Finds bright objects in each frame that it gets; writes them into the stream of its own name."""

    Config = SegmenterSettings
    settings: SegmenterSettings

    def streams_read(self) -> dict[str, tuple[str, ...]]:
        """Return what `parfocal check` looks for: by setting, the streams that it names."""
        return {"frames": (self.settings.frames,)}

    def open(self, context: ServiceContext) -> None:
        """Attach to the frames, and make the stream of rows."""
        # "drop": too slow, it loses frames and counts them; the name: after a crash it goes on where it was
        self.frames = follow_lossless(context.streams, self.settings.frames, "drop", name=context.service)
        self.rows = StreamWriter(context.streams, context.service, RowSpec.of(OBJECT), slots=1 << 14)

    def step(self) -> float:
        """Segment the next frame, in place; it counts as delivered when its rows are written."""
        try:
            with self.frames.lease(timeout_s=0.1) as frame:
                self.rows.write_rows(self.segment(frame))
        except StreamTimeoutError:
            pass  # no frame came
        return 0.0

    def segment(self, frame: Frame) -> NDArray[np.void]:
        """Return a row for each object. Put yours here; it may take seconds."""
        time.sleep(self.settings.work_s)
        pixels = frame.data.astype(float)
        labels, count = ndimage.label(pixels > pixels.mean() + self.settings.sigmas * pixels.std())
        rows = np.zeros(count, OBJECT)
        if count:
            which = np.arange(1, count + 1)
            rows["area_px"] = ndimage.sum_labels(np.ones_like(pixels), labels, which)
            rows["y_px"], rows["x_px"] = np.transpose(ndimage.center_of_mass(pixels, labels, which))
        rows["frame"], rows["time_ns"] = frame.header.frame, frame.header.time_ns
        return rows

    def close(self) -> None:
        """Leave both streams."""
        self.frames.close()
        self.rows.close()


LABORATORY = {
    "name": "cells",
    "services": {
        "camera": {
            "kind": "camera",
            "settings": {"device": "simulated-camera", "slots": 16, "options": {"frame_rate_hz": 20.0}},
        },
        "objects": {
            "kind": "own_segmentation:Segmenter",
            "depends_on": ["camera"],
            "settings": {"work_s": 0.2},
            "back_off_s": 2.0,  # nobody writes rows meanwhile: who reads them is told before it is back
        },
    },
}

if __name__ == "__main__":
    with parfocal.open_rig(LABORATORY) as rig:
        rig["camera"].start()
        segmented: list[int] = []
        with rig.stream("objects").lossless() as objects:
            while len(segmented) < 5:
                segmented += np.unique(objects.read(timeout_s=30)["frame"]).tolist()
            os.kill(rig.status().services["objects"].pid, signal.SIGKILL)  # as a crash would
            while len(segmented) < 10:
                try:
                    segmented += np.unique(objects.read(timeout_s=30)["frame"]).tolist()
                except WriterDiedError as error:  # follow=True would wait without a word
                    print(error)
        print("segmented frames", segmented)
        print("restarts:", rig.status().services["objects"].restarts)
        (reader,) = rig.status().streams["camera"].readers
        print(f"{reader.name}: {reader.delivered} of {reader.offered} segmented, lost: {reader.dropped}")
