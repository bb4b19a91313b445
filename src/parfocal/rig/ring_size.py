"""How many frames the ring between a camera and its tracker holds, in the memory that there is."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import psutil

from parfocal.analysis.beads.rows import PART_DTYPE, TRACK_DTYPE
from parfocal.analysis.beads.tracker import TrackerConfig
from parfocal.analysis.beads.worker import WorkerConfig
from parfocal.core.errors import BadInputError
from parfocal.core.frames import FrameSpec
from parfocal.processes.directory import shm_root

if TYPE_CHECKING:
    from pathlib import Path

MOST_SLOTS, LEAST_SLOTS = 32, 4
_REST_BYTES = 12_000_000
"""For what else lies there: a simulation's truth, counts, indices of the rings."""


def slots_for(spec: FrameSpec, workers: int, free_bytes: int, most: int = MOST_SLOTS) -> int:
    """Return how many frames of `spec` the camera's ring may hold: up to half of what is free.

    Raises
    ------
    BadInputError
        If not even four frames fit beside the rows of the tracker and its workers.

    Examples
    --------
    >>> slots_for(FrameSpec(shape=(512, 512), dtype="uint16"), workers=1, free_bytes=10**9)
    32
    >>> slots_for(FrameSpec(shape=(2048, 2048), dtype="uint16"), workers=1, free_bytes=250_000_000)
    11
    """
    rows = rows_bytes(workers)
    fitting = (free_bytes // 2 - rows) // spec.nbytes
    if fitting >= LEAST_SLOTS:
        return int(min(fitting, most))
    needed = rows + LEAST_SLOTS * spec.nbytes
    if needed > free_bytes:
        height, width = spec.shape
        raise BadInputError(
            f"images of {width} x {height} need {-(-needed // 10**6)} MB of shared memory, and "
            f"{max(0, free_bytes) // 10**6} MB are free: end other rigs (parfocal rigs), free memory, or set "
            "PARFOCAL_SHM_DIR to a folder with more room"
        )
    return LEAST_SLOTS


def rows_bytes(workers: int) -> int:
    """Return the bytes of all rings of rows in a rig with so many workers."""
    tracks: int = TrackerConfig.model_fields["slots"].default
    parts: int = WorkerConfig.model_fields["slots"].default
    return tracks * TRACK_DTYPE.itemsize + workers * parts * PART_DTYPE.itemsize + _REST_BYTES


def free_shared_bytes() -> int:
    """Return how much memory streams can still take: what is free in their folder, and in the machine."""
    return min(shutil.disk_usage(_existing(shm_root())).free, psutil.virtual_memory().available)


def _existing(folder: Path) -> Path:
    return next(path for path in (folder, *folder.parents) if path.exists())
