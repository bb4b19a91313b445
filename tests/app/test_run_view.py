"""What a window shows of runs, without any window."""

from __future__ import annotations

import pytest
from example_views import OUTLINE, PLAN, RUNNING, SILENT, STATES, changed

from parfocal.app.run_window.chosen_run import ChosenRun, RunName
from parfocal.app.run_window.colours import ink_on, kind_colours, tone_colours
from parfocal.app.run_window.run_source import rigs_text
from parfocal.app.run_window.run_view import run_view
from parfocal.core.event_kinds import EVENT_KINDS
from parfocal.core.run_status import RunForecast, RunStatus
from parfocal.core.status import RigStatus
from parfocal.rig.snapshots import RigSnapshot
from parfocal.viewers.qt.theme import THEMES


def rig(name: str, *runs: RunStatus, state: str = "running") -> RigSnapshot:
    status = RigStatus(name=name, pid=1, state=state, services={})
    return RigSnapshot(rig=status, runs={run.run: run for run in runs})


@pytest.mark.parametrize(
    ("state", "chip", "tone", "actions"),
    [
        ("prepared", "PREPARED", "quiet", {"start", "drop"}),
        ("waiting", "WAITING 1:14", "waiting", {"pause", "stop"}),
        ("acquiring", "RUNNING", "going", {"pause", "stop"}),
        ("paused", "PAUSED", "held", {"resume", "stop"}),
        ("question", "QUESTION", "held", {"pause", "stop", "confirm"}),
        ("stopping", "STOPPING…", "quiet", set()),
        ("complete", "COMPLETE", "good", set()),
        ("incomplete", "INCOMPLETE: LOST 2", "bad", set()),
        ("failed", "FAILED", "bad", set()),
    ],
)
def test_each_state_has_its_chip_and_what_can_be_asked(state, chip, tone, actions):
    view = run_view(STATES[state], OUTLINE)
    assert (view.chip, view.tone, view.actions) == (chip, tone, actions)


def test_what_does_not_answer_is_not_shown_as_running_and_can_still_be_stopped():
    view = run_view(RUNNING, OUTLINE, SILENT)
    assert (view.chip, view.tone, view.said, view.silent) == ("NO ANSWER", "bad", "was running", SILENT)
    assert "stop" in view.actions


def test_how_far_a_long_event_is_and_what_is_waited_for_is_said():
    assert run_view(changed(event_text="plane 5 of 20", event_fraction=0.25)).said == "plane 5 of 20 (25 %)"
    assert run_view(changed(waiting_for="the disk")).said == "waits for the disk"
    assert run_view(changed(state="paused", reason="a bubble", waiting_for="x")).said == "a bubble"


def test_a_prepared_run_shows_what_it_needs_instead_of_times():
    view = run_view(STATES["prepared"], OUTLINE)
    assert view.times == view.counts == ()
    told = {fact.label: fact.text for fact in view.forecast}
    assert told["takes"] == "11:30"
    assert told["disk"] == "up to 1.34 GB of 96 GB free"
    assert view.warning.startswith("Note: position 0 will be 2 s late")
    assert (view.event, view.consumed) == (-1, 0)


def test_what_a_person_should_know_is_told_until_the_run_has_ended():
    """A run that was started at once showed none of it: its masks were late, each of them."""
    forecast = RunForecast(warnings=("masks will be late",))
    assert run_view(changed(forecast=forecast)).warning == "Note: masks will be late"
    assert run_view(changed(state="ended", forecast=forecast)).warning == ""


def test_a_disk_that_is_too_small_alarms():
    forecast = STATES["prepared"].forecast
    small = changed(state="prepared", forecast=type(forecast)(disk_bytes=2 * 10**9, disk_free_bytes=10**9))
    assert [fact.label for fact in run_view(small).forecast if fact.alarm] == ["disk"]


def test_strip_and_map_mark_where_the_run_is_and_nothing_after_its_end():
    view = run_view(RUNNING, OUTLINE)
    assert view.event == 95
    assert view.place == RUNNING.event_index["p"]
    assert view.place_text.startswith(f"FOV {view.place + 1}/20")
    over = run_view(STATES["complete"], OUTLINE)
    assert (over.event, over.place, over.consumed) == (-1, None, len(PLAN))


def test_the_newest_run_is_shown_by_itself_until_a_person_chooses_another():
    old = RunStatus(run="old", state="ended", outcome="complete", created_at=1.0)
    rigs = {"left": rig("left", old)}
    chosen = ChosenRun()
    assert chosen.shown({}) is None
    assert chosen.shown(rigs) == ("left", "old")
    rigs["right"] = rig("right", RunStatus(run="new", state="running", created_at=2.0))
    assert chosen.shown(rigs) == ("right", "new")
    chosen.wanted = RunName("left", "old")
    assert chosen.shown(rigs) == ("left", "old")
    assert chosen.names(rigs) == [("right", "new"), ("left", "old")]
    chosen.wanted = None
    assert chosen.shown(rigs) == ("right", "new")


def test_runs_of_one_rig_alone():
    rigs = {name: rig(name, RunStatus(run="run1", created_at=at)) for name, at in (("a", 1.0), ("b", 2.0))}
    assert ChosenRun("a").shown(rigs) == ("a", "run1")
    assert ChosenRun("c").shown(rigs) is None


def test_rigs_without_runs_are_named():
    assert rigs_text({"lab": rig("lab")}).startswith("lab: no run yet")
    assert rigs_text({"lab": rig("lab", state="exited")}).startswith("No rig is running")


@pytest.mark.parametrize("theme", list(THEMES))
def test_every_kind_and_tone_has_a_colour_and_ink_that_can_be_read_on_it(theme):
    kinds, tones = kind_colours(THEMES[theme]), tone_colours(THEMES[theme])
    assert set(kinds) == set(EVENT_KINDS)
    assert {ink_on(colour) for colour in (*kinds.values(), *tones.values())} <= {"#000000", "#ffffff"}


def test_who_shows_the_runs_of_one_rig_tells_nothing_of_others():
    from parfocal.app.run_window.run_source import RunSource

    class Snapshots:
        def latest(self):
            return {"lab": rig("lab"), "other": rig("other")}

    one, every = RunSource("lab", snapshots=Snapshots()), RunSource(snapshots=Snapshots())
    assert one.shown().rigs.startswith("lab: no run yet")
    assert every.shown().rigs.startswith("lab, other: no run yet")
    for source in (one, every):
        source.close()
        assert source.join(60.0)
