"""Finding streams in a folder, looking at them, and clearing away what the dead left."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import TYPE_CHECKING

from parfocal.core.errors import StreamError, StreamNotFoundError
from parfocal.core.frames import FrameSpec, StreamSpec
from parfocal.core.status import StreamStatus
from parfocal.streams import layout as at
from parfocal.streams import ledger
from parfocal.streams.doorbell import Ringer
from parfocal.streams.liveness import Owner, is_alive
from parfocal.streams.reader import LatestReader, LosslessReader
from parfocal.streams.seats import read_ledgers, read_record
from parfocal.streams.segment import Segment, maker_of

if TYPE_CHECKING:
    from typing import Literal

_LOOK_S = 0.01


class Stream:
    """A stream as anybody sees it: what it holds, how it is doing, and readers of it. Made by `open_stream`.

    The memory stays mapped as long as this object, a reader or a view lives. Any thread may use it.
    """

    def __init__(self, segment: Segment) -> None:
        self._segment = segment
        self.name = segment.path.stem

    @property
    def spec(self) -> StreamSpec:
        """What its frames or rows look like."""
        return self._segment.layout.spec

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
        )

    def ended(self) -> bool:
        """Return whether its writer has closed it, or another ring has taken its name."""
        return bool(self._segment.words[at.CLOSED] != at.OPEN)

    def latest(self, name: str = "") -> LatestReader:
        """Attach a reader that may skip. Offers begin with the next frame.

        A `name` makes it durable: whoever comes back under it after a crash goes on where it was.
        """
        return LatestReader(self._segment, name)

    def lossless(
        self,
        policy: Literal["block", "fail", "drop"] = "block",
        name: str = "",
        every: int = 1,
        offset: int = 0,
    ) -> LosslessReader:
        """Attach a reader that gets every frame in order; see `LosslessReader` for what `policy` means.

        A `name` makes it durable: whoever comes back under it after a crash goes on where it was.
        """
        return LosslessReader(self._segment, name, policy, every, offset)


def open_stream(folder: Path, name: str, timeout_s: float = 0.0) -> Stream:
    """Return the stream `name` in `folder`, from whatever process writes it.

    Parameters
    ----------
    timeout_s
        How long to wait for it to be made; looked for a hundred times a second.

    Raises
    ------
    StreamNotFoundError
        If it isn't there.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            return Stream(Segment.attach(Path(folder) / f"{name}.ring"))
        except StreamNotFoundError as error:
            if time.monotonic() >= deadline:
                known = ", ".join(stream_names(folder)) or "none"
                raise StreamNotFoundError(f"{error}; streams there: {known}") from None
            time.sleep(_LOOK_S)


def stream_names(folder: Path) -> tuple[str, ...]:
    """Return the names of the streams in `folder`, in order."""
    return tuple(sorted(path.stem for path in Path(folder).glob("*.ring")))


def reclaim(folder: Path) -> tuple[str, ...]:
    """Remove what the dead left in `folder`; return the names of the streams that were removed.

    A stream is removed if its writer is dead and no living reader is attached. Half-made rings and bells
    without an owner go, too. What a living process uses stays.
    """
    removed = []
    for name in stream_names(folder):
        path = Path(folder) / f"{name}.ring"
        with contextlib.suppress(StreamError, PermissionError):
            if _remove_if_stale(path):
                removed.append(name)
    for path in Path(folder).glob("*.new"):
        if not is_alive(maker_of(path)):
            path.unlink(missing_ok=True)
    for path in Path(folder).glob("*.bell"):
        _remove_if_silent(path)
    return tuple(removed)


def _remove_if_stale(path: Path) -> bool:
    ring = Segment.attach(path)
    with ring.locked(patience_s=1.0):
        records = [read_record(ring.words, seat) for seat in range(at.SEATS)]
        owners = [Owner(record.pid, record.started) for record in records if record.phase == ledger.ATTACHED]
        if any(is_alive(owner) for owner in (ring.writer(), *owners)):
            return False
        path.unlink()
        return True


def _remove_if_silent(path: Path) -> None:
    ringer = Ringer(path, port=0)
    if not ringer.ring():
        path.unlink(missing_ok=True)
    ringer.close()
