"""Annotations over an image in a window: label pictures, and one drawing of all other kinds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QColor, QPainter, QPen, QPicture, QPolygonF

from parfocal.viewers.annotations import Labels, Points, Shapes, Tracks
from parfocal.viewers.drawing import label_picture, point_colours, rgb, track_lines
from parfocal.viewers.live.label_item import LabelItem

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from parfocal.viewers.annotations import Annotation
    from parfocal.viewers.panes import Pane

_LINE_PX, _LABELS_Z, _LINES_Z = 2.0, 10, 20
_FAINTEST = 30
"""Opacity of the oldest piece of a track, of 255."""


class AnnotationItems:
    """Draws the annotations of one pane into a box; only what differs is drawn anew. For the GUI thread."""

    def __init__(self, box: pg.ViewBox) -> None:
        self._box = box
        self._labels: dict[str, tuple[Labels, tuple[int, ...], LabelItem]] = {}
        self._lines = LineMarks()
        self._lines.setZValue(_LINES_Z)
        box.addItem(self._lines)
        self._drawn: tuple[Annotation, ...] = ()
        self._index: Mapping[str, str] = {}

    def show_pane(self, pane: Pane) -> None:
        """Draw what lies over the plane that is shown."""
        self._show_labels([one for one in pane.annotations if isinstance(one, Labels)], pane.picked)
        others = tuple(one for one in pane.annotations if not isinstance(one, Labels))
        if others != self._drawn or pane.index != self._index:
            self._drawn, self._index = others, pane.index
            self._lines.show_annotations(others, pane.index)

    def _show_labels(self, labels: Sequence[Labels], picked: tuple[int, ...]) -> None:
        for name in self._labels.keys() - {one.name for one in labels}:
            self._box.removeItem(self._labels.pop(name)[2])
        for one in labels:
            drawn, chosen, item = self._labels.get(one.name) or (None, (), self._new_item())
            if drawn is not one or chosen != picked:
                item.show_picture(label_picture(one, picked))
            self._labels[one.name] = one, picked, item

    def _new_item(self) -> LabelItem:
        item = LabelItem()
        item.setZValue(_LABELS_Z)
        self._box.addItem(item)
        return item


class LineMarks(pg.GraphicsObject):
    """Points, polygons and tracks in one picture: cheap for thousands."""

    def __init__(self) -> None:
        super().__init__()
        self._picture = QPicture()
        self._bounds = QRectF()

    def show_annotations(self, annotations: Sequence[Annotation], index: Mapping[str, str]) -> None:
        """Draw these, and nothing that was drawn before."""
        self.prepareGeometryChange()
        self._picture, self._bounds = QPicture(), QRectF()
        painter = QPainter(self._picture)
        for annotation in annotations:
            match annotation:
                case Points():
                    self._draw_points(painter, annotation)
                case Shapes():
                    self._draw_shapes(painter, annotation)
                case Tracks():
                    self._draw_tracks(painter, annotation, index)
        painter.end()
        self.update()

    def paint(self, painter: QPainter, *_: Any) -> None:
        """Play the picture."""
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.drawPicture(0, 0, self._picture)

    def boundingRect(self) -> QRectF:
        """Return where it lies."""
        return self._bounds

    def _draw_points(self, painter: QPainter, points: Points) -> None:
        radius = points.size_px / 2
        for (y, x), colour in zip(points.points, point_colours(points), strict=True):
            painter.setPen(_pen(colour))
            painter.drawEllipse(QPointF(x, y), radius, radius)
        self._include(points.points, radius)

    def _draw_shapes(self, painter: QPainter, shapes: Shapes) -> None:
        painter.setPen(_pen(rgb(shapes.colour or "#ffffff")))
        for polygon in shapes.polygons:
            painter.drawPolygon(QPolygonF([QPointF(x, y) for y, x in polygon]))
            self._include(polygon)

    def _draw_tracks(self, painter: QPainter, tracks: Tracks, index: Mapping[str, str]) -> None:
        lines = track_lines(tracks, index)
        for (begin, end), colour, strength in zip(*lines, strict=True):
            painter.setPen(_pen(colour, _FAINTEST + round((255 - _FAINTEST) * strength)))
            painter.drawLine(QPointF(begin[1], begin[0]), QPointF(end[1], end[0]))
        self._include(lines.ends.reshape(-1, 2))

    def _include(self, places: Any, margin: float = 0.0) -> None:
        if len(places):
            (top, left), (bottom, right) = np.min(places, axis=0), np.max(places, axis=0)
            around = margin + _LINE_PX
            box = QRectF(left, top, right - left, bottom - top).adjusted(-around, -around, around, around)
            self._bounds = self._bounds.united(box)


def _pen(colour: Any, opacity: int = 255) -> QPen:
    red, green, blue = (int(part) for part in colour)
    pen = QPen(QColor(red, green, blue, opacity), _LINE_PX)
    pen.setCosmetic(True)
    return pen
