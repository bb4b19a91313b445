"""A field for plain data as YAML."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QPlainTextEdit

from parfocal.app.desktop.plan_editor.yaml_text import read_yaml, shown_yaml

_HEIGHT_PX = 84


class YamlField(QPlainTextEdit):
    """Edits plain data.

    Parameters
    ----------
    example : str
        What is shown while there is nothing.

    Signals
    -------
    edited
        A person has changed it.
    """

    edited = Signal()

    def __init__(self, example: str) -> None:
        super().__init__()
        self.setPlaceholderText(example)
        self.setFixedHeight(_HEIGHT_PX)
        self.textChanged.connect(self.edited)

    def value(self) -> Any:
        """Return what stands in it; None for nothing, the text itself if it is no YAML."""
        return read_yaml(self.toPlainText())

    def show_value(self, value: Any) -> None:
        """Show plain data, unless that stands in it however it is written."""
        if value != self.value():
            self.blockSignals(True)
            self.setPlainText(value if isinstance(value, str) else shown_yaml(value))
            self.blockSignals(False)
