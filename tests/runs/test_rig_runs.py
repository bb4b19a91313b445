"""Runs as a rig's users meet them: started, found by name in any rig, told of, steered from a shell."""

from __future__ import annotations

import json
import queue
import threading

import pytest

from parfocal import attach
from parfocal.cli.app import run as parfocal
from parfocal.core.errors import BadInputError, DeadlineError, RunNotFoundError
from parfocal.core.run_status import RunStatus
from parfocal.processes import directory
from parfocal.rig.find_run import find_run, runs_of_rigs
from parfocal.rig.runs import RunChange
from parfocal.runs import Sequence, plan_to_data

from .conftest import RIG

LONG_S = 30.0
PLAN = Sequence(time_plan={"interval": 1, "loops": 3})


@pytest.fixture
def rig(fake):
    with attach(RIG) as rig:
        yield rig


def test_a_plan_may_be_an_object_plain_data_or_a_file(fake, rig, tmp_path):
    file = tmp_path / "plan.json"
    file.write_text(json.dumps(plan_to_data(PLAN)))
    for plan in (PLAN, plan_to_data(PLAN), file, str(file)):
        handle = rig.run(plan, name="run1", folder="out", force=True)
        assert handle.name == "run1"
        word, data, name, folder, continues, force = fake.asked[-1]
        assert (word, data, name, continues, force) == ("start", plan_to_data(PLAN), "run1", "", True)
        assert folder.startswith("/")
        assert folder.endswith("/out")


@pytest.mark.parametrize(
    ("plan", "said"),
    [(plan_to_data(PLAN) | {"time_pan": {}}, "time_plan"), ("none.yaml", "none.yaml"), (42, "42")],
)
def test_a_bad_plan_raises_here_and_nothing_starts(fake, rig, plan, said):
    with pytest.raises(BadInputError, match=said):
        rig.run(plan)
    assert fake.asked == []


def test_runs_are_a_mapping_of_handles(fake, rig):
    fake.change("run1", state="running", events_total=4)
    fake.end("run0")
    assert sorted(rig.runs) == ["run0", "run1"]
    assert len(rig.runs) == 2
    assert "run1" in rig.runs
    assert "run2" not in rig.runs
    assert rig.runs["run1"].status().events_total == 4
    assert rig.runs["run1"] is rig.runs["run1"]
    assert "'run1' running" in repr(rig.runs)
    with pytest.raises(RunNotFoundError, match="no run 'rum1'; did you mean 'run1'"):
        rig.runs["rum1"]


def test_a_subscriber_is_told_of_the_current_run_first_and_of_each_change(fake, rig):
    fake.end("old")
    fake.change("run1", state="running")
    changes: queue.Queue[RunChange] = queue.Queue()
    gate = threading.Event()
    rig.runs.subscribe(lambda _: gate.wait(LONG_S))  # delays nobody
    rig.runs.subscribe(changes.put)

    def told() -> tuple[str, str]:
        change = changes.get(timeout=LONG_S)
        return change.change, change.status.run

    assert told() == ("started", "run1")
    fake.end("run1")
    assert told() == ("ended", "run1")
    rig.run(PLAN, name="run2")
    assert told() == ("prepared", "run2")
    fake.change("run2", state="running")
    assert told() == ("started", "run2")
    fake.change("run1", state="running", outcome="")
    assert told() == ("continued", "run1")
    gate.set()


def test_a_run_that_is_continued_is_waited_for_again(fake, rig):
    first = rig.run(PLAN, name="run1")
    fake.end("run1")
    assert first.wait(LONG_S).ended
    again = rig.run(PLAN, name="run1", continues="run1")
    for handle in (first, again):
        with pytest.raises(DeadlineError):
            handle.wait(0.1)
    fake.end("run1", "finished early")
    assert again.wait(LONG_S).outcome == first.wait(LONG_S).outcome == "finished early"


def test_a_run_is_found_by_its_name_alone(fake):
    fake.change("run1", state="running")
    assert find_run("run1") == find_run(f"{RIG}/run1") == (RIG, "run1")
    with pytest.raises(RunNotFoundError, match="did you mean 'lab/run1'"):
        find_run("lab/run2")


def test_a_rig_that_does_not_tell_its_runs_is_named(folder):
    (told,) = runs_of_rigs()
    assert "no service" in told.error or "runs" in told.error
    with pytest.raises(RunNotFoundError, match=f"rig '{RIG}' does not tell"):
        find_run("run1")


