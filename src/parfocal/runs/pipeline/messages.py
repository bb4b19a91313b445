"""What the engine and a worker of its pipeline tell one another. Plain data; arrays travel as raw memory."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np

from parfocal.core.frames import FrameHeader, FrameSpec
from parfocal.core.modulation import PackedMask
from parfocal.runs.pipeline.pipeline import Pipeline

Columns = dict[str, Any]
"""Arrays (n,) by name: one value for each cell."""
LinkState = dict[str, Any]
"""What a linker remembers: arrays and numbers by name."""


NOBODY = np.empty(0, np.int64)
"""The particles that are picked where none are: a job that has just these does not carry them."""


class FrameOfChannel(msgspec.Struct, frozen=True, kw_only=True):
    """A frame, and the channel in which it was taken."""

    channel: str
    header: FrameHeader


class AnalysisJob(msgspec.Struct, frozen=True, kw_only=True, tag=True, omit_defaults=True):
    """One time point of one position, to be analysed.

    Attributes
    ----------
    images, references : tuple of FrameOfChannel
        Those of its channels; the first of the images is segmented.
    t, p, time_points, position, well, metadata
        As steps may ask for them.
    link : dict or None
        What the linker remembers of this position; None for nothing yet.
    reference : dict of arrays or None
        Features in the reference images by "particle".
    picked : ndarray of int64
        Particles that a person has picked.
    folder : str
        Of the record, from which frames are read that have left the ring; "" for not at all.
    is_deferred : bool
        Whether later time points of the position have been analysed already.
    highest : int
        Of a deferred one: the highest number of a particle before it; higher ones were given later.
    later : dict of arrays or None
        Of a deferred one: the cells of the next time point that was analysed in time.
    number : int
        Of the job among those of its worker: the answer has the same.
    """

    images: tuple[FrameOfChannel, ...]
    references: tuple[FrameOfChannel, ...] = ()
    t: int = 0
    p: int = 0
    time_points: int = 1
    position: str = ""
    well: str = ""
    metadata: dict[str, Any] = {}
    link: LinkState | None = None
    reference: Columns | None = None
    picked: Any = NOBODY
    folder: str = ""
    is_deferred: bool = False
    highest: int = -1
    later: Columns | None = None
    number: int = 0


class RememberedPosition(msgspec.Struct, frozen=True, kw_only=True):
    """What is remembered of a position between its time points; as in `AnalysisJob`."""

    link: LinkState | None = None
    reference: Columns | None = None
    highest: int = -1


class WorkerSetup(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """First message to a worker.

    Attributes
    ----------
    pipeline : Pipeline
        Its steps.
    search_path : list of str
        Where it finds modules.
    streams, camera : str
        Folder of the rig's streams, and the stream of the camera.
    spec : FrameSpec
        Of the camera.
    trial : AnalysisJob
        With which it is warmed, on an artificial image.
    shared : str
        File of the memory for labels and mask.
    stored_frames : str
        "module:object" that reads a frame from the record, as ``(folder, stream, header)``; "" for none.
    real_time : bool
        Whether it goes before all of ordinary priority once it is warm.
    """

    pipeline: Pipeline
    search_path: list[str]
    streams: str
    camera: str
    spec: FrameSpec
    trial: AnalysisJob
    shared: str
    stored_frames: str = ""
    real_time: bool = False


class StepError(msgspec.Struct, frozen=True, kw_only=True):
    """What a step raised."""

    step: str
    type: str
    message: str


class Warmed(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A worker is ready; `columns` are those of the cells, `took_s` what an image takes.

    `error` is what the trial raised.
    """

    columns: tuple[str, ...] = ()
    took_s: float = 0.0
    error: StepError | None = None


class Found(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """What a worker has found; labels and mask lie in its shared memory until its next job.

    Attributes
    ----------
    columns : dict of str to ndarray, shape (n,)
        Of the cells.
    has_labels, has_mask : bool
        Which of the two there are.
    packed : PackedMask or None
        The mask, as a modulator takes it; None without one.
    link, reference
        What is to be remembered of the position; as in `AnalysisJob`.
    error : StepError or None
        Which step raised; what came before it is there.
    gone : bool
        Whether a frame had left the ring: nothing was done.
    number : int
        Of the job.
    """

    columns: Columns = {}
    has_labels: bool = False
    has_mask: bool = False
    packed: PackedMask | None = None
    link: LinkState | None = None
    reference: Columns | None = None
    error: StepError | None = None
    gone: bool = False
    number: int = 0


ToWorker = WorkerSetup | AnalysisJob
FromWorker = Warmed | Found
