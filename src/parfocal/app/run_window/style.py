"""Style sheets of widgets, set no more often than they change."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qtpy.QtWidgets import QWidget


def set_style(widget: QWidget, style: str) -> None:
    """Give a widget a style sheet, unless it has it: to set one costs as much as to paint."""
    if widget.styleSheet() != style:
        widget.setStyleSheet(style)
