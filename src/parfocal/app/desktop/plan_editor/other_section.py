"""What a sequence may have that no other section edits, such as references and metadata, written as YAML."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from parfocal.app.desktop.plan_editor.plan_section import PlanSection
from parfocal.app.desktop.plan_editor.yaml_field import YamlField

if TYPE_CHECKING:
    from collections.abc import Iterable

    from parfocal.app.desktop.plan_editor.plan_draft import PlanPart

_EXAMPLE = """ref_channels: [nucleus]
ref_frames: every 5
metadata: {phase: before, phase_id: 0}"""


class OtherSection(PlanSection):
    """Edits all other fields: none is lost because the editor does not know it.

    Parameters
    ----------
    known : iterable of str
        The fields that others edit.
    """

    name: ClassVar = "other"
    title: ClassVar = "References and metadata"
    keys: ClassVar = ()

    def __init__(self, known: Iterable[str]) -> None:
        super().__init__()
        self._known = {"type", *known}
        self.text = YamlField(_EXAMPLE)
        self.text.edited.connect(self.edited)
        self.rows.addWidget(self.text)

    def show_part(self, part: PlanPart) -> None:
        """Show the fields."""
        self.text.show_value({key: value for key, value in part.items() if key not in self._known} or None)

    def fields(self) -> dict[str, Any]:
        """Return the fields; a text that is no YAML is kept as metadata, and refused."""
        found = self.text.value()
        if found is None:
            return {}
        return found if isinstance(found, dict) else {"metadata": found}

    def summary(self) -> str:
        """Return which there are."""
        return ", ".join(map(str, self.fields())) or "none"
