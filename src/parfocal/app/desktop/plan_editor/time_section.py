"""The time points of a sequence: phases of so many, so far apart."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, ClassVar

from parfocal.app.desktop.plan_editor.plan_rows import RowColumn
from parfocal.app.desktop.plan_editor.plan_section import PlanSection
from parfocal.app.desktop.plan_editor.row_table import RowTable
from parfocal.core.errors import BadInputError
from parfocal.runs.plans.time_plan import TimePlan, time_phases
from parfocal.runs.status_text import clock_text

if TYPE_CHECKING:
    from parfocal.app.desktop.plan_editor.plan_draft import PlanPart
    from parfocal.app.desktop.plan_editor.plan_fault import FaultPlace
    from parfocal.viewers.qt.theme import Theme

_COLUMNS = (
    RowColumn(
        "interval", "interval, s", width=110, tip="From one time point to the next; 0: as fast as it goes"
    ),
    RowColumn("loops", "time points", width=110, tip="How many"),
)
_FIRST = {"interval": 1.0, "loops": 10}


class TimeSection(PlanSection):
    """Edits `time_plan`."""

    name: ClassVar = "times"
    title: ClassVar = "Time"
    keys: ClassVar = ("time_plan",)

    def __init__(self, theme: Theme) -> None:
        super().__init__(is_open=True)
        self.table = RowTable(_COLUMNS, _FIRST, theme)
        self.table.add.setToolTip("Add a phase, which begins at the last time point of the one before")
        self.table.edited.connect(self.edited)
        self.put_tools(self.table.tools)
        self.rows.addWidget(self.table)

    def show_part(self, part: PlanPart) -> None:
        """Show the phases; one that was written by its duration as interval and number."""
        phases = part.get("time_plan") or ()
        if any(set(phase) != {"interval", "loops"} for phase in phases):
            with suppress(BadInputError):  # told at the field
                phases = [{"interval": phase.interval, "loops": phase.loops} for phase in time_phases(phases)]
        self.table.show_rows(phases)

    def fields(self) -> dict[str, Any]:
        """Return the phases."""
        return {"time_plan": self.table.rows or None}

    def summary(self) -> str:
        """Return how many time points there are, and how long they take."""
        if not self.table.rows:
            return "a single time point"
        try:
            plan = TimePlan(time_phases(self.table.rows))
        except BadInputError:
            return ""
        return f"{len(plan)} time points in {clock_text(plan.duration_s)}"

    def mark(self, place: FaultPlace, text: str) -> None:
        """Mark a cell."""
        self.table.model.show_fault(place.row if text else -1, place.field, text)
