"""Drafts of plans: what is edited is what is run, and what is wrong is told where it is."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from parfocal.app.desktop.plan_editor.checked_draft import checked_draft
from parfocal.app.desktop.plan_editor.plan_draft import PlanDraft, draft_of, part_of_event, plan_of
from parfocal.app.desktop.plan_editor.plan_fault import place_of
from parfocal.app.desktop.plan_editor.plan_form import PlanForm
from parfocal.app.desktop.plan_editor.plan_text import shown_frames, typed, typed_frames
from parfocal.app.desktop.plan_editor.position_files import read_positions
from parfocal.app.desktop.plan_editor.stage_place import StagePlace
from parfocal.app.desktop.plan_editor.yaml_text import read_yaml
from parfocal.core.errors import BadInputError
from parfocal.runs import FreeDisk, Interlock, Sequence, acquire, combine, confirm, wait
from parfocal.runs.plans.plan_files import PlanWithPipeline, load_plan, read_plan_file, write_plan_file
from parfocal.viewers.qt.theme import theme_of

PARTS = st.sampled_from(
    [
        Sequence(time_plan={"interval": 2, "loops": 3}, channels=["a"], stage_positions=[(0, 0), (5, 0)]),
        Sequence(channels=["a", "b"], z_plan={"range": 2, "step": 1}, stage_positions=[(0, 0, 4)]),
        wait(3),
        confirm("in?"),
        acquire(seconds=2),
    ]
)
PLANS = st.recursive(
    PARTS, lambda inner: st.lists(inner, min_size=1, max_size=3).map(lambda each: combine(*each))
)


@given(PLANS)
def test_a_plan_that_is_edited_and_left_as_it_was_does_the_same(plan):
    again, faults = plan_of(draft_of(PlanWithPipeline(plan)))
    assert not faults
    assert list(again.events()) == list(plan.events())


def test_sequences_side_by_side_and_calls_stay_as_they_are():
    plan = combine(Sequence(stage_positions=[(0, 0)]), Sequence(stage_positions=[(5, 5)]), axis="p")
    draft = draft_of(PlanWithPipeline(plan))
    assert [part["type"] for part in draft.parts] == ["combine"]
    assert plan_of(draft)[0] == plan


@pytest.mark.parametrize(
    ("field", "value", "section", "row", "name"),
    [
        ("channels", [{"config": "a"}, {"config": "b", "exposure": "1,5"}], "channels", 1, "exposure"),
        ("channels", [{"config": "b", "power": -1}], "channels", 0, "power"),
        ("time_plan", [{"interval": 1, "loops": 0}], "times", 0, "loops"),
        ("time_plan", [{"interval": "x", "loops": 2}], "times", 0, "interval"),
        ("stage_positions", [{"x": 1}, {"x": "far"}], "positions", 1, "x"),
        ("stage_positions", [{"rows": 2, "columns": 0}], "positions", 0, "columns"),
        ("z_plan", {"range": 4.0}, "planes", -1, ""),
        ("z_plan", {"range": 4.0, "step": 0}, "planes", -1, "step"),
        ("autofocus", {"range": 4.0, "step": 40}, "autofocus", -1, ""),
        ("batch", {"positions": 2}, "order", -1, ""),
        ("stim_channels", [{"config": "s", "exposure": 5}], "stimuli", -1, ""),
        ("metadata", "text", "other", -1, ""),
    ],
)
def test_what_is_wrong_is_told_at_its_field(field, value, section, row, name):
    draft = PlanDraft(parts=({"type": "wait", "duration_s": 1}, {"type": "sequence", field: value}))
    plan, (fault,) = plan_of(draft)
    assert plan is None
    assert fault.part == 1
    place = place_of(fault.message)
    assert (place.section, place.row) == (section, row), fault.message
    assert place.field == name or not name, fault.message


@pytest.mark.parametrize(
    ("message", "section"),
    [
        ("event 3 (t=0, p=3): x cannot go to 4000 um; its limits are -1000 to 1000 um", "positions"),
        ("event 0 (t=0, p=0): z cannot go to 900 um; its limits are -200 to 200 um", "planes"),
        ("there is no channel 'nucles'; did you mean 'nucleus'?", "channels"),
        ("exposure_ms 1e+09 is beyond the limits of the camera, 0.1 to 1000", "channels"),
        ("stimulus 'blue' has no exposure; give stim_exposure in ms", "stimuli"),
    ],
)
def test_what_the_rig_refuses_is_told_at_its_section(message, section):
    assert place_of(message).section == section


def test_an_event_belongs_to_the_part_that_it_comes_from():
    draft = draft_of(
        PlanWithPipeline(combine(Sequence(time_plan={"interval": 1, "loops": 3}), wait(1), Sequence()))
    )
    assert [part_of_event(draft, event) for event in (0, 2, 3, 4, 9)] == [0, 0, 1, 2, -1]


FRAMES = st.lists(
    st.integers(-5, 20)
    | st.builds(lambda step, start: {"start": start, "step": step}, st.integers(1, 9), st.integers(0, 9))
    | st.builds(
        lambda start, more: {"start": start, "stop": start + more}, st.integers(0, 9), st.integers(1, 9)
    ),
    min_size=1,
    max_size=4,
)


@given(FRAMES)
def test_time_points_are_written_and_read_again(choice):
    def frames(value):
        return Sequence(
            time_plan={"interval": 1, "loops": 30}, ref_channels=["a"], ref_frames=value
        ).ref_frames

    assert frames(typed_frames(shown_frames(choice))) == frames(choice)


def test_a_file_keeps_plan_pipeline_and_interlocks(tmp_path):
    plan = combine(Sequence(channels=["a"]), wait(2))
    room = Interlock(name="room", condition=FreeDisk(above=0.01), breach="end")
    found = PlanWithPipeline(plan, "parfocal.testing.steps:pipeline", "previous", (room,))
    assert plan_of(draft_of(found))[0] == plan
    assert checked_draft(draft_of(found._replace(pipeline=None))).interlocks[0]["name"] == "room"
    for suffix in ("yaml", "toml", "json"):
        file = tmp_path / f"plan.{suffix}"
        write_plan_file(found, file)
        assert read_plan_file(file) == found
        write_plan_file(PlanWithPipeline(plan), file)
        assert load_plan(file) == plan


def test_a_draft_is_kept_as_it_is_however_wrong():
    draft = PlanDraft(
        parts=({"type": "sequence", "channels": [{"config": "", "exposure": "1,5"}]},), name="a b"
    )
    assert msgspec.json.decode(msgspec.json.encode(draft), type=PlanDraft) == draft
    assert not checked_draft(draft).is_right
    assert checked_draft(PlanDraft()).is_right


@pytest.mark.parametrize("text", ["1e400", "-1e400", "9" * 400, "1" + "0" * 30, "1,5"])
def test_a_number_that_can_not_be_is_kept_as_written_and_refused(text):
    draft = PlanDraft(parts=({"type": "wait", "duration_s": typed(text)},))
    assert msgspec.json.decode(msgspec.json.encode(draft), type=PlanDraft) == draft
    assert text in checked_draft(draft).faults[0].message


def test_more_time_points_than_can_be_counted_are_refused():
    for phase in ({"interval": 1, "loops": 10**18}, {"interval": 1e-6, "duration": 1e9}):
        faults = checked_draft(PlanDraft(parts=({"time_plan": [phase]},))).faults
        assert "time_plan[0] has 1000000000 loops at most" in faults[0].message


def test_a_kept_draft_without_parts_is_refused():
    with pytest.raises(msgspec.ValidationError, match="one part or more"):
        msgspec.json.decode(b'{"parts": []}', type=PlanDraft)


WRONG = [
    *(
        {field: 5}
        for field in ("channels", "stim_channels", "time_plan", "stage_positions", "z_plan", "autofocus")
    ),
    {"time_plan": "x"},
    {"stage_positions": [5]},
    {"z_plan": [1]},
    {"type": ["wait"]},
]


@pytest.mark.parametrize("part", WRONG)
def test_a_part_that_no_form_can_show_is_shown_as_it_is(part, application):
    form = PlanForm(StagePlace(None), None, theme_of("dark"))
    draft = PlanDraft(parts=(part,), interlocks=True, pipeline=[5])
    form.show_draft(draft)
    assert form.draft == draft
    assert read_yaml(form._form.text.toPlainText()) == part
    assert not checked_draft(draft).is_right
    form.show_draft(PlanDraft())
    assert form._form is form.sequence


def test_positions_come_from_tables_and_plans(tmp_path):
    table = tmp_path / "list.csv"
    table.write_text("name, x, y, z\na, 1, 2.5, 3\n, 4, 5,\n")
    assert read_positions(table) == [{"name": "a", "x": 1.0, "y": 2.5, "z": 3.0}, {"x": 4.0, "y": 5.0}]
    table.write_text("x, y\n1, two\n")
    with pytest.raises(BadInputError, match=r"list.csv:2: y must be a number in µm, not 'two'"):
        read_positions(table)
    table.write_text("a, b\n1, 2\n")
    with pytest.raises(BadInputError, match="must name x and y"):
        read_positions(table)
    plan = tmp_path / "plan.yaml"
    plan.write_text("stage_positions: [[0, 0], {rows: 2, columns: 2, x: 0, y: 0}]\n")
    assert read_positions(plan) == [{"x": 0.0, "y": 0.0}, {"rows": 2, "columns": 2, "x": 0.0, "y": 0.0}]
