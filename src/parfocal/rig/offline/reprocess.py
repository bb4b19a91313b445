"""The images of a record, analysed again: by another pipeline, or by the same one with other settings."""

from __future__ import annotations

import logging
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from parfocal.core.clock import SYSTEM_CLOCK
from parfocal.core.errors import AlreadyExistsError, BadInputError
from parfocal.core.files import way_to
from parfocal.core.frames import FrameHeader
from parfocal.rig.job import JobProgress
from parfocal.rig.offline.local_workers import LocalWorkers
from parfocal.rig.offline.new_record import NewRecord
from parfocal.rig.offline.position_jobs import PositionJobs
from parfocal.rig.offline.reading import STORED_IMAGE
from parfocal.rig.offline.source import SourceRecord, source_of
from parfocal.runs.pipeline.analysed import AnalysedFrame, AnalysisSpec
from parfocal.runs.pipeline.messages import WorkerSetup
from parfocal.runs.pipeline.pipeline import pipeline_to_data
from parfocal.runs.pipeline.plan_check import PlanForPipeline, check_plan
from parfocal.runs.pipeline.request import PipelineRequest, pipeline_request
from parfocal.runs.pipeline.workers import JobFailedError, JobResult, ProcessWorkers
from parfocal.storage.folder import check_place
from parfocal.storage.recorded_run import open_run
from parfocal.storage.recorder_settings import LEAST_FREE_MB, MB
from parfocal.storage.reprocessed_run import REPROCESS, sha256_of

if TYPE_CHECKING:
    from parfocal.rig.offline.local_workers import JobOutcome, OfflineWorkers
    from parfocal.runs.pipeline.request import AnyPipeline
    from parfocal.runs.pipeline.time_point import TimePoint
    from parfocal.storage import Manifest

_LOG = logging.getLogger("parfocal.reprocess")
_NO_LIMIT_S = float("inf")
"""A step may take as long as it likes: no stimulus waits for it."""


class ReprocessSummary(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=False):
    """What it came to: the last line that ``--json`` prints.

    Attributes
    ----------
    outcome, reason, run : str
        How it ended and why, and the folder of the new record.
    source : str
        Of the record whose images were analysed.
    positions, time_points, analysed, failed : int
        How many there were; of how many time points all steps were run, and of how many one failed.
    cells : int
        Rows in the table of tracks.
    restarts : int
        Workers that were started again.
    took_s : float
        From the first image to the last.
    errors, warnings : tuple of str
        The first ones; the record has more.
    """

    outcome: str
    reason: str
    run: str
    source: str
    positions: int
    time_points: int
    analysed: int
    failed: int
    cells: int
    restarts: int
    took_s: float
    errors: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def reprocess(
    folder: Path | str,
    pipeline: AnyPipeline,
    out: Path | str,
    *,
    workers: int | None = None,
    dask: str = "",
    stream: str = "",
    report: Callable[[JobProgress], None] = lambda _: None,
) -> ReprocessSummary:
    """Analyse the images of a record, and write what was found into a new one.

    Positions are analysed side by side, and the time points of each in order, as in a run; nothing is
    stimulated: the record has the masks that would have been shown.

    Parameters
    ----------
    folder : path
        Of a run with images of a plan, or of an OME-Zarr that another program has written.
    pipeline : Pipeline, mapping or str
        Or its address, "module:object".
    out : path
        Of the new record; must not exist.
    workers : int, optional
        Processes here that share the positions; by default as the pipeline says.
    dask : str, optional
        Address of a dask scheduler, whose workers take part instead.
    stream : str, optional
        Of which camera, where the record has several.
    report : callable
        Told how far it is, in the thread of the caller.

    Returns
    -------
    ReprocessSummary
        Also after Ctrl-C: the record then says "cancelled".

    Raises
    ------
    BadInputError, ConfigError
        If the record, the pipeline or a step can't be used; nothing was written.
    AlreadyExistsError
        If there is something at `out`.
    """
    out = Path(out)
    if out.exists():
        raise AlreadyExistsError(f"{out} exists; a record is never overwritten, choose another name")
    if workers is not None and workers < 1:
        raise BadInputError(f"workers must be 1 or more, not {workers}")
    if workers is not None and dask:
        raise BadInputError(
            f"workers = {workers} are processes here, in place of which {dask} works: give one of the two"
        )
    request = pipeline_request(pipeline)
    if workers is not None:
        request = msgspec.structs.replace(
            request, pipeline=msgspec.structs.replace(request.pipeline, workers=workers)
        )
    check_place(out.parent, int(LEAST_FREE_MB * MB), remedy="name another folder with --out")
    source = source_of(folder, stream)
    found = check_plan((image.event for image in source.images), request)
    setup = _setup(source, request, found)
    return _Reprocessing(source, request, found, out, setup, dask, report).run()


