"""Named integers in a mapped file, which go on from where they were when their process is restarted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from parfocal.processes.mapped import mapped_file

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


class Counters:
    """Named 64-bit integers, written by one process and read by any.

    Parameters
    ----------
    path : Path
        The file; made if it isn't there.
    names : sequence of str
        In the order in which they lie in the file.
    owner : int
        On whose behalf they count, such as the pid of the rig's main process: numbers that were counted for
        another owner are set to 0. 0 takes them as they are.

    Raises
    ------
    OSError
        If there is no room for them.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     counters = Counters(Path(folder) / "frames.counts", ["made", "lost"], owner=1)
    ...     counters["made"] += 3
    ...     again = Counters(Path(folder) / "frames.counts", ["made", "lost"], owner=1).snapshot()
    >>> again
    {'made': 3, 'lost': 0}
    """

    def __init__(self, path: Path, names: Sequence[str], owner: int = 0) -> None:
        self._places = {name: place for place, name in enumerate(names, start=1)}
        size = 8 * (len(names) + 1)
        memory = memoryview(mapped_file(path, size))
        self._numbers = memory.cast("q")
        if owner and self._numbers[0] != owner:
            memory[:] = bytes(size)
            self._numbers[0] = owner

    def __getitem__(self, name: str) -> int:
        return self._numbers[self._places[name]]

    def __setitem__(self, name: str, value: int) -> None:
        self._numbers[self._places[name]] = value

    def snapshot(self) -> dict[str, int]:
        """Return all of them."""
        return {name: self[name] for name in self._places}
