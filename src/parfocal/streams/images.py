"""Single images in shared memory: written once, named by a token in a command, read by its receiver.

::

    <shm root>/images/<for whom>/<pid>-<mark>-<number>.image     the pixels, and nothing else

Who puts an image owns it until it is taken or withdrawn; then the memory goes with the last one who looks at
it. The owner stands in the name, so that whoever comes next removes what a process that was killed has left.
"""

from __future__ import annotations

import itertools
import mmap
import os
import re
import threading
from contextlib import suppress
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import numpy as np

from parfocal.core.errors import BadInputError, ImageGoneError, ImagesFullError
from parfocal.core.files import files_in, private_folder
from parfocal.processes.identity import Identity, this_process

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

_NAME = re.compile(r"(\d{1,10})-([0-9a-f]+)-(\d+)\.image")
_numbers = itertools.count()
_LOOKS = 16


class ImageToken(msgspec.Struct, frozen=True, kw_only=True):
    """What a command carries instead of an image.

    Attributes
    ----------
    name : str
        Of the file.
    shape : tuple of int
        Of the array.
    dtype : str
        numpy name of the pixel type.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str

    @property
    def nbytes(self) -> int:
        """Bytes of the pixels."""
        return prod(self.shape) * np.dtype(self.dtype).itemsize


class Waiting(NamedTuple):
    """How many images wait to be taken, and their bytes, whoever put them."""

    images: int
    nbytes: int


class ImageFolder:
    """The images that wait for one service. Any thread, any process of this user.

    Parameters
    ----------
    folder : Path
        In shared memory; made if it is not there.
    limit_bytes : int
        All images that wait there, of whatever owner, take no more than this.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     images = ImageFolder(Path(folder) / "images")
    ...     token = images.put(np.arange(6, dtype=np.uint16).reshape(2, 3))
    ...     images.waiting(), images.take(token).tolist(), images.waiting()
    (Waiting(images=1, nbytes=12), [[0, 1, 2], [3, 4, 5]], Waiting(images=0, nbytes=0))
    """

    def __init__(self, folder: Path, limit_bytes: int = 2**30) -> None:
        self._folder = private_folder(folder)
        self._limit_bytes = limit_bytes
        self._lock = threading.Lock()
        self._put_since, self._room = limit_bytes, 0  # looked at before the first image
        pid, mark = this_process()
        self._owner = f"{pid}-{mark}"

    def put(self, image: NDArray[Any]) -> ImageToken:
        """Copy an image into shared memory; return the token for a command.

        Raises
        ------
        BadInputError
            If it is no array of numbers, or empty.
        ImagesFullError
            If it does not fit beside what waits; tells how much that is. Nothing was copied.
        """
        data = np.ascontiguousarray(image)
        if data.dtype.kind not in "buif" or data.dtype.itemsize > 8 or data.size == 0:
            raise BadInputError(f"an image is an array of numbers, not {data.dtype} of shape {data.shape}")
        with self._lock:
            self._check_room(data.nbytes)
        name = f"{self._owner}-{next(_numbers)}.image"
        path = self._folder / name
        try:
            with path.open("xb+") as file:
                file.write(data.view(np.uint8).reshape(-1).data)
            with self._lock:
                self._put_since += data.nbytes
                self._room -= data.nbytes
        except OSError as error:
            path.unlink(missing_ok=True)
            raise ImagesFullError(
                f"no room for an image of {data.nbytes} bytes in {self._folder}: {error.strerror}"
            ) from error
        return ImageToken(name=name, shape=data.shape, dtype=data.dtype.str)

    def take(self, token: ImageToken) -> NDArray[Any]:
        """Return the image of a token as a read-only view without a copy, and take it out of the folder.

        Raises
        ------
        BadInputError
            If it is no token of `put`.
        ImageGoneError
            If it was taken or withdrawn already, or its owner has ended.
        """
        path = self._path(token)
        try:
            with path.open("rb") as file:
                shared = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except (FileNotFoundError, ValueError) as error:
            raise ImageGoneError(f"image {token.name!r} is gone: taken, withdrawn, or never there") from error
        path.unlink(missing_ok=True)
        if len(shared) != token.nbytes or token.nbytes == 0:
            raise BadInputError(
                f"image {token.name!r} holds {len(shared)} bytes, not {token.nbytes} as its token says"
            )
        return np.frombuffer(shared, np.dtype(token.dtype)).reshape(token.shape)

    def withdraw(self, token: ImageToken) -> None:
        """Remove an image that nobody has taken; nothing happens if somebody has."""
        self._path(token).unlink(missing_ok=True)

    def waiting(self) -> Waiting:
        """Return how many images wait, and their bytes."""
        sizes = []
        with suppress(FileNotFoundError), os.scandir(self._folder) as entries:
            for entry in entries:
                with suppress(FileNotFoundError):
                    sizes.append(entry.stat().st_size)
        return Waiting(len(sizes), sum(sizes))

    def sweep(self) -> int:
        """Remove what processes that have ended left; return how many images that were."""
        swept = 0
        for path in files_in(self._folder, "*.image"):
            owner = _owner_of(path.name)
            if owner is not None and not owner.alive:
                path.unlink(missing_ok=True)
                swept += 1
        return swept

    def withdraw_all(self) -> None:
        """Remove every image of this process that nobody has taken."""
        for path in files_in(self._folder, f"{self._owner}-*.image"):
            path.unlink(missing_ok=True)

    def _check_room(self, nbytes: int) -> None:
        """Refuse an image that does not fit; the folder is looked at after each sixteenth of its limit.

        Between two looks what was put since the last one counts as waiting, so that putting an image takes no
        longer the more of them wait. Of n processes that put at once, each may pass the limit by that part.
        """
        if self._put_since + nbytes < self._limit_bytes // _LOOKS and self._room >= nbytes:
            return
        waiting = self.waiting()
        self._put_since, self._room = 0, self._limit_bytes - waiting.nbytes
        if self._room < nbytes:
            raise ImagesFullError(
                f"{waiting.images} images of {waiting.nbytes / 2**20:.0f} MiB wait already, and one more of "
                f"{nbytes / 2**20:.1f} MiB would pass the limit of {self._limit_bytes / 2**20:.0f} MiB"
            )

    def _path(self, token: ImageToken) -> Path:
        if not _NAME.fullmatch(token.name):
            raise BadInputError(f"{token.name!r} names no image")
        return self._folder / token.name


def _owner_of(name: str) -> Identity | None:
    match = _NAME.fullmatch(name)
    return None if match is None else Identity(int(match[1]), match[2])
