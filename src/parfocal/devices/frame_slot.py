"""The slot of a camera's ring that is being filled: kept from frame to frame until one has come."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from numpy.typing import NDArray

    from parfocal.core.frames import FrameHeader
    from parfocal.streams import Slot, StreamWriter


class FrameSlot:
    """Borrows one slot at a time of a stream's writer. For the camera's thread; close it before the writer.

    Parameters
    ----------
    writer : StreamWriter
        Of the frames.
    wait_s : float
        How long a slot is waited for while readers hold all of them; `StreamTimeoutError` then.
    """

    def __init__(self, writer: StreamWriter, wait_s: float) -> None:
        self._writer = writer
        self._wait_s = wait_s
        self._slot: Slot | None = None
        self._loan: AbstractContextManager[Slot]

    def pixels(self) -> NDArray[Any]:
        """Return where the next frame goes, shared memory of (y, x)."""
        return self._borrowed().data

    def set_header(self, header: FrameHeader) -> None:
        """Say what the frame in the slot is, before `commit`."""
        self._borrowed().header = header

    def commit(self) -> None:
        """Publish the frame."""
        self._slot = None
        self._loan.__exit__(None, None, None)

    def close(self) -> None:
        """Give the slot back unfilled; another one is borrowed when it is wanted. Idempotent."""
        if self._slot is not None:
            self._slot = None
            self._loan.__exit__(_NoFrame, _NoFrame(), None)

    def _borrowed(self) -> Slot:
        if self._slot is None:
            self._loan = self._writer.slot(timeout_s=self._wait_s)
            self._slot = self._loan.__enter__()
        return self._slot


class _NoFrame(Exception):
    """Ends the loan of a slot that was not filled."""
