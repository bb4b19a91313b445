"""What Micro-Manager writes beside its images: elapsed times, pixel sizes, and names that tell the axes."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from parfocal.core.frames import Sensor
from parfocal.formats.units import micrometres, whole_number

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

METADATA = "metadata.txt"
_AXIS = re.compile(r"(channel|position|time|z)(\d+)(?=[_.])")
_LETTERS = {"position": "p", "time": "t", "z": "z", "channel": "c"}


def elapsed_s(metadata: dict[str, Any]) -> float:
    """Return the seconds since the acquisition began, of an image's metadata; NaN if it does not tell.

    Examples
    --------
    >>> elapsed_s({"ElapsedTime-ms": 117.0}), elapsed_s({})
    (0.117, nan)
    """
    try:
        return float(metadata["ElapsedTime-ms"]) / 1e3
    except (KeyError, TypeError, ValueError):
        return float("nan")


def pixel_size_um(metadata: dict[str, Any]) -> float | None:
    """Return the edge of a pixel, of an image's or the summary's metadata; 0 stands for "not calibrated"."""
    for name in ("PixelSizeUm", "PixelSize_um"):
        size = micrometres(metadata.get(name), "um")
        if size is not None:
            return size
    return None


def sensor_of(metadata: dict[str, Any]) -> Sensor | None:
    """Return how many bits a count has, of an image's metadata; None if it does not tell.

    Examples
    --------
    >>> sensor_of({"Camera": "Cam", "Cam-BitDepth": "12"}).saturates_at
    4095.0
    """
    camera = metadata.get("Camera") or metadata.get("Core-Camera")
    bits = whole_number(metadata.get("BitDepth")) or whole_number(metadata.get(f"{camera}-BitDepth"))
    return Sensor(bit_depth=bits) if 0 < bits <= 64 else None


def axes_in_name(name: str) -> dict[str, int]:
    """Return what the name of a single-plane file tells of its place, by the letter of the axis.

    Examples
    --------
    >>> axes_in_name("img_channel001_position000_time000000012_z000.tif")
    {'c': 1, 'p': 0, 't': 12, 'z': 0}
    >>> axes_in_name("img_0012.tif")
    {}
    """
    return {_LETTERS[word]: int(number) for word, number in _AXIS.findall(name)}


def grid_of(names: Iterable[str]) -> tuple[str, tuple[int, ...], list[int]] | None:
    """Return axes, their sizes and the place of each file in the grid; None if the names do not tell.

    Numbers along an axis may be uneven or begin anywhere: they are put in order, without gaps but in time.

    Examples
    --------
    >>> grid_of(["img_channel000_time000_z0.tif", "img_channel000_time002_z0.tif"])
    ('tzc', (3, 1, 1), [0, 2])
    """
    found = [axes_in_name(name) for name in names]
    axes = "".join(letter for letter in "ptzc" if letter in found[0])
    if not axes or any(set(place) != set(axes) for place in found):
        return None
    values = {axis: sorted({place[axis] for place in found}) for axis in axes}
    if "t" in axes:
        first, last = values["t"][0], values["t"][-1]
        values["t"] = list(range(first, last + 1)) if last - first < 4 * len(found) else values["t"]
    sizes = tuple(len(values[axis]) for axis in axes)
    where = {axis: {number: place for place, number in enumerate(values[axis])} for axis in axes}
    places = []
    for one in found:
        flat = 0
        for axis, size in zip(axes, sizes, strict=True):
            flat = flat * size + where[axis][one[axis]]
        places.append(flat)
    return (axes, sizes, places) if len(set(places)) == len(places) else None


def read_metadata(folder: Path) -> dict[str, dict[str, Any]]:
    """Return the metadata of each file of a folder by its name, as ``metadata.txt`` tells; {} without one."""
    try:
        text = (folder / METADATA).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return {}
    document = _json(text) or _json(text.rstrip().rstrip(",") + "}")  # an acquisition that was cut short
    found = {}
    for key, value in (document or {}).items():
        if isinstance(value, dict) and key.startswith(("FrameKey", "Metadata-")):
            name = str(value.get("FileName") or key.removeprefix("Metadata-"))
            found[name.replace("\\", "/").rpartition("/")[2]] = value
    return found


def _json(text: str) -> dict[str, Any] | None:
    try:
        document = json.loads(text)
    except ValueError:
        return None
    return document if isinstance(document, dict) else None
