"""``parfocal plan``: a plan is shown, and checked against a rig, without starting anything."""

from __future__ import annotations

import json
import re
import sys

import pytest

import parfocal
from parfocal.cli.app import run
from parfocal.processes import directory
from parfocal.rig.named_rigs import builtin_rigs
from parfocal.runs import Sequence, combine, confirm, save_plan, wait

PLAN = combine(
    wait(1),
    Sequence(
        time_plan={"interval": 5, "loops": 40},
        stage_positions=[(0, 0, 0), {"name": "edge", "x": 300, "y": 0, "z": 2}],
        channels=["nucleus", {"config": "cytoplasm", "exposure": 3000}],
    ),
    confirm("go on?"),
)


@pytest.fixture
def file(tmp_path):
    save_plan(PLAN, tmp_path / "plan.yaml")
    return str(tmp_path / "plan.yaml")


def test_a_plan_is_shown_with_its_first_and_last_events(file, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert run(["plan", file, "--most", "4"]) == 0
    lines = capsys.readouterr().out.splitlines()
    text = "\n".join(lines)
    assert "162, 160 images; t 40  p 2  c 2  z 1" in text
    assert "p0, edge" in text
    assert "largest move 300 um" in text
    assert "158 more" in text
    assert "go on?" in lines[-1]
    assert max(map(len, lines)) <= 80
    assert "late         position 0 will be" in text, "two exposures of 3 s in 5 s"


def test_frames_of_stimuli_are_told_beside_the_images(tmp_path, capsys):
    save_plan(
        Sequence(
            time_plan={"interval": 1, "loops": 6},
            channels=["nucleus", "cytoplasm"],
            stim_channels=[{"config": "stimulation", "exposure": 10}],
            stim_frames="every 1 from 2",
        ),
        tmp_path / "plan.yaml",
    )
    assert run(["plan", str(tmp_path / "plan.yaml")]) == 0
    assert "16, 12 images, 4 stimuli; t 6" in capsys.readouterr().out
    assert run(["plan", str(tmp_path / "plan.yaml"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["frames"], told["stimuli"]) == (16, 4)


def test_one_image_and_one_stimulus_are_told_as_one(tmp_path, capsys):
    plan = Sequence(channels=["nucleus"], stim_channels=["light"], stim_frames="all", stim_exposure=10)
    save_plan(plan, tmp_path / "plan.yaml")
    assert run(["plan", str(tmp_path / "plan.yaml")]) == 0
    assert "2, 1 image, 1 stimulus" in capsys.readouterr().out


def test_everything_is_one_object_and_nothing_is_started(file, tmp_path, capsys):
    text = builtin_rigs()["microscope"].read_text(encoding="utf-8")
    (tmp_path / "unseen.toml").write_text(text.replace('name = "microscope"', 'name = "unseen"'))
    assert run(["plan", file, "--rig", str(tmp_path / "unseen.toml"), "--json", "--most", "3"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["rig"], told["events_total"], told["events_left_out"]) == ("unseen", 162, 159)
    assert [event["number"] for event in told["events"]] == [0, 1, 161]
    assert told["channels"] == ["nucleus", "cytoplasm"]
    assert told["duration_s"] == 196.0
    assert "interval of" in told["late"]
    assert told["disk_bytes"] is None
    assert "unseen" not in [record.rig for record in directory.rigs()]


def test_of_a_rig_that_runs_the_disk_forecasted_is_told_and_its_camera_sizes_the_tiles(
    file, tmp_path, capsys
):
    save_plan(Sequence(stage_positions={"rows": 1, "columns": 2, "x": 0, "y": 0}), tmp_path / "grid.yaml")
    with parfocal.open_rig("microscope", name="seen") as rig:
        assert run(["plan", file, "--rig", "seen", "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["disk_bytes"] == 160 * 512 * 512 * 2
        assert run(["plan", str(tmp_path / "grid.yaml"), "--rig", "seen", "--json"]) == 0
        left, right = json.loads(capsys.readouterr().out)["events"]
        pixel_um = rig.stream("camera").spec.pixel_size_um
        assert right["x_um"] - left["x_um"] == pytest.approx(512 * pixel_um)
    assert run(["plan", str(tmp_path / "grid.yaml")]) == 2
    assert "depends on the field of view" in capsys.readouterr().err


def test_what_is_told_from_the_stages_is_shown_so(tmp_path, capsys):
    save_plan(Sequence(z_plan={"range": 2, "step": 1}), tmp_path / "z.json")
    assert run(["plan", str(tmp_path / "z.json")]) == 0
    assert "z are told from where the stages stand" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "rig", "code", "said"),
    [
        ("chanels: [a]", [], 2, "plan.yaml: a sequence has no field 'chanels'; did you mean 'channels'"),
        (
            "channels: [nuclei]",
            ["--rig", "microscope"],
            2,
            "event 0 .*no channel 'nuclei'.*'nucleus'",
        ),
        ("channels: [a]", ["--rig", "nobody"], 4, "no rig 'nobody' is running, and none"),
        ("channels: [a]", ["--most", "-1"], 2, "most must be 0 or more, not -1"),
    ],
)
def test_what_is_wrong_is_named(text, rig, code, said, tmp_path, capsys):
    (tmp_path / "plan.yaml").write_text(text)
    assert run(["plan", str(tmp_path / "plan.yaml"), *rig]) == code
    assert re.search(said, capsys.readouterr().err)


def test_a_pipeline_in_the_file_is_shown_and_another_one_wins(tmp_path, capsys, monkeypatch):
    monkeypatch.syspath_prepend("")  # undone afterwards: the command adds folders
    (tmp_path / "steps_beside.py").write_text(
        "import parfocal.testing.steps as ours\n"
        "def found(image): return ours.bright(image)\n"
        "other = {'segment': 'parfocal.testing.steps:quarters'}\n"
    )
    (tmp_path / "plan.toml").write_text(
        'channels = ["nucleus"]\nstim_mode = "previous"\n[pipeline]\nsegment = "steps_beside:found"\n'
    )
    file = str(tmp_path / "plan.toml")
    assert run(["plan", file]) == 0
    shown = capsys.readouterr().out
    assert "steps_beside:found" in shown
    assert "from the image of the time point before" in shown
    assert run(["plan", file, "--pipeline", "steps_beside:other", "--stim-mode", "current", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["pipeline"]["segment"]["call"] == "parfocal.testing.steps:quarters"
    assert told["stim_mode"] == "current"
    sys.modules.pop("steps_beside")
