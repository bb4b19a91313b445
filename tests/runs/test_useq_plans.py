"""Plans of useq-schema: what it says and what we say is the same, or refused by name."""

from __future__ import annotations

import json

import pytest
import useq
from hypothesis import assume, given

from parfocal.core.errors import BadInputError
from parfocal.runs import Sequence, combine, confirm, load_plan, plan_to_data, wait
from parfocal.runs.plans.any_plan import as_data
from parfocal.runs.plans.useq_plans import plan_from_useq, plan_to_useq
from parfocal.testing import plans as random

pytestmark = pytest.mark.filterwarnings("ignore:Channels with skipped frames")


def same_events(plan: Sequence, theirs: list[useq.MDAEvent]) -> None:
    ours = list(plan.events())
    assert len(ours) == len(theirs)
    for one, other in zip(ours, theirs, strict=True):
        assert {axis: one.index[axis] for axis in other.index} == dict(other.index)
        assert (one.x_um, one.y_um, one.exposure_ms) == (other.x_pos, other.y_pos, other.exposure)
        assert one.z_um == pytest.approx(other.z_pos)
        assert one.channel == (other.channel.config if other.channel else "")
        # each pass of the axes outside t counts from 0 again there, with a timer that is reset
        assert plan.times.start_s(one.index["t"]) == pytest.approx(other.min_start_time, abs=1e-5)


def without_idle_offsets(fields):
    """Without planes useq-schema leaves offsets out of its events, and we do not."""
    if fields.get("z_plan"):
        return fields
    channels = [
        {name: value for name, value in one.items() if name != "z_offset"} for one in fields["channels"]
    ]
    return {**fields, "channels": channels}


@given(random.fields_of_both.map(without_idle_offsets))
def test_what_is_imported_has_their_events(fields):
    theirs = useq.MDASequence(**fields)
    plan = plan_from_useq(theirs)
    assert plan == Sequence(**fields)
    same_events(plan, list(theirs))
    assert as_data(theirs) == plan_to_data(plan)


@given(random.fields_of_both)
def test_what_is_exported_has_our_events_and_comes_back(fields):
    plan = Sequence(**fields)
    theirs = plan_to_useq(plan)
    same_events(plan, list(theirs))
    same_events(plan_from_useq(theirs), list(theirs))  # it keeps times to a microsecond


@given(random.fields_of_both)
def test_a_list_of_events_is_the_plan_that_has_them_or_refused(fields):
    theirs = list(useq.MDASequence(**fields))
    try:
        plan = plan_from_useq(theirs)
    except BadInputError:
        assume(False)
    same_events(plan, theirs)


FULL = {
    "time_plan": [{"interval": 5, "loops": 3}, {"interval": {"minutes": 1}, "duration": {"minutes": 10}}],
    "stage_positions": [(0, 0, 1), {"name": "edge", "x": 300, "y": 0, "z": 2}],
    "channels": ["nucleus", {"config": "erk", "exposure": 20, "z_offset": 1.5, "acquire_every": 2}],
    "z_plan": {"above": 2, "below": 1, "step": 1},
    "metadata": {"who": "me"},
}


def test_a_full_sequence_comes_back_from_its_events():
    theirs = useq.MDASequence(**{**FULL, "metadata": {}})
    plan = plan_from_useq(list(theirs))
    assert plan.shape == {"t": 13, "p": 2, "c": 2, "z": 4}
    same_events(plan, list(theirs))


@pytest.mark.parametrize("suffix", ["json", "yaml"])
@pytest.mark.parametrize("whole", [True, False])
def test_their_files_are_plans(tmp_path, suffix, whole):
    theirs = useq.MDASequence(**FULL)
    file = tmp_path / f"plan.{suffix}"
    if suffix == "yaml" and not whole:
        file.write_text(theirs.yaml())
    else:
        file.write_text(theirs.model_dump_json(exclude_unset=not whole))  # JSON is YAML
    assert load_plan(file) == Sequence(**FULL)
    events = tmp_path / "events.json"
    plain = useq.MDASequence(**{**FULL, "metadata": {}})
    events.write_text(json.dumps([event.model_dump(mode="json", exclude={"sequence"}) for event in plain]))
    same_events(load_plan(events), list(plain))


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"keep_shutter_open_across": "z"}, "keep_shutter_open_across: .*the light is off between"),
        ({"setup": {"index": {}}}, "setup: .*before the run"),
        ({"channels": [{"config": "a", "group": "Filter"}]}, r"channels\[0\].group: 'Filter'.*config alone"),
        ({"channels": [{"config": "a", "camera": "left"}]}, r"channels\[0\].camera: 'left'.*rig file"),
        (
            {"stage_positions": [{"x": 1, "sequence": {"time_plan": {"interval": 1, "loops": 2}}}]},
            r"stage_positions\[0\].sequence.time_plan: .*combine",
        ),
        ({"stage_positions": [{"x": 1, "properties": [("a", "b", 3)]}]}, "properties: .*preset"),
        (
            {"time_plan": {"interval": 1, "loops": 2, "prioritize_duration": True}},
            "prioritize_duration: True",
        ),
        ({"channels": ["a"], "axis_order": "tp"}, "axis_order: 'tp' lacks 'c'"),
        ({"channels": [{"config": "a", "z_offset": 2}]}, r"channels\[0\].z_offset: 2.0 does nothing"),
        ({}, "no events"),
    ],
)
def test_what_cannot_be_said_here_is_named(fields, said):
    with pytest.raises(BadInputError, match=said):
        plan_from_useq(useq.MDASequence(**fields))


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        (wait(3), "no 'wait'"),
        (confirm("well?"), "no 'confirm'"),
        (combine(Sequence(), wait(1)), "no 'combine'"),
        (Sequence(), "empty sequence"),
        (Sequence(stim_channels=[{"config": "s", "exposure": 5}], stim_frames=0), "stim_.*cannot say"),
        (Sequence(channels=[{"config": "a", "power": 3}]), r"channels\[0\].power: .*3"),
        (Sequence(stage_positions=[{"x": 1, "relative": True}]), "where the stages stand along x.*at_origin"),
        (Sequence(channels=["a"], z_plan={"range": 2, "step": 1}), "where the stages stand along z"),
    ],
)
def test_what_useq_schema_cannot_say_is_named(plan, said):
    with pytest.raises(BadInputError, match=said):
        plan_to_useq(plan)


@pytest.mark.parametrize(
    ("events", "said"),
    [
        ([{}, {}], "event 1: the index {} is there already"),
        ([{"index": {"t": 1}}], "index: t has to be 0, 1, 2 ..., and 0 is missing"),
        ([{"index": {"g": 0}}], "event 0: index has 'g'"),
        ([{"index": {"t": 0}, "min_start_time": 3}], "first is 0 here, not 3; put wait"),
        ([{"index": {"t": 0}, "x_pos": 1}, {"index": {"t": 1}, "x_pos": 2}], "event 1: x_pos is 2.0, .* 1.0"),
        ([{"index": {"t": 1}}, {"index": {"t": 0}}], "no order"),
        ([{"properties": [("a", "b", 1)]}], "event 0: properties: .*preset"),
        ([], "needs an event"),
    ],
)
def test_events_that_are_no_sequence_are_named(events, said):
    with pytest.raises(BadInputError, match=said):
        plan_from_useq([useq.MDAEvent(**event) for event in events])
