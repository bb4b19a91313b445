"""A run in the terminal: legible in 80 columns, without colour, at any length of plan."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from parfocal.cli import run_watch
from parfocal.cli.progress_line import ProgressLine
from parfocal.cli.run import print_status, run
from parfocal.cli.run_view import run_view
from parfocal.cli.run_watch import RunScreen, WatchedRun
from parfocal.cli.runs import runs
from parfocal.core.errors import BadInputError, CommandError
from parfocal.core.run_status import QueueDepth, RunError, RunErrors, RunForecast, RunStatus, Stimulations
from parfocal.runs import Plan, Schedule, Sequence, combine, confirm, wait
from parfocal.runs.plans.outline import Outline, outline_of

SHORT = combine(
    Sequence(
        time_plan={"interval": 10, "loops": 3},
        stage_positions=[(0, 0), (300, 0)],
        channels=["nucleus"],
        stim_channels=["light"],
        stim_frames=[1],
        stim_exposure=5,
    ),
    wait(30),
    confirm("is the focus right?"),
    Sequence(channels=["nucleus"]),
)
LONG = Sequence(time_plan={"interval": 1, "loops": 50_000}, stage_positions=[(0, 0), (9, 9)])


def text_of(status: RunStatus, plan: Plan = SHORT, width: int = 80) -> list[str]:
    file = io.StringIO()
    outline = outline_of(Schedule(plan), 400)
    Console(file=file, width=width, no_color=True).print(run_view(status, outline, width))
    return file.getvalue().splitlines()


def running(**changes: Any) -> RunStatus:
    return RunStatus(
        **{
            "run": "run1",
            "state": "running",
            "events_total": 11,
            "event_number": 3,
            "event_kind": "stimulus",
            "event_index": {"t": 1, "p": 1, "c": 0, "z": 0},
            "events_consumed": 4,
            **changes,
        }
    )


def test_a_prepared_run_shows_what_would_run() -> None:
    forecast = RunForecast(duration_s=50, largest_move_um=300, disk_bytes=10**7, warnings=("little disk",))
    status = RunStatus(run="run1", state="prepared", events_total=11, forecast=forecast)
    lines = text_of(status)
    assert lines[0] == "[PREPARED]  run1"
    assert lines[2] == "■■■▲■▲■■▒?■"
    assert "11 events, takes 0:50, largest move 300 um, up to 10 MB on the disk" in lines
    assert "note: little disk" in lines
    assert lines[-1] == "g start   s drop   q leave the run alone"


def test_what_a_person_should_know_is_told_until_the_run_has_ended() -> None:
    """A run that was started at once told none of it, during the run or after it."""
    forecast = RunForecast(warnings=("masks will be late",))
    assert "note: masks will be late" in text_of(running(forecast=forecast))
    assert "note: masks will be late" not in text_of(running(state="ended", forecast=forecast))


def test_the_end_of_a_run_tells_what_a_person_should_have_known(capsys) -> None:
    forecast = RunForecast(warnings=("masks will be late",))
    print_status(RunStatus(run="run1", state="ended", forecast=forecast), "lab", json=False)
    assert "  note: masks will be late" in capsys.readouterr().out.splitlines()


def test_strip_legend_map_and_times() -> None:
    lines = text_of(running(elapsed_s=3600.0, remaining_s=61.0, lag_ms=12.0))
    assert lines[0] == "[RUNNING]  run1"
    assert lines[1] == " ■ imaging [▲ stimulus] ▒ wait  ? question "
    assert lines[2] == "■■■▲■▲■■▒?■"
    assert lines[3] == "   ^"
    assert any(line.startswith("FOV 2/3") for line in lines)
    assert any("event 4/11" in line and "elapsed 1:00:00" in line and "lag 12 ms" in line for line in lines)
    assert max(map(len, lines)) <= 80


def test_what_is_wrong_can_be_read_without_colour() -> None:
    status = running(
        lag_ms=6000.0,
        events_dropped={"lost": 2},
        queues={"camera": QueueDepth(depth=60, maximum=64), "rows": QueueDepth(depth=1, maximum=64)},
        errors=RunErrors(
            count=3, last=(RunError(source="xy", type="DeviceError", message="stuck", event=2),)
        ),
        stimulations=Stimulations(asked=2, fired=1, unsure=1),
    )
    text = "\n".join(text_of(status))
    for words in (
        "LATE 0:06",
        "not done: 2 lost",
        "60 of 64  NEARLY FULL",
        "1 of 64",
        "3 errors",
        "xy at event 2: DeviceError: stuck",
        "stimuli: 1 fired, 1 unsure",
    ):
        assert words in text
    assert text.count("NEARLY FULL") == 1


@pytest.mark.parametrize("width", [40, 80, 200])
def test_a_plan_of_100_000_events_fits_any_width(width: int) -> None:
    status = running(events_total=100_000, event_number=50_000, events_consumed=50_000, event_kind="image")
    lines = text_of(status, LONG, width)
    assert lines[2] == "■" * width
    assert lines[3].index("^") == width // 2
    assert max(map(len, lines)) <= width


def test_a_run_without_events_says_so() -> None:
    file = io.StringIO()
    empty = Outline(events_total=0, cells=(), places=())
    Console(file=file, width=80).print(run_view(RunStatus(run="run1"), empty, 80))
    assert "(no events loaded)" in file.getvalue()


def test_options_of_the_window_that_do_not_go_together_are_refused() -> None:
    with pytest.raises(BadInputError, match="of the --window"):
        runs(screenshot=Path("runs.png"))
    with pytest.raises(BadInputError, match="give one of them"):
        runs(watch=True, window=True)
    with pytest.raises(BadInputError, match="seconds must be 0 to 86400, not -1"):
        runs(window=True, seconds=-1.0)


class Handle:
    """Notes what it is asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.named: dict[str, Any] = {}

    def __getattr__(self, word: str) -> Any:
        def act(*_: Any, **named: Any) -> None:
            self.named = named
            if word == "resume":
                raise CommandError("it is not paused")
            self.asked.append(word)

        return act


