"""The planes of a stack."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from PySide6.QtWidgets import QCheckBox

from parfocal.app.desktop.plan_editor.plan_section import PlanSection
from parfocal.app.desktop.plan_editor.ways_form import PlanField, WaysForm
from parfocal.core.errors import BadInputError
from parfocal.runs.plans.fields import made
from parfocal.runs.plans.z_plan import ZPlan

if TYPE_CHECKING:
    from parfocal.app.desktop.plan_editor.plan_draft import PlanPart
    from parfocal.app.desktop.plan_editor.plan_fault import FaultPlace

_STEP = PlanField("step", "step, µm", first=1.0)
_WAYS: dict[str, tuple[PlanField, ...]] = {
    "one plane": (),
    "around the position": (PlanField("range", "range, µm", first=4.0), _STEP),
    "above and below the position": (
        PlanField("above", "above, µm", first=2.0),
        PlanField("below", "below, µm", first=2.0),
        _STEP,
    ),
    "between two heights": (
        PlanField("bottom", "bottom, µm", first=0.0),
        PlanField("top", "top, µm", first=4.0),
        _STEP,
    ),
    "offsets from the position": (PlanField("relative", "µm", "list", first=[-1.0, 0.0, 1.0], width=170),),
    "heights of the stage": (PlanField("absolute", "µm", "list", first=[0.0], width=170),),
}


class ZSection(PlanSection):
    """Edits `z_plan`."""

    name: ClassVar = "planes"
    title: ClassVar = "Z stack"
    keys: ClassVar = ("z_plan",)

    def __init__(self) -> None:
        super().__init__()
        self.form, self.upwards = WaysForm(_WAYS), QCheckBox("from below upwards")
        self.upwards.setChecked(True)
        self.form.edited.connect(self.edited)
        self.upwards.clicked.connect(lambda _: self.edited.emit())
        self.rows.addWidget(self.form)
        self.rows.addWidget(self.upwards)

    def show_part(self, part: PlanPart) -> None:
        """Show the planes."""
        plan = part.get("z_plan")
        self.form.show_value(plan)
        self.upwards.setChecked((plan or {}).get("go_up", True))
        self.upwards.setVisible(plan is not None)

    def fields(self) -> dict[str, Any]:
        """Return the planes."""
        value = self.form.value()
        if value is not None and not self.upwards.isChecked():
            value["go_up"] = False
        return {"z_plan": value}

    def summary(self) -> str:
        """Return how many planes there are."""
        value = self.form.value()
        if value is None:
            return "one plane"
        try:
            planes = made(ZPlan, value, "z_plan").planes_um
        except BadInputError:
            return ""
        return f"{len(planes)} planes, {min(planes):g} to {max(planes):g} µm"

    def mark(self, place: FaultPlace, text: str) -> None:
        """Mark a field."""
        self.form.show_fault(place.field, text)
