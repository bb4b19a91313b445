"""Which index a frame has in its run: its number there, so that a lost frame leaves a gap and shifts none."""

from __future__ import annotations

LARGEST_GAP = 2**31
"""A jump of the camera's numbers beyond this is a new numbering, not that many lost frames."""


class Numbering:
    """Gives each frame of a stream its index in the run, once.

    Two things tell what is missing: the stream's sequence number (the ring lost it) and the camera's frame
    number (the camera lost it, which the ring cannot know). A camera that was started again counts anew; its
    frames go on after the last index.

    Parameters
    ----------
    first_sequence : int
        Sequence number of the first frame that belongs to the run.

    Attributes
    ----------
    next_sequence, next_index : int
        What the next frame gets if nothing is lost in between.
    renumbered : int
        How often the camera began to count anew.

    Examples
    --------
    >>> numbering = Numbering(first_sequence=40)
    >>> numbering.place(40, 1000), numbering.place(41, 1003), numbering.place(43, 1005)
    (0, 3, 5)
    >>> numbering.next_sequence, numbering.next_index
    (44, 6)
    """

    def __init__(self, first_sequence: int = 0) -> None:
        self.next_sequence = first_sequence
        self.next_index = 0
        self.renumbered = 0
        self._origin: int | None = None

    def resume(self, *, index: int, sequence: int, number: int) -> None:
        """Go on after the frame that was placed last, at `index`."""
        self.next_sequence = sequence + 1
        self.next_index = index + 1
        self._origin = number - index

    def place(self, sequence: int, number: int) -> int:
        """Return the index of the next frame.

        Parameters
        ----------
        sequence : int
            Its number in the stream, `next_sequence` or later; one before that was placed already.
        number : int
            Its number as the camera counts.
        """
        earliest = self.next_index + sequence - self.next_sequence
        if self._origin is None:
            self._origin = number - earliest
        index = number - self._origin
        if not earliest <= index <= earliest + LARGEST_GAP:
            self.renumbered += 1
            self._origin = number - earliest
            index = earliest
        self.next_sequence = sequence + 1
        self.next_index = index + 1
        return index
