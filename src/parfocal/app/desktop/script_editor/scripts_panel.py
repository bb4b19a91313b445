"""The script editor: write a script, see what is wrong at its line, keep it in a file, and run it."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import msgspec
from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QMenu,
    QPushButton,
    QSplitter,
    QVBoxLayout,
    QWidget,
)
from superqt import QElidingLabel

from parfocal.app.desktop.background import BackgroundResult, BackgroundWork
from parfocal.app.desktop.draft_widgets import DraftQuestion, choose_file, show_file
from parfocal.app.desktop.drafts import DraftFile, drafts_folder
from parfocal.app.desktop.look import tell
from parfocal.app.desktop.panel import Panel
from parfocal.app.desktop.request_line import RequestLine
from parfocal.app.desktop.script_editor.checked_script import UNTITLED, CheckedScript, checked_script
from parfocal.app.desktop.script_editor.code_edit import CodeEdit
from parfocal.app.desktop.script_editor.gallery import GalleryScript, read_gallery
from parfocal.app.desktop.script_editor.problem_list import ProblemList
from parfocal.app.desktop.script_editor.script_draft import ScriptDraft, text_hash
from parfocal.app.desktop.script_editor.script_file import ScriptFile, read_text
from parfocal.app.desktop.script_editor.script_run_view import ScriptRunView
from parfocal.app.desktop.style import GAP
from parfocal.app.run_window.question_bar import QuestionBar
from parfocal.core.clock import SYSTEM_CLOCK
from parfocal.core.files import save_file
from parfocal.runs.settings import SERVICE

if TYPE_CHECKING:
    from collections.abc import Callable

    from parfocal.app.desktop.request import Request
    from parfocal.app.desktop.session import Session
    from parfocal.ipc import CommandInfo
    from parfocal.rig.snapshots import RigSnapshot
    from parfocal.viewers.qt.theme import Theme

_FILES = "Python (*.py)"
_PAUSE_S = 0.4
_AGAIN_S = 1.0
"""When a check that could not be made, such as of a module that can't be read, is tried again."""


