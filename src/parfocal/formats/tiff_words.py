"""What a TIFF says of itself beside its pixels: names, times and sizes, from OME, ImageJ or Micro-Manager."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from parfocal.core.frames import Sensor
from parfocal.formats.contents import SourcedValue
from parfocal.formats.micromanager import elapsed_s, pixel_size_um, sensor_of
from parfocal.formats.ome import OmeImage, read_ome
from parfocal.formats.units import micrometres, seconds

if TYPE_CHECKING:
    import tifffile
    from numpy.typing import NDArray

_ELAPSED_TAG = 51123
"""Micro-Manager's metadata of a page, as JSON."""


@dataclass(frozen=True)
class Words:
    """What was found; see `parfocal.formats.contents.Contents` for what it means."""

    format: str
    names: dict[str, tuple[str, ...]] = field(default_factory=dict)
    pixel_size_um: SourcedValue | None = None
    interval_s: SourcedValue | None = None
    images: tuple[OmeImage, ...] = ()
    elapsed_s: NDArray[np.float64] | None = None
    times_from: str = ""
    sensor: Sensor | None = None

    def times_s(self, axes: str, sizes: tuple[int, ...]) -> NDArray[np.float64] | None:
        """Return the time of each plane of a grid, where the file tells."""
        if self.elapsed_s is not None and self.elapsed_s.size == np.prod(sizes, dtype=int):
            return self.elapsed_s.reshape(sizes)
        if not axes.startswith("p"):
            return self.images[0].times_s(axes, sizes) if self.images else None
        each = [image.times_s(axes[1:], sizes[1:]) for image in self.images]
        return np.stack(each) if len(each) == sizes[0] and all(t is not None for t in each) else None  # type: ignore[arg-type]


def words_of(file: tifffile.TiffFile, series: list[Any], position: int | None) -> Words:
    """Return what the file says of `series`: all of its series, or the one at `position`."""
    if file.is_ome and file.ome_metadata:
        images = read_ome(file.ome_metadata)
        return _ome_words(file, series, images if position is None else images[position : position + 1])
    if file.is_micromanager:
        return _micromanager_words(file, series)
    if file.is_imagej:
        return _imagej_words(file)
    return Words("TIFF")


def _ome_words(file: tifffile.TiffFile, series: list[Any], images: list[OmeImage]) -> Words:
    kind = "Micro-Manager OME-TIFF" if file.is_micromanager else "OME-TIFF"
    if not images:
        return Words(kind)
    by_planes = any(image.deltas_s for image in images)
    stated = by_planes and images[0].pixel_size_um is not None
    own = _micromanager_words(file, series) if file.is_micromanager and not stated else Words(kind)
    return Words(
        kind,
        names={"c": images[0].channels, "p": tuple(image.name for image in images)},
        pixel_size_um=images[0].pixel_size_um or own.pixel_size_um,
        interval_s=images[0].interval_s or own.interval_s,
        images=tuple(images) if by_planes else (),
        elapsed_s=None if by_planes else own.elapsed_s,
        times_from="OME DeltaT" if by_planes else own.times_from,
        sensor=Sensor(bit_depth=images[0].bit_depth) if images[0].bit_depth else own.sensor,
    )


def _micromanager_words(file: tifffile.TiffFile, series: list[Any]) -> Words:
    summary = (file.micromanager_metadata or {}).get("Summary", {})
    pages = [page for one in series for page in one.pages]
    each = [_page_metadata(page) for page in pages]
    interval = seconds(summary.get("Interval_ms"), "ms")
    size = pixel_size_um(summary) or next((size for one in each if (size := pixel_size_um(one))), None)
    times = np.array([elapsed_s(one) for one in each])
    return Words(
        "Micro-Manager TIFF",
        pixel_size_um=None if size is None else SourcedValue(size, "Micro-Manager PixelSizeUm"),
        interval_s=None if interval is None else SourcedValue(interval, "Micro-Manager Interval_ms"),
        elapsed_s=times if np.isfinite(times).any() else None,
        times_from="Micro-Manager ElapsedTime-ms",
        sensor=next((found for one in each if (found := sensor_of(one)) is not None), None),
    )


def _page_metadata(page: Any) -> dict[str, Any]:
    """Return Micro-Manager's metadata of a page; a page that shares its key page's tags is read anew."""
    if page is None:
        return {}
    tags = page.aspage().tags if hasattr(page, "aspage") else page.tags
    value = tags.valueof(_ELAPSED_TAG)
    return value if isinstance(value, dict) else {}


def _imagej_words(file: tifffile.TiffFile) -> Words:
    metadata = file.imagej_metadata or {}
    interval = seconds(metadata.get("finterval"), metadata.get("tunit", "s"))
    size = _imagej_size(file.pages[0], metadata)
    return Words(
        "ImageJ TIFF",
        pixel_size_um=None if size is None else SourcedValue(size, "ImageJ resolution"),
        interval_s=None if interval is None else SourcedValue(interval, "ImageJ finterval"),
    )


def _imagej_size(page: Any, metadata: dict[str, Any]) -> float | None:
    """Return micrometres a pixel: ImageJ keeps pixels for one of its units in the tag of the resolution."""
    resolution = page.tags.valueof("XResolution")
    if not resolution or not resolution[0]:
        return None
    return micrometres(resolution[1] / resolution[0], metadata.get("unit", "pixel"))
