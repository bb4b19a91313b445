"""The record of a run: one JSON file that says what was asked, what was done, with what, and how it ended."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import Any

import msgspec

from parfocal.core.errors import BadInputError
from parfocal.core.event_layout import EventLayout
from parfocal.core.files import replace_file
from parfocal.core.frames import FrameSpec, RowSpec
from parfocal.core.known_types import known
from parfocal.core.run_status import RunCommand
from parfocal.core.status import UNKNOWN_NUMBER, StreamStatus
from parfocal.processes.identity import Identity, this_process
from parfocal.storage.collecting import Artifact
from parfocal.storage.disk import storage_errors
from parfocal.storage.incidents import Incident
from parfocal.storage.moment import Moment
from parfocal.storage.outcome import RECORDING, seen_outcome
from parfocal.storage.phases import Phase
from parfocal.storage.plain_json import plain, spelled
from parfocal.storage.plan_record import PlanFile
from parfocal.storage.source import Policy, RingPlace

FORMAT = 1
FILE_NAME = "manifest.json"
_FREE = ("plan", "plan_notes", "settings", "devices", "devices_at_end")
"""What others put into the record: nobody knows what it holds."""


class Writer(msgspec.Struct, frozen=True, kw_only=True):
    """The process that writes a record; `mark` tells it from another one with its number."""

    pid: int
    mark: str
    host: str
    service: str = ""

    @classmethod
    def this(cls, service: str = "") -> Writer:
        """Return the process that calls, which runs that service."""
        pid, mark = this_process()
        return cls(pid=pid, mark=mark, host=platform.node(), service=service)

    @property
    def alive(self) -> bool:
        """Whether it runs on this machine. A process elsewhere cannot be seen and counts as alive."""
        return self.host != platform.node() or Identity(self.pid, self.mark).alive


class StreamRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What the run holds of one stream.

    Attributes
    ----------
    kind : str
        Which sink holds it: "frames", "events" or "rows".
    path : str
        Where it lies, in the run's folder.
    policy : str
        What happens when the recorder falls behind: "block", "drop" or "fail".
    spec : FrameSpec or RowSpec
        What each frame or row looks like.
    first_sequence, first_number : int
        Number in the stream of the first one that belongs to the run, and the number that its producer should
        give it; -1 if the producer does not tell.
    ring : RingPlace
        Which ring was read last: a later one than the first if the writer was started again in order.
    writer : str
        The service that wrote the stream when the run began; "" if it was none of the rig's.
    numbered_by : str
        The service whose numbers its frames have, if that is not the writer: that of a camera out of whose
        frames these are cut. What that one loses, the numbers tell.
    expected, stored, lost : int
        ``expected == stored + lost``.
    renumbered : int
        How often the producer began to count anew.
    events : EventLayout or None
        Where the frames of events lie.
    error : str
        What ended the recording of this stream early.
    uncounted : bool
        Whether more may be lost than `lost` says: the stream went on, or ended, where nobody saw it.
    unsynced : bool
        Whether something of it was kept from stable storage.
    repeated : int
        Frames that were left out because their event had one already.
    phase : int
        The phase of the run in which it was recorded last, from 0.
    stored_before, lost_before : int
        Of a run that went on after it had ended: what it held and had lost when its newest phase began;
        `lost_before` leaves out what the numbers in the files tell.
    ledger : StreamStatus or None
        The stream and all its readers when the run ended.
    """

    kind: str
    path: str
    policy: Policy
    spec: FrameSpec | RowSpec
    first_sequence: int
    first_number: int = UNKNOWN_NUMBER
    ring: RingPlace = RingPlace(created_ns=0)
    writer: str = ""
    numbered_by: str = ""
    expected: int = 0
    stored: int = 0
    lost: int = 0
    renumbered: int = 0
    events: EventLayout | None = None
    error: str = ""
    uncounted: bool = False
    unsynced: bool = False
    repeated: int = 0
    phase: int = 0
    stored_before: int = 0
    lost_before: int = 0
    ledger: StreamStatus | None = None


class RecorderRestart(msgspec.Struct, frozen=True, kw_only=True):
    """The recorder was started again in the middle of the run.

    Attributes
    ----------
    stored, lost : dict of str to int
        For each stream, what it found on the disk, and what was lost while it was away.
    """

    at: Moment
    pid: int
    stored: dict[str, int]
    lost: dict[str, int] = {}


