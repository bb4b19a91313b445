"""One run while it is recorded: its folder, its lanes, and the record that they end in."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from parfocal.core.errors import BadInputError, FolderVanishedError, ParfocalError, StorageError
from parfocal.core.files import sync_file
from parfocal.core.frames import FrameSpec
from parfocal.storage.folder import RunFolder
from parfocal.storage.lanes import Lane
from parfocal.storage.manifest import (
    Manifest,
    Moment,
    Restart,
    StreamRecord,
    Writer,
    read_manifest,
    versions,
    write_manifest,
)
from parfocal.storage.outcome import RECORDING, Count, Ending, decide_outcome
from parfocal.storage.sources import (
    Rules,
    Setup,
    Site,
    Source,
    find_stream,
    in_successor,
    open_lane,
    reopen_lane,
    salvage,
)

_TELL_S = 0.25


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What a run shall be called, and what its record shall hold beside the data."""

    name: str = ""
    plan: dict[str, Any] = {}
    settings: dict[str, Any] = {}
    devices: dict[str, Any] = {}


class StreamProgress(msgspec.Struct, frozen=True, kw_only=True):
    """A stream of a run just now. What is `behind` waits in the ring: neither stored nor lost."""

    stored: int
    lost: int
    behind: int
    error: str = ""


