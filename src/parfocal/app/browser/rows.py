"""What the browser knows of one image: a row of its table, as plain data."""

from __future__ import annotations

from pathlib import PurePath

import msgspec


class ImageRow(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One image: a file, or one position of a file, a data set or a run; or what cannot be read.

    Attributes
    ----------
    path : str
        What to open.
    position : int
        Which position of it.
    source : str
        The file or data set that lies in `folder` and of which this is a part; `path` where that is all.
    folder : str
        The folder in which it is listed.
    name : str
        For people.
    kind : str
        "OME-TIFF", "OME-Zarr", "run" ...
    well, site, channel, z, t : str
        Its components, as far as its name or its data set tells them; "" where it has all of them, or none.
    channels : tuple of str
        Names of the channels that it holds.
    sizes : dict of str to int
        How many channels, planes and times it holds, by "c", "z" and "t"; what is 1 is left out.
    shape : tuple of int
        (y, x); () while it is not known.
    dtype : str
        Of a pixel.
    pixel_size_um : float or None
        Edge of a pixel in the sample.
    time_ns : int
        When it was begun (a run) or changed last (a file), UTC.
    nbytes : int
        Of the file, or of those files of a data set that describe it.
    outcome : str
        How a run ended: "recording" while it goes on.
    problem : str
        Why it cannot be read; "" if it can.
    is_read : bool
        Whether it was opened; before that, only its name is known.
    """

    path: str
    position: int = 0
    source: str = ""
    folder: str = ""
    name: str = ""
    kind: str = ""
    well: str = ""
    site: str = ""
    channel: str = ""
    z: str = ""
    t: str = ""
    channels: tuple[str, ...] = ()
    sizes: dict[str, int] = {}
    shape: tuple[int, ...] = ()
    dtype: str = ""
    pixel_size_um: float | None = None
    time_ns: int = 0
    nbytes: int = 0
    outcome: str = ""
    problem: str = ""
    is_read: bool = False

    @property
    def key(self) -> tuple[str, int]:
        """What tells it from any other row."""
        return self.path, self.position

    @property
    def components(self) -> dict[str, str]:
        """What its place is in a stack, by component, such as ``{"well": "A01", "t": "3"}``.

        Examples
        --------
        >>> ImageRow(path="a.tif", well="A01", t="3").components
        {'well': 'A01', 't': '3'}
        """
        named = {name: getattr(self, name) for name in ("well", "site", "channel", "z", "t")}
        return {name: value for name, value in named.items() if value}

    @property
    def group(self) -> str:
        """The name of the data set, or of the folder, whose images make one stack."""
        return PurePath(self.folder if self.source == self.path else self.source).name
