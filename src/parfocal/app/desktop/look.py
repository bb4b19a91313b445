"""What a widget is to the style sheet: it changes with what the widget tells."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PySide6.QtWidgets import QLabel, QWidget


def set_look(widget: QWidget, name: str) -> None:
    """Have a widget look as the style sheet says of that name, "" for the usual look."""
    if widget.objectName() != name:
        widget.setObjectName(name)
        widget.style().polish(widget)


def tell(label: QLabel, text: str, *, wrong: bool) -> None:
    """Show a text faintly, or as an alarm."""
    label.setText(text)
    set_look(label, "alarm" if wrong else "faint")
