"""Makes the folder of one run: always a new one, and only on a disk with enough room."""

from __future__ import annotations

import os
import re
import shutil
import unicodedata
from datetime import UTC, datetime
from pathlib import Path

from parfocal.core.clock import SYSTEM_CLOCK, Clock
from parfocal.core.errors import BadInputError, DiskFullError
from parfocal.storage.disk import free_bytes, storage_errors

_LONGEST_BYTES = 120
"""Of a run's name; the time, a number and the names of files in it need the rest of what systems allow."""
_UNSAFE = re.compile(r"[^\w.+-]+")
RESERVE = ".reserve"
"""In the folder of a run until its record is closed."""
_RESERVE_BYTES = 2**18
_MOMENT = "%Y-%m-%dT%H-%M-%S"


class RunFolder:
    """Where everything of a run lies.

    A reserve of some hundred kilobytes lies in it while it is written, so that the final record
    finds room on a disk that has become full.

    Attributes
    ----------
    path : Path
        The folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._identity = _identity(path)

    @classmethod
    def create(
        cls, parent: Path, name: str = "", *, least_free_bytes: int = 0, clock: Clock = SYSTEM_CLOCK
    ) -> RunFolder:
        """Make a new folder in `parent`, named by the time and `name`, such as ``2026-03-01T14-05-09_beads``.

        Whatever `name` holds, the folder has a name that every system and shell takes: see `safe_name`.

        Raises
        ------
        BadInputError
            If `parent` is no folder that can be written to.
        DiskFullError
            If fewer than `least_free_bytes` are free there.
        """
        moment = datetime.fromtimestamp(clock.utc_ns() // 10**9, UTC).strftime(_MOMENT)
        check_place(parent, least_free_bytes)
        with storage_errors(parent):
            parent.mkdir(parents=True, exist_ok=True)
            folder = cls(_make(parent, "_".join(filter(None, (moment, safe_name(name))))))
            folder._reserve.write_bytes(bytes(_RESERVE_BYTES))
        return folder

    @property
    def exists(self) -> bool:
        """Whether it is still there, and is still the same folder."""
        return self._identity is not None and _identity(self.path) == self._identity

    def discard(self) -> None:
        """Remove it: for a run that never began."""
        shutil.rmtree(self.path, ignore_errors=True)

    def give_up_reserve(self) -> None:
        """Free the reserve for the final record. Idempotent."""
        self._reserve.unlink(missing_ok=True)

    @property
    def _reserve(self) -> Path:
        return self.path / RESERVE


def read_name(folder: str) -> tuple[datetime | None, str]:
    """Return when the folder of a run was made, and for a run of which name, as its own name tells it.

    Examples
    --------
    >>> made, name = read_name("2026-03-01T14-05-09_beads")
    >>> str(made), name
    ('2026-03-01 14:05:09+00:00', 'beads')
    >>> read_name("beads")
    (None, 'beads')
    """
    moment, _, name = folder.partition("_")
    try:
        return datetime.strptime(moment, _MOMENT).replace(tzinfo=UTC), name
    except ValueError:
        return None, folder


def safe_name(name: str) -> str:
    """Return what a run called `name` is called on the disk.

    Letters of any script, digits and ``. _ + -`` stay; whatever else there is becomes one ``-``; what is too
    long is cut. Names begin and end with none of ``. -``.

    Examples
    --------
    >>> safe_name("60 % Tröpfchen [2. Versuch]"), safe_name("../.hidden"), safe_name(" ")
    ('60-Tröpfchen-2.-Versuch', 'hidden', '')
    >>> len(safe_name("ö" * 200).encode())
    120
    """
    text = unicodedata.normalize("NFC", name.encode("utf-8", "replace").decode())
    text = _UNSAFE.sub("-", text).strip(".-")
    return text.encode()[:_LONGEST_BYTES].decode(errors="ignore").strip(".-")


def check_place(
    parent: Path,
    least_free_bytes: int = 0,
    *,
    remedy: str = "name another folder, or set least_free_mb of the recorder lower",
) -> int:
    """Return how many bytes are free for runs in the folder `parent`, which need not be there yet.

    Makes nothing.

    `remedy` is what whoever asks can do beside freeing space, for the error.

    Raises
    ------
    BadInputError
        If something else is there, or it cannot be written to.
    DiskFullError
        If fewer than `least_free_bytes` are free there.
    """
    whole = parent.absolute()
    nearest = next(path for path in (whole, *whole.parents) if path.exists())
    if not nearest.is_dir():
        raise BadInputError(f"runs cannot go to {parent}: {nearest} is a file; name a folder")
    if not os.access(nearest, os.W_OK):
        raise BadInputError(
            f"runs cannot go to {parent}: {nearest} cannot be written to; name another folder"
        )
    free = free_bytes(nearest)
    if free < least_free_bytes:
        raise DiskFullError(
            f"only {free // 10**6} MB are free in {nearest}, wanted are {least_free_bytes // 10**6} MB: free "
            f"some space, or {remedy}"
        )
    return free


def _make(parent: Path, name: str) -> Path:
    """Make a folder that did not exist: `name`, or the first free of ``name-2``, ``name-3``..."""
    number = 1
    while True:
        path = parent / (name if number == 1 else f"{name}-{number}")
        try:
            path.mkdir()
        except FileExistsError:
            number += 1
        else:
            return path


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
