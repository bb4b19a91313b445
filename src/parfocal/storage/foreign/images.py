"""Images of an OME-Zarr of another program, found by the index of time point, position, channel and plane."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from parfocal.core.errors import BadInputError, MovieError
from parfocal.core.event_layout import EventLayout, PositionLayout
from parfocal.core.frames import FrameSpec
from parfocal.formats.zarr import LABELS, ImagePlace, ZarrImage, image_folders, label_names, open_image
from parfocal.storage.recorded_frames import RecordedImage
from parfocal.streams import HEADER_DTYPE

if TYPE_CHECKING:
    from numpy.typing import NDArray

_AXES = "tcz"


class ForeignImage(RecordedImage):
    """An image, or one position of it; nothing is known of its frames but where they lie.

    Parameters
    ----------
    image : ZarrImage
        With axes of t, p, c, z in any order, before y and x.
    position : int
        Which of those along p, if it has that axis.
    """

    def __init__(self, image: ZarrImage, position: int = 0) -> None:
        outer = image.axes[:-2]
        if not image.axes.endswith("yx") or len(set(outer)) != len(outer) or set(outer) - set("tpcz"):
            raise BadInputError(f"its axes are {image.axes!r}: known are t, p, c and z, before y and x")
        self.axes = "".join(axis for axis in _AXES if axis in outer)
        self._outer, self._position = outer, position
        self.pixels = image.store
        sizes = [int(image.store.shape[outer.index(axis)]) for axis in self.axes]
        self.headers = _headers(tuple(sizes), 0.0 if image.interval_s is None else image.interval_s.value)

    @property
    def frame_shape(self) -> tuple[int, ...]:
        """The shape of a frame, (y, x)."""
        return tuple(int(size) for size in self.pixels.shape[-2:])

    def read(self, place: tuple[int, ...]) -> NDArray[Any]:
        """Return the pixels of the frame at a place, a copy."""
        at = {**dict(zip(self.axes, place, strict=True)), "p": self._position}
        pixels: NDArray[Any] = self.pixels[tuple(at[axis] for axis in self._outer)].read().result()
        return pixels


class AbsentImage(RecordedImage):
    """A position in which nothing is labelled: none of its frames is there.

    Parameters
    ----------
    like : RecordedImage
        Labels of another position, whose axes and type these would have.
    """

    def __init__(self, like: RecordedImage) -> None:
        self.axes, self.pixels, self._frame_shape = like.axes, like.pixels, like.frame_shape
        self.headers = np.zeros((0,) * len(like.axes), HEADER_DTYPE)

    @property
    def frame_shape(self) -> tuple[int, ...]:
        """The shape that a frame would have, (y, x)."""
        return self._frame_shape


class ForeignStream(NamedTuple):
    """Images of one kind, as if they were a stream of a run.

    `places` are the folders of the images, one for each position.
    """

    images: list[RecordedImage]
    layout: EventLayout
    spec: FrameSpec
    places: tuple[Path, ...]


class _Opened(NamedTuple):
    """The image in a folder, and its positions: several where it has an axis p."""

    place: ImagePlace
    image: ZarrImage
    positions: Sequence[RecordedImage]


def foreign_streams(root: Path) -> tuple[dict[str, ForeignStream], dict[str, str]]:
    """Return the images of an OME-Zarr, and its labels by their names; and why others are left out.

    Labels have the positions of the images, those in which nothing is labelled as well.

    Raises
    ------
    BadInputError
        If there is no image that can be read.
    """
    try:
        found = image_folders(root)
    except MovieError as error:
        raise BadInputError(f"{error}") from error
    missing: dict[str, str] = {}
    images = [one for one in _opened(found, missing) if one is not None]
    if not images:
        raise BadInputError("; ".join(missing.values()) or "it holds no image")
    streams = {"images": _stream(images, "")}
    for name in dict.fromkeys(name for one in images for name in label_names(one.place.path)):
        if labels := _labels(images, name, missing):
            streams[name] = _stream(labels, name)
    return streams, missing


def _labels(images: list[_Opened], name: str, missing: dict[str, str]) -> list[_Opened]:
    """Return the labels of each image; [] if none of them can be read."""
    places = [one.place._replace(path=one.place.path / LABELS / name) for one in images]
    found = _opened(places, missing)
    first = next((one for one in found if one is not None), None)
    if first is None:
        return []
    labels = []
    for image, place, own in zip(images, places, found, strict=True):
        count = len(image.positions)
        if own is not None and len(own.positions) == count:
            labels.append(own)
            continue
        if own is not None:
            missing[str(place.path)] = f"it has {len(own.positions)} positions, its image {count}"
        labels.append(_Opened(place, first.image, [AbsentImage(first.positions[0])] * count))
    return labels


def _opened(places: Sequence[ImagePlace], missing: dict[str, str]) -> list[_Opened | None]:
    """Return the images that look as the first of them; None for others, of which it is noted why."""
    opened: list[_Opened | None] = []
    first: _Opened | None = None
    for place in places:
        try:
            one = _open(place, first)
        except (MovieError, BadInputError, ValueError) as error:
            missing[str(place.path)] = str(error)
            opened.append(None)
        else:
            first = first or one
            opened.append(one)
    return opened


def _open(place: ImagePlace, first: _Opened | None) -> _Opened:
    image = open_image(place.path)
    several = int(image.store.shape[image.axes.index("p")]) if "p" in image.axes else 1
    positions = [ForeignImage(image, position) for position in range(several)]
    own, others = positions[0], (positions if first is None else first.positions)[0]
    if (own.frame_shape, own.axes) != (others.frame_shape, others.axes):
        raise BadInputError(
            f"it is {own.axes} of {own.frame_shape}, others {others.axes} of {others.frame_shape}"
        )
    return _Opened(place, image, positions)


def _stream(opened: list[_Opened], label: str) -> ForeignStream:
    images = [position for one in opened for position in one.positions]
    places = [place for one in opened for place in _places(one)]
    first = opened[0].image
    spec = FrameSpec(
        shape=images[0].frame_shape,
        dtype=np.dtype(first.store.dtype.numpy_dtype).name,
        pixel_size_um=None if first.pixel_size_um is None else first.pixel_size_um.value,
    )
    return ForeignStream(
        images, _layout(images, places, first, label), spec, tuple(one.path for one in places)
    )


def _places(opened: _Opened) -> list[ImagePlace]:
    count = len(opened.positions)
    return [opened.place] if count == 1 else [opened.place._replace(site=str(n)) for n in range(count)]


def _layout(
    images: list[RecordedImage], places: list[ImagePlace], first: ZarrImage, label: str
) -> EventLayout:
    inner = images[0].axes
    axes = "".join(axis for axis in "tpcz" if axis in inner or axis == "p")
    sizes = {axis: max(image.size(axis) for image in images) for axis in axes} | {"p": len(images)}
    named = len(first.channels) == sizes.get("c", 0)
    return EventLayout(
        axes=axes,
        sizes=tuple(sizes[axis] for axis in axes),
        positions=tuple(_position(place) for place in places),
        channels=first.channels if named and not label else (),
        interval_s=None if first.interval_s is None else first.interval_s.value or None,
    )


def _position(place: ImagePlace) -> PositionLayout:
    name = f"{place.well}/{place.site}" if place.well and place.site else place.site or place.well
    try:
        return PositionLayout(name=name, well=place.well)
    except BadInputError:  # wells of other plates have other names
        return PositionLayout(name=name)


def _headers(sizes: tuple[int, ...], interval_s: float) -> NDArray[np.void]:
    """Return headers of frames that are numbered as they lie, with the times that the interval tells."""
    headers = np.zeros(sizes, HEADER_DTYPE)
    headers["frame"] = headers["event"] = np.arange(headers.size).reshape(sizes)
    if sizes:
        steps = np.arange(sizes[0]).reshape(-1, *(1 for _ in sizes[1:]))
        headers["time_ns"] = np.broadcast_to(steps * round(interval_s * 1e9), sizes)
    return headers
