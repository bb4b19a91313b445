"""What a sequence may have beside: references and metadata, written as YAML."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from PySide6.QtWidgets import QPlainTextEdit

from parfocal.app.desktop.plan_editor.plan_section import PlanSection
from parfocal.app.desktop.plan_editor.yaml_text import read_yaml, shown_yaml

if TYPE_CHECKING:
    from parfocal.app.desktop.plan_editor.plan_draft import PlanPart

_HEIGHT_PX = 84


class OtherSection(PlanSection):
    """Edits `ref_channels`, `ref_frames` and `metadata`."""

    name: ClassVar = "other"
    title: ClassVar = "References and metadata"
    keys: ClassVar = ("ref_channels", "ref_frames", "metadata")

    def __init__(self) -> None:
        super().__init__()
        self.text = QPlainTextEdit()
        self.text.setFixedHeight(_HEIGHT_PX)
        self.text.setPlaceholderText(
            "ref_channels: [nucleus]\nref_frames: every 5\nmetadata: {phase: before}"
        )
        self.text.textChanged.connect(self._take)
        self.rows.addWidget(self.text)

    def show_part(self, part: PlanPart) -> None:
        """Show the fields, as YAML."""
        found = {key: part[key] for key in self.keys if key in part}
        if found != self._fields():
            self.text.blockSignals(True)
            self.text.setPlainText(shown_yaml(found))
            self.text.blockSignals(False)

    def fields(self) -> dict[str, Any]:
        """Return the fields; a text that is no YAML is kept, and refused by the plan."""
        return self._fields()

    def summary(self) -> str:
        """Return which there are."""
        return ", ".join(self._fields()) or "none"

    def _fields(self) -> dict[str, Any]:
        found = read_yaml(self.text.toPlainText())
        if found is None:
            return {}
        return found if isinstance(found, dict) else {"metadata": found}

    def _take(self) -> None:
        self.edited.emit()
