"""A section of the form of a sequence: some of its fields, a summary, and what is wrong with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget
from superqt import QElidingLabel

from parfocal.app.desktop.section import PanelSection

if TYPE_CHECKING:
    from parfocal.app.desktop.plan_editor.plan_draft import PlanPart
    from parfocal.app.desktop.plan_editor.plan_fault import FaultPlace


class PlanSection(PanelSection):
    """Base of the sections.

    Attributes
    ----------
    name : str
        By which `place_of` knows it.
    title : str
        What stands above it.
    keys : tuple of str
        The fields of a sequence that it edits.

    Signals
    -------
    edited
        A person has changed something.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    keys: ClassVar[tuple[str, ...]]
    edited = Signal()

    def __init__(self, *, is_open: bool = False) -> None:
        super().__init__(self.title, is_open=is_open)
        self.fault = QLabel()
        self.fault.setObjectName("alarm")
        self.fault.setWordWrap(True)
        self.fault.hide()
        column = self.layout()
        assert isinstance(column, QVBoxLayout)
        column.addWidget(self.fault)
        self._summary = ""
        self.told = QElidingLabel()
        self.told.setObjectName("faint")
        self.title_row = QHBoxLayout()
        self.title_row.addWidget(self.head)
        self.title_row.addWidget(self.told, 1)
        column.insertLayout(0, self.title_row)

    def put_tools(self, tools: QWidget) -> None:
        """Have buttons beside the title while it is open."""
        self.title_row.addWidget(tools)
        tools.setVisible(self.head.isChecked())
        self.head.toggled.connect(tools.setVisible)

    def show_part(self, part: PlanPart) -> None:
        """Show the fields of a sequence."""
        raise NotImplementedError

    def fields(self) -> dict[str, Any]:
        """Return its fields as they are now; one that is None stands for none."""
        raise NotImplementedError

    def summary(self) -> str:
        """Return what it holds in a few words; "" for nothing."""
        return ""

    def mark(self, place: FaultPlace, text: str) -> None:
        """Mark the cell or field that is wrong; a text of "" for none."""

    def show_fault(self, place: FaultPlace | None, text: str) -> None:
        """Tell what is wrong below the fields; "" for nothing."""
        self.fault.setText(text)
        self.fault.setVisible(bool(text))
        if place is not None:
            self.mark(place, text)
        if text and not self.head.isChecked():
            self.head.setChecked(True)

    def show_summary(self) -> None:
        """Show beside the title what it holds."""
        summary = self.summary()
        if summary != self._summary:  # to elide a text takes milliseconds
            self._summary = summary
            self.told.setText(summary)
