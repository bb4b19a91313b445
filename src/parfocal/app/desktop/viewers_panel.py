"""The viewers that run and the runs of the folder: what is shown where, each a program of its own."""

from __future__ import annotations

import math
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from parfocal.app.browser.targets import targets
from parfocal.app.browser.viewer_watch import ViewerWatch
from parfocal.app.desktop.background import BackgroundWork
from parfocal.app.desktop.cell_table import CellTable
from parfocal.app.desktop.panel import Panel
from parfocal.app.desktop.programs import open_program
from parfocal.app.desktop.run_folder import run_folder
from parfocal.app.desktop.style import GAP
from parfocal.app.desktop.viewer_rows import RUN_COLUMNS, VIEWER_COLUMNS, run_rows, viewer_rows
from parfocal.core.clock import SYSTEM_CLOCK
from parfocal.storage.catalogue import NOT_BEGUN, list_runs
from parfocal.viewers.qt.theme import THEMES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from parfocal.app.browser.targets import Target
    from parfocal.app.desktop.background import BackgroundResult
    from parfocal.app.desktop.session import Session
    from parfocal.core.run_status import RunStatus
    from parfocal.rig.snapshots import RigSnapshot
    from parfocal.storage.catalogue import RunSummary
    from parfocal.viewers.qt.theme import Theme

_LISTS_EVERY_S = 3.0
_DEFAULT_KIND = "live"


