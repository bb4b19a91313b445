"""One row in full: its picture, and all that is known of it. For the GUI thread."""

from __future__ import annotations

from html import escape

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QLabel, QSizePolicy, QVBoxLayout, QWidget

from parfocal.app.browser.columns import COLUMNS
from parfocal.app.browser.pictures import Thumbnails
from parfocal.app.browser.rows import ImageRow
from parfocal.app.browser.table_model import pixmap_of
from parfocal.viewers.qt.theme import Theme

_HEIGHT_PX = 190
_NOTHING = "Select an image to see it here;\ndouble click shows it in a viewer."


class Preview(QWidget):
    """Shows one row."""

    def __init__(self, theme: Theme, thumbnails: Thumbnails) -> None:
        super().__init__()
        self._theme = theme
        self._thumbnails = thumbnails
        self._row: ImageRow | None = None
        self._picture = QLabel(_NOTHING, alignment=Qt.AlignmentFlag.AlignCenter)
        self._picture.setObjectName("faint")
        self._picture.setWordWrap(True)
        self._picture.setFixedHeight(_HEIGHT_PX)
        self._picture.setMinimumSize(QSize(200, _HEIGHT_PX))
        self._facts = QLabel()
        self._facts.setWordWrap(True)
        self._facts.setTextFormat(Qt.TextFormat.RichText)
        self._facts.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._facts.setAlignment(Qt.AlignmentFlag.AlignTop)
        self._facts.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 4, 6, 4)
        layout.addWidget(self._picture)
        layout.addWidget(self._facts)
        layout.addStretch()

    @property
    def row(self) -> ImageRow | None:
        """What is shown."""
        return self._row

    def show_row(self, row: ImageRow | None) -> None:
        """Show a row, or that none is selected."""
        if row != self._row:
            self._row = row
            self._facts.setText("" if row is None else facts_of(row, self._theme.faint, self._theme.alarm))
        self.show_picture()

    def show_picture(self) -> None:
        """Show the picture of the row, as far as it is drawn by now."""
        row = self._row
        pixels = None if row is None else self._thumbnails.get(row)
        if pixels is not None:
            size = QSize(self._picture.width(), _HEIGHT_PX - 4)
            keep, smooth = Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation
            self._picture.setPixmap(pixmap_of(pixels, self._theme).scaled(size, keep, smooth))
        elif row is None:
            self._picture.setText(_NOTHING)
        else:
            self._picture.setText(self._thumbnails.problem(row) or ("" if row.shape else "no picture"))


def facts_of(row: ImageRow, faint: str, alarm: str) -> str:
    """Return all that is known of a row, as HTML.

    Examples
    --------
    >>> "A01" in facts_of(ImageRow(path="/d/a.tif", name="a<b", well="A01"), "#888888", "#ff0000")
    True
    """
    lines = []
    for column in COLUMNS[1:]:
        text = column.text(row)
        if not text:
            continue
        shown = f'<span style="color:{alarm}">{escape(text)}</span>' if row.problem == text else escape(text)
        lines.append(
            f'<tr><td style="color:{faint}; padding-right:8px">{column.name}</td><td>{shown}</td></tr>'
        )
    return f"<b>{escape(row.name)}</b><table>{''.join(lines)}</table>"
