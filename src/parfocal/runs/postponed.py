"""Work that is put off and done later, in order: what leads to the light of a stimulus goes before it."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class PostponedWork:
    """What is to be done later, in the order in which it came up. One thread at a time.

    Examples
    --------
    >>> later = PostponedWork()
    >>> later.add(lambda: print("the image is in the log"))
    >>> later.add(lambda: print("so is its stimulus"))
    >>> later.catch_up()
    the image is in the log
    so is its stimulus
    """

    def __init__(self) -> None:
        self._waiting: deque[Callable[[], object]] = deque()

    @property
    def waits(self) -> bool:
        """Whether anything is to be done."""
        return bool(self._waiting)

    def add(self, work: Callable[[], object]) -> None:
        """Have something done by the next `catch_up`."""
        self._waiting.append(work)

    def catch_up(self) -> None:
        """Do all that waits. What raises is not done again; what comes after it waits still."""
        while self._waiting:
            self._waiting.popleft()()