class ViewersPanel(Panel):
    """Shows a stream or a run in a viewer that runs, or in a new one; browses the folder of recordings."""

    title: ClassVar = "Viewers"
    icon: ClassVar = "fa6s.eye"
    area: ClassVar = "bottom"
    controls: ClassVar = ("Show", "Browse", "Close", "End")

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.watch = ViewerWatch()
        self.work = BackgroundWork("runs of the folder")
        self.found: BackgroundResult[tuple[RunSummary, ...]] | None = None
        self.source, self.target, self.show = QComboBox(), QComboBox(), QPushButton("Show")
        self.runs = CellTable(RUN_COLUMNS, (2,), session.theme)
        self.viewers = CellTable(VIEWER_COLUMNS, (3, 4), session.theme)
        self.browse, self.close_viewer, self.end = (
            QPushButton("Browse"),
            QPushButton("Close"),
            QPushButton("End"),
        )
        self.told = QLabel()
        self._targets: list[Target] = []
        self._due_s = 0.0
        self._widget = QWidget()
        self._lay_out()

    @classmethod
    def fits(cls, snapshot: RigSnapshot) -> bool:
        """Whether the rig has frames to be looked at."""
        return any(stream.kind == "frames" for stream in snapshot.rig.streams.values())

    def refresh(self) -> None:
        """List what there is."""
        snapshot = self.session.snapshot()
        frames = [name for name, stream in snapshot.rig.streams.items() if stream.kind == "frames"]
        _offer(self.source, [f"{self.session.rig}/{name}" for name in (*frames, *reversed(snapshot.runs))])
        self._targets = targets([line.info for line in self.watch.lines], _DEFAULT_KIND)
        _offer(self.target, [target.words for target in self._targets])
        self.viewers.show_rows(viewer_rows(self.watch.lines))
        self.work.deliver()
        if SYSTEM_CLOCK.monotonic_ns() / 1e9 >= self._due_s:
            self._due_s = math.inf  # until these are told
            self.work.do(partial(_runs_in, self.folder), self._take_runs)
        chosen = bool(self.viewers.selectedItems())
        self.close_viewer.setEnabled(chosen)
        self.end.setEnabled(chosen)
        self.show.setEnabled(self.source.count() > 0)
        self.told.setText(self.watch.problem or self._told())

    @property
    def folder(self) -> str:
        """Where the runs of the rig go."""
        setting = Path(run_folder(self.session))
        return str(setting if setting.is_absolute() else folder_of(self.session.snapshot().runs, setting))

    def show_source(self, source: str) -> None:
        """Show a stream, a run, or the folder of one in the chosen viewer."""
        target = self._targets[max(0, self.target.currentIndex())]
        theme = next((name for name, theme in THEMES.items() if theme == self.session.theme), "dark")
        open_program(
            *("view", source, "--viewer", target.kind, "--name", target.name, "--persist", "--theme", theme)
        )
        self.watch.refresh()

    def set_theme(self, theme: Theme) -> None:
        """Take other colours."""
        self.runs.set_theme(theme)
        self.viewers.set_theme(theme)

    def close(self) -> None:
        """Look for viewers no more; they stay."""
        self.work.close()
        self.watch.close()

    def _take_runs(self, found: BackgroundResult[tuple[RunSummary, ...]]) -> None:
        self._due_s = SYSTEM_CLOCK.monotonic_ns() / 1e9 + _LISTS_EVERY_S
        self.found = found
        if found.value is not None:
            self.runs.show_rows(run_rows(found.value))

    def _told(self) -> str:
        """Return what a person should know of the lists."""
        if self.found is None:
            return f"looking for runs in {self.folder} …"
        if self.found.value is None:
            return f"the runs in {self.folder} can't be listed: {self.found.error}"
        return f"{len(self.found.value)} runs in {self.folder}; a double click shows one"

    def _browse(self) -> None:
        theme = next((name for name, theme in THEMES.items() if theme == self.session.theme), "dark")
        open_program("browse", self.folder, "--theme", theme)

    def _end_viewer(self, *, force: bool) -> None:
        self.watch.end_viewers(
            [self.viewers.key_of(item) for item in self.viewers.selectedItems()], force=force
        )

    def _lay_out(self) -> None:
        for box, tip in (
            (self.source, "A stream, or a run"),
            (self.target, "A viewer that runs, or a new one"),
        ):
            box.setToolTip(tip)
            box.setMinimumContentsLength(18)
        self.show.setObjectName("primary")
        self.show.setToolTip("Show it there; a viewer outlives this window")
        self.show.clicked.connect(lambda: self.show_source(self.source.currentText()))
        self.browse.setToolTip("Open the browser on the folder of runs")
        self.browse.clicked.connect(self._browse)
        self.close_viewer.setToolTip("Ask the selected viewer to close")
        self.end.setToolTip("End the selected viewer at once, also when it hangs")
        self.close_viewer.clicked.connect(lambda: self._end_viewer(force=False))
        self.end.clicked.connect(lambda: self._end_viewer(force=True))
        self.runs.itemDoubleClicked.connect(lambda item: self.show_source(self.runs.key_of(item)))
        self.told.setObjectName("faint")
        head = QHBoxLayout()
        head.setSpacing(GAP)
        word = QLabel("in")
        for widget in (self.source, word, self.target, self.show):
            head.addWidget(widget)
        head.addStretch(1)
        for widget in (self.browse, self.close_viewer, self.end):
            head.addWidget(widget)
        lists = QHBoxLayout()
        lists.setSpacing(GAP)
        lists.addWidget(self.runs, 5)
        lists.addWidget(self.viewers, 4)
        column = QVBoxLayout(self._widget)
        column.setContentsMargins(GAP, GAP, GAP, GAP)
        column.setSpacing(6)
        column.addLayout(head)
        column.addLayout(lists, 1)
        column.addWidget(self.told)


def folder_of(runs: Mapping[str, RunStatus], setting: Path) -> Path:
    """Return where runs go by a setting that counts from where the rig was started, as its runs tell."""
    folders = [Path(run.folder) for run in runs.values() if run.folder and not run.parent]
    return folders[-1].parent if folders else setting.absolute()


def _runs_in(folder: str) -> tuple[RunSummary, ...]:
    known = list_runs(folder) if Path(folder).is_dir() else ()
    return tuple(run for run in known if run.outcome != NOT_BEGUN)


def _offer(box: QComboBox, texts: list[str]) -> None:
    """Have a box offer these; what is chosen stays so, and an open list is left alone."""
    if box.view().isVisible() or [box.itemText(number) for number in range(box.count())] == texts:
        return
    chosen = box.currentText()
    box.clear()
    box.addItems(texts)
    box.setCurrentText(chosen if chosen in texts else next(iter(texts), ""))
