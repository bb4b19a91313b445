"""The service that records runs: the frames and rows of its rig, and the manifest of each run."""

from __future__ import annotations

import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from parfocal.core.errors import BadInputError, ParfocalError, StorageError, StreamError
from parfocal.core.event_layout import EventLayout
from parfocal.core.files import replace_file
from parfocal.core.frames import FrameSpec, RowSpec
from parfocal.core.run_status import RunCommand
from parfocal.ipc import command, current_call
from parfocal.processes import HANGS, RIG_GONE, Service, ServiceContext, directory
from parfocal.storage.collecting import Collector
from parfocal.storage.disk import storage_errors
from parfocal.storage.folder import check_place
from parfocal.storage.last_collector import LastCollector
from parfocal.storage.new_files import begin_new_files
from parfocal.storage.notes import annotated, with_commands
from parfocal.storage.outcome import Ending
from parfocal.storage.recorder_settings import MB, RecorderSettings
from parfocal.storage.recording import Recording
from parfocal.storage.requests import RunRequest, Site, StreamRequest
from parfocal.storage.run_manifests import Ended
from parfocal.storage.run_report import (
    RecorderStatus,
    RunReport,
    health_of,
    report_of,
    report_of_closed,
    status_of,
)
from parfocal.storage.slow_disk import SlowDisk
from parfocal.streams import open_stream, stream_names

_LOOK_S = 0.25
_AGAIN_S = 1.0
_STOPS_WITHIN_S = 5.0
"""How long a service may take for the call that ends an acquisition: after that it is not carried out."""


