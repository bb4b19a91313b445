"""The force on the beads as a card: what it is now; holds, ramps and turns as runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QCheckBox, QFrame, QGridLayout, QHBoxLayout, QLabel, QPushButton, QVBoxLayout

from parfocal.app.desktop.editors import NumberField
from parfocal.app.desktop.request_line import RequestLine
from parfocal.app.desktop.run_line import RunLine
from parfocal.app.desktop.service_poll import ServicePoll
from parfocal.app.desktop.style import GAP
from parfocal.rig.pulls import pull_plan
from parfocal.runs.plans.plan_data import plan_to_data
from parfocal.runs.settings import SERVICE

if TYPE_CHECKING:
    from parfocal.app.desktop.session import Session

OF_A_FORCE = frozenset({"force", "ramp", "hold", "turn", "table"})
"""Commands by which the service of the magnet's force is known."""
PULLS = {
    "hold": ("Hold", {"force_pn": ("force, pN", 5.0), "seconds": ("seconds", 30.0)}),
    "ramp": (
        "Ramp",
        {"start_pn": ("from, pN", 1.0), "stop_pn": ("to, pN", 10.0), "rate_pn_per_s": ("pN/s", 0.5)},
    ),
    "turn": ("Turn", {"turns": ("turns", 10.0), "turns_per_s": ("turns/s", 1.0)}),
}
"""What is pulled: the button, and a field for each argument with its label and what stands in it at first."""


class ForceCard(QFrame):
    """Shows the force, and pulls.

    Parameters
    ----------
    session : Session
        The rig.
    service : str
        The one that knows the magnet's force.
    """

    def __init__(self, session: Session, service: str) -> None:
        super().__init__()
        self.setObjectName("card")
        self.session, self.service = session, service
        self.force = ServicePoll(session, service, "force", every_s=0.3)
        self.table = ServicePoll(session, service, "table", every_s=5.0)
        self.now, self.range, self.line = QLabel(), QLabel(), RequestLine(results=False)
        self.save, self.video = QCheckBox("record the tracks"), QCheckBox("and video of the regions")
        self.run = RunLine(session)
        self.fields = {
            command: {name: NumberField(integer=False) for name in arguments}
            for command, (_, arguments) in PULLS.items()
        }
        self.buttons = {command: QPushButton(word) for command, (word, _) in PULLS.items()}
        self._lay_out()

    def refresh(self) -> None:
        """Show the force, and the run that goes on."""
        for part in (self.force, self.table, self.line, self.run):
            part.refresh()
        reading = self.force.value
        told = self.force.silence.removeprefix(f"{self.service}: ") or self.force.error.partition("\n")[0]
        self.now.setText(
            told or ("…" if reading is None else reading.warning or f"{reading.force_pn:.3g} pN")
        )
        if self.table.value is not None:
            low, high = self.table.value.force_range_pn
            self.range.setText(f"{low:.3g} … {high:.3g} pN measured")

    def pull(self, command: str) -> None:
        """Start a run that pulls."""
        right = [field.check() for field in self.fields[command].values()]  # each is marked
        if not all(right):
            self.line.refuse("what is marked is no number: write it as 1.5")
            return
        arguments = {name: field.value for name, field in self.fields[command].items()}
        magnet = str((self.session.settings(self.service) or {}).get("magnet", "magnet"))
        plan = pull_plan(self.service, command, arguments, magnet, _lasts_s(command, arguments))
        self.line.follow(
            self.session.ask(
                SERVICE,
                "start",
                plan=plan_to_data(plan),
                mode="tracks+roi-video" if self.video.isChecked() else "tracks",
                parts={} if self.save.isChecked() else {"recorder": ""},
            )
        )

    def _lay_out(self) -> None:
        name = QLabel(self.service)
        name.setObjectName("heading")
        self.now.setObjectName("heading")
        self.range.setObjectName("faint")
        self.save.setChecked(True)
        self.save.setToolTip("Without it the run is seen, and nothing of it is stored")
        self.save.toggled.connect(self.video.setEnabled)
        kept = QHBoxLayout()
        kept.setSpacing(GAP)
        for box in (self.save, self.video):
            kept.addWidget(box)
        kept.addStretch(1)
        head = QHBoxLayout()
        head.setSpacing(GAP)
        head.addWidget(name)
        head.addWidget(self.now)
        head.addStretch(1)
        head.addWidget(self.range)
        grid = QGridLayout()
        grid.setHorizontalSpacing(GAP)
        grid.setVerticalSpacing(2)
        for row, (command, (_, arguments)) in enumerate(PULLS.items()):
            for column, (argument, (words, first)) in enumerate(arguments.items()):
                title = QLabel(words)
                title.setObjectName("faint")
                field = self.fields[command][argument]
                field.show_value(first)
                grid.addWidget(title, 2 * row, column)
                grid.addWidget(field, 2 * row + 1, column)
            button = self.buttons[command]
            button.clicked.connect(lambda _=False, command=command: self.pull(command))
            grid.addWidget(button, 2 * row + 1, 3)
        for column in range(3):
            grid.setColumnStretch(column, 1)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(GAP, GAP, GAP, GAP)
        whole.setSpacing(6)
        whole.addLayout(head)
        whole.addLayout(grid)
        whole.addLayout(kept)
        whole.addWidget(self.line)
        whole.addWidget(self.run)


def _lasts_s(command: str, arguments: dict[str, float | None]) -> float:
    """Return how long a pull takes; 0 if what is asked can't be: the service says so."""
    hold_s = arguments.get("seconds") or 0.0
    start, stop, rate = (arguments.get(name) or 0.0 for name in ("start_pn", "stop_pn", "rate_pn_per_s"))
    turns, speed = (arguments.get(name) or 0.0 for name in ("turns", "turns_per_s"))
    ramp_s = abs((stop - start) / rate) if rate else 0.0
    return {"hold": hold_s, "ramp": ramp_s, "turn": abs(turns / speed) if speed else 0.0}[command]
