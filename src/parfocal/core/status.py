"""Frozen snapshots: what a stream, a process and a rig look like at one instant."""

from __future__ import annotations

from typing import Literal

import msgspec

from parfocal.core.known_types import known

UNKNOWN_NUMBER = -1
"""In place of a frame number that nobody has told."""

ProcessState = Literal["starting", "ready", "stopping", "exited", "crashed", "hung", "degraded"]


RECORDING = " (recording)"
"""With this at its end, the name of a reader says that it brings what it reads to a record."""


class ReaderLedger(msgspec.Struct, frozen=True, kw_only=True):
    """What became of each frame (or row) since this reader attached.

    ``offered == delivered + sum(dropped.values()) + in_flight`` holds in every snapshot, unless somebody has
    counted wrong: `balances` compares, `imbalance` says who.

    Attributes
    ----------
    name : str
        The reader's name; of one without, its service's or script's, and its process.
    pid : int
        Its process.
    policy : str
        "latest", "block", "fail" or "drop"; "various" in the sum of former readers.
    offered : int
        What the writer produced since the reader attached.
    delivered : int
        What the reader took and gave back.
    dropped : dict of str to int
        What the reader will never see, by reason: "skipped" (a latest reader moved on), "overrun" (it was
        too slow), "sampled" (it asked for every n-th), "died" (its process ended with these unread), "left"
        (it detached with these unread).
    in_flight : int
        What lies in the ring for it, the frame in its hands included.
    alive : bool
        Whether its process lives and has not detached.
    """

    name: str
    pid: int
    policy: str
    offered: int
    delivered: int
    dropped: dict[str, int]
    in_flight: int
    alive: bool = True

    @property
    def records(self) -> bool:
        """Whether it is a recording that goes on: the stream may not change its shape then."""
        return self.alive and self.name.endswith(RECORDING)

    @property
    def balances(self) -> bool:
        """Whether everything offered is accounted for, once each."""
        return not self.imbalance

    @property
    def imbalance(self) -> str:
        """What is wrong with the account, and on which side; "" if nothing is.

        What is offered and in flight follows from the writer's and the reader's positions; what was delivered
        and dropped the reader has counted one by one.

        Examples
        --------
        >>> ledger = ReaderLedger(
        ...     name="recorder", pid=1, policy="block", offered=8, delivered=9, dropped={}, in_flight=0
        ... )
        >>> ledger.imbalance
        "reader 'recorder' counted 9 of 8 that were offered"
        """
        dropped = sum(self.dropped.values())
        counted = self.delivered + dropped + self.in_flight
        negative = [reason for reason, count in self.dropped.items() if count < 0]
        if self.in_flight < 0 or self.offered < 0:
            return (
                f"the writer's position lies before that of reader {self.name!r}: {self.in_flight} in flight"
            )
        if self.delivered < 0 or negative:
            return f"reader {self.name!r} counted less than nothing as {(negative or ['delivered'])[0]}"
        if counted != self.offered:
            return f"reader {self.name!r} counted {counted} of {self.offered} that were offered"
        return ""


class StreamStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One stream and its ledger at one instant.

    Attributes
    ----------
    name : str
        The stream's name.
    kind : str
        "frames" or "rows".
    produced : int
        How many frames or rows the writers committed since the stream was created.
    abandoned : int
        Slots that a writer had begun and did not commit because it died.
    slots : int
        Capacity of the ring, in frames or rows.
    writer_pid : int
        The writing process; 0 if none is attached.
    readers : tuple of ReaderLedger
        Attached readers, and those that have left.
    axes : str
        Of each frame, such as "yx"; "" for rows.
    """

    name: str
    kind: str
    produced: int
    abandoned: int
    slots: int
    writer_pid: int
    readers: tuple[ReaderLedger, ...] = ()
    axes: str = ""

    @property
    def holds_images(self) -> bool:
        """Whether its frames are images: those of a camera are, traces of an oscilloscope are not."""
        return self.axes.endswith("yx")


class ProcessStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One service at one instant.

    Attributes
    ----------
    name : str
        The service's name in its rig.
    state : str
        One of `ProcessState`.
    pid : int
        Its process; 0 if none.
    restarts : int
        How often it was started again after a crash or a hang.
    exit_code : int or None
        Of the last process of this service that ended; negative for a signal.
    heartbeat_age_s : float
        Since its last heartbeat.
    busy_s : float
        Since its loop began the step or command that it is in; 0 between two of them.
    error : str
        The last failure, in a line; "" if none.
    verbose : bool
        Whether it logs what it does in detail.
    part_of : str
        The service that it was made for, such as a tracker's worker; "" for none.
    """

    name: str
    state: ProcessState
    pid: int = 0
    restarts: int = 0
    exit_code: int | None = None
    heartbeat_age_s: float = 0.0
    busy_s: float = 0.0
    error: str = ""
    verbose: bool = False
    part_of: str = ""


class AddedPanel(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A panel or a time plot that a rig has for every desktop that shows it.

    Attributes
    ----------
    kind : str
        "panel" or "plot".
    name : str
        What it is called among those of its kind.
    address : str
        Of its class, as ``package.module:Class``.
    folder : str
        Where desktops import it from beside where they import from anyway; "" for nowhere else.
    column : int or None
        0 for the left column of the window, 1 for the right one; None for where its class says.
    """

    kind: Literal["panel", "plot"]
    name: str
    address: str
    folder: str = ""
    column: Literal[0, 1] | None = None


class RigStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A rig at one instant: its services, its streams with their ledgers, panels of others that it has."""

    name: str
    pid: int
    state: str
    services: dict[str, ProcessStatus]
    streams: dict[str, StreamStatus] = {}
    panels: tuple[AddedPanel, ...] = ()


class StoredCount(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one recorded stream between the first and the last moment of a run.

    ``expected == stored + lost`` always.

    Attributes
    ----------
    expected : int
        Frames or rows that the run should hold: all that were produced, and those that the producer's own
        numbers say it lost.
    stored : int
        What is on the disk.
    renumbered : int
        How often the producer began to count anew.
    error : str
        What ended the recording of this stream early; "" if nothing did.
    uncounted : bool
        Whether more may be lost than `expected` knows of.
    unsynced : bool
        Whether something of it was kept from stable storage: some of what is `stored` may not be.
    repeated : int
        Frames that were left out because their event had one already: they are not lost.
    in_hand : int
        Of those that are not stored, how many are on their way: they were taken, and wait for their file.
    """

    expected: int
    stored: int
    renumbered: int = 0
    error: str = ""
    uncounted: bool = False
    unsynced: bool = False
    repeated: int = 0
    in_hand: int = 0

    @property
    def lost(self) -> int:
        """Frames or rows that are not on the disk."""
        return self.expected - self.stored


known(RigStatus, StreamStatus, StoredCount)
