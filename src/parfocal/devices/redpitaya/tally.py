"""A count that outlives the process that counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from parfocal.streams.counters import Counters

if TYPE_CHECKING:
    from pathlib import Path


class Tally:
    """Numbers from 1, kept in a file: a process that is killed leaves them to the next one.

    A number is used up before it is given, so that none is ever given twice; one may be left out.

    Parameters
    ----------
    path : Path
        The file, made if there is none. One process at a time may count in it.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder) / "traces"
    ...     first = Tally(path)
    ...     next(first), next(first), next(Tally(path))
    (1, 2, 3)
    """

    def __init__(self, path: Path) -> None:
        self._counters = Counters(path, ("last",))

    def __iter__(self) -> Tally:
        return self

    def __next__(self) -> int:
        self._counters["last"] += 1
        return self._counters["last"]