class Edit(msgspec.Struct, frozen=True, kw_only=True):
    """A change of what people say about a run: `field` became `value` at that moment."""

    at: Moment
    field: str
    value: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """Everything about a run that is not a frame or a row.

    Attributes
    ----------
    outcome : str
        "recording" until it is closed; then "complete", "finished early", "cancelled", "failed" or
        "incomplete: lost N" or "incomplete: lost at least N". `Manifest.seen` says what it means to a reader.
    reason : str
        Why it ended so, in the words of whoever ended it.
    run, name : str
        Its folder's name, and the name that it was given.
    operator, sample, notes : str
        What people say about it, as it stands.
    edits : tuple of Edit
        How that came about, oldest first.
    commands : tuple of RunCommand
        What was asked of the run while it went on, by whom and when, oldest first: pauses with their reasons,
        answers to its questions, changes of its plan.
    plan, settings, devices, devices_at_end : dict
        What was asked, with `plan_notes`; the settings of all services; their states when it began and ended.
    setting_sources : dict of str to (dict of str to str)
        For each service where those of its settings come from that are not as by default, by path: the rig's
        "file", "kept" for its starts, "set" by this start, or "live" changes.
    plan_notes : dict
        What whoever asked for it noted beside the plan: it stays when the plan is changed, and no plan's file
        has it.
    versions : dict of str to str
        Of Python, the system and the packages of whoever writes the record.
    service_versions, service_versions_at_end : dict of str to (dict of str to str)
        The same of each service when the run began, and of what it drives; those that were others at the end.
    plans : tuple of PlanFile
        The plans that it was given, one after the other: the last one is in `plan`.
    phases : tuple of Phase
        Of a run that went on after it had ended: how it ended before, oldest first.
    phase_started : Moment or None
        When it went on last; None if it never ended before.
    artifacts : dict of str to Artifact
        Files that services gave to the record, by name.
    missing : dict of str to str
        What could not be had of which service, and why.
    losses_at_start : dict of str to (dict of str to int)
        What each service had lost by then since the rig was started, by reason.
    losses : dict of str to int
        What never came to a recorded stream, by reason, as services and whoever ended the run counted it.
    incidents : tuple of Incident
        Which services ended or were started again during the run.
    service_pids : dict of str to int
        The process of each service, as the recorder last saw it: its next process finds which were replaced.
    restarts : tuple of RecorderRestart
        Of the recorder itself.
    warnings : tuple of str
        What somebody may have forgotten: streams that the rig writes and the run does not hold.
    """

    run: str
    name: str = ""
    started: Moment
    recorder: Writer
    format: int = FORMAT
    rig: str = ""
    outcome: str = RECORDING
    reason: str = ""
    ended: Moment | None = None
    pixel_size_um: float | None = None
    operator: str = ""
    sample: str = ""
    notes: str = ""
    edits: tuple[Edit, ...] = ()
    commands: tuple[RunCommand, ...] = ()
    plan: dict[str, Any] = {}
    plan_notes: dict[str, Any] = {}
    plans: tuple[PlanFile, ...] = ()
    phases: tuple[Phase, ...] = ()
    phase_started: Moment | None = None
    settings: dict[str, Any] = {}
    setting_sources: dict[str, dict[str, str]] = {}
    devices: dict[str, Any] = {}
    devices_at_end: dict[str, Any] = {}
    versions: dict[str, str] = {}
    service_versions: dict[str, dict[str, str]] = {}
    service_versions_at_end: dict[str, dict[str, str]] = {}
    streams: dict[str, StreamRecord] = {}
    artifacts: dict[str, Artifact] = {}
    missing: dict[str, str] = {}
    losses_at_start: dict[str, dict[str, int]] = {}
    losses: dict[str, int] = {}
    incidents: tuple[Incident, ...] = ()
    service_pids: dict[str, int] = {}
    restarts: tuple[RecorderRestart, ...] = ()
    errors: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def seen(self) -> str:
        """The outcome as it looks now: "unknown: not closed" if the recorder died without closing the run."""
        return seen_outcome(self.outcome, recorder_alive=self.recorder.alive)

    @property
    def began(self) -> Moment:
        """When its newest phase began."""
        return self.phase_started or self.started

    def duration_s(self, until: Moment) -> float:
        """Return how long it was recorded up to a moment, without the time between phases."""
        earlier = sum(phase.duration_s for phase in self.phases)
        return earlier + (until.monotonic_ns - self.began.monotonic_ns) * 1e-9


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Replace the record in `folder`; returns when it is on stable storage.

    What JSON has no words for in plan, settings and device states is spelled out as text.

    Raises
    ------
    DiskFullError, FolderVanishedError, StorageError
        If it could not be written; the one before is untouched.
    """
    with storage_errors(folder):
        replace_file(folder / FILE_NAME, msgspec.json.format(_encoded(manifest), indent=2), durable=True)


def read_manifest(folder: Path | str) -> Manifest:
    """Return the record of the run in `folder`.

    Raises
    ------
    BadInputError
        If there is none, or it is none of ours.
    """
    try:
        return msgspec.json.decode(Path(folder, FILE_NAME).read_bytes(), type=Manifest)
    except OSError as error:
        raise BadInputError(f"{folder} holds no run: {FILE_NAME}: {error.strerror}") from error
    except msgspec.DecodeError as error:
        raise BadInputError(f"{folder} holds no run: {FILE_NAME}: {error}") from error


def _encoded(manifest: Manifest) -> bytes:
    try:
        return msgspec.json.encode(manifest, enc_hook=plain)
    except (TypeError, ValueError, OverflowError, RecursionError):
        stated = {name: spelled(getattr(manifest, name)) for name in _FREE}
        return msgspec.json.encode(msgspec.structs.replace(manifest, **stated))


known(Manifest)
