"""In which order a sequence goes through its axes, and positions that do not fit into an interval."""

from __future__ import annotations

from itertools import permutations
from typing import TYPE_CHECKING, Any, ClassVar

from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel

from parfocal.app.desktop.plan_editor.plan_section import PlanSection
from parfocal.app.desktop.plan_editor.ways_form import FieldLine, PlanField
from parfocal.runs.plans.visits import AXES

if TYPE_CHECKING:
    from parfocal.app.desktop.plan_editor.plan_draft import PlanPart
    from parfocal.app.desktop.plan_editor.plan_fault import FaultPlace

_WORDS = {"t": "time", "p": "position", "c": "channel", "z": "plane"}
_BATCH = (
    PlanField("positions", "positions in a batch", empty="all"),
    PlanField("time_per_position", "s for each position", empty=""),
)


class OrderSection(PlanSection):
    """Edits `axis_order` and `batch`."""

    name: ClassVar = "order"
    title: ClassVar = "Order"
    keys: ClassVar = ("axis_order", "batch")

    def __init__(self) -> None:
        super().__init__()
        self.order, self.batch = QComboBox(), FieldLine(_BATCH)
        for axes in (AXES, *("".join(each) for each in permutations(AXES) if "".join(each) != AXES)):
            self.order.addItem(order_text(axes), axes)
        self.order.activated.connect(lambda _: self.edited.emit())
        self.batch.edited.connect(self.edited)
        self.batch.setToolTip("Each batch goes through all time points before the next one begins")
        row = QHBoxLayout()
        for widget in (label := QLabel("for each"), self.order):
            row.addWidget(widget)
        label.setObjectName("faint")
        row.addStretch(1)
        self.rows.addLayout(row)
        self.rows.addWidget(self.batch)

    def show_part(self, part: PlanPart) -> None:
        """Show the order."""
        self.order.setCurrentIndex(max(0, self.order.findData(part.get("axis_order", AXES))))
        self.batch.show_values(part.get("batch") or {})

    def fields(self) -> dict[str, Any]:
        """Return order and batches."""
        axes = self.order.currentData()
        return {"axis_order": None if axes == AXES else axes, "batch": self.batch.values() or None}

    def summary(self) -> str:
        """Return the order."""
        return self.order.currentText() + (", in batches" if self.batch.values() else "")

    def mark(self, place: FaultPlace, text: str) -> None:
        """Mark a field."""
        self.batch.show_fault(place.field, text)


def order_text(axes: str) -> str:
    """Return an order in words, outermost first.

    Examples
    --------
    >>> order_text("tpcz")
    'time, position, channel, plane'
    """
    return ", ".join(_WORDS[axis] for axis in axes)
