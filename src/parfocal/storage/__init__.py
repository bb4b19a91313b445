"""Recordings: frames as OME-Zarr, rows as Parquet, and a record that tells the truth about both.

::

    Recorder (service) ── Recording ─┬─ FrameLane ── FrameStore   frames.ome.zarr
                                     ├─ RowLane ──── RowStore     <stream>/part-*.parquet
                                     └─ Manifest  ── outcome      manifest.json

Each store has a `SyncThread`, which brings what was written to stable storage behind its back.
"""

from __future__ import annotations

from parfocal.storage.arrays import read_array
from parfocal.storage.catalogue import RunSummary, list_runs
from parfocal.storage.folder import RunFolder
from parfocal.storage.frames import FrameStore, open_frames
from parfocal.storage.headers import read_headers
from parfocal.storage.manifest import Manifest, read_manifest
from parfocal.storage.tables import PartLimits, RowStore, read_rows

__all__ = [
    "FrameStore",
    "Manifest",
    "PartLimits",
    "RowStore",
    "RunFolder",
    "RunSummary",
    "list_runs",
    "open_frames",
    "read_array",
    "read_headers",
    "read_manifest",
    "read_rows",
]
