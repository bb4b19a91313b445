"""Edges of labels over an image, however small it is shown."""

import numpy as np
import pytest

from parfocal.viewers.annotations import Labels
from parfocal.viewers.drawing import label_picture


@pytest.mark.parametrize("scale", [0.13, 0.3, 0.5, 0.65, 0.99, 1.0, 1.7])
def test_an_edge_has_no_gap_at_any_scale(scale):
    from PySide6.QtGui import QImage, QPainter
    from PySide6.QtWidgets import QApplication

    from parfocal.viewers.live.label_item import LabelItem

    application = QApplication.instance() or QApplication([])
    areas = np.zeros((120, 150), np.int32)
    areas[31:92, 27:128] = 1
    item = LabelItem()
    item.show_picture(label_picture(Labels("cells", areas, colour="#ff0000")))
    target = QImage(300, 240, QImage.Format.Format_ARGB32)
    target.fill(0)
    painter = QPainter(target)
    painter.scale(scale, scale)
    painter.translate(0.5, 0.5)
    item.paint(painter)
    painter.end()
    drawn = np.frombuffer(target.constBits(), np.uint8).reshape(240, 300, 4)[..., 3] > 0
    rows, columns = np.flatnonzero(drawn.any(axis=1)), np.flatnonzero(drawn.any(axis=0))
    inside = drawn[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    assert inside.any(axis=0).all()
    assert inside.any(axis=1).all()
    step = 2 if scale < 1 else 1
    for along in (inside[:step], inside[-step:], inside[:, :step].T, inside[:, -step:].T):
        assert along.any(axis=0).all()
    assert abs(len(columns) - 101 * scale) <= 2
    assert abs(len(rows) - 61 * scale) <= 2
    assert application is not None


def test_the_centre_of_the_first_pixel_is_the_origin():
    from PySide6.QtWidgets import QApplication

    from parfocal.viewers.live.image_pane import ImagePane
    from parfocal.viewers.panes import Pane
    from parfocal.viewers.qt.theme import THEMES

    application = QApplication.instance() or QApplication([])
    pane = ImagePane("camera", THEMES["dark"], lambda: None)
    labels = Labels("cells", np.ones((60, 80), np.int32))
    pane.show_pane(Pane("camera", image=np.zeros((60, 80), np.uint8), annotations=(labels,)))
    items = [pane._item, pane._annotations._labels["cells"][2]]
    for item in items:
        bounds = item.mapRectToParent(item.boundingRect())
        assert (bounds.left(), bounds.top(), bounds.right(), bounds.bottom()) == (-0.5, -0.5, 79.5, 59.5)
    pane.deleteLater()
    application.processEvents()
