"""What can be asserted of a picture of widgets: no text cut, nothing outside, not empty. For tests."""

from __future__ import annotations

from PySide6.QtCore import QPoint, QRect
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractScrollArea,
    QComboBox,
    QLabel,
    QScrollArea,
    QSizePolicy,
    QWidget,
)

SLACK_PX = 2
FEWEST_COLOURS = 12


def faults_of(whole: QWidget) -> list[str]:
    """Return what is wrong with what a person sees of a widget: texts that are cut, and widgets outside."""
    found = []
    for widget in whole.findChildren(QWidget):
        if not widget.isVisible() or widget.visibleRegion().isEmpty():
            continue
        if isinstance(widget, QLabel | QAbstractButton | QComboBox) and (cut := _cut(widget)):
            found.append(cut)
        if not _scrolled(widget) and not _frame(whole).contains(_rect(widget, whole)):
            found.append(f"{_name(widget)} is outside: {_rect(widget, whole)} of {_frame(whole)}")
    return found


def colours_of(picture) -> int:
    """Return how many colours a picture has, looked at in a grid of its pixels."""
    image = picture.toImage()
    grid = ((x, y) for x in range(0, image.width(), 7) for y in range(0, image.height(), 7))
    return len({image.pixel(x, y) for x, y in grid})


def _cut(widget: QWidget) -> str:
    """Return which text of a label or a button has too little room; "" if it has enough."""
    if isinstance(widget, QLabel) and widget.sizePolicy().horizontalPolicy() == QSizePolicy.Policy.Ignored:
        return ""
    text = widget.currentText() if isinstance(widget, QComboBox) else widget.text()
    if not text:
        return ""
    size = widget.size()
    if isinstance(widget, QLabel) and widget.wordWrap():
        needed = widget.heightForWidth(size.width())
        return "" if needed <= size.height() + SLACK_PX else f"{text!r} needs {needed} px of {size.height()}"
    if isinstance(widget, QLabel):
        needed = widget.sizeHint().width()
    else:
        arrow = 20 if isinstance(widget, QComboBox) else 0
        needed = widget.fontMetrics().horizontalAdvance(text.replace("&", "")) + arrow
    return "" if needed <= size.width() + SLACK_PX else f"{text!r} needs {needed} px of {size.width()}"


def _scrolled(widget: QWidget) -> bool:
    """Whether it lies in something that scrolls, where it may be outside."""
    parent = widget.parentWidget()
    while parent is not None:
        if isinstance(parent, QScrollArea | QAbstractScrollArea):
            return True
        parent = parent.parentWidget()
    return False


def _frame(whole: QWidget) -> QRect:
    return whole.rect().adjusted(-SLACK_PX, -SLACK_PX, SLACK_PX, SLACK_PX)


def _rect(widget: QWidget, whole: QWidget) -> QRect:
    return QRect(widget.mapTo(whole, QPoint(0, 0)), widget.size())


def _name(widget: QWidget) -> str:
    return f"{type(widget).__name__} {widget.objectName()}"
