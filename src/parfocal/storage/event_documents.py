"""The documents of frames that are stored by events, as pure functions: a series of images, or a plate."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from parfocal.core.event_layout import EventLayout, PositionLayout
from parfocal.core.frames import FrameSpec
from parfocal.storage.ome_zarr import HEADER_COLUMNS, Document, FrameLayout, group, multiscale

HEADER_TIMES = 64
"""Time points of which the headers lie in one file."""
_SERIES = "OME"
_LABELS = "labels"
_SEPARATOR = "."
_COLOURS = ("00FFFF", "FF00FF", "FFFF00", "FF0000", "00FF00", "0000FF")
_GREY = "FFFFFF"


class ImageDocuments(NamedTuple):
    """Those of one image: its group, its pixels, and its headers."""

    group: Document
    pixels: Document
    headers: Document


def image_folders(collection: Path, events: EventLayout) -> tuple[Path, ...]:
    """Return the folders of the images of all positions; `collection` is where their common document lies."""
    return tuple(Path(os.path.normpath(collection / path)) for path in image_paths(events))


def image_paths(events: EventLayout) -> tuple[str, ...]:
    """Return where the image of each position lies, as seen from the folder of their common document.

    Positions that all lie in wells make a plate: row, column, and number of the field in the well. Labels lie
    in the images that they belong to, as OME-Zarr has it, and their document beside these; unless the layout
    tells where those images are, which lie elsewhere then.

    Examples
    --------
    >>> image_paths(EventLayout(axes="tp", sizes=(5, 2)))
    ('0', '1')
    >>> wells = tuple(PositionLayout(well=well) for well in ("A1", "B2", "A1"))
    >>> image_paths(EventLayout(axes="tp", sizes=(5, 3), positions=wells))
    ('A/1/0', 'B/2/0', 'A/1/1')
    >>> image_paths(EventLayout(axes="t", sizes=(5,), label="cells"))
    ('../0/labels/cells',)
    """
    wells = _wells(events)
    paths = tuple(str(number) for number in range(events.size("p")))
    if wells:
        fields = (wells[:number].count(well) for number, well in enumerate(wells))
        paths = tuple(f"{row}/{column}/{field}" for (row, column), field in zip(wells, fields, strict=True))
    return tuple(f"../{path}/{_LABELS}/{events.label}" for path in paths) if _within(events) else paths


def collection_documents(events: EventLayout, name: str, own: Document) -> dict[str, Document]:
    """Return ``zarr.json`` of each group that holds images, by its path, the root "" last.

    A reader that looks while they are replaced in this order finds every image that it is told of.

    Parameters
    ----------
    events : EventLayout
        With all positions.
    name : str
        Of a plate.
    own : dict
        What parfocal keeps in the root.
    """
    if _within(events):
        listed = group({"version": "0.5", "labels": [events.label]})
        return {path.rpartition("/")[0]: listed for path in image_paths(events)} | {"": group(own=own)}
    wells = _wells(events)
    if not wells:
        series = group({"version": "0.5", "series": list(image_paths(events))})
        return {_SERIES: series, "": group({"version": "0.5", "bioformats2raw.layout": 3}, own)}
    documents = {row: group() for row, _ in wells}
    for row, column in dict.fromkeys(wells):
        images = [{"path": str(field)} for field in range(wells.count((row, column)))]
        documents[f"{row}/{column}"] = group({"version": "0.5", "well": {"images": images}})
    return documents | {"": group({"version": "0.5", "plate": _plate(wells, name)}, own)}


def image_documents(
    frame: FrameLayout, events: EventLayout, position: int, times: int, interval_s: float | None = None
) -> ImageDocuments:
    """Return the documents of the image of one position.

    Parameters
    ----------
    frame : FrameLayout
        What each frame looks like: y and x.
    events : EventLayout
        Which axes there are.
    position : int
        Index along p.
    times : int
        How long the image is along t, if the plan has it.
    interval_s : float, optional
        From time point to time point, where the plan does not tell it.
    """
    outer = {axis: events.size(axis) for axis in "tcz" if axis in events.axes}
    if "t" in outer:
        outer["t"] = times
    axes = (*outer, *frame.spec.axes)
    stage = events.positions[position] if events.positions else PositionLayout()
    steps = _steps(frame.spec, events, stage, interval_s)
    origin = _origin(events, stage, axes, steps)
    image = multiscale(events.label or stage.name or image_paths(events)[position], axes, steps, origin)
    ome: Document = {"omero": {"channels": _channels(frame.spec, events.channels)}} if events.channels else {}
    if events.label:
        labelled = events.labelled[position] if events.labelled else "../../"
        ome["image-label"] = {"source": {"image": labelled}}
    return ImageDocuments(frame.image_group(image, **ome), _pixels(frame, outer), _headers(frame, outer))


def chunk_name(place: tuple[int, ...]) -> str:
    """Return the name of the file with the pixels of the frame at an index along t, c and z.

    Examples
    --------
    >>> chunk_name((7, 1, 0))
    'c.7.1.0.0.0'
    """
    return _SEPARATOR.join(["c", *map(str, place), "0", "0"])


def _within(events: EventLayout) -> bool:
    """Whether frames are labels that lie within the images that they belong to."""
    return bool(events.label) and not events.labelled


def _wells(events: EventLayout) -> list[tuple[str, str]]:
    """Return row and column of each position; nothing unless all of them lie in wells."""
    wells = [position.row_and_column for position in events.positions]
    return [well for well in wells if well is not None] if None not in wells else []


def _plate(wells: list[tuple[str, str]], name: str) -> Document:
    rows = sorted({row for row, _ in wells}, key=lambda row: (len(row), row))
    columns = sorted({column for _, column in wells}, key=int)
    return {
        "name": name,
        "rows": [{"name": row} for row in rows],
        "columns": [{"name": column} for column in columns],
        "wells": [
            {"path": f"{row}/{column}", "rowIndex": rows.index(row), "columnIndex": columns.index(column)}
            for row, column in dict.fromkeys(wells)
        ],
        "field_count": max(wells.count(well) for well in wells),
    }


def _steps(
    spec: FrameSpec, events: EventLayout, stage: PositionLayout, interval_s: float | None
) -> dict[str, float | None]:
    """Return the distances along the axes; a single plane at a known height counts as 1 um thick."""
    single = 1.0 if events.size("z") == 1 and stage.z_um is not None else None
    return {
        "t": events.interval_s or interval_s,
        "z": events.z_step_um or single,
        "y": spec.pixel_size_um,
        "x": spec.pixel_size_um,
    }


def _origin(
    events: EventLayout, stage: PositionLayout, axes: tuple[str, ...], steps: dict[str, float | None]
) -> dict[str, float]:
    """Return where the stage stood for the first plane, along the axes that have a unit."""
    z_um = None if stage.z_um is None else stage.z_um + (events.z_first_um or 0.0)
    known = {"z": z_um, "y": stage.y_um, "x": stage.x_um}
    return {
        axis: value for axis, value in known.items() if value is not None and axis in axes and steps[axis]
    }


def _channels(spec: FrameSpec, names: tuple[str, ...]) -> list[dict[str, Any]]:
    """Return how viewers may show the channels: names, colours, and the range of the pixel values."""
    dtype = np.dtype(spec.dtype)
    low, high = (np.iinfo(dtype).min, np.iinfo(dtype).max) if dtype.kind in "ui" else (0, 1)
    saturated = spec.sensor.saturates_at if spec.sensor is not None else None
    window = {"min": float(low), "max": float(high), "start": float(low), "end": float(saturated or high)}
    colours = [_GREY] if len(names) == 1 else [_COLOURS[n % len(_COLOURS)] for n in range(len(names))]
    return [
        {"label": name, "color": colour, "active": True, "window": window}
        for name, colour in zip(names, colours, strict=True)
    ]


def _pixels(frame: FrameLayout, outer: dict[str, int]) -> Document:
    """Return the array of the pixels: a chunk, and a file, for each frame, all in one folder.

    A folder for each index, as other arrays have it, would take the disk three times as long.
    """
    document = frame.array_document(1)
    shape = list(frame.spec.shape)
    document["shape"] = [*outer.values(), *shape]
    document["chunk_grid"]["configuration"]["chunk_shape"] = [*(1 for _ in outer), *shape]
    document["chunk_key_encoding"]["configuration"]["separator"] = _SEPARATOR
    document["codecs"] = frame.frame_codecs
    document["dimension_names"] = [*outer, *frame.spec.axes]
    return document


def _headers(frame: FrameLayout, outer: dict[str, int]) -> Document:
    """Return the array of the headers: those of some time points in a file, for each channel and plane."""
    document = frame.headers_document(1)
    document["shape"] = [*outer.values(), len(HEADER_COLUMNS)]
    chunk = [*(HEADER_TIMES if axis == "t" else 1 for axis in outer), len(HEADER_COLUMNS)]
    document["chunk_grid"]["configuration"]["chunk_shape"] = chunk
    document["dimension_names"] = [*outer, "column"]
    return document
