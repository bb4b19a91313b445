"""Annotations painted into an array, one pixel of the image for one. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from parfocal.viewers.annotations import Labels, Points, Shapes, Tracks
from parfocal.viewers.drawing import label_picture, point_colours, rgb, track_lines

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from parfocal.viewers.annotations import Annotation


def draw(
    picture: NDArray[np.uint8], annotation: Annotation, index: Mapping[str, str], picked: tuple[int, ...]
) -> None:
    """Draw an annotation over a picture (y, x, 3), in place; what lies outside is cut off."""
    match annotation:
        case Labels():
            _blend(picture, label_picture(annotation, picked))
        case Points(points=points, size_px=size_px):
            for place, ink in zip(points, point_colours(annotation), strict=True):
                angles = np.linspace(0, 2 * np.pi, max(8, round(4 * size_px)))
                around = np.stack([np.sin(angles), np.cos(angles)], axis=1) * size_px / 2
                _dots(picture, place + around, ink)
        case Shapes(polygons=polygons, colour=colour):
            for polygon in polygons:
                for begin, end in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
                    _dots(picture, _between(begin, end), np.array(rgb(colour)))
        case Tracks():
            ends, colours, strengths = track_lines(annotation, index)
            points = _between(ends[:, 0], ends[:, 1])
            repeats = len(points)
            inks, opacities = np.tile(colours, (repeats, 1)), np.tile(strengths, repeats)[:, None]
            _dots(picture, points.reshape(-1, 2), inks, opacities)


def _blend(picture: NDArray[np.uint8], over: NDArray[np.uint8]) -> None:
    height, width = (min(sizes) for sizes in zip(picture.shape[:2], over.shape[:2], strict=True))
    part, over = picture[:height, :width], over[:height, :width]
    opacity = over[..., 3:].astype(np.float32) / 255
    part[...] = np.round(part * (1 - opacity) + over[..., :3] * opacity).astype(np.uint8)


def _between(begin: NDArray[Any], end: NDArray[Any]) -> NDArray[Any]:
    """Return a point for each pixel of straight lines, as many for each as the longest needs."""
    return np.linspace(begin, end, int(np.abs(end - begin).max(initial=0.0)) + 2)


def _dots(picture: NDArray[np.uint8], points: NDArray[Any], ink: NDArray[Any], opacity: Any = 1.0) -> None:
    """Paint points (n, 2) in a colour (3,), or one for each (n, 3)."""
    height, width, _ = picture.shape
    y, x = np.round(points).astype(np.int64).T
    inside = (y >= 0) & (y < height) & (x >= 0) & (x < width)
    painted = picture[y[inside], x[inside]] * (1 - _of(opacity, inside)) + _of(ink, inside) * _of(
        opacity, inside
    )
    picture[y[inside], x[inside]] = np.round(painted).astype(np.uint8)


def _of(values: Any, inside: NDArray[np.bool_]) -> Any:
    """Return the values of the points inside, or the one of all."""
    return values[inside] if np.ndim(values) == 2 else values