def test_keys_steer_the_run_and_stop_asks_twice() -> None:
    handle = Handle()
    screen = RunScreen(handle, lambda: outline_of(Schedule(SHORT), 80))  # type: ignore[arg-type]
    assert all(screen.press(key) for key in ("p", "", "f", "c"))
    assert handle.asked == ["pause", "finish"], "nothing is asked"
    screen.paint(running(question="is the lid shut?", event_number=7), 80)
    assert all(screen.press(key) for key in ("c", "s"))
    assert handle.asked == ["pause", "finish", "confirm"]
    assert handle.named == {"question": "is the lid shut?", "event": 7}
    assert screen.press("x")
    assert screen.press("s")
    assert handle.asked[3:] == []
    assert screen.press("s")
    assert handle.asked[3:] == ["cancel"]
    assert screen.press("r")
    file = io.StringIO()
    Console(file=file, width=80).print(screen.paint(running(), 80))
    assert "resume was refused: it is not paused" in file.getvalue()
    assert not screen.press("q")


def test_the_plan_is_fetched_again_when_it_has_grown() -> None:
    fetched: list[int] = []

    def fetch() -> Outline:
        fetched.append(1)
        return outline_of(Schedule(SHORT), 80)

    screen = RunScreen(Handle(), fetch)  # type: ignore[arg-type]
    total = len(Schedule(SHORT))
    screen.paint(running(events_total=total), 80)
    screen.paint(running(events_total=total), 80)
    assert len(fetched) == 1
    screen.paint(running(events_total=total + 1), 80)
    assert len(fetched) == 2


def watched(monkeypatch: pytest.MonkeyPatch, handle: Handle, keys: str, *, is_terminal: bool) -> str:
    """Return what is written while a run is watched, a key at each look."""

    @contextmanager
    def pressed() -> Iterator[Any]:
        left = iter(keys)
        yield lambda timeout_s: next(left)

    monkeypatch.setattr(run_watch, "pressed_keys", pressed)
    file = io.StringIO()
    shown = Console(file=file, width=80, force_terminal=is_terminal, no_color=True)
    line = ProgressLine("rig/run1", shown)
    outline = outline_of(Schedule(SHORT), 80)
    with WatchedRun(handle, lambda: outline, shown, line) as display:  # type: ignore[arg-type]
        for count, _ in enumerate(keys):
            display.show(running(events_consumed=count))
            display.rest()
        display.show(running(state="ended", outcome="complete", events_consumed=11, events_acquired=11))
    return file.getvalue()


def test_a_run_is_watched_and_steered_by_the_command_that_started_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    handle = Handle()
    text = watched(monkeypatch, handle, "pfss", is_terminal=True)
    assert handle.asked == ["pause", "finish", "cancel"]
    assert all(word in text for word in ("RUNNING", "COMPLETE", "event", "leave the run alone"))


def test_the_screen_of_a_run_that_is_left_makes_place_for_the_line(monkeypatch: pytest.MonkeyPatch) -> None:
    handle = Handle()
    text = watched(monkeypatch, handle, "q", is_terminal=True)
    assert handle.asked == []
    assert "11 of 11 events" in text
    assert "COMPLETE" not in text


def test_without_a_terminal_a_watched_run_is_painted_once_at_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    text = watched(monkeypatch, Handle(), "", is_terminal=False)
    assert "COMPLETE" in text
    assert "RUNNING" not in text


def test_a_run_that_is_left_at_once_is_not_watched(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="give one of them"):
        run("microscope", tmp_path / "plan.yaml", watch=True, detach=True)
