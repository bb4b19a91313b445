"""The service that records runs: frames and rows of its rig, and the record of what became of them."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any, Literal

import msgspec
from pydantic import BaseModel, ConfigDict, Field

from parfocal.core.errors import BadInputError, ParfocalError, StorageError
from parfocal.core.files import replace_file
from parfocal.ipc import command, current_call
from parfocal.processes import Service, ServiceContext
from parfocal.storage.disk import free_bytes, storage_errors
from parfocal.storage.manifest import Policy
from parfocal.storage.ome_zarr import Codec
from parfocal.storage.outcome import RECORDING, Ending
from parfocal.storage.recording import Recording, Request, StreamProgress
from parfocal.storage.sources import Rules, Site, Source
from parfocal.storage.tables import PartLimits

_LOOK_S = 0.25
_AGAIN_S = 1.0
MB = 10**6
LEAST_FREE_MB = 500.0


class RecorderSettings(BaseModel):
    """What a recorder records, where to, and by which rules. Fixed while a run is recorded."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    folder: Path = Path("runs")
    """Where runs go, each in a new folder of its own."""
    frames: str | None = None
    """The stream of frames to record, if any."""
    rows: tuple[str, ...] = ()
    """The streams of rows to record."""
    policies: dict[str, Policy] = {}
    """For each stream what happens if the disk is too slow for it; "drop" for those not named."""
    on_storage_error: Literal["go on", "stop"] = "go on"
    """Whether a full disk or a folder that vanished ends the run, and with it the acquisition."""
    stop_calls: dict[str, str] = {}
    """Which command of which service ends the acquisition, for `on_storage_error` "stop"."""
    codec: Codec = "blosc-lz4"
    rows_per_part: int = Field(2**20, ge=1)
    seconds_per_part: float = Field(300.0, gt=0)
    least_free_mb: float = Field(LEAST_FREE_MB, ge=0)
    """A run does not begin with less than this free."""

    @property
    def sources(self) -> tuple[Source, ...]:
        """The streams to record."""
        names = (*(() if self.frames is None else (self.frames,)), *self.rows)
        return tuple(Source(name=name, policy=self.policies.get(name, "drop")) for name in names)

    @property
    def rules(self) -> Rules:
        """How to record them."""
        limits = PartLimits(rows=self.rows_per_part, seconds=self.seconds_per_part)
        return Rules(codec=self.codec, limits=limits, stop_on_error=self.on_storage_error == "stop")


class RecorderStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A recorder just now.

    Attributes
    ----------
    run : str
        Folder of the run that is recorded, or was recorded last; "" if there was none yet.
    outcome : str
        "recording", or how it ended; "" if there was none.
    elapsed_s : float
        Since it began, until now or its end.
    free_mb : float
        Room on its disk.
    """

    run: str = ""
    outcome: str = ""
    elapsed_s: float = 0.0
    free_mb: float = 0.0
    streams: dict[str, StreamProgress] = {}
    errors: tuple[str, ...] = ()


class RunReport(msgspec.Struct, frozen=True, kw_only=True):
    """How a run ended.

    Attributes
    ----------
    run, outcome, reason : str
        Its folder, how it ended, and why.
    stored, lost : dict of str to int
        For each stream, frames or rows.
    losses : dict of str to int
        What never came to a recorded stream, by reason.
    """

    run: str
    outcome: str
    reason: str
    stored: dict[str, int]
    lost: dict[str, int]
    losses: dict[str, int]
    restarts: int
    errors: tuple[str, ...]


class Recorder(Service):
    """Records one run at a time; no camera waits for the disk unless the policy of its stream is "block".

    Publishes ``run.started``, ``run.finished`` (a `RunReport`) and ``storage.error`` (stream, error, message,
    run, stop). A run whose last words the disk does not take has failed; they are tried again every second,
    and ``run.finished`` comes once more, with the true outcome, when they are on it.
    """

    Config = RecorderSettings
    settings: RecorderSettings

    def __init__(self, settings: RecorderSettings) -> None:
        super().__init__(settings)
        self._recording: Recording | None = None
        self._unclosed: dict[Path, Recording] = {}
        self._starting = threading.Lock()
        self._ending = threading.Lock()

    def open(self, context: ServiceContext) -> None:
        """Load the file libraries; go on with a run that the process before this one did not close."""
        _load(self.settings)
        self._context = context
        self._site = Site(
            streams=context.streams,
            rig=context.rig,
            service=context.service,
            on_error=self._stream_failed,
            clock=context.clock,
        )
        self._pointer = context.folder / f"{context.service}.run"
        if self._pointer.exists():
            self._go_on(Path(self._pointer.read_text(encoding="utf-8")))

    def step(self) -> float | None:
        """Look after the run, and after those before it whose last words are not on the disk."""
        self._close_again()
        if self._recording is not None and self._is_recording():
            self._recording.look()
            return _LOOK_S
        return _AGAIN_S if self._unclosed else None

    def settings_changed(self, old: RecorderSettings, new: RecorderSettings) -> None:
        """Refuse changes while a run is recorded."""
        del old
        if self._is_recording():
            raise BadInputError("a run is recorded just now; finish it before you change how to record")
        _load(new)

    def state(self) -> dict[str, Any]:
        """Return which run is recorded, if any."""
        return {"run": str(self._recording.folder.path) if self._recording and self._is_recording() else None}

    def health_line(self) -> str:
        """Return how the run is doing."""
        if not self._is_recording():
            return "no run"
        streams = self.status().streams
        return ", ".join(
            f"{n}: {s.stored} stored, {s.behind} behind, {s.lost} lost" for n, s in streams.items()
        )

    def close(self) -> None:
        """Close a run that is still recorded, as one that was finished early."""
        if self._is_recording():
            self._finish("finished early", "the recorder was stopped")
        self._close_again()

    @command(lane="run", effect="changes", on_client_loss="finish")
    def start(
        self,
        name: str = "",
        plan: dict[str, Any] = {},  # noqa: B006 (never changed)
        settings: dict[str, Any] = {},  # noqa: B006
        devices: dict[str, Any] = {},  # noqa: B006
    ) -> str:
        """Begin a new run, whose folder is named by the time and `name`; returns the folder."""
        with self._starting:
            if self._recording and self._is_recording():
                raise BadInputError(
                    f"a run is recorded already, in {self._recording.folder.path}; finish it first"
                )
            chosen = self.settings
            if not chosen.sources:
                raise BadInputError(
                    "there is nothing to record: set 'frames' or 'rows' to the streams to record"
                )
            request = Request(name=name, plan=plan, settings=settings, devices=devices)
            folder = chosen.folder.absolute()
            recording = Recording.begin(
                folder, chosen.sources, request, self._site, chosen.rules, int(chosen.least_free_mb * MB)
            )
            path = str(recording.folder.path)
            try:
                with storage_errors(self._pointer.parent):
                    replace_file(self._pointer, path.encode())
            except StorageError:  # without it nobody could go on with the run after a crash
                recording.discard()
                raise
            self._recording = recording
            recording.start()
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
    ) -> RunReport:
        """End the run: store what was produced up to now, and close its record with the true outcome.

        Takes as long as the disk does, and tells how far it is. `losses` are what never came to a recorded
        stream, by reason: such a run is not complete.
        """
        if self._recording is None:
            raise BadInputError("no run was started")
        return self._finish(outcome, reason, devices, losses)

    @command(lane="run", effect="stops", on_client_loss="finish")
    def cancel_run(self, reason: str = "") -> RunReport:
        """End the run as cancelled; what was produced up to now is stored."""
        return self.finish(reason, "cancelled")

    @command(lane="status", effect="reads")
    def status(self) -> RecorderStatus:
        """Return how the run is doing, or how the last one ended."""
        recording = self._recording
        if recording is None:
            return RecorderStatus()
        manifest = recording.manifest
        now = self._context.clock.monotonic_ns() if manifest.ended is None else manifest.ended.monotonic_ns
        path = recording.folder.path
        return RecorderStatus(
            run=str(path),
            outcome=manifest.outcome,
            elapsed_s=(now - manifest.started.monotonic_ns) * 1e-9,
            free_mb=free_bytes(path) / MB if path.exists() else 0.0,
            streams=recording.progress(),
            errors=manifest.errors,
        )

    def _is_recording(self) -> bool:
        return self._recording is not None and self._recording.manifest.outcome == RECORDING

    def _finish(
        self,
        ending: Ending,
        reason: str,
        devices: dict[str, Any] | None = None,
        losses: dict[str, int] | None = None,
    ) -> RunReport:
        assert self._recording is not None
        with self._ending:
            recording = self._recording
            ran = self._is_recording()
            manifest = recording.finish(ending, reason, devices, losses, current_call().progress)
            self._pointer.unlink(missing_ok=True)
            if ran and recording.unclosed:
                self._context.log.error("%s: %s", recording.folder.path, manifest.errors[-1])
                self._unclosed[recording.folder.path] = recording
        if ran:
            self._tell_end(recording)
        return _report(recording)

    def _close_again(self) -> None:
        for path, recording in tuple(self._unclosed.items()):
            if recording.close():
                del self._unclosed[path]
                self._tell_end(recording)

    def _tell_end(self, recording: Recording) -> None:
        self._context.publish("run.finished", msgspec.to_builtins(_report(recording)))

    def _go_on(self, path: Path) -> None:
        try:
            self._recording = Recording.go_on(path, self._site, self.settings.rules)
        except ParfocalError as error:  # the run stays as it is: its record says that nobody closed it
            self._context.log.error("the run in %s could not be taken up again: %s", path, error)
            self._pointer.unlink(missing_ok=True)
        else:
            self._context.log.warning("recording goes on in %s after a restart", path)
            self._recording.start()

    def _stream_failed(self, stream: str, error: Exception) -> None:
        stop = self.settings.on_storage_error == "stop"
        assert self._recording is not None
        self._context.log.error("recording of %s ended: %s", stream, error)
        told = {"stream": stream, "error": type(error).__name__, "message": str(error), "stop": stop}
        self._context.publish("storage.error", {**told, "run": str(self._recording.folder.path)})
        if stop:
            threading.Thread(target=self._stop, args=(str(error),), name="stop", daemon=True).start()

    def _stop(self, reason: str) -> None:
        """End the acquisition, then the run."""
        for service, name in self.settings.stop_calls.items():
            try:
                self._context.connect(service).call(name, timeout_s=1.0)
            except ParfocalError as error:
                self._context.log.error("%s.%s() did not stop the acquisition: %s", service, name, error)
        self._finish("failed", reason)


def _load(settings: RecorderSettings) -> None:
    """Import what the first frame and the first row would wait for."""
    if settings.frames is not None:
        import tensorstore  # noqa: F401
    if settings.rows:
        import pyarrow.parquet  # noqa: F401


def _report(recording: Recording) -> RunReport:
    manifest = recording.manifest
    return RunReport(
        run=str(recording.folder.path),
        outcome=manifest.outcome,
        reason=manifest.reason,
        stored={name: stream.stored for name, stream in manifest.streams.items()},
        lost={name: stream.lost for name, stream in manifest.streams.items()},
        losses=manifest.losses,
        restarts=len(manifest.restarts),
        errors=manifest.errors,
    )
