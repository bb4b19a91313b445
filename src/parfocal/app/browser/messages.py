"""What the browser asks the processes that read for it, and what they answer."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from parfocal.app.browser.rows import ImageRow

Pixels = NDArray[np.uint8]


class ListFolder(msgspec.Struct, frozen=True, tag=True):
    """Tell what is in a folder, and not what is in the folders in it."""

    folder: str


class ReadRows(msgspec.Struct, frozen=True, tag=True):
    """Tell what images are in these files, data sets and runs: rows of which only the names are known."""

    rows: list[ImageRow]


class DrawThumbnail(msgspec.Struct, frozen=True, tag=True):
    """Draw an image, at most `size` px along each side."""

    row: ImageRow
    size: int


class SendRows(msgspec.Struct, frozen=True, tag=True):
    """Send all images of these rows to a viewer."""

    rows: list[ImageRow]
    viewer: str
    kind: str


Request = ListFolder | ReadRows | DrawThumbnail | SendRows


class Listed(msgspec.Struct, frozen=True, tag=True):
    """A part of what is in a folder; only what is new or has changed since it was listed before.

    Attributes
    ----------
    kind : str
        What the folder is as a whole; "" for one that only holds others.
    folders : list of str
        All folders in it; () where it is a data set.
    rows : list of ImageRow
        Of which only the names are known.
    gone : list of str
        What was there before.
    problem : str
        Why it cannot be listed.
    last : bool
        Whether this is all.
    """

    folder: str
    kind: str = ""
    folders: list[str] = []
    rows: list[ImageRow] = []
    gone: list[str] = []
    problem: str = ""
    last: bool = True


class RowsRead(msgspec.Struct, frozen=True, tag=True):
    """The images of files, data sets and runs, as they have been read so far.

    Attributes
    ----------
    sources : list of str
        What has been read to its end.
    rows : list of ImageRow
        Images of these, and of `partial`.
    partial : str
        A source of which further images follow; "" if there is none.
    last : bool
        Whether these are the last of all that were asked for.
    """

    sources: list[str]
    rows: list[ImageRow]
    partial: str = ""
    last: bool = False


class ThumbnailDrawn(msgspec.Struct, frozen=True, tag=True):
    """A thumbnail, (y, x) grey; None with the reason why there is none."""

    path: str
    position: int
    pixels: Any = None
    problem: str = ""
    last: bool = True


class Sent(msgspec.Struct, frozen=True, tag=True):
    """How many images of all were sent so far, and what went wrong."""

    done: int
    planned: int
    problem: str = ""
    last: bool = False


Answer = Listed | RowsRead | ThumbnailDrawn | Sent
