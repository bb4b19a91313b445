"""``parfocal runs --watch``, ``run --watch``: a run in the terminal, steered by keys; q leaves it alone."""

from __future__ import annotations

from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Self

from rich.live import Live
from rich.text import Text

from parfocal.cli.keys import pressed_keys
from parfocal.cli.output import console
from parfocal.cli.run_view import run_view
from parfocal.core.errors import BadInputError, CommandError
from parfocal.rig.find_run import find_run, newest_run, runs_of_rigs
from parfocal.rig.opening import attach
from parfocal.runs.plans.outline import Outline

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from rich.console import Console, RenderableType

    from parfocal.cli.progress_line import ProgressLine
    from parfocal.core.run_status import RunStatus
    from parfocal.rig.rig import Rig
    from parfocal.runs.handle import RunHandle

REFRESH_S = 0.25
_CELLS = 400
_FETCH_EVERY = 20
"""Pictures after which the plan is fetched again: another one of the same length may stand in its place."""
_SURE = "press s once more to stop the run for good, any other key to let it go on"


def run_to_watch(rig: str | None) -> str:
    """Return ``RIG/NAME`` of the run that began last among those that go on.

    If none does: of the last that is prepared; else of the last that ended.

    Raises
    ------
    BadInputError
        If there has been no run at all.
    """
    newest = newest_run((each.rig, run) for each in runs_of_rigs(rig) for run in each.runs.values())
    if newest is None:
        raise BadInputError("no run goes on; start one with `parfocal run RIG PLAN`")
    return "/".join(newest)


def watch_run(run: str) -> None:
    """Show a run until it has ended, or until q or Ctrl-C. Where no terminal is, once."""
    rig, name = find_run(run)
    with attach(rig) as running, suppress(KeyboardInterrupt):
        handle = running.runs[name]
        view = RunScreen(handle, outline_of(running, name))
        if not console().is_terminal:
            console().print(view.paint(handle.status(), console().width))
            return
        with pressed_keys() as key, Live(console=console(), auto_refresh=False) as live:
            while True:
                status = handle.status()
                live.update(view.paint(status, console().width), refresh=True)
                if status.ended or not view.press(key(REFRESH_S)):
                    return


def outline_of(rig: Rig, run: str) -> Callable[[], Outline]:
    """Return how the plan of a run is asked for, as `RunScreen` wants it."""
    return lambda: rig["runs"].outline(run, _CELLS)


class WatchedRun:
    """A run on the screen while a command waits for its end. Where no terminal is, it is painted once, then.

    Parameters
    ----------
    handle, fetch
        As of a `RunScreen`.
    shown : Console
        Where it is painted.
    line : ProgressLine
        Follows the run once q has left the screen.
    """

    def __init__(
        self, handle: RunHandle, fetch: Callable[[], Outline], shown: Console, line: ProgressLine
    ) -> None:
        self._screen = RunScreen(handle, fetch)
        self._shown = shown
        self._line = line
        self._live = Live(console=shown, auto_refresh=False)
        self._opened = ExitStack()
        self._is_left = False

    def __enter__(self) -> Self:
        self._key = self._opened.enter_context(pressed_keys())
        self._opened.enter_context(self._live)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opened.close()

    def show(self, status: RunStatus) -> None:
        """Show how it is now."""
        if self._is_left:
            self._line.show(status)
        else:
            self._live.update(self._screen.paint(status, self._shown.width), refresh=True)

    def rest(self) -> None:
        """Wait until it is worth another look, or until a key is pressed, and do what that asks for."""
        if self._is_left:
            self._line.rest()
        elif not self._screen.press(self._key(REFRESH_S)):
            self._opened.close()
            self._opened.enter_context(self._line)
            self._is_left = True


class RunScreen:
    """What is on the screen of a run, and what its keys do.

    Parameters
    ----------
    handle : RunHandle
        Of the run.
    fetch : callable
        Returns the outline of its plan as it is now; asked again when the plan has another length.
    """

    def __init__(self, handle: RunHandle, fetch: Callable[[], Outline]) -> None:
        self._handle = handle
        self._fetch = fetch
        self._outline = Outline(events_total=0, cells=(), places=())
        self._asked = ""
        self._painted = 0
        self._question = ("", -1)

    def paint(self, status: RunStatus, width: int) -> RenderableType:
        """Return the picture of a status."""
        stale = self._painted % _FETCH_EVERY == 0
        self._painted += 1
        self._question = (status.question, status.event_number)
        if stale or status.events_total != self._outline.events_total:
            try:
                self._outline = self._fetch()
            except CommandError as error:
                return Text(f"the rig does not tell the plan: {error}")
        return run_view(status, self._outline, width, self._asked)

    def press(self, key: str) -> bool:
        """Do what a key asks for; return False if it is q."""
        if not key:
            return True
        sure, self._asked = self._asked == _SURE, ""
        if key == "s" and not sure:
            self._asked = _SURE
            return True
        actions: dict[str, tuple[str, Callable[[], object]]] = {
            "g": ("start", self._handle.start),
            "p": ("pause", lambda: self._handle.pause("from the terminal")),
            "r": ("resume", self._handle.resume),
            "f": ("finish", lambda: self._handle.finish("from the terminal")),
            "c": ("confirm", self._confirm),
            "s": ("stop", lambda: self._handle.cancel("from the terminal")),
        }
        if key in actions:
            word, act = actions[key]
            try:
                act()
                self._asked = f"asked to {word}"
            except (CommandError, BadInputError) as error:
                self._asked = f"{word} was refused: {error}"
        return key != "q"

    def _confirm(self) -> None:
        """Answer the question that was painted: the run may ask another one by now."""
        question, event = self._question
        if not question:
            raise BadInputError("nothing is asked")
        self._handle.confirm(question=question, event=event)