@pytest.mark.parametrize(
    ("command", "asked"),
    [
        (["pause", "run1", "--reason", "a bubble"], ("pause", "run1", "a bubble")),
        (
            ["resume", f"{RIG}/run1", "--policy", "catch up", "--gap-s", "2"],
            ("resume", "run1", "catch up", 2.0),
        ),
        (["cancel", "run1"], ("cancel", "run1", "")),
        (["finish", "run1", "--reason", "enough"], ("finish", "run1", "enough")),
        (["confirm", "run1", "--text", "dish in place"], ("confirm", "run1", True, "dish in place")),
        (["confirm", "run1", "--no"], ("confirm", "run1", False, "")),
    ],
)
def test_a_run_is_steered_from_a_shell(fake, capsys, command, asked):
    fake.change("run1", state="running")
    assert parfocal([*command, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["rig"] == RIG
    assert fake.asked == [asked]
    assert parfocal(command) == 0
    assert capsys.readouterr().out.startswith(f"{RIG}/run1: ")


def test_a_run_that_is_not_there_is_told_with_its_exit_code(fake, capsys):
    fake.change("run1", state="running")
    assert parfocal(["pause", "rum1"]) == 4
    assert "did you mean 'run1'?" in capsys.readouterr().err
    assert parfocal(["resume", "run1", "--policy", "later"]) == 2


def test_live_runs_are_listed_beside_the_records(fake, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    fake.change("run1", state="running", events_total=5, events_acquired=2)
    fake.end("run0")
    assert parfocal(["runs", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [(run["rig"], run["run"], run["state"]) for run in told["live"]] == [(RIG, "run1", "running")]
    assert told["runs"] == []
    assert parfocal(["runs", "--rig", RIG, "--json"]) == 0
    assert {run["run"] for run in json.loads(capsys.readouterr().out)["live"]} == {"run0", "run1"}
    assert parfocal(["runs"]) == 0
    assert "2 of 5 events" in capsys.readouterr().out
    assert parfocal(["runs", "--rig", "nobody"]) == 4


def test_a_plan_is_run_from_a_shell_to_its_end(fake, capsys, tmp_path):
    file = tmp_path / "plan.json"
    file.write_text(json.dumps(plan_to_data(PLAN)))
    threading.Thread(target=_end_soon, args=(fake,)).start()
    assert parfocal(["run", RIG, str(file), "--name", "run1", "--json"]) == 3
    told = json.loads(capsys.readouterr().out)
    assert (told["rig"], told["name"], told["outcome"]) == (RIG, "run1", "incomplete: lost 2")


def test_a_detached_run_is_left_to_itself(fake, capsys, tmp_path):
    file = tmp_path / "plan.json"
    file.write_text(json.dumps(plan_to_data(PLAN)))
    assert parfocal(["run", RIG, str(file), "--name", "run1", "--detach"]) == 0
    assert f"`parfocal cancel {RIG}/run1`" in capsys.readouterr().out


def test_a_run_is_prepared_and_started_from_a_shell(fake, capsys, tmp_path):
    file = tmp_path / "plan.json"
    file.write_text(json.dumps(plan_to_data(PLAN)))
    assert parfocal(["prepare", RIG, str(file), "--name", "later", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert (printed["rig"], printed["run"], printed["state"]) == (RIG, "later", "prepared")
    assert parfocal(["prepare", RIG, str(file), "--name", "other"]) == 0
    assert f"start it with `parfocal start {RIG}/other`" in capsys.readouterr().out
    assert parfocal(["runs"]) == 0
    assert "prepared" in capsys.readouterr().out
    assert parfocal(["start", "later", "--rig", RIG, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["state"] == "running"
    assert [asked[0] for asked in fake.asked] == ["prepare", "prepare", "start"]
    assert parfocal(["start", "latest"]) == 4


def test_a_plan_that_is_wrong_is_refused_before_anything_starts(fake, capsys, tmp_path):
    file = tmp_path / "plan.json"
    file.write_text(json.dumps(plan_to_data(PLAN) | {"time_pan": {}}))
    assert parfocal(["run", "tweezers", str(file)]) == 2
    assert "time_plan" in capsys.readouterr().err
    assert [record.rig for record in directory.rigs()] == [RIG]


def _end_soon(fake) -> None:
    started = threading.Event()
    while not started.wait(0.01):
        if "run1" in fake.runs:
            fake.end("run1", "incomplete: lost 2", events_total=3)
            started.set()


def test_statuses_of_rigs_are_plain_data(fake):
    fake.change("run1", state="waiting")
    (told,) = runs_of_rigs(RIG)
    assert told.runs["run1"] == RunStatus(run="run1", state="waiting")
