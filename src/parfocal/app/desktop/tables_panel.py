"""The z tables: a sweep of the focus is chosen, watched, looked at, and taken or not."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar
from uuid import uuid4

from PySide6.QtWidgets import QComboBox, QGridLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from parfocal.analysis.beads.sweep_plan import SweepPlan
from parfocal.app.desktop.bead_board import BeadBoard
from parfocal.app.desktop.editors import NumberField
from parfocal.app.desktop.panel import Panel
from parfocal.app.desktop.request_line import RequestLine
from parfocal.app.desktop.run_line import RunLine
from parfocal.app.desktop.service_poll import ServicePoll
from parfocal.app.desktop.stage_card import OF_A_STAGE
from parfocal.app.desktop.style import GAP
from parfocal.app.desktop.sweep_review import SweepReview
from parfocal.app.desktop.table_sweep import (
    SweepStart,
    focus_first,
    held_text,
    in_use_text,
    newest_sweep,
    sweep_told,
)
from parfocal.rig.sweep import sweep_plan
from parfocal.runs.plans.plan_data import plan_to_data
from parfocal.runs.settings import SERVICE

if TYPE_CHECKING:
    from parfocal.app.desktop.session import Session
    from parfocal.rig.snapshots import RigSnapshot
    from parfocal.viewers.qt.theme import Theme

_FIELDS = {
    "start_nm": ("from, nm", -1000.0, "First plane, from where the focus stands"),
    "stop_nm": ("to, nm", 1000.0, "Last plane, from where the focus stands"),
    "step_nm": ("step, nm", 100.0, "From plane to plane"),
    "frames": ("images of each", 10, "Images of each plane, which are averaged"),
    "settle_s": ("settle, s", 0.0, "How long to wait in each plane before its images"),
    "index_factor": (
        "height per focus", 1.0,
        "By how much heights in the sample change for a change of the focus: about the ratio of the "
        "refractive indices of sample and immersion",
    ),
}  # fmt: skip
_IN_A_ROW = 3


class TablesPanel(Panel):
    """Makes z tables by a sweep of the focus, as a run; they are used once a person has accepted them."""

    title: ClassVar = "Z tables"
    icon: ClassVar = "fa6s.layer-group"
    controls: ClassVar = (*(words for words, _, _ in _FIELDS.values()), "Make tables", "Use these tables")

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.board = session.shared(BeadBoard)
        self.state = ServicePoll(session, self.board.tracker, "state", every_s=1.0)
        self.focus, self.fields = (
            QComboBox(),
            {name: NumberField(integer=name == "frames") for name in _FIELDS},
        )
        self.polls: dict[str, ServicePoll] = {}
        self.in_use, self.told = QLabel(), QLabel()
        self.make, self.line, self.run = (
            QPushButton("Make tables"),
            RequestLine(results=False),
            RunLine(session),
        )
        self.review = SweepReview(session, self.board)
        self._widget = QWidget()
        self._lay_out()

    @classmethod
    def fits(cls, snapshot: RigSnapshot) -> bool:
        """Whether the rig tracks beads, and carries out runs."""
        return BeadBoard.fits(snapshot) and SERVICE in snapshot.rig.services

    def refresh(self) -> None:
        """Show what a sweep would do, the one that goes on, and the tables of the last one."""
        self.board.refresh()
        self.state.refresh()
        self._list_stages()
        for poll in self._asked():
            poll.refresh()
        self.in_use.setText(self.state.silence or in_use_text(self.state.value, len(self.board.centers)))
        told, possible = self._sweep_told()
        self.told.setText(told)
        self.make.setEnabled(possible and not self.line.is_pending)
        self.line.refresh()
        self.run.refresh()
        self.review.show_sweep(newest_sweep(self.session.snapshot().runs, self.board.tracker))
        self.review.refresh()

    def start(self) -> None:
        """Start the sweep, as a run."""
        plan, settle_s, focus = self.plan(), self.fields["settle_s"].value, self.focus.currentText()
        if plan is None or settle_s is None:
            return
        sweep = sweep_plan(
            self.board.tracker,
            focus,
            uuid4().hex,
            start_nm=plan.start_nm,
            stop_nm=plan.stop_nm,
            step_nm=plan.step_nm,
            frames=plan.frames,
            settle_s=settle_s,
            index_factor=plan.index_factor,
        )
        self.line.follow(self.session.ask(SERVICE, "start", plan=plan_to_data(sweep)))

    def plan(self) -> SweepPlan | None:
        """Return the sweep that is written; None while something in it is no number."""
        values = {name: self.fields[name].value for name in _FIELDS if name != "settle_s"}
        if any(value is None for value in values.values()) or not isinstance(values["frames"], int):
            return None
        return SweepPlan(**values)

    def set_theme(self, theme: Theme) -> None:
        """Take other colours."""
        self.review.set_theme(theme)

    def _sweep_told(self) -> tuple[str, bool]:
        focus = self.focus.currentText()
        if not focus:
            return "No stage has told of itself yet.", False
        if held := held_text(self.session.snapshot().runs, (focus, self.board.tracker)):
            return held, False
        plan, settle_s = self.plan(), self.fields["settle_s"].value
        axes, position, rate = (poll.value for poll in self._asked())
        if plan is None or settle_s is None:
            return "Something above is no whole sweep: write numbers, such as 100 or 0.5.", False
        if not axes or position is None or rate is None:
            silence = next((poll.silence or poll.error for poll in self._asked() if poll.value is None), "")
            return silence.partition("\n")[0] or "…", False
        beads = len(self.board.centers)
        if not beads:
            return "There are no beads yet: find them in the panel Beads.", False
        return sweep_told(plan, SweepStart(focus, axes[0], position, rate), settle_s, beads)

    def _asked(self) -> tuple[ServicePoll, ServicePoll, ServicePoll]:
        """Return what is asked of the chosen stage and of the camera, again and again."""
        focus, camera = self.focus.currentText(), self.board.camera
        wanted = ((focus, "describe_axes", 5.0), (focus, "position", 0.5), (camera, "frame_rate_hz", 1.0))
        first, second, third = (self._poll(*each) for each in wanted)
        return first, second, third

    def _poll(self, service: str, command: str, every_s: float) -> ServicePoll:
        key = f"{service}.{command}"
        if key not in self.polls:
            self.polls[key] = ServicePoll(self.session, service, command, every_s)
        return self.polls[key]

    def _list_stages(self) -> None:
        """Offer the stages that have told of themselves; the one first that moves the focus of others."""
        services = self.session.snapshot().rig.services
        stages = [
            service
            for service in services
            if {info.name for info in self.session.commands(service) or ()} >= OF_A_STAGE | {"position"}
        ]
        stages = focus_first(stages, [self.session.settings(service) or {} for service in services])
        if [self.focus.itemText(number) for number in range(self.focus.count())] != stages:
            chosen = self.focus.currentText()
            self.focus.clear()
            self.focus.addItems(stages)
            self.focus.setCurrentText(chosen if chosen in stages else next(iter(stages), ""))

    def _lay_out(self) -> None:
        self.in_use.setObjectName("heading")
        self.told.setObjectName("faint")
        for label in (self.in_use, self.told):
            label.setWordWrap(True)
        self.make.setObjectName("primary")
        self.make.setToolTip("Sweep the focus; what is in use stays until you have looked at the new tables")
        self.make.clicked.connect(self.start)
        self.focus.setToolTip("The stage that moves the focus")
        grid = QGridLayout()
        grid.setHorizontalSpacing(GAP)
        grid.setVerticalSpacing(2)
        for number, (name, (words, first, tip)) in enumerate(_FIELDS.items()):
            row, column = divmod(number, _IN_A_ROW)
            title = QLabel(words)
            title.setObjectName("faint")
            title.setToolTip(tip)
            title.setBuddy(self.fields[name])
            self.fields[name].setToolTip(tip)
            self.fields[name].show_value(first)
            grid.addWidget(title, 2 * row, column)
            grid.addWidget(self.fields[name], 2 * row + 1, column)
            grid.setColumnStretch(column, 1)
        column_of_all = QVBoxLayout(self._widget)
        column_of_all.setContentsMargins(GAP, GAP, GAP, GAP)
        column_of_all.setSpacing(GAP)
        column_of_all.addWidget(self.in_use)
        column_of_all.addLayout(grid)
        foot = QGridLayout()
        foot.setHorizontalSpacing(GAP)
        foot.addWidget(self.focus, 0, 0)
        foot.addWidget(self.make, 0, 2)
        foot.setColumnStretch(1, 1)
        column_of_all.addWidget(self.told)
        column_of_all.addLayout(foot)
        for widget in (self.line, self.run):
            column_of_all.addWidget(widget)
        column_of_all.addWidget(self.review, 100)
        column_of_all.addStretch(1)
