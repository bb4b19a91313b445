"""The plan editor: compose a plan, see at once what it needs, keep it in a file, prepare and start it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import msgspec
from PySide6.QtWidgets import QHBoxLayout, QLabel, QLineEdit, QPushButton, QVBoxLayout, QWidget
from superqt import QElidingLabel

from parfocal.app.desktop.background import BackgroundResult, BackgroundWork
from parfocal.app.desktop.draft_widgets import DraftQuestion, choose_file, show_file
from parfocal.app.desktop.drafts import DraftFile, drafts_folder
from parfocal.app.desktop.look import tell
from parfocal.app.desktop.panel import Panel
from parfocal.app.desktop.plan_editor.checked_draft import CheckedDraft, checked_draft
from parfocal.app.desktop.plan_editor.plan_draft import (
    PartFault,
    PlanDraft,
    draft_of,
    part_of_event,
    plan_of,
)
from parfocal.app.desktop.plan_editor.plan_fault import event_of, place_of
from parfocal.app.desktop.plan_editor.plan_forecasts import PlanForecasts
from parfocal.app.desktop.plan_editor.plan_form import PlanForm
from parfocal.app.desktop.plan_editor.plan_view import PlanView
from parfocal.app.desktop.plan_editor.stage_place import StagePlace
from parfocal.app.desktop.request_line import RequestLine
from parfocal.app.desktop.service_poll import ServicePoll
from parfocal.app.desktop.style import GAP
from parfocal.core.errors import BadInputError
from parfocal.runs.conditions.interlocks import interlocks_from_data
from parfocal.runs.plans.plan_files import PlanWithPipeline, read_plan_file, write_plan_file
from parfocal.runs.settings import SERVICE

if TYPE_CHECKING:
    from collections.abc import Callable

    from parfocal.app.desktop.request import Request
    from parfocal.app.desktop.session import Session
    from parfocal.rig.snapshots import RigSnapshot
    from parfocal.viewers.qt.theme import Theme

_FILES = "Plans (*.yaml *.yml *.toml *.json *.txt)"


class PlanPanel(Panel):
    """Edits a plan over our own plain data, and asks the rig what becomes of it."""

    title: ClassVar = "Plan"
    icon: ClassVar = "fa6s.list-check"
    area: ClassVar = "left"
    controls: ClassVar = (
        "New",
        "Open …",
        "Save …",
        "Time",
        "Positions",
        "Z stack",
        "Autofocus",
        "Order",
        "References and metadata",
        "Interlocks",
        "Prepare",
        "Start",
    )

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        theme = session.theme
        self.work, self.checks = BackgroundWork("files of plans"), BackgroundWork("checks of plans")
        self.kept = DraftFile(drafts_folder(session.rig), "plan")
        self.place, self.forecasts = StagePlace(session), PlanForecasts(session)
        self.presets: ServicePoll | None = None
        self.form, self.view = PlanForm(self.place, self.work, theme), PlanView(theme)
        self.file, self.name, self.told = QElidingLabel(), QLineEdit(), QLabel()
        self.new, self.open, self.save, self.prepare, self.start = (
            QPushButton(text) for text in ("New", "Open …", "Save …", "Prepare", "Start")
        )
        self.line = RequestLine(results=False)
        self.question = DraftQuestion(theme, "plan")
        self.checked: CheckedDraft | None = None
        self.prepared = ""
        self._checking: PlanDraft | None = None
        self._told: tuple[CheckedDraft, str] | None = None
        self._is_found = False
        self._widget = QWidget()
        self._widget.setEnabled(False)  # until it is known what was kept: that would replace what is written
        self._lay_out()

    @classmethod
    def fits(cls, snapshot: RigSnapshot) -> bool:
        """Whether the rig carries out runs."""
        return SERVICE in snapshot.rig.services

    def set_theme(self, theme: Theme) -> None:
        """Take other colours."""
        for part in (self.form, self.view, self.question):
            part.set_theme(theme)

    def close(self) -> None:
        """Keep the draft, and let go of the threads."""
        self.kept.close()
        for work in (self.work, self.checks):
            work.close()

    @property
    def draft(self) -> PlanDraft:
        """The plan as it is edited."""
        return self.form.draft

    def refresh(self) -> None:
        """Show what the rig says, and what was done in threads."""
        for work in (self.work, self.checks):
            work.deliver()
        if not self._is_found and self.kept.found is not None:
            self._take_kept(self.kept.found)
        self._offer()
        for part in (self.place, self.form, self.forecasts, self.line):
            part.refresh()
        self._check()
        self._show()

    def open_file(self, path: str) -> None:
        """Edit the plan of a file: ours, of useq-schema, or of Micro-Manager."""
        self.work.do(lambda: draft_of(read_plan_file(path), str(Path(path).absolute())), self._take_file)

    def save_file(self, path: str) -> None:
        """Write the plan to a file; one that is wrong is refused, with the words."""
        draft = msgspec.structs.replace(self.draft, path=str(Path(path).absolute()))
        self.work.do(lambda: _written(draft), self._take_written)

    def ask_to_prepare(self) -> None:
        """Have the rig check the plan, and keep it as a run that can be started from anywhere."""
        if self.checked is not None and self.checked.is_right:
            request = self.session.ask(
                SERVICE, "prepare", name=self.name.text().strip(), **self.checked.arguments()
            )
            self.line.follow(request.then(self._take_prepared))

    def ask_to_start(self) -> None:
        """Start the run that was prepared of this plan, else a new one."""
        found = self.checked
        if found is None or not found.is_right:
            return
        if self.prepared:
            request = self.session.ask(SERVICE, "start_prepared", run=self.prepared)
        else:
            name = self.name.text().strip()
            request = self.session.ask(SERVICE, "start", name=name, **found.arguments())
        self.line.follow(request.then(self._take_started))

    # --- what became of it

    def _take_kept(self, content: bytes) -> None:
        """Go on with what an earlier window has left."""
        self._is_found = True
        self._widget.setEnabled(True)
        try:
            draft = msgspec.json.decode(content, type=PlanDraft) if content else PlanDraft()
        except msgspec.MsgspecError as error:
            self._tell(f"the plan that was kept can't be read: {error}", wrong=True)
            return
        self._edit(draft)

    def _take_file(self, result: BackgroundResult[PlanDraft]) -> None:
        self._tell(result.error, wrong=True)
        if result.value is not None:
            self._edit(msgspec.structs.replace(result.value, name=self.name.text()))
            self._keep()

    def _take_written(self, result: BackgroundResult[PlanDraft]) -> None:
        self._tell(result.error, wrong=True)
        if result.value is not None:
            changed = {"path": result.value.path, "saved": result.value.saved}
            self.form.draft = msgspec.structs.replace(self.draft, **changed)
            self._tell(f"saved as {result.value.path}")
            self._keep()

    def _take_prepared(self, request: Request) -> None:
        if request.state == "done":
            self.prepared = request.result.run
            self._tell(
                f"Prepared as {self.prepared}: nothing has moved yet. Start it here, or from any view."
            )
        else:
            self._tell("")

    def _take_started(self, request: Request) -> None:
        if request.state == "done":
            self.prepared = ""
            self._tell(f"Started as {request.result.run}: see Runs.")
        else:
            self._tell("")

    def _take_checked(self, result: BackgroundResult[CheckedDraft]) -> None:
        draft, self._checking = self._checking, None
        if draft is None or draft is not self.draft:
            return
        self.checked = result.value or CheckedDraft(draft=draft, faults=(PartFault(-1, result.error),))
        self.forecasts.want(self.checked.arguments() if self.checked.is_right else None)

    # --- what a person does

    def _edit(self, draft: PlanDraft) -> None:
        """Edit another draft."""
        self.form.show_draft(draft)
        self.name.setText(draft.name)
        self.checked, self.prepared, self._told = None, "", None
        self._show()

    def _edited(self) -> None:
        """Keep what a person has changed; what was prepared is another plan now."""
        self.checked, self.prepared, self._told = None, "", None
        self._tell("")
        self._keep()
        self._show()

    def _named(self) -> None:
        self.form.draft = msgspec.structs.replace(self.draft, name=self.name.text())
        self.prepared = ""
        self._keep()

    def _keep(self) -> None:
        self.kept.keep(msgspec.json.encode(self.draft))

    def _unless_lost(self, act: Callable[[], None]) -> None:
        """Do what replaces the plan; ask first if it is in no file."""
        is_lost = not self.draft.is_saved and self.draft.parts != PlanDraft().parts
        self.question.guard(act, is_lost=is_lost)

    def _begin_new(self) -> None:
        self._edit(PlanDraft())
        self._edited()

    def _ask_for_file(self) -> None:
        self._choose("Which plan?", self.open_file)

    def _ask_where(self) -> None:
        if self.draft.is_saved or not self.draft.path or self.draft.path.endswith(".txt"):
            self._choose("Where shall it be saved?", self.save_file, saves_as="yaml")
        else:
            self.save_file(self.draft.path)

    def _choose(self, title: str, act: Callable[[str], None], *, saves_as: str = "") -> None:
        choose_file(self._widget, title, self.draft.path or "plan.yaml", _FILES, act, saves_as=saves_as)

    # --- what is shown

    def _offer(self) -> None:
        """Offer the channels of the rig, and its modulator."""
        parts = self.session.settings(SERVICE) or {}
        if self.presets is None and parts.get("channels"):
            self.presets = ServicePoll(self.session, parts["channels"], "presets", every_s=5.0)
        if self.presets is not None:
            self.presets.refresh()
        names = list(self.presets.value or ()) if self.presets is not None else []
        self.form.set_rig(names, has_modulator=bool(parts.get("modulator")))

    def _check(self) -> None:
        """Have the draft looked at in a thread, if it is another one than before."""
        if self.checked is None and self._checking is None and self._is_found:
            draft = self._checking = self.draft
            self.checks.do(lambda: checked_draft(draft), self._take_checked)

    def _show_faults(self) -> None:
        """Tell what is wrong at its place: what the plan itself refuses, or the rig."""
        found = self.checked
        if found is None or self._told == (told := (found, self.forecasts.refusal)):
            return
        self._told = told
        faults = {fault.part: fault.message for fault in found.faults}
        refusal, interlocks = self.forecasts.refusal, found.interlock_fault
        if place_of(refusal).section == "interlocks":
            interlocks = refusal
        elif refusal:
            event = event_of(refusal)
            only = 0 if len(self.draft.parts) == 1 else -1
            faults[part_of_event(self.draft, event) if event >= 0 else only] = refusal
        self.form.show_faults(faults, found.pipeline_fault, interlocks)

    def _show(self) -> None:
        draft, found = self.draft, self.checked
        show_file(self.file, draft.path, is_saved=draft.is_saved)
        self.prepare.setEnabled(found is not None and found.is_right and not self.line.is_pending)
        self.start.setEnabled(self.prepare.isEnabled())
        self.start.setText(f"Start {self.prepared}" if self.prepared else "Start")
        self._show_faults()
        wrong = found is not None and not found.is_right
        waits = "The rig is asked …" if self.forecasts.is_asking else ""
        self.view.show_forecast(
            self.forecasts.forecast, "What is marked red has to be mended first." if wrong else waits
        )
        if self.kept.error:
            self._tell(self.kept.error, wrong=True)

    def _tell(self, text: str, *, wrong: bool = False) -> None:
        tell(self.told, text, wrong=wrong)

    def _lay_out(self) -> None:
        self.name.setPlaceholderText("name of the run")
        self.name.setFixedWidth(160)
        self.prepare.setToolTip(
            "Have the rig check it, and keep it; nothing moves. It can be started from any view"
        )
        self.start.setToolTip("Have the rig check it, and carry it out")
        self.start.setObjectName("primary")
        self.told.setWordWrap(True)
        self.new.clicked.connect(lambda: self._unless_lost(self._begin_new))
        self.open.clicked.connect(lambda: self._unless_lost(self._ask_for_file))
        self.save.clicked.connect(self._ask_where)
        self.prepare.clicked.connect(self.ask_to_prepare)
        self.start.clicked.connect(self.ask_to_start)
        self.name.textEdited.connect(lambda _: self._named())
        self.form.edited.connect(self._edited)
        self.file.setObjectName("faint")
        column = QVBoxLayout(self._widget)
        column.setContentsMargins(GAP, GAP, GAP, GAP)
        column.setSpacing(6)
        column.addLayout(_row(self.new, self.open, self.save, self.file))
        column.addWidget(self.question)
        column.addWidget(self.form.tabs)
        body = QHBoxLayout()
        body.setSpacing(GAP)
        body.addWidget(self.form, 3)
        body.addWidget(self.view, 2)
        column.addLayout(body, 1)
        column.addWidget(self.line)
        column.addLayout(_row(self.told, self.name, self.prepare, self.start))


def _row(*widgets: QWidget) -> QHBoxLayout:
    """Return a row in which texts have what is left over."""
    row = QHBoxLayout()
    row.setSpacing(6)
    for widget in widgets:
        row.addWidget(widget, 1 if isinstance(widget, QLabel | QElidingLabel) else 0)
    return row


def _written(draft: PlanDraft) -> PlanDraft:
    """Write a draft to its file; return it as one that is saved."""
    plan, faults = plan_of(draft)
    if plan is None:
        raise BadInputError(f"what is wrong can't be saved: {faults[0].message}")
    interlocks = interlocks_from_data(draft.interlocks or ())
    write_plan_file(PlanWithPipeline(plan, draft.pipeline, draft.stim_mode, interlocks), draft.path)
    return msgspec.structs.replace(draft, saved=draft.content_hash)
