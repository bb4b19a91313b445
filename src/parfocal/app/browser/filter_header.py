"""The head of the table: names of the columns, and below each a field for a condition. For the GUI thread."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QHeaderView, QLineEdit, QTableView, QWidget

from parfocal.app.browser.columns import COLUMNS

_HINTS = {"well": "A01", "t": "0..9", "z": ">2"}
_HELP = (
    "text, or several between commas; =exactly; !not; >5, <=5, 3..7 where there are numbers\n"
    "(the same can be written in the search: well:=A01 t:3..7)"
)


class FilterHeader(QHeaderView):
    """Columns with a condition each.

    Signals
    -------
    changed
        A condition was typed.
    """

    changed = Signal()

    def __init__(self, parent: QTableView) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)
        self._fields: list[QLineEdit] = []
        for column in COLUMNS:
            field = QLineEdit(self)
            field.setPlaceholderText(_HINTS.get(column.name, ""))
            field.setToolTip(f"which of {column.name!r} are shown: {_HELP}")
            field.setFrame(False)
            field.textChanged.connect(self.changed)
            self._fields.append(field)
        self.setSectionsClickable(True)
        self.setSortIndicatorShown(True)
        self.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
        self.sectionResized.connect(lambda *_: self._place())
        parent.horizontalScrollBar().valueChanged.connect(lambda *_: self._place())

    @property
    def conditions(self) -> dict[str, str]:
        """What was typed, by column; empty ones are left out."""
        typed = zip(COLUMNS, self._fields, strict=True)
        return {column.name: field.text() for column, field in typed if field.text().strip()}

    def set_condition(self, column: str, text: str) -> None:
        """Have a condition stand in a column's field."""
        number = next(n for n, one in enumerate(COLUMNS) if one.name == column)
        self._fields[number].setText(text)

    def clear_conditions(self) -> None:
        """Empty all fields."""
        for field in self._fields:
            field.clear()

    def sizeHint(self) -> QSize:
        """Return room for the names and the fields."""
        size = super().sizeHint()
        return QSize(size.width(), size.height() + self._height())

    def updateGeometries(self) -> None:
        """Keep the fields below the names."""
        self.setViewportMargins(0, 0, 0, self._height())
        super().updateGeometries()
        self._place()

    def _height(self) -> int:
        return self._fields[0].sizeHint().height() + 2 if self._fields else 0

    def _place(self) -> None:
        top = self.height() - self._height()
        for number, field in enumerate(self._fields):
            field.setGeometry(
                self.sectionViewportPosition(number) + 1,
                top,
                max(0, self.sectionSize(number) - 2),
                self._height() - 1,
            )
            field.setVisible(not self.isSectionHidden(number))

    def fields(self) -> list[QWidget]:
        """Return the fields, in the order of the columns."""
        return list(self._fields)
