"""A source of runs for widgets that knows what to show, and notes what it is asked for."""

from __future__ import annotations

from typing import Any

from parfocal.app.run_window.chosen_run import RunName
from parfocal.app.run_window.run_source import ShownRun, rigs_text
from parfocal.app.run_window.run_view import RunView

NAME = RunName("microscope", "drug")


def shown(view: RunView | None, **changes: Any) -> ShownRun:
    names = {} if view is None else {NAME: view.chip.lower(), RunName("microscope", "run1"): "complete"}
    fields: dict[str, Any] = {
        "names": names,
        "run": None if view is None else NAME,
        "follows": True,
        "view": view,
        "request": None,
        "rigs": rigs_text({}),
    }
    return ShownRun(**{**fields, **changes})


class FixedSource:
    """Has what `shown` returned last shown."""

    def __init__(self, shown: ShownRun) -> None:
        self.now = shown
        self.chosen: list[RunName | None] = []
        self.asked: list[tuple[RunName, str, Any]] = []
        self.closed = False

    def shown(self) -> ShownRun:
        return self.now

    def choose(self, run: RunName | None) -> None:
        self.chosen.append(run)

    def ask(self, run: RunName, word: str, act: Any) -> None:
        self.asked.append((run, word, act))

    def close(self) -> None:
        self.closed = True
