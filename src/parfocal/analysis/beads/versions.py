"""Every version of a tracker's regions, in a file of the rig's streams: rows name the version they are of."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import msgspec

from parfocal.analysis.beads.rois import RoiSet

if TYPE_CHECKING:
    from pathlib import Path

FORMAT = "parfocal roi versions 1"


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
        self.newest = _newest_of(path, owner)
        if self.newest is None:
            path.write_bytes(_first_line(owner))

    def add(self, rois: RoiSet) -> None:
        """Add a version, unless it is the newest one already. Raises `OSError` if there is no room for it."""
        if self.newest is not None and rois.version == self.newest.version:
            return
        with self._path.open("ab", buffering=0) as file:
            file.write(msgspec.json.encode(rois) + b"\n")
        self.newest = rois

    def save(self, path: Path) -> None:
        """Write all versions, oldest first, to a file of JSON."""
        with self._path.open("rb") as lines, path.open("wb") as file:
            lines.readline()
            file.write(b'{"format":' + msgspec.json.encode(FORMAT) + b',"versions":[')
            between = b""
            for line in lines:
                if line.endswith(b"\n"):  # the last one may be on its way
                    file.write(between + line.rstrip())
                    between = b",\n"
            file.write(b"]}")


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
    return msgspec.json.decode(lines[-1], type=RoiSet) if len(lines) > 1 else None


def _first_line(owner: int) -> bytes:
    return f"{owner}\n".encode()
