"""The record of a run: one JSON file that says what was asked, what was done, with what, and how it ended."""

from __future__ import annotations

import platform
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np

from parfocal.core.clock import Clock
from parfocal.core.errors import BadInputError
from parfocal.core.files import replace_file
from parfocal.core.frames import FrameSpec, RowSpec
from parfocal.core.status import StreamStatus
from parfocal.processes.identity import Identity, this_process
from parfocal.storage.disk import storage_errors
from parfocal.storage.outcome import RECORDING, seen_outcome

FORMAT = 1
FILE_NAME = "manifest.json"
Policy = Literal["block", "drop", "fail"]
"""When the disk is slower than a stream: its writer waits; or what was missed is counted as lost; or the
recording of that stream ends there."""

_FREE = ("plan", "settings", "devices", "devices_at_end")
"""What others put into the record: nobody knows what it holds."""
_DEEPEST = 50
_PACKAGES = ("parfocal", "numpy", "tensorstore", "pyarrow", "numba", "scipy")


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """One instant, on the clock that the data's times are on, and in UTC."""

    utc: str
    utc_ns: int
    monotonic_ns: int

    @classmethod
    def now(cls, clock: Clock) -> Moment:
        """Return the instant that `clock` shows."""
        utc_ns = clock.utc_ns()
        text = datetime.fromtimestamp(utc_ns // 10**9, UTC).strftime("%Y-%m-%dT%H:%M:%S")
        return cls(
            utc=f"{text}.{utc_ns // 1000 % 10**6:06d}Z", utc_ns=utc_ns, monotonic_ns=clock.monotonic_ns()
        )


class Writer(msgspec.Struct, frozen=True, kw_only=True):
    """The process that writes a record; `mark` tells it from another one with its number."""

    pid: int
    mark: str
    host: str

    @classmethod
    def this(cls) -> Writer:
        """Return the process that calls."""
        pid, mark = this_process()
        return cls(pid=pid, mark=mark, host=platform.node())

    @property
    def alive(self) -> bool:
        """Whether it runs on this machine. A process elsewhere cannot be seen and counts as alive."""
        return self.host != platform.node() or Identity(self.pid, self.mark).alive


class StreamRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What the run holds of one stream.

    Attributes
    ----------
    kind : str
        "frames" or "rows".
    path : str
        Where it lies, in the run's folder.
    policy : str
        What happens when the recorder falls behind: "block", "drop" or "fail".
    spec : FrameSpec or RowSpec
        What each frame or row looks like.
    first_sequence : int
        Number in the stream of the first one that belongs to the run.
    ring_created_ns : int
        When the ring that it came from was made: tells it from a later one of the same name.
    expected, stored, lost : int
        ``expected == stored + lost``.
    renumbered : int
        How often the camera began to count anew, as one does that was started again.
    error : str
        What ended the recording of this stream early.
    uncounted : bool
        Whether more may be lost than `lost` says: the stream went on, or ended, where nobody saw it.
    ledger : StreamStatus or None
        The stream and all its readers when the run ended.
    """

    kind: str
    path: str
    policy: Policy
    spec: FrameSpec | RowSpec
    first_sequence: int
    ring_created_ns: int = 0
    expected: int = 0
    stored: int = 0
    lost: int = 0
    renumbered: int = 0
    error: str = ""
    uncounted: bool = False
    ledger: StreamStatus | None = None


class Restart(msgspec.Struct, frozen=True, kw_only=True):
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


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """Everything about a run that is not a frame or a row.

    Attributes
    ----------
    outcome : str
        "recording" until it is closed; then "complete", "finished early", "cancelled", "failed" or
        "incomplete: lost N" or "incomplete: lost at least N". `Manifest.seen` says what it means to a reader.
    reason : str
        Why it ended so, in the words of whoever ended it.
    plan, settings, devices, devices_at_end : dict
        What was asked, and the states of the devices when it began and ended.
    losses : dict of str to int
        What never came to a recorded stream, by reason, as whoever ended the run counted it.
    """

    run: str
    started: Moment
    recorder: Writer
    format: int = FORMAT
    rig: str = ""
    outcome: str = RECORDING
    reason: str = ""
    ended: Moment | None = None
    pixel_size_um: float | None = None
    plan: dict[str, Any] = {}
    settings: dict[str, Any] = {}
    devices: dict[str, Any] = {}
    devices_at_end: dict[str, Any] = {}
    versions: dict[str, str] = {}
    streams: dict[str, StreamRecord] = {}
    losses: dict[str, int] = {}
    restarts: tuple[Restart, ...] = ()
    errors: tuple[str, ...] = ()

    @property
    def seen(self) -> str:
        """The outcome as it looks now: "unknown: not closed" if the recorder died without closing the run."""
        return seen_outcome(self.outcome, recorder_alive=self.recorder.alive)


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


def read_manifest(folder: Path) -> Manifest:
    """Return the record of the run in `folder`.

    Raises
    ------
    BadInputError
        If there is none, or it is none of ours.
    """
    try:
        return msgspec.json.decode((folder / FILE_NAME).read_bytes(), type=Manifest)
    except (OSError, msgspec.DecodeError) as error:
        raise BadInputError(f"{folder} holds no run: {error}") from error


def _encoded(manifest: Manifest) -> bytes:
    try:
        return msgspec.json.encode(manifest, enc_hook=_plain)
    except (TypeError, ValueError, OverflowError, RecursionError):
        spelled = {name: _spelled(getattr(manifest, name)) for name in _FREE}
        return msgspec.json.encode(msgspec.structs.replace(manifest, **spelled))


def _spelled(value: Any, depth: int = 0) -> Any:
    """Return `value` with text wherever it holds a number, a key, a text or a depth that JSON does not."""
    match value:
        case dict() if depth < _DEEPEST:
            return {_spelled(str(key)): _spelled(item, depth + 1) for key, item in value.items()}
        case list() | tuple() | set() | frozenset() if depth < _DEEPEST:
            return [_spelled(item, depth + 1) for item in value]
        case np.ndarray() | np.generic():
            return _spelled(value.tolist(), depth + 1)
        case None | bool() | float():
            return value
        case int():
            return value if -(2**63) <= value < 2**64 else hex(value)
    return str(value).encode(errors="backslashreplace").decode()


def _plain(value: Any) -> Any:
    """Return what JSON can hold of a value that somebody put into plan, settings or device states."""
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    return str(value)


def versions() -> dict[str, str]:
    """Return the versions of what writes and computes here: Python, the system and the packages."""
    found = {"python": platform.python_version(), "system": platform.platform()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:  # an optional one
            continue
    return found
