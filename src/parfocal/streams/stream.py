"""Finds the streams of a folder, shows their status, and makes readers of them."""

from __future__ import annotations

import contextlib
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from parfocal.core.clock import SYSTEM_CLOCK
from parfocal.core.errors import StreamNotFoundError, nearest
from parfocal.core.files import files_in
from parfocal.core.frames import Frame, FrameHeader, FrameSpec, StreamSpec
from parfocal.core.status import StreamStatus
from parfocal.streams import layout as at
from parfocal.streams.doorbell import deadline_of
from parfocal.streams.following import RingLocation
from parfocal.streams.latest import LatestReader
from parfocal.streams.liveness import is_alive
from parfocal.streams.lossless import LosslessReader
from parfocal.streams.reader_table import read_ledgers
from parfocal.streams.segment import Segment
from parfocal.streams.slots import FrameSlots

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Literal

    from parfocal.streams.attaching import Since

_LOOK_S = 0.01


class Stream:
    """A stream as anybody sees it: what it holds, how it is doing, and readers of it. Made by `open_stream`.

    The memory stays mapped as long as this object, a reader or a view lives. Any thread may use it.
    """

    def __init__(self, segment: Segment) -> None:
        self._segment = segment
        self.name = segment.path.stem

    def __repr__(self) -> str:
        return f"<Stream {self.name!r}: {self.spec}>"

    @property
    def spec(self) -> StreamSpec:
        """What its frames or rows look like."""
        return self._segment.layout.spec

    @cached_property
    def _slots(self) -> FrameSlots:
        return FrameSlots(self._segment)

    @property
    def folder(self) -> Path:
        """The folder of streams that it lies in: a rig has one, of its own name."""
        return self._segment.path.parent

    @property
    def generation(self) -> int:
        """How many rings have had this name, one after another, this one included."""
        return int(self._segment.words[at.GENERATION])

    @property
    def created_ns(self) -> int:
        """When the ring was made, on the monotonic clock: later rings of this name have later times."""
        return int(self._segment.words[at.CREATED])

    @property
    def produced(self) -> int:
        """How many frames or rows were written so far. A look at one word, for who asks often."""
        return int(self._segment.words[at.HEAD])

    @property
    def next_number(self) -> int:
        """Number that the producer would give its next frame, as it tells; -1 if it does not."""
        return self._segment.next_number

    def status(self) -> StreamStatus:
        """Return the stream and the ledger of each reader at this instant."""
        words = self._segment.words
        writer = self._segment.writer()
        readers = read_ledgers(words)
        head = words[at.HEAD]
        living = is_alive(writer)
        return StreamStatus(
            name=self.name,
            kind="frames" if isinstance(self.spec, FrameSpec) else "rows",
            produced=head,
            abandoned=words[at.ABANDONED] if living else max(0, words[at.BEGUN] - head),
            slots=self._segment.layout.slots,
            writer_pid=writer.pid if living else 0,
            readers=readers,
            axes=self.spec.axes if isinstance(self.spec, FrameSpec) else "",
        )

    def find_frame(self, header: FrameHeader) -> Frame | None:
        """Return a copy of the frame that a header belongs to, if the ring still holds it.

        It is no reader: a frame leaves the ring as if nobody wanted it. Costs a few microseconds and the copy
        where the frame is one of the newest.

        Raises
        ------
        TypeError
            If it is a stream of rows.
        """
        slots, words = self._slots, self._segment.words
        for sequence in range(words[at.HEAD] - 1, words[at.TAIL] - 1, -1):
            slot, _ = slots.find(sequence, 1)
            found = slots.header(slot)
            if (found.frame, found.time_ns) != (header.frame, header.time_ns):
                continue
            frame = Frame(slots.view(slot).copy(), found)
            return frame if words[at.TAIL] <= sequence else None
        return None

    @property
    def produced_before(self) -> int:
        """How many frames or rows the earlier generations of this stream held together."""
        return int(self._segment.words[at.BEFORE])

    def ended(self) -> bool:
        """Return whether its writer has closed it, another ring has its name, or its file was removed."""
        return bool(self._segment.words[at.CLOSED] != at.OPEN) or not self._segment.is_current()

    def latest(
        self,
        name: str = "",
        *,
        newest: bool = False,
        follow: bool = False,
        on_attach: Callable[[LatestReader], None] | None = None,
    ) -> LatestReader:
        """Attach a reader that may skip. Offers begin with the next frame.

        Parameters
        ----------
        name : str
            Makes it durable: whoever comes back under it after a crash goes on where it was.
        newest : bool
            Begin with the frame that is there, if there is one.
        follow : bool
            Go on with the successor's frames when the writer dies, the stream ends or changes its shape;
            `read` then waits for the successor, and `spec` shows what it writes.
        on_attach : callable
            Called with the reader, in the thread that makes or reads it, each time it has got to a ring,
            before anything of it is read.
        """
        return LatestReader(RingLocation(self._segment.path, self._segment, follow), name, newest, on_attach)

    def lossless(
        self,
        policy: Literal["block", "fail", "drop"] = "block",
        name: str = "",
        every: int = 1,
        offset: int = 0,
        *,
        follow: bool = False,
        on_attach: Callable[[LosslessReader], None] | None = None,
    ) -> LosslessReader:
        """Attach a reader that gets every frame in order; see `LosslessReader` for what `policy` means.

        A `name` makes it durable: whoever comes back under it after a crash goes on where it was. `follow`
        and `on_attach` mean the same as for `latest`; of a successor it is offered everything from the first
        frame on.
        """
        return LosslessReader(
            RingLocation(self._segment.path, self._segment, follow), name, policy, every, offset, on_attach
        )


