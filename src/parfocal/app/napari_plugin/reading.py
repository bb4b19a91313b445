"""The layers of a file or of a recorded run, as napari takes them: data, settings, kind of layer."""

from __future__ import annotations

import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from parfocal.app.napari_plugin.lazy_planes import LazyPlanes
from parfocal.core.errors import BadInputError, MovieError, ParfocalError
from parfocal.formats import file_of, parts_of
from parfocal.storage.recorded_run import MADE_OF_IMAGES, is_run, open_run

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from parfocal.formats import ImagePart, Movie
    from parfocal.storage.recorded_frames import RecordedFrames
    from parfocal.storage.recorded_run import RecordedRun

    LayerData = tuple[Any, dict[str, Any], str]

_LABELS = "labels"
_COLOURS = ("cyan", "magenta", "yellow", "green", "red", "blue")


def get_reader(path: str | list[str]) -> Callable[[str], list[LayerData]] | None:
    """Return what reads a path; None if nothing of ours does (napari asks this of every plugin)."""
    if isinstance(path, list):
        return None
    there = file_of(Path(path))
    if not there.exists():
        return None
    if there.is_dir() and not is_run(there):
        try:
            next(parts_of(there))
        except (ParfocalError, OSError, StopIteration):
            return None
    return read_layers


def read_layers(path: str) -> list[LayerData]:
    """Return the layers of a file, a folder of images or a recorded run: one for each channel.

    Time, position and plane are dimensions that are read where somebody looks; a frame that is not there is
    black.

    Raises
    ------
    BadInputError, MovieError
        If it cannot be read; tells why.
    """
    if is_run(Path(path)):
        return run_layers(open_run(path))
    parts = list(parts_of(path))
    readable = [part for part in parts if part.facts is not None]
    if not readable:
        raise MovieError("; ".join(part.problem for part in parts) or f"{path}: there are no images in it")
    if _alike(readable):
        return _part_layers(readable, Path(path).name)
    return [layer for part in readable for layer in _part_layers([part], _name_of(part))]


def run_layers(run: RecordedRun) -> list[LayerData]:
    """Return the layers of a recorded run: its channels, and the cells that its pipeline has found."""
    cameras = [name for name in run.streams("frames") if name not in MADE_OF_IMAGES]
    if not cameras:
        raise BadInputError(run.manifest.missing.get("images", f"run {run.folder} holds no images"))
    layers: list[LayerData] = []
    for name in cameras:
        prefix = run.folder.name if len(cameras) == 1 else f"{run.folder.name} {name}"
        layers += _frame_layers(run.frames(name), prefix, _pixel_size(run, name), _channels(run, name))
    if _LABELS in run.streams("frames"):
        axes = _lengths(run.frames(cameras[0]))
        planes = _planes(run.frames(_LABELS), axes, {})
        settings = _settings(f"{run.folder.name} {_LABELS}", _pixel_size(run, cameras[0]), tuple(axes))
        layers.append((planes, settings, "labels"))
    return layers


def _frame_layers(
    frames: RecordedFrames, name: str, size_um: float | None, channels: tuple[str, ...]
) -> list[LayerData]:
    """Return a layer for each channel of the frames of one stream."""
    axes, numbers = _lengths(frames), frames.indices.get("c", (0,))
    layers: list[LayerData] = []
    for number in numbers:
        planes = _planes(frames, axes, {"c": number})
        if len(numbers) == 1:
            layers.append((planes, _settings(name, size_um, tuple(axes)), "image"))
            continue
        channel = channels[number] if number < len(channels) else str(number)
        settings = _settings(f"{name} {channel}", size_um, tuple(axes)) | _coloured(number)
        layers.append((planes, settings, "image"))
    return layers


def _lengths(frames: RecordedFrames) -> dict[str, int]:
    """Return the axes that become dimensions, and how long they are: not channels, nor what has length 1."""
    return {
        axis: len(numbers) for axis, numbers in frames.indices.items() if axis != "c" and len(numbers) > 1
    }


def _planes(frames: RecordedFrames, lengths: dict[str, int], chosen: dict[str, int]) -> LazyPlanes:
    """Return the planes of recorded frames along axes; they are the same along one that they do not have."""
    first = {axis: numbers[0] for axis, numbers in frames.indices.items()}

    def read(place: tuple[int, ...]) -> NDArray[Any]:
        wanted = dict(zip(lengths, place, strict=True)) | chosen
        return frames.plane({axis: wanted.get(axis, first[axis]) for axis in first})

    height, width = frames.frame_shape
    return LazyPlanes(tuple(lengths.values()), (height, width), frames.dtype, read)


def _part_layers(parts: list[ImagePart], name: str) -> list[LayerData]:
    """Return a layer for each channel of parts that are alike; several are a dimension of positions."""
    movies = [part.open() for part in parts]
    facts = movies[0].facts
    axes, sizes = facts.axes, dict(zip(facts.axes, facts.sizes, strict=True))
    kept = [axis for axis in axes if axis != "c"]
    outer = (*((len(parts),) if len(parts) > 1 else ()), *(sizes[axis] for axis in kept))
    layers: list[LayerData] = []
    for number in range(sizes.get("c", 1)):
        chosen = {"c": number} if "c" in sizes else {}
        planes = LazyPlanes(outer, facts.shape, np.dtype(facts.dtype), _reading(movies, kept, chosen))
        for movie in movies:
            weakref.finalize(planes, movie.close)
        channel = parts[0].channels[number] if number < len(parts[0].channels) else str(number)
        settings = _settings(
            name if sizes.get("c", 1) == 1 else f"{name} {channel}",
            facts.pixel_size_um,
            (*("p" for _ in parts[1:2]), *kept),
        )
        layers.append((planes, settings | (_coloured(number) if chosen else {}), "image"))
    return layers


def _reading(
    movies: list[Movie], kept: list[str], chosen: dict[str, int]
) -> Callable[[tuple[int, ...]], NDArray[Any]]:
    """Return what reads the image at a place: the position first, if there are several."""
    several = len(movies) > 1

    def read(place: tuple[int, ...]) -> NDArray[Any]:
        movie = movies[place[0]] if several else movies[0]
        along = dict(zip(kept, place[several:], strict=True)) | chosen
        try:
            return movie.read(movie.image_at(along))
        except BadInputError:  # the file does not hold it
            return np.zeros(movie.shape, movie.dtype)

    return read


def _settings(name: str, size_um: float | None, axes: tuple[str, ...]) -> dict[str, Any]:
    edge = size_um or 1.0
    return {
        "name": name,
        "scale": (*[1.0] * len(axes), edge, edge),
        "axis_labels": (*axes, "y", "x"),
        "metadata": {"pixel_size_um": size_um},
    }


def _coloured(number: int) -> dict[str, Any]:
    return {"colormap": _COLOURS[number % len(_COLOURS)], "blending": "additive"}


def _alike(parts: list[ImagePart]) -> bool:
    """Whether parts have images of one kind on one grid, so that they can be one array."""
    kinds = {
        (part.facts.shape, part.facts.dtype, part.facts.axes, part.facts.sizes, part.channels)
        for part in parts
        if part.facts is not None
    }
    return len(kinds) == 1


def _name_of(part: ImagePart) -> str:
    return " ".join(filter(None, (Path(part.path).name, part.well, part.site)))


def _pixel_size(run: RecordedRun, stream: str) -> float | None:
    size: float | None = getattr(run.manifest.streams[stream].spec, "pixel_size_um", None)
    return size


def _channels(run: RecordedRun, stream: str) -> tuple[str, ...]:
    events = run.manifest.streams[stream].events
    return () if events is None else events.channels
