"""Annotations as napari layers, one for each name over a pane; what a person draws there is read back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from parfocal.viewers.annotations import Annotation, Labels, Points, Shapes, Tracks
from parfocal.viewers.display import lookup_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.layers import Layer
    from numpy.typing import NDArray

_EDGE_PX = 1.5
_CLEAR = "transparent"
Place = Callable[[Tracks], "NDArray[Any]"]
"""Returns the rows of tracks in the dimensions of the window."""


def made(annotation: Annotation, name: str, place: Place) -> Layer:
    """Return a new layer that shows an annotation."""
    from napari import layers

    layer: Layer
    match annotation:
        case Labels(image=image):
            layer = layers.Labels(image.copy(), name=name, opacity=0.7)
        case Points():
            layer = layers.Points(ndim=2, name=name, symbol="disc", face_color=_CLEAR)
        case Shapes():
            layer = layers.Shapes(ndim=2, name=name, face_color=_CLEAR, edge_width=_EDGE_PX)
        case Tracks():
            layer = layers.Tracks(place(annotation), name=name, tail_length=annotation.tail, tail_width=3)
            return layer
    show(layer, annotation, place)
    return layer


def show(layer: Layer, annotation: Annotation, place: Place) -> None:
    """Have a layer show another annotation of its kind; how it is drawn otherwise stays."""
    match annotation:
        case Labels():
            _show_labels(layer, annotation)
        case Points():
            _show_points(layer, annotation)
        case Shapes(polygons=polygons, colour=colour):
            layer.data = [(polygon, "polygon") for polygon in polygons]
            layer.edge_color = colour
            layer.current_edge_color, layer.current_face_color = colour, _CLEAR
        case Tracks():
            layer.data = place(annotation)


def drawn(layer: Layer, annotation: Annotation) -> Annotation:
    """Return what a layer has now, as a person has changed it: labels, points or shapes."""
    match annotation:
        case Labels():
            return replace(annotation, image=np.array(layer.data, np.int32))
        case Points():
            points = np.array(layer.data, np.float64)[:, -2:]
            return replace(annotation, points=points, values=None)
        case Shapes():
            kinds = zip(layer.data, layer.shape_type, strict=True)
            return replace(annotation, polygons=tuple(_corners(corners, kind) for corners, kind in kinds))
        case Tracks():
            return annotation


def cleared(annotation: Annotation) -> Annotation:
    """Return an annotation of the same name that shows nothing, for a plane that has none."""
    match annotation:
        case Labels(image=image):
            return replace(annotation, image=np.zeros_like(image))
        case Points():
            return replace(annotation, points=np.empty((0, 2)), values=None)
        case Shapes():
            return replace(annotation, polygons=())
        case Tracks():
            return replace(annotation, rows=np.empty((0, 4)))


def _show_labels(layer: Any, labels: Labels) -> None:
    from napari.utils.colormaps import CyclicLabelColormap

    layer.contour = 1 if labels.style == "outline" else 0
    if labels.colour:  # of a cycle of one: napari compiles for 5 s before it uses a colour by number
        layer.colormap = CyclicLabelColormap(colors=[(0, 0, 0, 0), _rgba(labels.colour)])
    layer.data = labels.image.copy()  # a person may paint in it
    if labels.first != 1:  # napari tells an area by its pixels; beside that stands what it is called
        areas = np.arange(1, labels.image.max(initial=0) + 1)
        layer.features = {"index": areas, "number": areas - 1 + labels.first}


def _show_points(layer: Any, points: Points) -> None:
    layer.data = points.points
    layer.selected_data = set()
    layer.size = points.size_px
    layer.current_size = points.size_px
    layer.face_color = _CLEAR
    layer.border_width_is_relative = True
    layer.border_width = 0.15
    layer.border_color = points.colour if points.values is None else _colours(points.values)
    layer.current_border_color, layer.current_face_color = points.colour, _CLEAR


def _colours(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a colour (n, 4) for each value, from the lowest to the highest."""
    low, high = (np.nanmin(values), np.nanmax(values)) if np.isfinite(values).any() else (0.0, 1.0)
    steps = np.nan_to_num((values - low) / max(high - low, 1e-300))
    table = lookup_table("viridis", 1.0)
    colours = table[np.clip(steps * 255, 0, 255).astype(int)] / 255
    return np.column_stack([colours, np.ones(len(values))])


def _rgba(colour: str) -> tuple[float, ...]:
    """Return "#rrggbb" as numbers from 0 to 1."""
    return (*(int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)), 1.0)


def _corners(corners: NDArray[Any], kind: str) -> NDArray[np.float64]:
    """Return the corners (n, 2) of a shape; an ellipse has 32."""
    places = np.asarray(corners, np.float64)[:, -2:]
    if kind != "ellipse":
        return places
    turn = np.linspace(0, 2 * np.pi, 32, endpoint=False)[:, np.newaxis]
    middle, across, down = places.mean(axis=0), places[1] - places[0], places[3] - places[0]
    return np.asarray(middle + np.cos(turn) * across / 2 + np.sin(turn) * down / 2)


def placed(tracks: Tracks, axes: Sequence[str], position: Callable[[str, str], int | None],
           shown: Sequence[int]) -> NDArray[Any]:  # fmt: skip
    """Return tracks (n, 2 + dimensions) for napari: number, time and what comes after it, y, x.

    Their time is that of the dimension "t" if the window has it, else one of their own before all others.
    In dimensions after it they lie where the window is.
    """
    rows = tracks.rows
    after = list(shown[list(axes).index("t") + 1 :]) if "t" in axes else list(shown)
    times = rows[:, 1]
    if "t" in axes:
        known = {time: position("t", f"{time:g}") for time in np.unique(times)}
        rows = rows[[known[time] is not None for time in times]]
        times = np.array([known[time] for time in rows[:, 1]], np.float64)
    others = np.broadcast_to(np.array(after, np.float64), (len(rows), len(after)))
    return np.column_stack([rows[:, 0], times, others, rows[:, 2:]])