def follow_latest(
    folder: Path, stream: str, name: str = "", on_attach: Callable[[LatestReader], None] | None = None
) -> LatestReader:
    """Return a reader of the newest frame of a stream that need not be there yet.

    It begins with the frame that is there, and goes on through every end and restart of the writer; see
    `Stream.latest`.
    """
    return LatestReader(_find_rings(folder, stream), name, True, on_attach)


def follow_lossless(
    folder: Path,
    stream: str,
    policy: Literal["block", "fail", "drop"] = "block",
    name: str = "",
    every: int = 1,
    offset: int = 0,
    *,
    since: Since = "now",
    on_attach: Callable[[LosslessReader], None] | None = None,
) -> LosslessReader:
    """Return a reader of every frame of a stream that need not be there yet.

    It begins with the next frame, or with the oldest that is still there (`since` "start"), or the first one
    of a stream that is made later, and goes on through every end and restart of the writer; see
    `Stream.lossless`.
    """
    return LosslessReader(_find_rings(folder, stream), name, policy, every, offset, on_attach, since)


def _find_rings(folder: Path, stream: str) -> RingLocation:
    path = _path_of(folder, stream)
    with contextlib.suppress(StreamNotFoundError):
        return RingLocation(path, Segment.attach(path), follows=True)
    return RingLocation(path, None, follows=True)


def open_stream(folder: Path, name: str, timeout_s: float | None = 0.0) -> Stream:
    """Return the stream `name` in `folder`, from whatever process writes it.

    Parameters
    ----------
    timeout_s
        How long to wait for it to be made, None for ever; looked for a hundred times a second.

    Raises
    ------
    StreamNotFoundError
        If it isn't there.
    """
    deadline = deadline_of(timeout_s)
    while True:
        try:
            return Stream(Segment.attach(_path_of(folder, name)))
        except StreamNotFoundError as error:
            if deadline is not None and SYSTEM_CLOCK.monotonic_s() >= deadline:
                raise StreamNotFoundError(f"{error}; {nearest(name, stream_names(folder))}") from None
            SYSTEM_CLOCK.sleep(_LOOK_S)


def _path_of(folder: Path, name: str) -> Path:
    return Path(folder) / f"{name}.ring"


def stream_names(folder: Path) -> tuple[str, ...]:
    """Return the names of the streams in `folder`, in order."""
    return tuple(sorted(path.stem for path in files_in(Path(folder), "*.ring")))
