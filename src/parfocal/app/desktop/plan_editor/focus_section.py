"""The search for the focus before the images of a position."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from parfocal.app.desktop.plan_editor.plan_section import PlanSection
from parfocal.app.desktop.plan_editor.ways_form import PlanField, WaysForm

if TYPE_CHECKING:
    from parfocal.app.desktop.plan_editor.plan_draft import PlanPart
    from parfocal.app.desktop.plan_editor.plan_fault import FaultPlace

_WAYS: dict[str, tuple[PlanField, ...]] = {
    "no search": (),
    "through planes": (
        PlanField("range", "range, µm", first=20.0),
        PlanField("step", "step, µm", first=2.0),
    ),
}
_OTHERS = (
    PlanField("frames", "time points", "frames", empty="each", width=110),
    PlanField("positions", "positions", "choice", {"each": "each", "first": "the first one for all"}),
    PlanField("channel", "channel", "text", empty="the first", width=96),
    PlanField("exposure", "ms", empty="preset"),
    PlanField("power", "power", empty="preset"),
    PlanField("measure", "sharp by", "choice", {"gradient": "gradient", "variance": "variance"}),
    PlanField(
        "on_failure",
        "if none is found",
        "choice",
        {"keep": "keep z, go on", "pause": "have a person look", "stop": "end the run"},
    ),
)


class FocusSection(PlanSection):
    """Edits `autofocus`."""

    name: ClassVar = "autofocus"
    title: ClassVar = "Autofocus"
    keys: ClassVar = ("autofocus",)

    def __init__(self) -> None:
        super().__init__()
        self.form = WaysForm(_WAYS, _OTHERS)
        self.form.edited.connect(self.edited)
        self.rows.addWidget(self.form)

    def show_part(self, part: PlanPart) -> None:
        """Show the search."""
        self.form.show_value(part.get("autofocus"))

    def fields(self) -> dict[str, Any]:
        """Return the search."""
        return {"autofocus": self.form.value()}

    def summary(self) -> str:
        """Return how far it looks."""
        value = self.form.value()
        return "none" if value is None else f"over {value.get('range')} µm"

    def mark(self, place: FaultPlace, text: str) -> None:
        """Mark a field."""
        self.form.show_fault(place.field, text)
