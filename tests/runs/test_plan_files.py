"""Plans as plain data and in files, both ways."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings

from parfocal.core.errors import BadInputError
from parfocal.runs import (
    Sequence,
    combine,
    confirm,
    load_plan,
    plan_from_data,
    plan_to_data,
    read_plan_file,
    save_plan,
    wait,
)
from parfocal.runs.pipeline.pipeline import pipeline_from_data
from parfocal.runs.pipeline.requested_run import requested_run
from parfocal.testing import plans as random


@given(random.plans)
def test_data_say_it_all(plan):
    data = plan_to_data(plan)
    assert json.loads(json.dumps(data)) == data
    again = plan_from_data(data)
    assert again == plan
    assert list(again.events()) == list(plan.events())


@pytest.mark.parametrize("suffix", [".yaml", ".yml", ".toml", ".json"])
@given(plan=random.plans)
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_files_say_it_all(tmp_path, suffix, plan):
    save_plan(plan, tmp_path / f"plan{suffix}")
    assert load_plan(tmp_path / f"plan{suffix}") == plan


def test_a_file_as_a_person_writes_it(tmp_path):
    file = tmp_path / "plan.yaml"
    file.write_text(
        """
        type: combine
        axis: t
        plans:
          - {type: wait, duration_s: 5}
          - time_plan: {interval: {minutes: 1}, loops: 3}
            stage_positions: [[0, 0, 0], {name: edge, x: 300, y: 0, z: 1, row: B, col: 3}]
            channels: [nucleus, {config: erk, exposure: 20}]
            stim_channels: [blue]
            stim_frames: every 2
            stim_exposure: 50
          - {type: confirm, text: "is the medium changed?"}
        """
    )
    written = combine(
        wait(5),
        Sequence(
            time_plan={"interval": 60, "loops": 3},
            stage_positions=[(0, 0, 0), {"name": "edge", "x": 300, "y": 0, "z": 1, "well": "B3"}],
            channels=["nucleus", {"config": "erk", "exposure": 20.0}],
            stim_channels=["blue"],
            stim_frames=slice(0, None, 2),
            stim_exposure=50.0,
        ),
        confirm("is the medium changed?"),
    )
    assert load_plan(file) == written


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("channels: [nucleus", "plan.yaml is no yaml: "),
        ("- 1", "plan.yaml: expected a mapping, got \\[1\\]"),
        ("", "plan.yaml: expected a mapping, got None"),
        ("type: sequenze", "no plan is of type 'sequenze'; did you mean 'sequence'"),
        ("chanels: [a]", "plan.yaml: a sequence has no field 'chanels'; did you mean 'channels'"),
        ("{type: combine, plans: [{}, {z_plan: {}}]}", r"plan.yaml.plans\[1\]: z_plan: a z_plan has"),
        ("{type: combine, plans: 5}", r"plan.yaml.plans: expected a list, got 5"),
        ("{type: wait}", "duration_s"),
        ("{type: wait, duration_s: soon}", "duration_s: expected a number, got 'soon'"),
    ],
)
def test_a_wrong_file_is_told_by_its_name(tmp_path, text, message):
    file = tmp_path / "plan.yaml"
    file.write_text(text)
    with pytest.raises(BadInputError, match=message):
        load_plan(file)


def test_files_that_are_none(tmp_path):
    with pytest.raises(BadInputError, match=r"absent\.yaml cannot be read: No such file or directory$"):
        load_plan(tmp_path / "absent.yaml")
    with pytest.raises(BadInputError, match=r"a plan is a file \.yaml, \.yml, \.toml, \.json, not \.ini"):
        save_plan(Sequence(), tmp_path / "plan.ini")


IN_TOML = """
channels = ["nucleus"]
stim_mode = "previous"
[pipeline]
segment = "parfocal.testing.steps:bright"
[pipeline.track]
call = "parfocal.testing.steps:ByLabel"
settings = { first = 7 }
"""
IN_YAML = """
type: combine
axis: t
plans: [{channels: [nucleus]}]
pipeline: parfocal.testing.pipelines:bright
"""


def test_a_pipeline_may_stand_beside_a_plan(tmp_path):
    (tmp_path / "plan.toml").write_text(IN_TOML)
    found = read_plan_file(tmp_path / "plan.toml")
    assert (found.plan, found.stim_mode) == (Sequence(channels=["nucleus"]), "previous")
    assert pipeline_from_data(found.pipeline).track.settings == {"first": 7}
    asked = requested_run(tmp_path / "plan.toml")
    assert (asked.plan, asked.pipeline.mode) == (found.plan, "previous")
    assert asked.pipeline.pipeline.segment.call == "parfocal.testing.steps:bright"
    other = requested_run(
        str(tmp_path / "plan.toml"), {"segment": "parfocal.testing.steps:quarters"}, "current"
    )
    assert (other.pipeline.pipeline.segment.call, other.pipeline.mode) == (
        "parfocal.testing.steps:quarters",
        "current",
    )
    (tmp_path / "plan.yaml").write_text(IN_YAML)
    assert read_plan_file(tmp_path / "plan.yaml").pipeline == "parfocal.testing.pipelines:bright"
    with pytest.raises(BadInputError, match=r"plan\.toml holds a pipeline beside the plan: give the file"):
        load_plan(tmp_path / "plan.toml")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("pipeline = 5", "pipeline must have its steps as fields, or be 'module:object', not 5"),
        ('stim_mode = "later"', "stim_mode must be 'current' or 'previous', not 'later'"),
        ('[pipeline]\nsegmnt = "a:b"', "pipeline has no field 'segmnt'; did you mean 'segment'"),
        ('[[time_plan]]\npipeline = "a:b"', "time_plan"),
        ("channels = [nucleus]", "plan.toml is no toml: "),
    ],
)
def test_a_wrong_pipeline_of_a_file_is_told(tmp_path, text, message):
    (tmp_path / "plan.toml").write_text(text)
    with pytest.raises(BadInputError, match=message):
        requested_run(tmp_path / "plan.toml")
