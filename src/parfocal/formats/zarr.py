"""OME-Zarr 0.4 and 0.5: images, series as bioformats2raw lays them out, plates, and parfocal's recordings."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import numpy as np
import tensorstore

from parfocal.core.errors import MovieError
from parfocal.core.files import way_to
from parfocal.core.frames import Sensor
from parfocal.formats.contents import Contents, SourcedValue
from parfocal.formats.pixels import native
from parfocal.formats.selection import listed
from parfocal.formats.units import micrometres, seconds

if TYPE_CHECKING:
    from numpy.typing import NDArray

_CACHE_BYTES = 200_000_000
_NOT_STORED = -1
LABELS = "labels"
"""The group of an image in which its label images lie."""


@dataclass(frozen=True)
class ZarrImage:
    """One image: its full-resolution array, as tensorstore has it, and what its document tells."""

    store: Any
    axes: str
    pixel_size_um: SourcedValue | None
    interval_s: SourcedValue | None
    headers: dict[str, NDArray[np.int64]]
    sensor: Sensor | None
    channels: tuple[str, ...]

    @property
    def look(self) -> str:
        """What has to be the same in all positions; a recording need not have all planes of each."""
        shape = tuple(self.store.shape)
        known = f"{self.axes} of {shape[-2:]}" if "frame" in self.headers else str(shape)
        return f"{known} {self.store.dtype.name}"


class ZarrReader:
    """The full-resolution arrays of an OME-Zarr; several images of one shape are positions.

    Parameters
    ----------
    path : Path
        An image, a folder of images as bioformats2raw makes it, or a plate, whose fields are positions.
    position : int or "all"
        Which image, where they differ in shape.
    """

    def __init__(self, path: Path, position: int | str = 0) -> None:
        folders = [folder.path for folder in image_folders(path)]
        number = len(folders)
        images = [open_image(folder) for folder in folders]
        unread: tuple[str, ...] = ()
        looks = [image.look for image in images]
        if len(set(looks)) > 1:
            found = listed(looks, "image")
            if position == "all" or int(position) >= len(images):
                raise MovieError(f"{path}: its images differ in shape or type: {found}")
            others = f"{len(images) - 1} of {len(images)} positions: read is position {position}"
            unread = (f"{others}, --position chooses ({found})",)
            images = [images[int(position)]]
        self._images = images
        contents = _contents(path, images, [way_to(folder, path) for folder in folders], unread)
        self.contents = replace(contents, chosen_of=number if unread else 0)

    def read_into(self, plane: int, out: NDArray[Any]) -> None:
        """Fill `out` with a plane."""
        place = (
            tuple(int(n) for n in np.unravel_index(plane, self.contents.sizes)) if self.contents.sizes else ()
        )
        store = self._images[0].store
        if len(self._images) > 1:
            store, place = self._images[place[0]].store, place[1:]
        np.copyto(out, store[place].read().result())

    def close(self) -> None:
        """Let go of the arrays."""
        self._images = []


def _contents(path: Path, images: list[ZarrImage], names: list[str], unread: tuple[str, ...]) -> Contents:
    first = images[0]
    axes = first.axes
    sizes = tuple(max(int(image.store.shape[n]) for image in images) for n in range(len(first.store.shape)))
    if len(axes) != len(sizes) or not axes.endswith("yx"):
        raise MovieError(
            f"{path}: axes {axes!r} for an array of shape {sizes}; wanted are ones that end in 'yx'"
        )
    outer, sizes, shape = axes[:-2], sizes[:-2], (sizes[-2], sizes[-1])
    if len(images) > 1:
        outer, sizes = "p" + outer, (len(images), *sizes)
    numbers, times_ns = (_recorded(images, column, sizes) for column in ("frame", "time_ns"))
    lost = np.zeros(0, bool) if numbers is None else numbers == _NOT_STORED
    return Contents(
        path=path,
        format="OME-Zarr" if numbers is None else "parfocal recording",
        axes=outer,
        sizes=sizes,
        shape=shape,
        dtype=native(first.store.dtype.numpy_dtype, path),
        names={"c": first.channels} | ({"p": tuple(names)} if len(images) > 1 else {}),
        pixel_size_um=first.pixel_size_um,
        interval_s=first.interval_s,
        plane_times_s=None if times_ns is None else np.where(lost, np.nan, times_ns * 1e-9),
        plane_times_from="recorded exposure ends",
        sensor=first.sensor,
        missing=frozenset(np.flatnonzero(lost).tolist()),
        unread=unread,
    )


def _recorded(images: list[ZarrImage], column: str, sizes: tuple[int, ...]) -> NDArray[np.int64] | None:
    """Return a column of what was recorded with the planes, in the shape of the grid; None if nothing was.

    An image that is shorter than others, of a run that goes on or was cut short, has no planes at its end.
    """
    own = sizes[1:] if len(images) > 1 else sizes
    grid = np.full((len(images), *own), _NOT_STORED, np.int64)
    for part, image in zip(grid, images, strict=True):
        values = image.headers.get(column)
        if values is None or values.ndim != len(own):
            return None
        cut = values[tuple(slice(n) for n in image.store.shape[:-2])]
        part[tuple(slice(n) for n in cut.shape)] = cut
    return grid.reshape(sizes)


class ImagePlace(NamedTuple):
    """Where an image of an OME-Zarr lies; its well, such as "A1", and field or series; "" where untold."""

    path: Path
    well: str = ""
    site: str = ""


def image_folders(path: Path) -> list[ImagePlace]:
    """Return the images of an OME-Zarr: `path` itself, or those in it that its documents list.

    Raises
    ------
    MovieError
        If its documents list none, or cannot be read.
    """
    attributes = attributes_of(path)
    own = attributes.get("parfocal")
    if isinstance(own, dict) and "images" in own:
        return [_placed(path, str(name)) for name in own["images"]]
    if "plate" in attributes:
        return _fields(path, attributes["plate"])
    if "bioformats2raw.layout" not in attributes:
        return [ImagePlace(path)]
    listed = attributes_of(path / "OME").get("series") if (path / "OME").is_dir() else None
    names = [str(name) for name in listed or []]
    if not names:
        names = sorted((p.name for p in path.iterdir() if p.name.isdecimal()), key=int)
    if not names:
        raise MovieError(f"{path}: it holds no image")
    return [ImagePlace(path / name, site=name) for name in names]


def _placed(path: Path, name: str) -> ImagePlace:
    """Return an image by its path in an OME-Zarr: row, column and field in a plate, else its number.

    Labels lie in the image that they belong to, and have its place.
    """
    folder = Path(os.path.normpath(path / name))
    image = name.removeprefix("../").partition("/labels/")[0]
    row, slash, rest = image.partition("/")
    column, _, field = rest.partition("/")
    return ImagePlace(folder, row + column, field) if slash else ImagePlace(folder, site=image)


def _fields(path: Path, plate: Any) -> list[ImagePlace]:
    """Return the folders of all fields of a plate, well after well; a well that lists none is one of them."""
    try:
        wells = [str(well["path"]) for well in plate["wells"]]
    except (KeyError, TypeError) as error:
        raise MovieError(
            f"{path}: it is a plate; give one of its images, such as {path.name}/A/1/0 (it lacks {error})"
        ) from error
    return [
        _placed(path, f"{well}/{field}" if field else well)
        for well in wells
        for field in _in_well(path / well)
    ]


def _in_well(well: Path) -> list[str]:
    try:
        return [str(field["path"]) for field in attributes_of(well)["well"]["images"]]
    except (KeyError, TypeError):
        return [""]


def open_image(folder: Path) -> ZarrImage:
    """Open an image at its full resolution; raises `MovieError` if there is none."""
    if not folder.is_dir():
        raise MovieError(f"{folder}: it is not there")
    attributes = attributes_of(folder)
    multiscales = attributes.get("multiscales")
    if not multiscales:
        raise MovieError(f"{folder}: it is a Zarr without OME multiscales metadata")
    try:
        dataset = multiscales[0]["datasets"][0]
        axes = [
            axis if isinstance(axis, dict) else {"name": axis} for axis in multiscales[0].get("axes", "tczyx")
        ]
        names = "".join(str(axis["name"]).lower() for axis in axes)
        store = _open(folder / str(dataset["path"]))
    except (KeyError, IndexError, TypeError) as error:
        raise MovieError(f"{folder}: its multiscales metadata lacks {error}") from error
    sizes, times = _steps(axes, [*dataset.get("coordinateTransformations", [])])
    headers, sensor = _headers(folder, attributes), _sensor(attributes)
    return ZarrImage(store, names, sizes, times, headers, sensor, _channels(attributes))


def label_names(image: Path) -> list[str]:
    """Return the names of the label images of an image: those that its group `labels` lists, or holds.

    Examples
    --------
    >>> label_names(Path("nowhere"))
    []
    """
    labels = image / LABELS
    if not labels.is_dir():
        return []
    listed = attributes_of(labels).get(LABELS)
    if isinstance(listed, list):
        return [str(name) for name in listed if (labels / str(name)).is_dir()]
    return sorted(
        path.name for path in labels.iterdir() if path.is_dir() and "multiscales" in attributes_of(path)
    )


def attributes_of(folder: Path) -> dict[str, Any]:
    """Return the attributes of a group, those of OME at the top, whatever the version of Zarr."""
    try:
        if (folder / "zarr.json").exists():
            found = json.loads((folder / "zarr.json").read_text(encoding="utf-8")).get("attributes", {})
            return {**found, **found.get("ome", {})}
        file = folder / ".zattrs"
        found = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    except (OSError, ValueError, AttributeError) as error:
        raise MovieError(f"{folder}: its metadata cannot be read: {error}") from error
    return dict(found)


def _open(folder: Path) -> Any:
    driver = "zarr3" if (folder / "zarr.json").exists() else "zarr"
    try:
        return tensorstore.open(
            {"driver": driver, "kvstore": {"driver": "file", "path": folder.as_posix()}},
            open=True,
            read=True,
            context=tensorstore.Context({"cache_pool": {"total_bytes_limit": _CACHE_BYTES}}),
        ).result()
    except (ValueError, OSError) as error:
        raise MovieError(f"{folder}: {error}") from error


def _steps(
    axes: list[dict[str, Any]], transformations: list[Any]
) -> tuple[SourcedValue | None, SourcedValue | None]:
    """Return micrometres a pixel along x and seconds a frame along t, where the units are told."""
    scale: list[Any] = next((one["scale"] for one in transformations if one.get("type") == "scale"), [])
    found: dict[str, SourcedValue] = {}
    for axis, step in zip(axes, scale, strict=False):
        name = str(axis["name"]).lower()
        convert = seconds if name == "t" else micrometres
        value = convert(step, axis.get("unit"))
        if value is not None:
            found[name] = SourcedValue(value, f"OME-Zarr scale of {name}")
    return found.get("x"), found.get("t")


def _channels(attributes: dict[str, Any]) -> tuple[str, ...]:
    """Return the names of the channels; nothing unless all of them have one."""
    try:
        return tuple(str(channel["label"]) for channel in attributes["omero"]["channels"])
    except (KeyError, TypeError):
        return ()


def _sensor(attributes: dict[str, Any]) -> Sensor | None:
    """Return what the counts of a parfocal recording mean, as its camera told it."""
    try:
        return msgspec.convert(attributes["parfocal"]["layout"]["spec"]["sensor"], Sensor | None)
    except (KeyError, TypeError, msgspec.ValidationError):
        return None


def _headers(folder: Path, attributes: dict[str, Any]) -> dict[str, NDArray[np.int64]]:
    """Return what was recorded with each frame of a parfocal recording, by the column's name; else {}."""
    own = attributes.get("parfocal")
    if not isinstance(own, dict) or "headers" not in own:
        return {}
    place = folder / str(own["headers"])
    columns = attributes_of(place).get("columns", [])
    rows = np.asarray(_open(place).read().result())
    return {str(name): rows[..., number] for number, name in enumerate(columns)}
