"""The interlocks of a plan: what has to hold as long as it is carried out, written as YAML."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from parfocal.app.desktop.plan_editor.plan_section import PlanSection
from parfocal.app.desktop.plan_editor.yaml_field import YamlField

if TYPE_CHECKING:
    from parfocal.app.desktop.plan_editor.plan_draft import PlanPart

_EXAMPLE = """- name: room on the disk
  condition: {of: free_disk, above: 20}
  breach: end"""


class InterlockSection(PlanSection):
    """Edits `interlocks`, which are those of the whole plan."""

    name: ClassVar = "interlocks"
    title: ClassVar = "Interlocks"
    keys: ClassVar = ("interlocks",)

    def __init__(self) -> None:
        super().__init__()
        self.text = YamlField(_EXAMPLE)
        self.text.edited.connect(self.edited)
        self.rows.addWidget(self.text)
        self.show_summary()

    def show_part(self, part: PlanPart) -> None:
        """Show the interlocks of a plan."""
        self.text.show_value(part.get("interlocks"))

    def fields(self) -> dict[str, Any]:
        """Return the interlocks; a text that is no YAML is kept, and refused."""
        return {"interlocks": self.text.value()}

    def summary(self) -> str:
        """Return their names."""
        found = self.text.value()
        if not isinstance(found, list):
            return "those of the rig"
        named = [str(each.get("name")) for each in found if isinstance(each, dict)]
        return ", ".join(["those of the rig", *named])