class Recorder(Service):
    """Records one run at a time; no camera waits for the disk unless the policy of its stream is "block".

    Publishes ``run.started``, ``run.finished`` (a `RunReport`) and ``storage.error`` (stream, error, message,
    run, stop). A run whose final manifest the disk does not take has failed; it is tried again every second,
    and ``run.finished`` comes once more, with the true outcome, when it is on the disk.
    """

    Config = RecorderSettings
    settings: RecorderSettings

    def __init__(self, settings: RecorderSettings) -> None:
        super().__init__(settings)
        self._recording: Recording | None = None
        self._slow_disk = SlowDisk()
        self._unclosed: dict[Path, Recording] = {}
        self._turning = threading.Lock()  # which run is recorded: one begins, or ends, at a time
        self._last_collector = LastCollector()

    def streams_written(self, service: str) -> tuple[str, ...]:
        """Return none: it writes files."""
        del service
        return ()

    def streams_read(self) -> dict[str, tuple[str, ...]]:
        """Return the streams that it records, and those for which it has a policy."""
        chosen = self.settings
        return {
            "frames": chosen.frame_streams,
            "rows": chosen.row_streams,
            "policies": tuple(chosen.policies),
        }

    def commands_called(self) -> dict[str, tuple[tuple[str, str], ...]]:
        """Return the commands that end the acquisition."""
        return {"stop_calls": tuple(self.settings.stop_calls.items())}

    def open(self, context: ServiceContext) -> None:
        """Load the file libraries; go on with a run that the process before this one did not close."""
        _load(self.settings)
        self._context = context
        self._collector = Collector(
            context.rig, context.service, context.connect, (context.folder / directory.RIG_FILE,)
        )
        self._pointer = context.folder / f"{context.service}.run"
        if self._pointer.exists():
            self._go_on(Path(self._pointer.read_text(encoding="utf-8")))

    def step(self) -> float | None:
        """Look after the run, and after those before it whose final manifest is not on the disk."""
        self._close_again()
        recording = self._current()
        if recording is not None:
            if not self._context.stopping.is_set():
                recording.look()
            return _LOOK_S
        return _AGAIN_S if self._unclosed else None

    def settings_changed(self, old: RecorderSettings, new: RecorderSettings) -> None:
        """Refuse changes while a run is recorded."""
        del old
        if not self._turning.acquire(blocking=False):
            raise BadInputError("a run begins or ends just now; ask again when nothing is recorded")
        try:
            if self._current() is not None:
                raise BadInputError("a run is recorded just now; finish it before you change how to record")
            _load(new)
        finally:
            self._turning.release()

    def state(self) -> dict[str, Any]:
        """Return which run is recorded, if any."""
        recording = self._current()
        return {"run": None if recording is None else str(recording.folder.path)}

    def health_line(self) -> str:
        """Return how the run is doing."""
        recording = self._current()
        return "no run" if recording is None else health_of(recording)

    def make_safe(self) -> None:
        """At the end of the rig, ask the others what they give to the record, while they are there."""
        recording = self._current()
        if recording is not None and self._context.stop_reason():
            self._last_collector.begin(self._collector, recording)

    def close(self) -> None:
        """Close a run that is still recorded.

        One without a plan was finished early. One with a plan has failed, as nobody has ended it before; so
        has any whose rig was killed. A recorder that stood still, and goes on for as long as it takes to end,
        leaves it to its next process, as one that is killed does.
        """
        recording = self._current()
        if self._context.stop_reason() == HANGS:
            return
        if recording is not None:
            self._last_collector.join()
            why = self._context.stop_reason()
            failed = why == RIG_GONE or bool(recording.manifest.plans)
            ending: Ending = "failed" if failed else "finished early"
            self._finish(Ended(ending=ending, reason=f"the recorder was ended: {why}"))
        self._close_again()

    @command(lane="run", effect="changes", on_client_loss="finish")
    def start(
        self,
        name: str = "",
        plan: dict[str, Any] = {},  # noqa: B006 (never changed)
        settings: dict[str, Any] = {},  # noqa: B006
        devices: dict[str, Any] = {},  # noqa: B006
        operator: str = "",
        sample: str = "",
        notes: str = "",
        events: dict[str, EventLayout] = {},  # noqa: B006
        rows: tuple[str, ...] = (),
        blocking: tuple[str, ...] = (),
        folder: str = "",
        continues: str = "",
        plan_notes: dict[str, Any] = {},  # noqa: B006
        frames: tuple[str, ...] | None = None,
        without: tuple[str, ...] = (),
        numbered_by: dict[str, str] = {},  # noqa: B006
        recovers: bool = False,
    ) -> str:
        """Begin a new run, whose folder is named by the time and `name`; returns the folder.

        It lies in `folder`, or in that of the settings. `continues` is the folder of a run that has ended: it
        goes on with another phase instead, and frames and rows follow what is there. If that `recovers` what
        was cut short, the end of it tells anew what is lost of frames of events.

        The record holds settings, states and files of all services; `settings` and `devices` are added to
        them, and `plan_notes` to the plan, but not in its file. Frames of the streams in `events` are stored
        by their events, each stream as its layout says. These and the streams of `rows` are recorded in this
        run beside those that the settings name; `frames` are the streams of frames in place of those of the
        settings, and those in `without` are left out; `numbered_by` names the services whose numbers frames
        have, where that is not the one that writes the stream. Writers of those in `events` and in `blocking`
        wait for a slow disk, unless the settings say otherwise.
        """
        request = RunRequest(
            name=name,
            plan=plan,
            plan_notes=plan_notes,
            settings=settings,
            devices=devices,
            operator=operator,
            sample=sample,
            notes=notes,
            recovers=recovers,
        )
        if frames:
            import tensorstore  # noqa: F401 (the first frame would wait for it)
        with self._turning:
            wanted = self.settings.streams(events, rows, blocking, frames, without, numbered_by)
            path = self._begin(request, wanted, folder, continues)
        self._context.wake()
        self._context.publish("run.started", {"run": path})
        return path

    @command(lane="run", effect="changes", on_client_loss="finish")
    def finish(
        self,
        reason: str = "",
        outcome: Ending = "complete",
        devices: dict[str, Any] = {},  # noqa: B006 (never changed)
        losses: dict[str, int] = {},  # noqa: B006
        missing: int | None = None,
        asked: dict[str, int] = {},  # noqa: B006
        errors: tuple[str, ...] = (),
        run: str = "",
    ) -> RunReport:
        """End the run: store what was produced up to now, and close its record with the true outcome.

        Takes as long as the disk does, and tells how far it is. `losses` are what never came to a recorded
        stream, by reason, beside what services tell themselves: such a run is not complete. `missing` is how
        many frames that were asked for were never produced; without it a run whose source was started again
        is not complete. `asked` says it of streams that are stored by events: for how many events of this
        phase a frame was asked for. Then the frames that are there are compared with it, and what the camera
        counts beside them does not matter. `errors` are lines for the record: what went wrong elsewhere.

        `run` is the folder of the run that is meant. If it is not the one that is recorded, or was last, its
        record says how it ended: the process that closed it may have been killed before it answered.
        """
        recording = self._recording
        if run and (recording is None or run != str(recording.folder.path)):
            return report_of_closed(Path(run))
        ended = Ended(
            ending=outcome,
            reason=reason,
            devices=devices,
            losses=losses,
            missing=missing,
            asked=asked,
            errors=errors,
            asked_by=current_call().caller,
        )
        return self._finish(ended)

    @command(lane="run", effect="changes")
    def extend(
        self,
        events: dict[str, EventLayout] = {},  # noqa: B006 (never changed)
        plan: dict[str, Any] = {},  # noqa: B006
    ) -> None:
        """Have a run go on with a plan that has grown: further positions, channels, planes, time points.

        Frames of the streams in `events` are placed by the new layout from now on, those that were produced
        before by the old one; so nothing may be exposed meanwhile. The record keeps `plan`, and those before.
        """
        recording = self._current()
        if recording is None:
            raise BadInputError("no run is recorded; one that has ended goes on with start(continues=...)")
        recording.extend(events, plan)

    @command(lane="run", effect="changes")
    def retake(self, stream: str, events: tuple[int, ...]) -> None:
        """Have a frame of each event that is produced from now on be kept in place of one before.

        Whoever carries out a plan says so where that one was not exposed as it was to be, as its light went
        out meanwhile, and exposes it again. For a stream that is stored by its events.
        """
        recording = self._current()
        if recording is not None:
            recording.retake(stream, events)

    @command(lane="file", effect="reads")  # what is recorded stays as it is: a run has no objection
    def new_file(self) -> dict[str, int]:
        """Have rows go to new files from here on; returns the number of each stream's file, from 0.

        A file ends where a frame does, and with it all rows of that frame: none is lost, torn or doubled,
        and readers see one recording. Frames lie in files of so many each anyway. Settings of the recorder
        do the same by themselves, after `rows_per_part` rows or `seconds_per_part`. The record tells when
        it was asked for. Raises `StorageError` if the disk holds it up: the new files come later then.
        """
        recording = self._current()
        if recording is None:
            raise BadInputError("no run is recorded just now; files begin with a run")
        return begin_new_files(recording, current_call().caller, self._context.clock)

    @command(lane="status", effect="reads")
    def free_bytes(self, folder: str = "") -> int:
        """Return how many bytes a run may take up in `folder`, or in that of the settings."""
        least_free = int(self.settings.least_free_mb * MB)
        return check_place(Path(folder or self.settings.folder).absolute(), least_free) - least_free

    @command(lane="run", effect="stops", on_client_loss="finish")
    def cancel_run(self, reason: str = "") -> RunReport:
        """End the run as cancelled; what was produced up to now is stored."""
        return self.finish(reason, "cancelled")

    @command(lane="notes", effect="reads")  # of a run that claims it, too: what is recorded stays as it is
    def annotate(
        self, operator: str | None = None, sample: str | None = None, notes: str | None = None
    ) -> None:
        """Say who makes the run, of what, and what is seen; the record keeps each change with its time."""
        recording = self._latest()
        said = {"operator": operator, "sample": sample, "notes": notes}
        recording.record.update(lambda manifest: annotated(manifest, said, self._context.clock))

    @command(lane="notes", effect="changes", script=False)
    def keep_commands(self, commands: tuple[RunCommand, ...], run: str = "") -> None:
        """Keep what was asked of the run while it went on; what the record holds already is left out.

        `run` is the folder of the run that is meant: refused if another one was begun since.
        """
        recording = self._latest()
        if run and run != str(recording.folder.path):
            raise BadInputError(f"the run in {run} is not recorded any more: {recording.folder.path} is")
        recording.record.update(lambda manifest: with_commands(manifest, commands))

    @command(lane="status", effect="changes", script=False)
    def inject_fault(self, kind: str, details: dict[str, Any] | None = None) -> None:
        """Have the disk be slow, to try what a rig does then.

        "slow disk" holds up each batch by `seconds` (0.2), of one `stream` or of all; "free" ends it.
        """
        self._slow_disk = SlowDisk.of(kind, details or {})

    @command(lane="status", effect="reads")
    def status(self) -> RecorderStatus:
        """Return how the run is doing, or how the last one ended."""
        recording = self._recording
        return RecorderStatus() if recording is None else status_of(recording, self._context.clock)

    def _latest(self) -> Recording:
        """Return the run that is recorded, or was last; `BadInputError` if there was none."""
        if self._recording is None:
            raise BadInputError("no run was started")
        return self._recording

    def _current(self) -> Recording | None:
        """Return the run that is recorded, if any."""
        recording = self._recording
        return recording if recording is not None and recording.record.is_open else None

    @property
    def _site(self) -> Site:
        context = self._context
        return Site(
            streams=context.streams,
            rig=context.rig,
            service=context.service,
            on_error=self._stream_failed,
            collect=lambda folder, at_end: self._collector.collect(folder, at_end=at_end),
            delay_s=lambda stream: self._slow_disk.delay_s(stream),
            is_ending=lambda: bool(self._context.stop_reason()),
            stop_on_error=self.settings.on_storage_error == "stop",
            clock=context.clock,
        )

    def _begin(
        self, request: RunRequest, wanted: tuple[StreamRequest, ...], folder: str, continues: str
    ) -> str:
        current = self._current()
        if current is not None:
            raise BadInputError(f"a run is recorded already, in {current.folder.path}; finish it first")
        chosen = self.settings
        if not wanted:
            raise BadInputError("there is nothing to record: set 'frames' or 'rows' to the streams to record")
        warnings = chosen.warnings(wanted, _specs(self._context.streams))
        parent = Path(folder or chosen.folder).absolute()
        least_free = int(chosen.least_free_mb * MB)
        if continues:
            check_place(Path(continues), least_free)
            recording = Recording.continue_run(Path(continues).absolute(), wanted, request, self._site)
        else:
            recording = Recording.begin(parent, wanted, request, self._site, least_free, warnings)
        for warning in warnings:
            self._context.log.warning("%s", warning)
        path = str(recording.folder.path)
        try:
            with storage_errors(self._pointer.parent):
                replace_file(self._pointer, path.encode())
        except StorageError as error:  # without it nobody could go on with the run after a crash
            recording.discard(str(error))
            raise
        self._recording = recording
        recording.start()
        return path

    def _finish(self, ended: Ended, only: Recording | None = None) -> RunReport:
        """Close the run that is recorded, or the last one again; if it is another than `only`, neither."""
        with self._turning:
            recording = self._latest()
            if only not in (None, recording):
                return report_of(recording.folder.path, recording.manifest)
            ran = self._current() is not None
            manifest = recording.finish(ended, current_call().progress)
            self._pointer.unlink(missing_ok=True)
            if ran and recording.unclosed:
                self._context.log.error("%s: %s", recording.folder.path, manifest.errors[-1])
                self._unclosed[recording.folder.path] = recording
        if ran:
            self._publish_end(recording)
        return report_of(recording.folder.path, recording.manifest)

    def _close_again(self) -> None:
        for path, recording in tuple(self._unclosed.items()):
            if recording.close():
                del self._unclosed[path]
                self._publish_end(recording)

    def _publish_end(self, recording: Recording) -> None:
        self._context.publish(
            "run.finished", msgspec.to_builtins(report_of(recording.folder.path, recording.manifest))
        )

    def _go_on(self, path: Path) -> None:
        try:
            self._recording = Recording.go_on(path, self._site, self.settings.limits)
        except ParfocalError as error:  # the run stays as it is: its record says that nobody closed it
            self._context.log.error("the run in %s could not be taken up again: %s", path, error)
            self._pointer.unlink(missing_ok=True)
        else:
            self._context.log.warning("recording goes on in %s after a restart", path)
            self._recording.start()

    def _stream_failed(self, stream: str, error: Exception) -> None:
        stop, recording = self.settings.on_storage_error == "stop", self._latest()
        self._context.log.error("recording of %s ended: %s", stream, error)
        stated = {"stream": stream, "error": type(error).__name__, "message": str(error), "stop": stop}
        self._context.publish("storage.error", {**stated, "run": str(recording.folder.path)})
        if stop:
            threading.Thread(
                target=self._stop, args=(recording, str(error)), name="stop", daemon=True
            ).start()

    def _stop(self, recording: Recording, reason: str) -> None:
        """End the acquisition, then the run, unless it has ended by now: the next one may go on."""
        for service, name in self.settings.stop_calls.items():
            if self._current() is not recording:
                return
            try:
                with self._context.connect(service) as client:
                    client.call(name, timeout_s=_STOPS_WITHIN_S)
            except ParfocalError as error:
                self._context.log.error("%s.%s() did not stop the acquisition: %s", service, name, error)
        self._finish(Ended(ending="failed", reason=reason), recording)


def _specs(folder: Path) -> dict[str, FrameSpec | RowSpec]:
    """Return what the streams of a rig hold, by name; those that just begin or end are left out."""
    specs = {}
    for name in stream_names(folder):
        with suppress(StreamError):
            specs[name] = open_stream(folder, name).spec
    return specs


def _load(settings: RecorderSettings) -> None:
    """Import what the first frame and the first row would wait for."""
    if settings.frame_streams:
        import tensorstore  # noqa: F401
    if settings.row_streams:
        import pyarrow.parquet  # noqa: F401