class _Reprocessing:
    """One record on its way into another."""

    def __init__(
        self,
        source: SourceRecord,
        request: PipelineRequest,
        found: PlanForPipeline,
        out: Path,
        setup: WorkerSetup,
        dask: str,
        report: Callable[[JobProgress], None],
    ) -> None:
        self._source, self._request, self._out, self._setup = source, request, out, setup
        self._dask, self._report = dask, report
        self._positions = source.time_points(found.channel)
        self._total = sum(map(len, self._positions.values()))
        self._restarts = self._analysed = self._failed = 0
        self._versions: dict[str, dict[str, str]] = {}

    def run(self) -> ReprocessSummary:
        """Do it; return what it came to."""
        self._tell("starting", 0, self._total)
        self._out.mkdir(parents=True)
        try:
            with self._workers() as workers:
                workers.on_restart = self._restarted
                warmed = workers.begin()
                record = self._new_record()
                return self._analyse(workers, record, warmed.columns)
        except BaseException:
            _remove_if_empty(self._out)  # nothing was begun
            raise

    @contextmanager
    def _workers(self) -> Iterator[OfflineWorkers]:
        if self._dask:
            from parfocal.rig.offline.cluster_workers import ClusterWorkers

            here = msgspec.structs.replace(self._setup, search_path=[*self._request.search_path])
            cluster = ClusterWorkers(here, self._dask, self._out, self._source.told_by)
            with closing(cluster):
                self._versions = cluster.versions
                yield cluster
            return
        with tempfile.TemporaryDirectory(prefix="parfocal-") as folder:
            setup = msgspec.structs.replace(self._setup, streams=folder, shared=f"{folder}/worker")
            with closing(LocalWorkers(ProcessWorkers(setup, limit_s=_NO_LIMIT_S, log=_LOG))) as workers:
                yield workers

    def _new_record(self) -> NewRecord:
        source = Path(self._source.folder)
        manifest = open_run(source).manifest
        asked: dict[str, Any] = {
            "type": REPROCESS,
            "source": {
                "folder": way_to(source, self._out),
                "run": manifest.run,
                "stream": self._source.stream,
                "outcome": manifest.seen,
                "manifest_sha256": sha256_of(source),
            },
            "pipeline": pipeline_to_data(self._request.pipeline),
            "dask": self._dask,
        }
        record = NewRecord(self._out, self._source, asked, manifest.plans)
        if doubt := open_run(source).doubt:
            record.note(doubt)
        return record

    def _analyse(
        self, workers: OfflineWorkers, record: NewRecord, columns: tuple[str, ...]
    ) -> ReprocessSummary:
        pipeline, began_s = self._request.pipeline, SYSTEM_CLOCK.monotonic_s()
        self._record = record
        record.begin(
            AnalysisSpec(
                frame=self._source.frame,
                columns=columns,
                labels="labels" in pipeline.save,
                masks="masks" in pipeline.save and pipeline.stimulate is not None,
                tracks="tracks" in pipeline.save,
            )
        )
        jobs = PositionJobs(
            self._positions,
            workers,
            self._keep,
            time_points=self._source.layout.size("t"),
            folder=self._source.folder,
        )
        ending, reason = "complete", ""
        try:
            jobs.run(lambda done, total: self._tell("analysing", done, total))
        except KeyboardInterrupt as interrupt:
            ending = "cancelled"
            reason = f"{str(interrupt) or 'Ctrl-C'}, after {jobs.done} of {self._total} time points"
        except Exception as error:  # noqa: BLE001 (the disk, or the workers: told in the record)
            ending, reason = "failed", f"{type(error).__name__}: {error}"
        jobs.stop()
        workers.close()
        if ending == "complete" and not self._analysed:
            ending, reason = "failed", "no time point was analysed"
        took_s = SYSTEM_CLOCK.monotonic_s() - began_s
        return self._summary(record.close(ending, reason, self._versions), took_s)  # type: ignore[arg-type]

    def _keep(self, outcomes: Sequence[tuple[TimePoint, JobOutcome]]) -> None:
        """Write what was found in time points of a position. In a thread of the workers, one at a time."""
        frames = []
        for point, outcome in outcomes:
            if problem := _problem(outcome):
                self._failed += 1
                event, frame = point.event.number, point.exposure.header.frame
                where = f"t={point.t}, p={point.p} (event {event}, frame {frame})"
                self._record.note_failed(f"{where}: {problem}")
            else:
                self._analysed += 1
            if not isinstance(outcome, JobFailedError) and not outcome.found.gone:
                frames.append(_analysed(point, outcome))
        self._record.write(frames)

    def _restarted(self, told: str) -> None:
        self._restarts += 1
        self._record.note(f"{told}; its time point was analysed once more")

    def _tell(self, phase: str, done: int, total: int) -> None:
        failed = f", {self._failed} failed" if self._failed else ""
        text = f"{done} of {total} time points{failed}"
        self._report(JobProgress(phase=phase, fraction=done / max(1, total), text=text, run=str(self._out)))

    def _summary(self, manifest: Manifest, took_s: float) -> ReprocessSummary:
        tracks = manifest.streams.get("tracks")
        return ReprocessSummary(
            outcome=manifest.outcome,
            reason=manifest.reason,
            run=str(self._out),
            source=self._source.folder,
            positions=len(self._positions),
            time_points=self._total,
            analysed=self._analysed,
            failed=self._failed,
            cells=0 if tracks is None else tracks.stored,
            restarts=self._restarts,
            took_s=round(took_s, 3),
            errors=manifest.errors[:20],
            warnings=manifest.warnings[:20],
        )


def _setup(source: SourceRecord, request: PipelineRequest, found: PlanForPipeline) -> WorkerSetup:
    return WorkerSetup(
        pipeline=request.pipeline,
        search_path=[*sys.path, *request.search_path],
        streams="",
        camera=source.stream,
        spec=source.frame,
        trial=found.trial(FrameHeader(frame=0)),
        shared="",
        stored_frames=STORED_IMAGE,
    )


def _problem(outcome: JobOutcome) -> str:
    """Return why a time point was not analysed to its end, in words; "" if it was."""
    if isinstance(outcome, JobFailedError):
        return str(outcome)
    if outcome.found.gone:
        return "an image of it can't be read"
    error = outcome.found.error
    return "" if error is None else f"step {error.step!r} raised {error.type}: {error.message}"


def _analysed(point: TimePoint, result: JobResult) -> AnalysedFrame:
    found = result.found
    return AnalysedFrame(
        event=point.event,
        exposure=point.exposure,
        labels=result.labels if found.has_labels else None,
        mask=result.mask if found.has_mask else None,
        columns=dict(found.columns),
    )


def _remove_if_empty(folder: Path) -> None:
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
