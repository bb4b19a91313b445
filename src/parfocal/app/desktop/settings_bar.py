"""All settings of a rig in a file, saved there and taken from one in a thread; what became of it is told."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QVBoxLayout, QWidget

from parfocal.app.desktop.background import BackgroundWork
from parfocal.app.desktop.style import GAP
from parfocal.app.run_window.question_bar import QuestionBar
from parfocal.core.errors import ConfigError
from parfocal.rig.opening import attach

if TYPE_CHECKING:
    from collections.abc import Callable

    from parfocal.app.desktop.background import BackgroundResult
    from parfocal.viewers.qt.theme import Theme

_FILES = "Settings (*.yaml)"


class TakenSettings(NamedTuple):
    """What became of settings of a file: how many it changed; why none was taken, if so."""

    changed: int = 0
    refusal: str = ""


class SettingsBar(QWidget):
    """Saves and takes settings of the rig that is shown, and tells what became of it until that is closed.

    Close it.

    Parameters
    ----------
    theme : Theme
        Its colours.
    """

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.told = QuestionBar(theme, {})
        self._work = BackgroundWork("files of settings")
        column = QVBoxLayout(self)
        column.setContentsMargins(GAP, 0, GAP, 0)
        column.addWidget(self.told)

    def set_theme(self, theme: Theme) -> None:
        """Take other colours."""
        self.told.set_theme(theme)

    def choose_to_save(self, rig: str) -> None:
        """Ask for a file, and save all settings there."""
        dialog = QFileDialog(self, "Save all settings", f"{rig}-settings.yaml", _FILES)
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix("yaml")
        self._open(dialog, partial(self.save, rig))

    def choose_to_take(self, rig: str) -> None:
        """Ask for a file, and take the settings that it holds."""
        dialog = QFileDialog(self, "Take settings of a file", "", _FILES)
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        self._open(dialog, partial(self.take, rig))

    def save(self, rig: str, path: str) -> None:
        """Save all settings of a rig that runs in a file."""
        self._work.do(partial(save_settings_of, rig, path), partial(self._saved, path))

    def take(self, rig: str, path: str, *, restart: bool = False, keep: bool = False) -> None:
        """Have a rig that runs take the settings of a file: see `parfocal.rig.rig_settings.RigSettings`."""
        self.told.ask("")
        took = partial(take_settings_of, rig, path, restart=restart, keep=keep)
        self._work.do(took, partial(self._took, rig, path))

    def deliver(self) -> None:
        """Tell what became of files. Called by the window's timer."""
        self._work.deliver()

    def close_all(self) -> None:
        """Take no more orders. Idempotent; never waits."""
        self._work.close()

    def _open(self, dialog: QFileDialog, take: Callable[[str], None]) -> None:
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(take)
        dialog.open()

    def _saved(self, path: str, result: BackgroundResult[None]) -> None:
        self._tell(f"Not saved: {result.error}" if result.error else f"All settings are in {path}.")

    def _took(self, rig: str, path: str, result: BackgroundResult[TakenSettings]) -> None:
        if result.value is None:
            self._tell(f"Nothing is taken: {result.error}")
        elif result.value.refusal:
            self._tell(
                f"Nothing is taken: {result.value.refusal}",
                {
                    "Restart services with them": lambda _: self.take(rig, path, restart=True),
                    "Keep them for the next starts": lambda _: self.take(rig, path, keep=True),
                },
            )
        else:
            name = Path(path).name
            self._tell(f"The settings of {name} are taken: {result.value.changed} were others before.")

    def _tell(self, text: str, answers: dict[str, Callable[[str], object]] | None = None) -> None:
        self.told.set_answers({**(answers or {}), "Close": lambda _: self.told.ask("")})
        self.told.ask(text)


def save_settings_of(rig: str, path: str) -> None:
    """Write all settings of a rig that runs to a file. Waits for its services."""
    with attach(rig) as found:
        found.save_settings(path)


def take_settings_of(rig: str, path: str, *, restart: bool, keep: bool) -> TakenSettings:
    """Have a rig that runs take the settings of a file. Waits for its services."""
    with attach(rig) as found:
        try:
            taken = found.load_settings(path, restart=restart, keep=keep)
        except ConfigError as error:
            return TakenSettings(refusal=str(error))
    return TakenSettings(changed=sum(map(len, taken.values())))
