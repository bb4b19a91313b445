"""The record of what a pipeline found in the images of another record: its tables, labels and masks."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from parfocal.core.clock import SYSTEM_CLOCK
from parfocal.core.errors import ParfocalError
from parfocal.core.files import way_to
from parfocal.core.frames import RowSpec
from parfocal.processes.versions import loaded_versions
from parfocal.rig.offline.source import SourceRecord
from parfocal.runs.analysis_log import LABEL, LABELS, MASKS, TRACKS, along_t_and_p, made_frame_spec
from parfocal.runs.analysis_rows import track_dtype, track_rows
from parfocal.storage.disk import storage_errors
from parfocal.storage.event_documents import image_paths
from parfocal.storage.folder import RunFolder
from parfocal.storage.manifest import Manifest, StreamRecord, Writer
from parfocal.storage.moment import Moment
from parfocal.storage.outcome import Ending, decide_outcome, explain_outcome
from parfocal.storage.run_record import RunRecord
from parfocal.storage.sinks import SinkOptions, create_sink
from parfocal.streams import HEADER_DTYPE, FrameBatch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from parfocal.core.event_layout import EventLayout
    from parfocal.core.protocols import Sink
    from parfocal.runs.pipeline.analysed import AnalysedFrame, AnalysisSpec
    from parfocal.storage.plan_record import PlanFile

_MOST_ERRORS = 1000
"""Lines that the record keeps of what went wrong; all of it is counted."""
FAILED = "time points of which a step failed"


class NewRecord:
    """Takes in what is found, and writes it. One thread at a time.

    Parameters
    ----------
    out : Path
        Folder of the record; it exists, and is empty.
    source : SourceRecord
        The record whose images are analysed.
    plan : dict
        What was asked, for people and programs.
    plans : tuple of PlanFile
        The plans of the source, which are copied.
    """

    def __init__(
        self, out: Path, source: SourceRecord, plan: dict[str, Any], plans: tuple[PlanFile, ...]
    ) -> None:
        self.folder = out
        self._source = source
        self._layout = along_t_and_p(source.layout)
        self._sinks: dict[str, Sink[Any]] = {}
        self._stored: Counter[str] = Counter()
        self._expected: Counter[str] = Counter()
        self._failed = 0
        with storage_errors(out):
            for file in plans:
                shutil.copyfile(Path(source.folder) / file.file, out / file.file)
        manifest = Manifest(
            run=out.name,
            name=out.name,
            started=Moment.now(SYSTEM_CLOCK),
            recorder=Writer.this("reprocess"),
            pixel_size_um=source.frame.pixel_size_um,
            plan=plan,
            plans=plans,
            versions=loaded_versions(),
        )
        self._record = RunRecord(RunFolder(out), manifest)
        self._record.change()

    @property
    def manifest(self) -> Manifest:
        """The record as it stands."""
        return self._record.manifest

    def begin(self, spec: AnalysisSpec) -> None:
        """Make the tables and images that `spec` tells of."""
        self._track = track_dtype(spec.columns)
        wanted: dict[str, tuple[Any, EventLayout | None]] = {}
        if spec.tracks:
            wanted[TRACKS] = RowSpec.of(self._track), None
        if spec.labels:
            wanted[LABELS] = made_frame_spec(spec.frame, "int32"), self._labels_layout()
        if spec.masks:
            wanted[MASKS] = made_frame_spec(spec.frame, "uint8"), self._layout
        records = {}
        for name, (form, events) in wanted.items():
            path = name if isinstance(form, RowSpec) else f"{name}.ome.zarr"
            self._sinks[name] = create_sink(self.folder / path, SinkOptions(spec=form, events=events))
            kind = "rows" if events is None else "events"
            places = events or self._layout  # of rows: of the positions that they name
            records[name] = StreamRecord(
                kind=kind, path=path, policy="block", spec=form, first_sequence=0, events=places
            )
        self._record.change(streams=records)

    def write(self, frames: Sequence[AnalysedFrame]) -> None:
        """Write labels, masks and rows of time points of a position, as far as the steps got.

        Raises
        ------
        StorageError
            If the disk does not take it.
        """
        for frame in frames:
            for name, pixels in ((LABELS, frame.labels), (MASKS, frame.mask)):
                if name in self._sinks:
                    self._expected[name] += 1
                    if pixels is not None:
                        self._write_image(name, pixels, frame)
        for name in self._sinks.keys() & {LABELS, MASKS}:
            self._sinks[name].tend()
        if frames and TRACKS in self._sinks:
            shape, size_um = self._source.frame.shape, self._source.frame.pixel_size_um
            rows = np.concatenate([track_rows(self._track, frame, shape, size_um) for frame in frames])
            self._sinks[TRACKS].append(rows, self._stored[TRACKS])
            self._stored[TRACKS] += len(rows)
            self._expected[TRACKS] += len(rows)

    def note_failed(self, line: str) -> None:
        """Count a time point that was not analysed to its end; `line` says which, and why."""
        self._failed += 1
        if len(self.manifest.errors) < _MOST_ERRORS:
            self._record.add_error(line)

    def note(self, line: str) -> None:
        """Keep what people should know."""
        self._record.update(lambda one: msgspec.structs.replace(one, warnings=(*one.warnings, line)))

    def close(self, ending: Ending, reason: str, versions: dict[str, dict[str, str]]) -> Manifest:
        """Bring everything to stable storage, and write how it ended; return that."""
        for name, sink in self._sinks.items():
            try:
                sink.close()
            except ParfocalError as error:
                ending, reason = "failed", f"{name} could not be closed: {error}"
        streams = {
            name: msgspec.structs.replace(
                record,
                expected=self._expected[name],
                stored=self._stored[name],
                lost=self._expected[name] - self._stored[name],
            )
            for name, record in self.manifest.streams.items()
        }
        losses = {FAILED: self._failed} if self._failed else {}
        outcome = decide_outcome(ending, (), lost_before=self._failed)
        self._record.close(
            lambda manifest: msgspec.structs.replace(
                manifest,
                streams=streams,
                losses=losses,
                ended=Moment.now(SYSTEM_CLOCK),
                outcome=outcome,
                reason=explain_outcome(outcome, reason, (), {}, losses),
                versions=loaded_versions(),
                service_versions=versions,
            )
        )
        return self.manifest

    def _write_image(self, name: str, pixels: NDArray[Any], frame: AnalysedFrame) -> None:
        """Write one image of several: its document tells of it when all are there."""
        at, source = self._stored[name], frame.exposure.header
        number = self._layout.number_of({axis: frame.event.index.get(axis, 0) for axis in self._layout.axes})
        header = (at, source.time_ns, source.utc_ns, source.exposure_ns, number)
        batch = FrameBatch(pixels[None], np.array([header], HEADER_DTYPE))
        self._sinks[name].append(batch, at, more=True)
        self._stored[name] += 1

    def _labels_layout(self) -> EventLayout:
        """Return how labels lie, with the way from each of them to the image in which they were found."""
        folders = [self.folder.absolute() / f"{LABELS}.ome.zarr" / path for path in image_paths(self._layout)]
        labelled = map(way_to, self._source.image_folders, folders)
        return msgspec.structs.replace(self._layout, label=LABEL, labelled=tuple(labelled))
