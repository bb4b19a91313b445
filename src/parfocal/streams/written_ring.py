"""A ring as its writer uses it: slots are claimed, filled and committed, rows are put, readers are woken."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from parfocal.core.clock import SYSTEM_CLOCK
from parfocal.core.frames import FrameSpec, StreamSpec
from parfocal.streams import layout as at
from parfocal.streams.attached import AttachedReaders
from parfocal.streams.free_slots import SlotPool, pass_tail
from parfocal.streams.liveness import Owner
from parfocal.streams.slots import FrameSlots, RowBuffer

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from parfocal.streams.segment import Segment

_CHECK_FILE_S = 0.5


class WrittenRing:
    """One ring of a stream, held by its writer alone: its memory goes when the writer lets go of this.

    One thread at a time.

    Parameters
    ----------
    segment : Segment
        Which this process writes, or will write.
    """

    def __init__(self, segment: Segment) -> None:
        segment.bring_in()
        layout = segment.layout
        self.segment, self.words, self.slots = segment, segment.words, layout.slots
        self.dtype = layout.item_dtype
        self.shape = layout.spec.shape if isinstance(layout.spec, FrameSpec) else ()
        self.readers = AttachedReaders(segment)
        self._check_due_s = SYSTEM_CLOCK.monotonic_s() + _CHECK_FILE_S
        if isinstance(layout.spec, FrameSpec):
            self.frames = FrameSlots(segment)
            self._pool = SlotPool(segment, self.readers)
        else:
            self._rows = RowBuffer(segment)

    @property
    def spec(self) -> StreamSpec:
        """What every frame or row looks like."""
        return self.segment.layout.spec

    def claim(self, most: int, timeout_s: float | None) -> tuple[int, int]:
        """Return a free slot to be filled, and how many from there on are free, too, up to `most`."""
        slot, count = self._pool.claim(most, timeout_s)
        self.words[at.BEGUN] += count
        return slot, count

    def commit(self, slot: int, count: int) -> None:
        """Publish slots that were claimed, and filled."""
        head = self.words[at.HEAD]
        self.frames.enter(head, slot, count)
        self.words[at.HEAD] = head + count
        self.readers.ring(head + count)
        self._check_file()

    def abandon(self, slot: int, count: int) -> None:
        """Give slots back that were claimed, and not filled."""
        self.words[at.ABANDONED] = self.words[at.BEGUN] - self.words[at.HEAD]
        self._pool.give_back(slot, count)

    def put(self, rows: NDArray[Any], timeout_s: float | None) -> None:
        """Publish rows, half a ring's worth at most."""
        words = self.words
        head = words[at.HEAD]
        pass_tail(words, self.readers, head + len(rows) - self.slots, timeout_s)
        words[at.BEGUN] += len(rows)
        self._rows.put(head, rows)
        words[at.HEAD] = head + len(rows)
        self.readers.ring(head + len(rows))
        self._check_file()

    def leave(self) -> None:
        """Be its writer no more: another ring has its name, or will have it."""
        self.readers.ring(at.NEVER)
        self.readers.close()
        self.segment.note_writer(Owner(0, 0))

    def close(self) -> None:
        """End the stream, and remove its file; a fork only lets go of its copy."""
        if self.readers.is_inherited:
            self.readers.close()
            return
        self.words[at.CLOSED] = at.ENDED
        self.leave()
        if self.segment.is_current():
            with contextlib.suppress(PermissionError):  # Windows keeps files that readers have open
                self.segment.path.unlink(missing_ok=True)

    def _check_file(self) -> None:
        """See twice a second that the ring still has its name; raises `StreamRemovedError` if not."""
        now_s = SYSTEM_CLOCK.monotonic_s()
        if now_s > self._check_due_s:
            self._check_due_s = now_s + _CHECK_FILE_S
            self.segment.check_current()
