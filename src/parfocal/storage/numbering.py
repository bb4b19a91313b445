"""The index of a frame in its run, from its number: a lost frame leaves a gap and shifts no other."""

from __future__ import annotations

from parfocal.core.status import UNKNOWN_NUMBER as UNKNOWN

SPARE_GAP = 2**20
"""All gaps of a run together may be this much longer than its frames: room is taken for gaps, too. A jump of
the numbers beyond it is a new numbering, not that many lost frames."""


class Numbering:
    """Gives each frame of a stream its index in the run, once, and says how many the run should hold.

    Three things tell what is missing: the stream's sequence numbers (the ring lost it), the frame numbers
    (the camera lost it, which the ring cannot know), and the number that the producer would give its next
    frame (it lost the first or the last ones). A producer that counts anew is taken as it is: its frames go
    on after the last index, and what it lost meanwhile nobody can tell.

    Parameters
    ----------
    first_sequence : int
        Sequence number of the first frame that belongs to the run.
    first_number : int
        Number that the first frame should have; `UNKNOWN_NUMBER` takes that of the first one that comes.

    Attributes
    ----------
    next_sequence, next_index : int
        What the next frame gets if nothing is lost in between.
    renumbered : int
        How often the producer began to count anew.

    Examples
    --------
    >>> numbering = Numbering(first_sequence=40, first_number=999)
    >>> numbering.place(40, 1000), numbering.place(41, 1003), numbering.place(43, 1005)
    (1, 4, 6)
    >>> numbering.expected(end=44), numbering.expected(end=46), numbering.expected(next_number=1010)
    (7, 9, 11)
    """

    def __init__(self, first_sequence: int = 0, first_number: int = UNKNOWN) -> None:
        self.next_sequence = first_sequence
        self.next_index = 0
        self.renumbered = 0
        self._placed = 0
        self._origin = first_number

    @property
    def placed(self) -> int:
        """How many frames have an index. Never more than are told by `next_index`, whoever looks."""
        return self._placed

    def resume(self, *, index: int, sequence: int, number: int, placed: int) -> None:
        """Go on after the frame that was placed last, at `index`; `placed` frames were placed by then."""
        self.next_sequence = sequence + 1
        self.next_index = index + 1
        self._placed = placed
        self._origin = number - index

    def go_on(self, number: int) -> None:
        """Go on in a later phase of the run, whose first frame should have `number`: no gap before it."""
        self._origin = UNKNOWN if number == UNKNOWN else number - self.next_index

    def place(self, sequence: int, number: int) -> int:
        """Return the index of the next frame.

        Parameters
        ----------
        sequence : int
            Its number in the stream, `next_sequence` or later; one before that was placed already.
        number : int
            Its number as the producer counts.
        """
        earliest = self.next_index + sequence - self.next_sequence
        if self._origin == UNKNOWN:
            self._origin = number - earliest
        elif not self._placed and number - self._origin == earliest - 1:
            self._origin -= 1  # a producer takes a number just before it publishes the frame
        index = number - self._origin
        if not earliest <= index <= max(earliest, 2 * self._placed + SPARE_GAP):
            self.renumbered += 1
            self._origin = number - earliest
            index = earliest
        self._placed += 1
        self.next_sequence = sequence + 1
        self.next_index = index + 1
        return index

    def expected(self, *, end: int = 0, next_number: int = UNKNOWN) -> int:
        """Return how many frames the run should hold.

        Parameters
        ----------
        end : int
            Sequence number at which it ends.
        next_number : int
            Number that the producer would give its next frame; `UNKNOWN_NUMBER` if it does not tell.
        """
        by_sequence = self.next_index + max(0, end - self.next_sequence)
        by_number = next_number - self._origin if UNKNOWN not in (next_number, self._origin) else 0
        return max(by_sequence, by_number)
