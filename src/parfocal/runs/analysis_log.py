"""What a run's pipeline finds and does, as streams that are recorded beside the run's images."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from parfocal.core.frames import FrameSpec
from parfocal.runs.analysis_rows import (
    DOSE,
    STIMULATION,
    dose_rows,
    stimulation_row,
    track_dtype,
    track_rows,
)
from parfocal.runs.analysis_streams import FrameLog, RowLog

if TYPE_CHECKING:
    from pathlib import Path

    from parfocal.core.event_layout import EventLayout
    from parfocal.runs.event_log import SettledEvent
    from parfocal.runs.pipeline.analysed import AnalysedFrame, AnalysisSpec

TRACKS, STIMULATIONS, DOSES = "tracks", "stimulations", "doses"
LABELS, MASKS = "labels", "masks"
"""The streams, by the names that they have in the record."""
LABEL = "cells"
"""What labels are called within their image."""
_AXES = "tp"
"""Of labels and masks: one of each for a time point at a position."""


class AnalysisLog:
    """Writes the cells of each image, masks, stimuli and doses of one run; an `AnalysisSink`. Any thread.

    Parameters
    ----------
    streams : Path
        Folder of the rig's streams.
    """

    def __init__(self, streams: Path) -> None:
        self._folder = streams
        self._writing = threading.Lock()
        self._rows: dict[str, RowLog] = {}
        self._frames: dict[str, FrameLog] = {}
        self._spec: AnalysisSpec
        self._layout: EventLayout

    def begin(self, spec: AnalysisSpec, layout: EventLayout) -> None:
        """Make the streams, before the record of the run begins.

        Raises
        ------
        StreamInUseError
            If another process writes a stream of such a name, as a tracker of beads does.
        """
        self._spec, self._layout = spec, along_t_and_p(layout)
        rows = {STIMULATIONS: STIMULATION, DOSES: DOSE}
        if spec.tracks:
            rows[TRACKS] = track_dtype(spec.columns)
        pixels = {LABELS: "int32"} if spec.labels else {}
        if spec.masks:
            pixels[MASKS] = "uint8"
        try:
            for name, dtype in rows.items():
                self._rows[name] = RowLog(self._folder, name, dtype)
            for name, kind in pixels.items():
                self._frames[name] = FrameLog(self._folder, name, made_frame_spec(spec.frame, kind))
        except BaseException:
            self.close()
            raise

    @property
    def rows(self) -> tuple[str, ...]:
        """The streams of rows, to be recorded."""
        return tuple(self._rows)

    @property
    def frames(self) -> dict[str, EventLayout]:
        """The streams of frames, to be recorded, and where their frames lie."""
        called = {LABELS: LABEL}
        return {
            name: msgspec.structs.replace(self._layout, label=called.get(name, "")) for name in self._frames
        }

    @property
    def blocking(self) -> tuple[str, ...]:
        """Those whose writer waits for a slow disk: what finds no room comes later. It is all of them."""
        return (*self._rows, *self._frames)

    @property
    def losses(self) -> dict[str, int]:
        """How much found no room, by stream: it was given up, or would be if the record were closed now."""
        return {f"no room for {name}": stream.lost for name, stream in self._streams if stream.lost}

    def write_images(self, frame: AnalysedFrame) -> bool:
        """Keep labels and mask; return False if there was no room, and nothing was kept.

        A copy is made of both.
        """
        with self._writing:
            if not self._frames:
                return True
            if not all(stream.settle(0.0) for stream in self._frames.values()):
                return False
            number = self._layout.number_of({axis: frame.event.index.get(axis, 0) for axis in _AXES})
            made = {LABELS: (frame.labels, np.int32), MASKS: (frame.mask, np.uint8)}
            for name, stream in self._frames.items():
                pixels, dtype = made[name]
                if pixels is not None:
                    stream.take(pixels.astype(dtype, copy=False), frame.exposure.header, number)
            return True

    def write_rows(self, frame: AnalysedFrame) -> None:
        """Keep a row for each cell; those that find no room wait, as many as a ring holds."""
        with self._writing:
            if TRACKS in self._rows:
                image, log = self._spec.frame, self._rows[TRACKS]
                log.take(track_rows(log.dtype, frame, image.shape, image.pixel_size_um))

    def note(self, done: SettledEvent) -> None:
        """Keep what became of a stimulus, and how much light each cell got by it; nothing of other events.

        It is kept nowhere if the streams were not begun: a run whose first plan exposes nothing has none.
        """
        if done.event.kind == "stimulus":
            self.note_stimulus(done)
            self.note_doses(done)

    def note_stimulus(self, done: SettledEvent) -> None:
        """Keep what became of a stimulus, without the doses."""
        with self._writing:
            if STIMULATIONS in self._rows:
                self._rows[STIMULATIONS].take(stimulation_row(done))

    def note_doses(self, done: SettledEvent) -> None:
        """Keep how much light each cell got by a stimulus alone."""
        with self._writing:
            if DOSES in self._rows:
                self._rows[DOSES].take(dose_rows(done))

    def settle(self, timeout_s: float | None) -> bool:
        """Wait until all has found room; return False if one stream had none for `timeout_s`."""
        with self._writing:
            return all(stream.settle(timeout_s) for _, stream in self._streams)

    @contextmanager
    def relayout(self, layout: EventLayout) -> Iterator[dict[str, EventLayout]]:
        """Take the layout of a plan that has grown; lend `frames` to be told, and write nothing meanwhile."""
        after = along_t_and_p(layout)
        with self._writing:
            for stream in self._frames.values():
                stream.relayout(self._layout, after)
            self._layout = after
            yield self.frames

    def close(self) -> None:
        """End the streams, when the record is closed, so that it holds all of them. Idempotent."""
        with self._writing:
            for _, stream in self._streams:
                stream.close()

    @property
    def _streams(self) -> tuple[tuple[str, RowLog | FrameLog], ...]:
        return (*self._rows.items(), *self._frames.items())


def along_t_and_p(layout: EventLayout) -> EventLayout:
    """Return the layout of labels and masks of the images that lie as `layout` says."""
    return msgspec.structs.replace(
        layout,
        axes=_AXES,
        sizes=tuple(layout.size(axis) for axis in _AXES),
        channels=(),
        z_step_um=None,
        z_first_um=None,
    )


def made_frame_spec(image: FrameSpec, dtype: str) -> FrameSpec:
    """Return what labels or masks of an image look like."""
    return FrameSpec(shape=image.shape, dtype=dtype, axes=image.axes, pixel_size_um=image.pixel_size_um)
