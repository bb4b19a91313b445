"""The pipeline of a plan, and from which image the masks of its stimuli are made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QLineEdit, QVBoxLayout, QWidget

if TYPE_CHECKING:
    from parfocal.core.run_status import StimMode

_MODES = {"current": "this time point", "previous": "the one before"}


class PipelineRow(QWidget):
    """Edits the pipeline of the whole plan.

    Signals
    -------
    edited
        A person has changed it.
    """

    edited = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.address, self.mode, self.fault = QLineEdit(), QComboBox(), QLabel()
        self._data: Any = None
        self.address.setPlaceholderText("none; such as my_steps:pipeline")
        self.address.setToolTip("What is done with the images while the run goes on, as module:object")
        self.address.textEdited.connect(lambda _: self._take())
        for value, words in _MODES.items():
            self.mode.addItem(words, value)
        self.mode.activated.connect(lambda _: self.edited.emit())
        self.fault.setObjectName("alarm")
        self.fault.setWordWrap(True)
        self.fault.hide()
        row = QHBoxLayout()
        row.setSpacing(6)
        for words, widget, stretch in (("pipeline", self.address, 1), ("masks of", self.mode, 0)):
            label = QLabel(words)
            label.setObjectName("faint")
            row.addWidget(label)
            row.addWidget(widget, stretch)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(row)
        column.addWidget(self.fault)

    @property
    def pipeline(self) -> Any:
        """An address, the plain data that a file had, or None."""
        return self._data

    @property
    def stim_mode(self) -> StimMode:
        """From which image masks are made."""
        return cast("StimMode", self.mode.currentData())

    def show_pipeline(self, pipeline: Any, mode: str) -> None:
        """Show a pipeline; one that is given by its steps is named after them, and kept as it is."""
        self._data = pipeline
        text = (
            pipeline
            if isinstance(pipeline, str)
            else ""
            if pipeline is None
            else f"steps: {', '.join(map(str, pipeline))}"
        )
        if self.address.text() != text:
            self.address.setText(text)
        self.mode.setCurrentIndex(max(0, self.mode.findData(mode)))

    def show_fault(self, text: str) -> None:
        """Tell what is wrong; "" for nothing."""
        self.fault.setText(text)
        self.fault.setVisible(bool(text))

    def _take(self) -> None:
        self._data = self.address.text().strip() or None
        self.edited.emit()
