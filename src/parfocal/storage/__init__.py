"""Recordings: streams written to files, and a manifest that says what is in them and how the run ended.

::

    Recorder ──── Recording ─┬─ StreamRecorder ─── Sink       one for each stream: its thread, its files
    (service)     (one run)  │   Source (follows the stream)    FrameSink       frames.ome.zarr
                             │                                  EventFrameSink  frames.ome.zarr, by events
                             │                                  RowSink         <stream>/part-*.parquet
                             └─ RunRecord ── final_manifest   manifest.json: outcome, reason, settings, losses

Each sink has a `SyncThread`, which brings what was written to stable storage behind its back. `sinks.py`
says how to add a further kind. Reading needs none of this: `open_run` for all of a run, or `read_manifest`,
`read_rows`, `read_array`, `iter_rows`, `open_frames`, `read_headers`, `list_runs`.
"""

from __future__ import annotations

from parfocal.core.event_layout import EventLayout
from parfocal.storage.catalogue import RunSummary, list_runs
from parfocal.storage.event_frames import EventFrameSink
from parfocal.storage.folder import RunFolder
from parfocal.storage.frames import FrameSink
from parfocal.storage.headers import read_headers
from parfocal.storage.manifest import Manifest, read_manifest
from parfocal.storage.notes import annotate_run
from parfocal.storage.reading import iter_rows, open_frames, read_array, read_rows
from parfocal.storage.recorded_frames import RecordedFrame, RecordedFrames
from parfocal.storage.recorded_run import RecordedRun, is_run, open_run
from parfocal.storage.tables import PartLimits, RowSink

__all__ = [
    "EventFrameSink",
    "EventLayout",
    "FrameSink",
    "Manifest",
    "PartLimits",
    "RecordedFrame",
    "RecordedFrames",
    "RecordedRun",
    "RowSink",
    "RunFolder",
    "RunSummary",
    "annotate_run",
    "is_run",
    "iter_rows",
    "list_runs",
    "open_frames",
    "open_run",
    "read_array",
    "read_headers",
    "read_manifest",
    "read_rows",
]
