"""What OME-XML tells of times and sizes: pure functions on its text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import numpy as np

from parfocal.formats.contents import SourcedValue
from parfocal.formats.units import micrometres, seconds, whole_number

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class OmeImage:
    """One image (position) of an OME document.

    Attributes
    ----------
    name : str
        Of the image; "" if it has none.
    channels : tuple of str
        Names of the channels, "" where there is none.
    pixel_size_um, interval_s : SourcedValue or None
        As in `parfocal.formats.contents.Contents`.
    bit_depth : int
        Bits of a count; 0 if it does not tell.
    deltas_s : dict
        Seconds since the beginning of the acquisition, by the numbers of (t, c, z).
    """

    name: str
    channels: tuple[str, ...]
    pixel_size_um: SourcedValue | None
    interval_s: SourcedValue | None
    deltas_s: dict[tuple[int, int, int], float]
    bit_depth: int = 0

    def times_s(self, axes: str, sizes: tuple[int, ...]) -> NDArray[np.float64] | None:
        """Return the time of each plane of a grid, NaN where it is not told; None if none is."""
        if not self.deltas_s:
            return None
        times = np.full(sizes, np.nan)
        for place in np.ndindex(*sizes):
            at = dict(zip(axes, place, strict=True))
            key = (at.get("t", 0), at.get("c", 0), at.get("z", 0))
            times[place] = self.deltas_s.get(key, np.nan)
        return times


def read_ome(xml: str) -> list[OmeImage]:
    """Return the images of an OME document; none if it cannot be read.

    Examples
    --------
    >>> image = (
    ...     '<Image Name="Pos0"><Pixels PhysicalSizeX="65" PhysicalSizeXUnit="nm" TimeIncrement="2"/></Image>'
    ... )
    >>> read_ome(f'<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">{image}</OME>')[
    ...     0
    ... ].interval_s
    SourcedValue(value=2.0, source='OME TimeIncrement')
    """
    try:
        root = ElementTree.fromstring(xml)
    except ElementTree.ParseError:
        return []
    return [_image(node) for node in root if _tag(node) == "Image"]


def _image(node: ElementTree.Element) -> OmeImage:
    pixels = next((child for child in node if _tag(child) == "Pixels"), None)
    if pixels is None:
        return OmeImage(node.get("Name", ""), (), None, None, {})
    size = micrometres(pixels.get("PhysicalSizeX"), pixels.get("PhysicalSizeXUnit", "µm"))
    interval = seconds(pixels.get("TimeIncrement"), pixels.get("TimeIncrementUnit", "s"))
    return OmeImage(
        name=node.get("Name", ""),
        channels=tuple(child.get("Name", "") for child in pixels if _tag(child) == "Channel"),
        pixel_size_um=None if size is None else SourcedValue(size, "OME PhysicalSizeX"),
        interval_s=None if interval is None else SourcedValue(interval, "OME TimeIncrement"),
        deltas_s=dict(_deltas(pixels)),
        bit_depth=whole_number(pixels.get("SignificantBits")),
    )


def _deltas(pixels: ElementTree.Element) -> list[tuple[tuple[int, int, int], float]]:
    """Return what ``DeltaT`` of each plane says; those of 0 and without a number are kept and left out."""
    found = []
    for plane in pixels:
        if _tag(plane) != "Plane":
            continue
        try:
            place = (int(plane.get("TheT", "")), int(plane.get("TheC", "0")), int(plane.get("TheZ", "0")))
            value = float(plane.get("DeltaT", ""))
        except ValueError:
            continue
        unit = seconds(1, plane.get("DeltaTUnit", "s"))
        if unit is not None and np.isfinite(value):
            found.append((place, value * unit))
    return found


def _tag(node: ElementTree.Element) -> str:
    return node.tag.rpartition("}")[2]
