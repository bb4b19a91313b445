"""Every version of a tracker's regions, in a file of the rig's streams: rows name the version they are of.

::

    17                          the rig's main process
    {"roi_px": 64, ...}         a version, whole
    [2, [{"bead": 0, ...}]]     the next one, in which these regions have moved

A lock that follows the beads makes a version a second, for days, and moves few of them each time.
"""

from __future__ import annotations

import os
from collections import deque
from typing import TYPE_CHECKING

import msgspec

from parfocal.analysis.beads.rois import Roi, RoiSet

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

FORMAT = "parfocal roi versions 1"
_WHOLE_EVERY = 1000
"""So many versions further on one is whole again: who is started again goes on from there."""


class _MovedRois(msgspec.Struct, frozen=True, array_like=True):
    """A version, and its regions that have moved since the one before."""

    version: int
    moved: tuple[Roi, ...]


class RoiVersions:
    """Keeps each version of the regions, one a line; a tracker that is started again goes on with its file.

    Versions are added by one thread at a time; any other may save them meanwhile.

    Parameters
    ----------
    path : Path
        The file; made if it isn't there.
    owner : int
        Pid of the rig's main process: what another rig left there is thrown away.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> rois = RoiSet(roi_px=64, width_px=640, height_px=480)
    >>> RoiVersions(folder / "versions", owner=7).add(rois)
    >>> again = RoiVersions(folder / "versions", owner=7)
    >>> again.newest == rois
    True
    >>> RoiVersions(folder / "versions", owner=8).newest is None
    True
    """

    def __init__(self, path: Path, owner: int) -> None:
        self._path = path
        self._since_whole = 0
        self.newest = _newest_of(path, owner)
        if self.newest is None:
            path.write_bytes(_first_line(owner))

    def add(self, rois: RoiSet) -> None:
        """Add a version, unless it is the newest one already. Raises `OSError` if there is no room for it."""
        before = self.newest
        if before is not None and rois.version == before.version:
            return
        moved = None
        if before is not None and self._since_whole < _WHOLE_EVERY:
            moved = _moved(before, rois)
        with self._path.open("ab", buffering=0) as file:
            file.write(msgspec.json.encode(rois if moved is None else moved) + b"\n")
        self._since_whole = 0 if moved is None else self._since_whole + 1
        self.newest = rois

    def save(self, path: Path) -> None:
        """Write all versions, whole, the oldest first, to a file of JSON."""
        with self._path.open("rb") as lines, path.open("wb") as file:
            lines.readline()
            file.write(b'{"format":' + msgspec.json.encode(FORMAT) + b',"versions":[')
            between = b""
            written = (line for line in lines if line.endswith(b"\n"))  # the last one may be on its way
            for rois in _versions_in(written):
                file.write(between + msgspec.json.encode(rois))
                between = b",\n"
            file.write(b"]}")


def _moved(before: RoiSet, after: RoiSet) -> _MovedRois | None:
    """Return what has moved from one version to another; None if anything else is different, too."""
    same = msgspec.structs.replace(before, version=after.version, rois=after.rois)
    if same != after or before.beads != after.beads:
        return None
    pairs = zip(before.rois, after.rois, strict=True)
    return _MovedRois(after.version, tuple(new for old, new in pairs if new != old))


def _versions_in(lines: Iterable[bytes]) -> Iterator[RoiSet]:
    """Yield the versions that lines tell; the first of them is whole."""
    rois: RoiSet | None = None
    for line in lines:
        if line.startswith(b"{"):
            rois = msgspec.json.decode(line, type=RoiSet)
        else:
            assert rois is not None
            told = msgspec.json.decode(line, type=_MovedRois)
            moved = {roi.bead: roi for roi in told.moved}
            now = tuple(moved.get(roi.bead, roi) for roi in rois.rois)
            rois = msgspec.structs.replace(rois, version=told.version, rois=now)
        yield rois


def _newest_of(path: Path, owner: int) -> RoiSet | None:
    """Return the newest version in a file of this owner, and cut off what was not written to its end."""
    try:
        lines = path.read_bytes().splitlines(keepends=True)
    except FileNotFoundError:
        return None
    if lines[:1] != [_first_line(owner)]:
        return None
    if not lines[-1].endswith(b"\n"):  # its writer was killed, and told nobody of it
        os.truncate(path, sum(map(len, lines[:-1])))
        del lines[-1]
    return next(iter(deque(_versions_in(lines[_last_whole(lines) :]), maxlen=1)), None)


def _last_whole(lines: Sequence[bytes]) -> int:
    """Return which line is the last one that tells a version whole; their number if none is."""
    numbers = range(len(lines) - 1, 0, -1)
    return next((number for number in numbers if lines[number].startswith(b"{")), len(lines))


def _first_line(owner: int) -> bytes:
    return f"{owner}\n".encode()