class ScriptsPanel(Panel):
    """Edits a script, checks it against the rig, and carries it out as a run."""

    title: ClassVar = "Scripts"
    icon: ClassVar = "fa6s.code"
    area: ClassVar = "left"
    controls: ClassVar = ("New", "Open …", "Save …", "Examples", "Check", "Run")

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        theme = session.theme
        self.folder = drafts_folder(session.rig)
        self.work, self.checks = BackgroundWork("files of scripts"), BackgroundWork("checks of scripts")
        self.kept, self.disk = DraftFile(self.folder, "script"), ScriptFile(self.work)
        self.editor, self.problems = CodeEdit(theme), ProblemList(theme)
        self.run_view = ScriptRunView(session, self.work)
        self.file, self.told, self.line = QElidingLabel(), QLabel(), RequestLine(results=False)
        self.new, self.open, self.save, self.gallery, self.check, self.run = (
            QPushButton(text) for text in ("New", "Open …", "Save …", "Examples", "Check", "Run")
        )
        self.menu = QMenu(self.gallery)
        self.dropping = DraftQuestion(theme, "script")
        self.changed = QuestionBar(
            theme,
            {
                "Take what is on the disk": lambda _: self._take_disk(),
                "Keep mine": lambda _: self._keep_mine(),
            },
        )
        self.draft = ScriptDraft()
        self.checked: CheckedScript | None = None
        self._checking: ScriptDraft | None = None
        self._due_s = 0.0
        self._is_found = self._is_asked = False
        self._widget = QWidget()
        self._lay_out()
        self._widget.setEnabled(False)  # until it is known what was kept: that would replace what is written
        self.work.do(read_gallery, self._take_gallery)

    @classmethod
    def fits(cls, snapshot: RigSnapshot) -> bool:
        """Whether the rig carries out runs."""
        return SERVICE in snapshot.rig.services

    def set_theme(self, theme: Theme) -> None:
        """Take other colours."""
        for part in (self.editor, self.problems, self.run_view, self.dropping, self.changed):
            part.set_theme(theme)

    def close(self) -> None:
        """Keep the draft, and let go of the threads."""
        self.kept.close()
        self.run_view.close_requests()
        for work in (self.work, self.checks):
            work.close()

    def refresh(self) -> None:
        """Check what was written, and show how the run is."""
        for work in (self.work, self.checks):
            work.deliver()
        if not self._is_found and self.kept.found is not None:
            self._take_kept(self.kept.found)
        self.line.refresh()
        self.disk.refresh(self.draft.path)
        self._look_at_disk()
        self._check()
        self._show()
        self.run_view.show_run_of(self.draft.path or str(self.folder / UNTITLED))

    def open_file(self, path: str) -> None:
        """Edit the script of a file."""
        self.work.do(lambda: (str(Path(path).absolute()), read_text(Path(path))), self._take_file)

    def save_file(self, path: str) -> None:
        """Write the script to a file, in one step."""
        text, file = self.draft.text, Path(path).absolute()

        def write() -> ScriptDraft:
            save_file(file, text.encode())
            return ScriptDraft(text=text, path=str(file), saved=text_hash(text))

        self.work.do(write, self._take_written)

    def ask_to_check(self) -> None:
        """Check it now, and tell what was found."""
        self.checked, self._due_s, self._is_asked = None, 0.0, True
        self._show()

    def ask_to_run(self) -> None:
        """Carry out the text as it stands here; one that is wrong is refused, with its lines."""
        found = self.checked
        if found is None or found.check.problems:
            self.ask_to_check()
            return
        request = self.session.ask(
            SERVICE, "start_script", script=found.source, changes=list(found.check.changes)
        )
        self.line.follow(request.then(self._take_started))

    # --- what became of it

    def _take_kept(self, content: bytes) -> None:
        """Go on with what an earlier window has left."""
        self._is_found = True
        self._widget.setEnabled(True)
        try:
            self._edit(msgspec.json.decode(content, type=ScriptDraft) if content else ScriptDraft())
        except msgspec.MsgspecError as error:
            self._tell(f"the script that was kept can't be read: {error}", wrong=True)

    def _take_file(self, result: BackgroundResult[tuple[str, str]]) -> None:
        self._tell(result.error, wrong=True)
        if result.value is not None:
            path, text = result.value
            self._edit(ScriptDraft(text=text, path=path, saved=text_hash(text)))
            self._keep()

    def _take_written(self, result: BackgroundResult[ScriptDraft]) -> None:
        self._tell(result.error, wrong=True)
        if result.value is not None:
            written = {"path": result.value.path, "saved": result.value.saved}
            self.draft = msgspec.structs.replace(self.draft, **written)
            self.disk.forget()
            self._keep()
            self.ask_to_check()

    def _take_checked(self, result: BackgroundResult[CheckedScript]) -> None:
        self._checking = None
        if result.value is None:
            self._due_s = _now_s() + _AGAIN_S
            self._tell(result.error, wrong=True)
        elif result.value.draft is self.draft:
            self.checked = result.value
            self.editor.show_problems(result.value.problems)
            self.problems.show_problems(result.value.problems)
            if self._is_asked:
                changes = ", ".join(result.value.check.changes)
                may = f"may run on {self.session.rig}" + (f"; it changes {changes}" if changes else "")
                self._tell("" if result.value.problems else may)
                self._is_asked = False

    def _take_started(self, request: Request) -> None:
        if request.state == "done":
            self._tell(f"Started as {request.result.run}")

    def _take_gallery(self, result: BackgroundResult[list[GalleryScript]]) -> None:
        self._tell(result.error, wrong=True)
        for script in result.value or ():
            words = f"{script.name.replace('_', ' ')}: {script.title}"
            act = partial(self._begin, ScriptDraft(text=script.text))
            self.menu.addAction(words).triggered.connect(lambda _=False, act=act: self._unless_lost(act))

    # --- what a person does

    def _begin(self, draft: ScriptDraft) -> None:
        self._edit(draft)
        self._keep()

    def _edit(self, draft: ScriptDraft) -> None:
        """Edit another script."""
        self.draft = draft
        self.disk.forget()
        self.editor.blockSignals(True)
        self.editor.setPlainText(draft.text)
        self.editor.blockSignals(False)
        self._touch(0.0)

    def _edited(self) -> None:
        """Keep what a person has written, and have it checked once the writing stops."""
        text = self.editor.toPlainText()
        if text != self.draft.text:
            self.draft = msgspec.structs.replace(self.draft, text=text)
            self._touch(_PAUSE_S)
            self._keep()

    def _touch(self, pause_s: float) -> None:
        self.checked, self._due_s = None, _now_s() + pause_s
        self._tell("")
        self._show()

    def _keep(self) -> None:
        self.kept.keep(msgspec.json.encode(self.draft))

    def _unless_lost(self, act: Callable[[], None]) -> None:
        """Do what replaces the script; ask first if it is in no file."""
        self.dropping.guard(act, is_lost=self.draft.is_lost_if_dropped)

    def _take_disk(self) -> None:
        self.changed.ask("")
        self.open_file(self.draft.path)

    def _keep_mine(self) -> None:
        """Go on with what is written here: what the file holds now is known, and not saved here."""
        self.changed.ask("")
        if self.disk.text is not None:
            self.draft = msgspec.structs.replace(self.draft, saved=text_hash(self.disk.text))
            self._keep()

    def _ask_for_file(self) -> None:
        self._choose("Which script?", self.open_file)

    def _ask_where(self) -> None:
        if self.draft.path and not self.draft.is_saved:
            self.save_file(self.draft.path)
        else:
            self._choose("Where shall it be saved?", self.save_file, saves_as="py")

    def _choose(self, title: str, act: Callable[[str], None], *, saves_as: str = "") -> None:
        choose_file(self._widget, title, self.draft.path or "script.py", _FILES, act, saves_as=saves_as)

    # --- what is shown

    def _look_at_disk(self) -> None:
        """Notice a file that another program has changed; take it at once if nothing is lost by that."""
        text = self.disk.text
        if text is None or not self.draft.path or text_hash(text) == self.draft.saved:
            self.changed.ask("")
        elif self.draft.is_saved:
            self._edit(ScriptDraft(text=text, path=self.draft.path, saved=text_hash(text)))
            self._keep()
            self._tell("Another program has changed the file: it was read again.")
        elif text == self.draft.text:
            self.draft = msgspec.structs.replace(self.draft, saved=text_hash(text))
        else:
            name = Path(self.draft.path).name
            self.changed.ask(f"Another program has changed {name}, and so have you.", self.draft.path)

    def _commands(self) -> dict[str, tuple[CommandInfo, ...]] | None:
        """Return the commands of all services; None while one has not told."""
        services = self.session.snapshot().rig.services
        told = {name: self.session.commands(name) for name in services}
        known = {name: commands for name, commands in told.items() if commands is not None}
        return known if known and len(known) == len(told) else None

    def _check(self) -> None:
        """Have the script looked at in a thread, if it is another one than before."""
        if self.checked is not None or self._checking is not None or _now_s() < self._due_s:
            return
        commands = self._commands()
        if commands is not None and self._is_found:
            draft = self._checking = self.draft
            self.checks.do(partial(checked_script, draft, commands, self.folder), self._take_checked)

    def _show(self) -> None:
        draft, found = self.draft, self.checked
        show_file(self.file, draft.path, is_saved=draft.is_saved)
        may = found is not None and not found.check.problems
        self.run.setEnabled(may and not self.line.is_pending)
        if self.kept.error:
            self._tell(self.kept.error, wrong=True)

    def _tell(self, text: str, *, wrong: bool = False) -> None:
        tell(self.told, text, wrong=wrong)
        self.told.setVisible(bool(text))

    def _lay_out(self) -> None:
        self.file.setObjectName("faint")
        self.told.setWordWrap(True)
        self.run.setObjectName("primary")
        self.check.setToolTip("Check it against the commands of this rig; nothing is carried out")
        self.run.setToolTip("Carry out the text as it stands here, as a run")
        self.gallery.setToolTip("Begin with a script that comes with parfocal")
        self.gallery.setMenu(self.menu)
        self.new.clicked.connect(lambda: self._unless_lost(partial(self._begin, ScriptDraft())))
        self.open.clicked.connect(lambda: self._unless_lost(self._ask_for_file))
        self.save.clicked.connect(self._ask_where)
        self.check.clicked.connect(self.ask_to_check)
        self.run.clicked.connect(self.ask_to_run)
        self.editor.textChanged.connect(self._edited)
        self.problems.chosen.connect(self.editor.go_to)
        row = QHBoxLayout()
        row.setSpacing(6)
        for widget in (self.new, self.open, self.save, self.gallery, self.file, self.check, self.run):
            row.addWidget(widget, 1 if widget is self.file else 0)
        written = QWidget()
        column = QVBoxLayout(written)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(5)
        column.addWidget(self.editor, 1)
        for part in (self.problems, self.told, self.line):
            column.addWidget(part)
        split = QSplitter(Qt.Orientation.Vertical)
        split.setChildrenCollapsible(False)
        split.addWidget(written)
        split.addWidget(self.run_view)
        split.setStretchFactor(0, 3)
        split.setStretchFactor(1, 2)
        whole = QVBoxLayout(self._widget)
        whole.setContentsMargins(GAP, GAP, GAP, GAP)
        whole.setSpacing(6)
        whole.addLayout(row)
        whole.addWidget(self.dropping)
        whole.addWidget(self.changed)
        whole.addWidget(split, 1)


def _now_s() -> float:
    return SYSTEM_CLOCK.monotonic_ns() / 1e9
