"""Stimuli of a sequence: with which lights, at which time points, how long."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from parfocal.app.desktop.plan_editor.channel_section import CHANNEL_COLUMNS, channel_rows
from parfocal.app.desktop.plan_editor.plan_section import PlanSection
from parfocal.app.desktop.plan_editor.row_table import RowTable
from parfocal.app.desktop.plan_editor.ways_form import FieldLine, PlanField

if TYPE_CHECKING:
    from collections.abc import Sequence

    from parfocal.app.desktop.plan_editor.plan_draft import PlanPart
    from parfocal.app.desktop.plan_editor.plan_fault import FaultPlace
    from parfocal.viewers.qt.theme import Theme

_WHEN = (
    PlanField("stim_frames", "at time points", "frames", empty="such as every 5", width=150),
    PlanField("stim_exposure", "ms", "list", empty="as above", width=84),
    PlanField("stim_power", "power", "list", empty="as above", width=84),
)
_ONE_FOR_ALL = ("stim_exposure", "stim_power")


class StimulusSection(PlanSection):
    """Edits `stim_channels`, `stim_frames`, `stim_exposure` and `stim_power`."""

    name: ClassVar = "stimuli"
    title: ClassVar = "Stimuli"
    keys: ClassVar = ("stim_channels", "stim_frames", "stim_exposure", "stim_power")

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.table, self.when = RowTable(CHANNEL_COLUMNS, {"config": ""}, theme), FieldLine(_WHEN)
        self.table.add.setToolTip("Add a light that stimulates")
        self.when.setToolTip("One exposure or power for all stimuli, or one for each: 10, 20, 40")
        self.put_tools(self.table.tools)
        for part in (self.table, self.when):
            part.edited.connect(self.edited)
            self.rows.addWidget(part)

    def set_names(self, names: Sequence[str]) -> None:
        """Offer the presets of the rig."""
        self.table.set_names(names)
        likely = [name for name in names if "stim" in name.lower()]
        self.table.first = {"config": (likely or list(names) or [""])[0]}

    def show_part(self, part: PlanPart) -> None:
        """Show the stimuli."""
        self.table.show_rows(channel_rows(part.get("stim_channels")))
        values = {field.key: part.get(field.key) for field in _WHEN}
        for key in _ONE_FOR_ALL:
            if values[key] is not None and not isinstance(values[key], list):
                values[key] = [values[key]]
        self.when.show_values(values)

    def fields(self) -> dict[str, Any]:
        """Return the stimuli."""
        values = self.when.values()
        for key in _ONE_FOR_ALL:
            if len(values.get(key, ())) == 1:
                values[key] = values[key][0]
        return {"stim_channels": self.table.rows or None, **{key: values.get(key) for key in self.keys[1:]}}

    def summary(self) -> str:
        """Return their lights."""
        return ", ".join(str(row.get("config")) for row in self.table.rows) or "none"

    def mark(self, place: FaultPlace, text: str) -> None:
        """Mark a cell or a field."""
        self.table.model.show_fault(place.row if text else -1, place.field, text)
        self.when.show_fault(place.field, text)