class Recording:
    """A run that is being recorded, each stream in a thread of its own. Any thread may use it.

    Made by `begin` or `go_on`; nothing moves before `start`.

    Attributes
    ----------
    folder : RunFolder
        Where it goes.
    """

    def __init__(self, folder: RunFolder, site: Site, rules: Rules) -> None:
        self.folder = folder
        self._site = site
        self._rules = rules
        self._setup = Setup(site=site, rules=rules, folder=folder, on_lane_error=self._lane_ended)
        self._lanes: dict[str, Lane] = {}
        self._changing = threading.Lock()
        self._finishing = threading.Lock()
        self._last_words: Manifest | None = None
        self._manifest: Manifest

    @classmethod
    def begin(
        cls,
        folder: Path,
        sources: Iterable[Source],
        request: Request,
        site: Site,
        rules: Rules,
        least_free: int,
    ) -> Recording:
        """Make a new run in `folder`. All that `sources` produce from this moment on belongs to it.

        Raises
        ------
        StreamError, BadInputError, StorageError
            If a stream is not there, or the run can't be made; nothing is left of it then.
        """
        streams = {source: find_stream(site, source.name) for source in sources}
        if sum(isinstance(stream.spec, FrameSpec) for stream in streams.values()) > 1:
            raise BadInputError("a run holds one stream of frames; record another one with a second recorder")
        run = RunFolder.create(folder, request.name, least_free_bytes=least_free, clock=site.clock)
        recording = cls(run, site, rules)
        records = {}
        try:
            for source, stream in streams.items():
                recording._lanes[source.name], records[source.name] = open_lane(
                    source, stream, recording._setup
                )
            recording._set(_first_manifest(run, request, records, site))
        except BaseException:
            recording.discard()
            raise
        return recording

    @classmethod
    def go_on(cls, path: Path, site: Site, rules: Rules) -> Recording:
        """Go on with the run in the folder `path`, whose recorder died.

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
        recording = cls(RunFolder(path), site, rules)
        recording._manifest = manifest
        for name, record in manifest.streams.items():
            if not record.error:
                recording._take_up(name, record)
        found = {name: lane.count().stored for name, lane in recording._lanes.items()}
        restart = Restart(at=Moment.now(site.clock), pid=Writer.this().pid, stored=found)
        recording._change(recorder=Writer.this(), restarts=(*manifest.restarts, restart))
        return recording

    @property
    def manifest(self) -> Manifest:
        """The record as it stands."""
        return self._manifest

    @property
    def unclosed(self) -> bool:
        """Whether it has ended, and its record on the disk does not say so yet."""
        return self._last_words is not None

    def look(self) -> None:
        """See whether the folder is still there, and note what is known by now; call it now and then."""
        if not self.folder.exists:
            error = FolderVanishedError(f"the folder {self.folder.path} disappeared while it was written")
            for lane in self._lanes.values():
                lane.give_up(error)
        elif self._restarts() != self._manifest.restarts:
            with suppress(StorageError):  # the lanes meet it, too, and tell it
                self._change(restarts=self._restarts())

    def progress(self) -> dict[str, StreamProgress]:
        """Return how each stream is doing."""
        return {name: self._progress_of(name, record) for name, record in self._manifest.streams.items()}

    def finish(
        self,
        ending: Ending,
        reason: str = "",
        devices: dict[str, Any] | None = None,
        losses: dict[str, int] | None = None,
        tell: Callable[[float, str], None] = lambda *_: None,
    ) -> Manifest:
        """Take what has been produced up to now, bring all of it to stable storage, and close the record.

        Blocks until that is done. Idempotent: what was closed stays as it was. While the disk does not take
        the record, the run is `unclosed`: the next `finish` or `close` tries again.

        Parameters
        ----------
        ending, reason : str
            How it ended, for whoever ends it; the record says "complete" only if nothing is missing.
        devices : dict, optional
            What the devices are set to at the end.
        losses : dict of str to int, optional
            What never came to a recorded stream, by reason: it is missing, too.
        tell : callable
            Called as ``tell(fraction, text)`` several times a second as long as it lasts, in this thread.

        Returns
        -------
        Manifest
            As it is on the disk; if the disk no longer takes it, as it should be, with that among its errors.
        """
        with self._finishing:
            if self._manifest.outcome == RECORDING:
                for lane in self._lanes.values():
                    lane.finish()
                for number, lane in enumerate(self._lanes.values()):
                    while not lane.join(_TELL_S):
                        tell(number / len(self._lanes), _task_of(lane))
                self._last_words = self._decide(ending, reason, devices or {}, losses or {})
            self._write_last_words()
            return self._manifest

    def close(self) -> bool:
        """Write the last words of a run that is `unclosed`; return whether they are on the disk."""
        with self._finishing:
            self._write_last_words()
            return not self.unclosed

    def discard(self) -> None:
        """Take back a run that was not started yet: nothing is left of it."""
        for lane in self._lanes.values():
            lane.dismiss()
        self.folder.discard()

    def start(self) -> None:
        """Have the lanes run."""
        for lane in self._lanes.values():
            lane.start()

    def _take_up(self, name: str, record: StreamRecord) -> None:
        try:
            self._lanes[name] = reopen_lane(name, record, self._setup)
        except ParfocalError as error:
            self._note(name, salvage(name, record, self._setup, error), error)

    def _lane_ended(self, lane: Lane, error: Exception) -> None:
        with suppress(OSError):
            self.folder.give_up_reserve()
        with suppress(StorageError):  # the last words are tried again at the end
            self._note(lane.name, lane.count(), error)
        self._site.on_error(lane.name, error)

    def _note(self, name: str, count: Count, error: Exception) -> None:
        record = _counted(self._manifest.streams[name], count)
        line = f"{name}: {type(error).__name__}: {error}"
        with self._changing:
            streams = {**self._manifest.streams, name: record}
            errors = (*self._manifest.errors, line)
            self._manifest = msgspec.structs.replace(self._manifest, streams=streams, errors=errors)
            write_manifest(self.folder.path, self._manifest)

    def _set(self, manifest: Manifest) -> None:
        with self._changing:
            self._manifest = manifest
            write_manifest(self.folder.path, manifest)

    def _change(self, **changes: Any) -> None:
        with self._changing:
            self._manifest = msgspec.structs.replace(self._manifest, **changes)
            write_manifest(self.folder.path, self._manifest)

    def _restarts(self) -> tuple[Restart, ...]:
        """Return the restarts, the last one with the losses that its lanes have found."""
        restarts = self._manifest.restarts
        found = {name: lane.found_lost for name, lane in self._lanes.items()}
        lost = {name: count for name, count in found.items() if count is not None}
        if not restarts or restarts[-1].pid != self._manifest.recorder.pid:
            return restarts
        return (*restarts[:-1], msgspec.structs.replace(restarts[-1], lost=lost))

    def _progress_of(self, name: str, record: StreamRecord) -> StreamProgress:
        lane = self._lanes.get(name)
        if lane is None:
            return StreamProgress(stored=record.stored, lost=record.lost, behind=0, error=record.error)
        behind = lane.behind if lane.running else 0
        count = lane.count()
        lost = max(0, count.lost - behind)
        return StreamProgress(stored=count.stored, lost=lost, behind=behind, error=count.error)

    def _decide(
        self, ending: Ending, reason: str, devices: dict[str, Any], losses: dict[str, int]
    ) -> Manifest:
        """Return the record as it should be in the end."""
        with suppress(OSError):
            self.folder.give_up_reserve()
        records = {name: self._final(name, record) for name, record in self._manifest.streams.items()}
        counts = [_count_in(record) for record in records.values()]
        failed = self._rules.stop_on_error and any(count.error for count in counts)
        return msgspec.structs.replace(
            self._manifest,
            outcome=decide_outcome(ending, counts, lost_before=sum(losses.values()), failed=failed),
            reason=reason,
            ended=Moment.now(self._site.clock),
            devices_at_end=devices,
            streams=records,
            losses=losses,
            restarts=self._restarts(),
        )

    def _write_last_words(self) -> None:
        """Close the record on the disk, if that is due; until the disk takes it, the run counts as failed."""
        words = self._last_words
        if words is None:
            return
        with self._changing:
            try:
                sync_file(self.folder.path.parent)
                write_manifest(self.folder.path, words)
            except Exception as error:  # noqa: BLE001 (the border of the record: told in it, and tried again)
                if self._manifest.outcome == RECORDING:  # the first time
                    told = f"the record could not be closed: {type(error).__name__}: {error}"
                    words = msgspec.structs.replace(words, errors=(*words.errors, told))
                self._manifest, self._last_words = msgspec.structs.replace(words, outcome="failed"), words
            else:
                self._manifest, self._last_words = words, None

    def _final(self, name: str, record: StreamRecord) -> StreamRecord:
        lane = self._lanes.get(name)
        if lane is None:
            return record
        count = lane.count()
        elsewhere = in_successor(self._site, name, record)
        if elsewhere is not None:
            error = count.error or f"stream {name!r} was replaced by another one, which is not in this run"
            count = msgspec.structs.replace(count, expected=count.expected + elsewhere, error=error)
        if not self.folder.exists:
            count = msgspec.structs.replace(count, stored=0)
        return msgspec.structs.replace(
            _counted(record, count), renumbered=lane.renumbered, ledger=lane.stream.status()
        )


def _task_of(lane: Lane) -> str:
    return f"{lane.name}: {f'{lane.behind} behind' if lane.behind else 'on its way to stable storage'}"


def _counted(record: StreamRecord, count: Count) -> StreamRecord:
    return msgspec.structs.replace(
        record,
        expected=count.expected,
        stored=count.stored,
        lost=count.lost,
        error=count.error,
        uncounted=count.uncounted,
    )


def _count_in(record: StreamRecord) -> Count:
    return Count(
        expected=record.expected, stored=record.stored, error=record.error, uncounted=record.uncounted
    )


def _first_manifest(
    run: RunFolder, request: Request, records: dict[str, StreamRecord], site: Site
) -> Manifest:
    sizes = [record.spec.pixel_size_um for record in records.values() if isinstance(record.spec, FrameSpec)]
    return Manifest(
        run=run.path.name,
        rig=site.rig,
        started=Moment.now(site.clock),
        recorder=Writer.this(),
        pixel_size_um=sizes[0] if sizes else None,
        plan=request.plan,
        settings=request.settings,
        devices=request.devices,
        versions=versions(),
        streams=records,
    )
