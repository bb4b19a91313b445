"""One run while it is recorded: its folder, a recorder for each stream, and its record."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from parfocal.core.clock import poll_until
from parfocal.core.errors import BadInputError, FolderVanishedError, StorageError, nearest
from parfocal.storage.collecting import Collected, since
from parfocal.storage.folder import RunFolder
from parfocal.storage.incidents import ServiceWatch
from parfocal.storage.manifest import Manifest, RecorderRestart, StreamRecord, Writer, read_manifest
from parfocal.storage.moment import Moment
from parfocal.storage.opening import Opener, options_for, path_of
from parfocal.storage.outcome import RECORDING
from parfocal.storage.phases import begin_phase, check_ended
from parfocal.storage.plan_record import keep_plan
from parfocal.storage.progress import StreamProgress, counted_fields, progress_of, task_of
from parfocal.storage.run_manifests import Ended, final_manifest, first_manifest, next_manifest
from parfocal.storage.run_record import RunRecord
from parfocal.storage.sinks import kind_of
from parfocal.storage.source import FIND_S
from parfocal.storage.tables import PartLimits
from parfocal.streams import open_stream

if TYPE_CHECKING:
    from parfocal.core.event_layout import EventLayout
    from parfocal.storage.requests import RunRequest, Site, StreamRequest
    from parfocal.storage.stream_recorder import StreamRecorder
    from parfocal.streams import Stream

_REPORT_S = 0.25
_BACK_WITHIN_S = 10.0
"""How long the end of a run waits for services that ended right before it."""


class Recording:
    """A run that is being recorded, each stream in a thread of its own. Any thread may use it.

    Made by `begin` or `go_on`; nothing moves before `start`.

    Attributes
    ----------
    folder : RunFolder
        Where it goes.
    """

    def __init__(
        self, folder: RunFolder, site: Site, phase: int = 0, known: Mapping[str, int] | None = None
    ) -> None:
        self.folder = folder
        self._site = site
        self._recorders: dict[str, StreamRecorder] = {}
        self._finishing = threading.Lock()
        self._looking = threading.Lock()  # at services, and until what was seen is in the record
        self._opener = Opener(
            site=site, folder=folder, on_error=self._stream_ended, on_ring=self._ring_changed, phase=phase
        )
        self._watch = ServiceWatch(site.rig, site.service, site.clock, known)
        self._before = Collected()
        self._after: Collected | None = None
        self._record: RunRecord

    @classmethod
    def begin(
        cls,
        folder: Path,
        streams: Iterable[StreamRequest],
        request: RunRequest,
        site: Site,
        least_free: int = 0,
        warnings: tuple[str, ...] = (),
    ) -> Recording:
        """Make a new run in `folder`. All that the streams bring from this moment on belongs to it.

        Its record holds the `warnings`.

        Raises
        ------
        StreamError, BadInputError, StorageError
            If a stream is not there, or the run can't be made; nothing is left of it then.
        """
        found = [(wanted, open_stream(site.streams, wanted.name, FIND_S)) for wanted in streams]
        for wanted, stream in found:
            kind_of(options_for(wanted, stream))
        run = RunFolder.create(folder, request.name, least_free_bytes=least_free, clock=site.clock)
        recording = cls(run, site)
        try:
            recording._before = site.collect(run.path, False)
            records: dict[str, StreamRecord] = {}
            for wanted, stream in found:
                writer = recording._watch.writer_of(stream.status().writer_pid)
                recorder, record = recording._opener.open(
                    wanted, stream, path_of(wanted, stream, records), writer
                )
                recording._recorders[wanted.name], records[wanted.name] = recorder, record
            first = first_manifest(run, request, records, recording._before, site, warnings)
            recording._record = RunRecord(run, first)
            recording._record.change(service_pids=recording._watch.pids, **recording._with_plan(request.plan))
        except BaseException:
            recording.discard()
            raise
        return recording

    @classmethod
    def go_on(cls, path: Path, site: Site, limits: PartLimits = PartLimits()) -> Recording:  # noqa: B008 frozen
        """Go on with the run in the folder `path`, whose recorder died; `limits` are those of tables.

        A stream that can't be taken up again ends there, with an error in the record.

        Raises
        ------
        BadInputError
            If there is no run at `path`, or it was closed.
        StorageError
            If its record can't be written.
        """
        manifest = read_manifest(path)
        if manifest.outcome != RECORDING:
            raise BadInputError(f"the run in {path} is closed: {manifest.outcome}")
        recording = cls(RunFolder(path), site, len(manifest.phases), manifest.service_pids)
        recording._record = RunRecord(recording.folder, manifest)
        recording._before = Collected(losses=manifest.losses_at_start)
        for name, record in manifest.streams.items():
            if not record.error and record.phase == len(manifest.phases):
                recording._take_up(name, record, limits)
        found = {name: recorder.count().stored for name, recorder in recording._recorders.items()}
        writer = Writer.this(site.service)
        restart = RecorderRestart(at=Moment.now(site.clock), pid=writer.pid, stored=found)
        recording._record.change(recorder=writer, restarts=(*manifest.restarts, restart))
        return recording

    @classmethod
    def continue_run(
        cls, path: Path, streams: Iterable[StreamRequest], request: RunRequest, site: Site
    ) -> Recording:
        """Go on with the run in the folder `path`, which had ended: another phase of the same record.

        Frames follow those that are there, by their numbers or by their events; rows likewise.

        Raises
        ------
        StreamError, BadInputError, StorageError
            If there is no such run, it is still recorded, or its streams hold something else by now. Its
            record says how it ended before, then.
        """
        manifest = read_manifest(path)
        check_ended(manifest, path)
        found = [(wanted, open_stream(site.streams, wanted.name, FIND_S)) for wanted in streams]
        recording = cls(RunFolder(path), site, len(manifest.phases) + 1)
        try:
            records = recording._go_on_with(found, manifest.streams, recovers=request.recovers)
            manifest = begin_phase(manifest, path, Moment.now(site.clock))
            recording._before = site.collect(path, False)
            going_on = next_manifest(manifest, request, records, recording._before, site)
            recording._record = RunRecord(recording.folder, going_on)
            recording._record.change(service_pids=recording._watch.pids, **recording._with_plan(request.plan))
        except BaseException:
            recording._let_go()
            raise
        return recording

    @property
    def manifest(self) -> Manifest:
        """The record as it stands."""
        return self._record.manifest

    @property
    def record(self) -> RunRecord:
        """The record, to be changed."""
        return self._record

    @property
    def unclosed(self) -> bool:
        """Whether it has ended, and its record on the disk does not say so yet."""
        return self._record.unclosed

    def start(self) -> None:
        """Have the streams' recorders run."""
        for recorder in self._recorders.values():
            recorder.start()

    def discard(self, why: str = "") -> None:
        """Take back a run that was not started yet: nothing is left of it, or of its newest phase."""
        self._let_go()
        if self._opener.phase:
            self._record.change(outcome="failed", reason=why, ended=Moment.now(self._site.clock))
        else:
            self.folder.discard()

    def look(self) -> None:
        """See whether the folder is still there, and note what is known by now; call it now and then."""
        if not self.folder.exists:
            error = FolderVanishedError(f"the folder {self.folder.path} disappeared while it was written")
            for recorder in self._recorders.values():
                recorder.fail(error)
            return
        with self._looking:
            if self._record.is_open:  # else its end has looked, too
                self._note_services()

    def progress(self) -> dict[str, StreamProgress]:
        """Return how each stream is doing."""
        return {
            name: progress_of(record, self._recorders.get(name))
            for name, record in self.manifest.streams.items()
        }

    def begin_parts(self) -> None:
        """Have the rows of all streams go to new files, each from its next frame on. Returns at once."""
        for recorder in self._recorders.values():
            recorder.begin_part()

    @property
    def begins_parts(self) -> tuple[str, ...]:
        """The streams whose rows still go to the file before."""
        return tuple(name for name, recorder in self._recorders.items() if recorder.begins_part)

    def parts(self) -> dict[str, int]:
        """Return the number of the file that the rows of each stream go to, from 0."""
        parts = {name: recorder.part for name, recorder in self._recorders.items()}
        return {name: part for name, part in parts.items() if part is not None}

    def keep_end(self, collected: Collected) -> None:
        """Take what the services said for the record's end, before `finish`: some end with the rig."""
        self._after = collected

    def finish(self, ended: Ended, report: Callable[[float, str], None] = lambda *_: None) -> Manifest:
        """Take what has been produced up to now, bring all of it to stable storage, and close the record.

        Blocks until that is done. Idempotent: what was closed stays as it was. While the disk does not take
        the record, the run is `unclosed`: the next `finish` or `close` tries again.

        Parameters
        ----------
        ended : Ended
            How it ended, for whoever ends it; the record says "complete" only if nothing is missing.
        report : callable
            Called as ``report(fraction, text)`` several times a second as long as it lasts, in this thread.

        Returns
        -------
        Manifest
            As it is on the disk; if the disk no longer takes it, as it should be, with that among its errors.
        """
        with self._finishing:
            if self._record.is_open:
                self._finish_streams(report)
                self._wait_until_all_are_back(ended)
                report(1.0, "asking the services what they give to the record")
                after = self._after or self._site.collect(self.folder.path, True)
                self._wait_until_all_are_back(ended)  # one that stood still is found to while it is asked
                with suppress(OSError):
                    self.folder.give_up_reserve()
                with self._looking:
                    self._record.close(lambda manifest: self._final_manifest(manifest, ended, after))
                for recorder in self._recorders.values():
                    recorder.let_go()
            else:
                self._record.close_again()
            return self.manifest

    def close(self) -> bool:
        """Write the final manifest of a run that is `unclosed`; return whether it is on the disk."""
        with self._finishing:
            return self._record.close_again()

    def retake(self, stream: str, events: Iterable[int]) -> None:
        """Have the next frame of each event take the place of the one before; of a stream by events alone."""
        if (recorder := self._recorders.get(stream)) is not None:
            recorder.retake(events)

    def extend(self, events: Mapping[str, EventLayout], plan: dict[str, Any]) -> Manifest:
        """Have the layouts of streams grow, for frames that come from now on, and note the new plan.

        Raises
        ------
        BadInputError
            If frames of a stream are not stored by events, or its layout does not hold what is there.
        """
        for name, layout in events.items():
            recorder = self._recorders.get(name)
            if recorder is None:
                raise BadInputError(f"the run records no stream {name!r}; {nearest(name, self._recorders)}")
            self._record.change_stream(name, events=recorder.extend(layout))
        if plan:
            self._record.change(**self._with_plan(plan))
        return self.manifest

    def _with_plan(self, plan: dict[str, Any]) -> dict[str, Any]:
        """Keep a plan in the run's folder; return the fields of the record that tell of it."""
        plans, asked = self.manifest.plans, self.manifest.plan_notes | plan
        if not plan:
            return {"plan": self.manifest.plan | asked}
        kept = keep_plan(self.folder.path, plan, len(plans), self._site.clock)
        return {"plan": asked, "plans": (*plans, kept)}

    def _let_go(self) -> None:
        for recorder in self._recorders.values():
            recorder.discard()

    def _go_on_with(
        self,
        found: list[tuple[StreamRequest, Stream]],
        before: dict[str, StreamRecord],
        *,
        recovers: bool = False,
    ) -> dict[str, StreamRecord]:
        """Make the recorders of another phase; return what the record says of their streams."""
        records = dict(before)
        for wanted, stream in found:
            writer = self._watch.writer_of(stream.status().writer_pid)
            if wanted.name in before:
                recorder, record = self._opener.go_on(wanted, stream, before[wanted.name], recovers=recovers)
            else:
                recorder, record = self._opener.open(wanted, stream, path_of(wanted, stream, records), writer)
            self._recorders[wanted.name] = recorder
            records[wanted.name] = msgspec.structs.replace(record, writer=writer, phase=self._opener.phase)
        return {wanted.name: records[wanted.name] for wanted, _ in found}

    def _take_up(self, name: str, record: StreamRecord, limits: PartLimits) -> None:
        recorder, record = self._opener.take_up(name, record, limits)
        self._record.change_stream(name, **msgspec.structs.asdict(record))
        if recorder is None:
            self._record.add_error(f"{name}: {record.error}")
        else:
            self._recorders[name] = recorder

    def _finish_streams(self, report: Callable[[float, str], None]) -> None:
        for recorder in self._recorders.values():
            recorder.finish()
        for number, recorder in enumerate(self._recorders.values()):
            while not recorder.join(_REPORT_S):
                report(number / len(self._recorders), task_of(recorder))

    def _wait_until_all_are_back(self, ended: Ended) -> None:
        if ended.ending in ("complete", "finished early"):
            poll_until(lambda: self._all_are_back(ended.asked_by), _BACK_WITHIN_S, clock=self._site.clock)

    def _all_are_back(self, but: str) -> bool:
        """Whether no service, but one, is on its way back, as one is that has ended as the run did."""
        with self._looking:
            self._note_services()
            return self._site.is_ending() or not {*self._watch.on_their_way} - {but}

    def _note_services(self) -> None:
        changes: dict[str, Any] = {}
        if incidents := self._watch.look():
            changes["incidents"] = (*self.manifest.incidents, *incidents)
            changes["service_pids"] = self._watch.pids
        if (restarts := self._restarts()) != self.manifest.restarts:
            changes["restarts"] = restarts
        if changes:
            with suppress(StorageError):  # the streams' recorders meet it, too, and tell it
                self._record.change(**changes)

    def _stream_ended(self, recorder: StreamRecorder, error: Exception) -> None:
        with suppress(OSError):
            self.folder.give_up_reserve()
        with suppress(StorageError):  # the final manifest tells it again
            self._record.add_error(f"{recorder.name}: {type(error).__name__}: {error}")
            record = self.manifest.streams[recorder.name]
            self._record.change_stream(recorder.name, **counted_fields(recorder.count(), record))
        self._site.on_error(recorder.name, error)

    def _ring_changed(self, recorder: StreamRecorder) -> None:
        source = recorder.source
        self._record.change_stream(recorder.name, ring=source.place)

    def _restarts(self) -> tuple[RecorderRestart, ...]:
        """Return the restarts of the recorder, the last one with the losses that were found."""
        restarts = self.manifest.restarts
        found = {name: recorder.found_lost for name, recorder in self._recorders.items()}
        lost = {name: count for name, count in found.items() if count is not None}
        if not restarts or restarts[-1].pid != self.manifest.recorder.pid:
            return restarts
        return (*restarts[:-1], msgspec.structs.replace(restarts[-1], lost=lost))

    def _final_manifest(self, manifest: Manifest, ended: Ended, after: Collected) -> Manifest:
        manifest = msgspec.structs.replace(
            manifest,
            ended=Moment.now(self._site.clock),
            streams={
                name: self._final(name, record, ended.asked.get(name))
                for name, record in manifest.streams.items()
            },
            restarts=self._restarts(),
            incidents=(*manifest.incidents, *self._watch.look()),
        )
        lost = since(after, self._before)
        return final_manifest(manifest, ended, after, lost, stop_on_error=self._site.stop_on_error)

    def _final(self, name: str, record: StreamRecord, asked: int | None) -> StreamRecord:
        recorder = self._recorders.get(name)
        if recorder is None:
            return record
        fields = counted_fields(recorder.count(), record, asked if record.kind == "events" else None)
        if not self.folder.exists:
            fields |= {"stored": 0, "lost": fields["expected"]}
        return msgspec.structs.replace(
            record, **fields, ring=recorder.last_place, ledger=recorder.source.status()
        )
