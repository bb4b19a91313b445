"""Grids, autofocus plans and positions with sequences of their own, as useq-schema has them, and back."""

from __future__ import annotations

import warnings

import pytest
import useq
from hypothesis import given
from hypothesis import strategies as st

from parfocal.core.errors import BadInputError
from parfocal.runs import Sequence, at_field_of_view, at_origin, combine, load_plan
from parfocal.runs.plans.useq_plans import plan_from_useq, plan_to_useq

pytestmark = pytest.mark.filterwarnings("ignore:Position x=", "ignore:Global grid plan")
FIELD = {"fov_width": 100, "fov_height": 50}
HOW = {"range": 20, "step": 2}


def told(event):
    """What a plan of ours and one of useq-schema have in common."""
    numbers = (event.min_start_time or 0.0, event.x_um or 0.0, event.y_um or 0.0, event.z_um or 0.0)
    return [event.kind == "autofocus", event.channel, event.exposure_ms, *numbers]


def their_told(event):
    is_search = event.action.type != "acquire_image"
    numbers = (event.min_start_time, event.x_pos, event.y_pos, event.z_pos)
    channel = event.channel.config if event.channel else ""
    return [is_search, channel, event.exposure, *(number or 0.0 for number in numbers)]


def same(plan, theirs):
    here = at_origin(at_field_of_view(plan, width_um=1, height_um=1), x_um=0, y_um=0, z_um=0)
    ours, others = [told(event) for event in here.events()], [their_told(event) for event in theirs]
    assert len(ours) == len(others)
    for one, other in zip(ours, others, strict=True):
        assert one[:3] == other[:3]
        assert one[3:] == pytest.approx(other[3:], abs=1e-6)


modes = st.sampled_from(["row_wise", "column_wise", "row_wise_snake", "column_wise_snake", "spiral"])
looks = st.fixed_dictionaries(
    {"overlap": st.sampled_from([0, 25, (10, -20)]), "mode": modes}, optional={"fov_width": st.just(90)}
).map(lambda look: look if "fov_width" not in look else {**look, "fov_height": 40})
sizes = st.integers(1, 4)
grids = st.one_of(
    st.builds(
        lambda rows, columns, to, look: useq.GridRowsColumns(
            rows=rows, columns=columns, relative_to=to, **look
        ),
        sizes,
        sizes,
        st.sampled_from(["center", "top_left"]),
        looks,
    ),
    st.builds(
        lambda w, h, look: useq.GridWidthHeight(width=w * 70, height=h * 30, **{**FIELD, **look}),
        sizes,
        sizes,
        looks,
    ),
    st.builds(
        lambda w, h, look: useq.GridFromEdges(
            left=5, top=20, right=5 + w * 70, bottom=-h * 30, **{**FIELD, **look}
        ),
        sizes,
        sizes,
        looks,
    ),
    st.builds(
        lambda seed: useq.RandomPoints(num_points=3, max_width=90, max_height=50, random_seed=seed), sizes
    ),
)
places = st.lists(st.tuples(st.integers(-9, 9), st.integers(-9, 9), st.integers(0, 9)), max_size=3)


@given(
    grids,
    places,
    st.sampled_from(["tpgcz", "pgtcz", "tcpgz"]),
    st.sampled_from([None, {"range": 2, "step": 1}]),
)
def test_grids_are_those_of_their_events(grid, places, order, z_plan):
    theirs = useq.MDASequence(
        axis_order=order,
        stage_positions=places,
        grid_plan=grid,
        channels=["a", {"config": "b", "exposure": 5}],
        z_plan=z_plan,
        time_plan={"interval": 0, "loops": 2},
    )
    same(plan_from_useq(theirs), list(theirs))


def test_a_polygon_is_its_points():
    grid = useq.GridFromPolygon(vertices=[(0, 0), (300, 0), (0, 200)], **FIELD)
    theirs = useq.MDASequence(grid_plan=grid, channels=["a"])
    plan = plan_from_useq(theirs)
    assert len(plan) > 3
    same(plan, list(theirs))


def test_a_grid_without_a_field_of_view_is_the_cameras():
    plan = plan_from_useq(useq.MDASequence(grid_plan={"rows": 1, "columns": 2}, stage_positions=[(50, 0)]))
    assert plan.needs_field_of_view
    assert [event.x_um for event in at_field_of_view(plan, width_um=100, height_um=9).events()] == [0, 100]


def test_their_files_with_a_grid_are_plans(tmp_path):
    theirs = useq.MDASequence(grid_plan={"rows": 2, "columns": 2, **FIELD}, stage_positions=[(0, 0)])
    file = tmp_path / "plan.json"
    file.write_text(theirs.model_dump_json(exclude_unset=True))
    same(load_plan(file), list(theirs))


@given(
    st.lists(st.sampled_from("tpgcz"), min_size=1, max_size=3, unique=True),
    places,
    st.sampled_from(["tpgcz", "pgtcz"]),
    st.booleans(),
    st.booleans(),
    st.sampled_from([None, {"range": 2, "step": 1}]),
)
def test_an_autofocus_plan_looks_at_the_same_events_or_is_refused(axes, places, order, grid, lapse, z_plan):
    theirs = useq.MDASequence(
        axis_order=order,
        stage_positions=places,
        grid_plan={"rows": 1, "columns": 2, **FIELD} if grid else None,
        time_plan={"interval": 0, "loops": 2} if lapse else None,
        channels=["a", "b"],
        z_plan=z_plan,
        autofocus_plan={"axes": axes},
    )
    try:
        plan = plan_from_useq(theirs, autofocus=HOW)
    except BadInputError as error:
        assert "autofocus_plan.axes" in str(error)  # noqa: PT017 (else it is compared)
        return
    same(plan, list(theirs))


def test_a_time_lapse_of_positions_looks_where_their_plan_does():
    theirs = useq.MDASequence(
        stage_positions=[(0, 0, 1), (9, 9, 2)],
        time_plan={"interval": 5, "loops": 3},
        channels=["a"],
        autofocus_plan=useq.AxesBasedAF(axes=("t", "p"), autofocus_device_name="PFS"),
    )
    plan = plan_from_useq(theirs, autofocus={**HOW, "on_failure": "stop"})
    assert (plan.autofocus.range, plan.autofocus.on_failure) == (20, "stop")
    assert len(plan) == 12
    same(plan, list(theirs))


SUBS = [
    {"z_plan": {"range": 2, "step": 1}},
    {"channels": ["c"]},
    {"channels": ["b", {"config": "c", "exposure": 3}], "z_plan": {"above": 2, "below": 0, "step": 2}},
    {"grid_plan": {"rows": 1, "columns": 2, **FIELD}},
    {"grid_plan": {"rows": 2, "columns": 1, **FIELD}, "channels": ["c"], "axis_order": "cg"},
    {"grid_plan": {"left": 0, "top": 50, "right": 150, "bottom": 0, **FIELD}},
]


@given(
    st.lists(st.sampled_from([None, *SUBS]), min_size=1, max_size=4),
    st.sampled_from([None, {"range": 4, "step": 2}]),
    st.booleans(),
)
def test_positions_with_sequences_of_their_own_run_side_by_side(subs, z_plan, lapse):
    positions = [{"x": 10 * n, "y": n, "z": n, "sequence": sub} for n, sub in enumerate(subs)]
    theirs = useq.MDASequence(
        stage_positions=positions,
        channels=["a", "b"],
        z_plan=z_plan,
        time_plan={"interval": 7, "loops": 2} if lapse else None,
    )
    same(plan_from_useq(theirs), list(theirs))


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"grid_plan": useq.RandomPoints(num_points=2)}, "random_seed: .*a number"),
        ({"grid_plan": useq.RelativePosition(x=1)}, "grid_plan: .*list stage_positions"),
        ({"grid_plan": {"rows": 2, "columns": 2}, "axis_order": "tpc"}, "axis_order: .*lacks 'g'"),
        (
            {
                "grid_plan": {"rows": 2, "columns": 2},
                "axis_order": "gptc",
                "stage_positions": [(0, 0), (1, 1)],
            },
            "axis_order: .*'pg'",
        ),
        ({"autofocus_plan": {"axes": ["t"]}, "channels": ["a"]}, "does not say how far"),
        (
            {
                "stage_positions": [{"x": 1, "sequence": {"autofocus_plan": {"axes": ["p"]}}}],
                "channels": ["a"],
            },
            r"stage_positions\[0\].sequence.autofocus_plan: .*the whole sequence",
        ),
        (
            {
                "stage_positions": [{"x": 1, "sequence": {"z_plan": {"range": 2, "step": 1}}}, {"x": 2}],
                "channels": ["a", "b"],
                "axis_order": "tcpz",
            },
            "event .* would be .* and is .* in useq-schema",
        ),
    ],
)
def test_what_cannot_be_done_is_named(fields, told):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = useq.MDASequence(**fields)
    with pytest.raises(BadInputError, match=told):
        plan_from_useq(theirs)


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ({**HOW, "frames": [0]}, "autofocus.frames: the autofocus_plan says that"),
        ({"range": 20}, "step"),
        (None, "useq-schema does not say how far"),
    ],
)
def test_how_far_it_looks_has_to_be_told_and_nothing_else(how, told):
    theirs = useq.MDASequence(stage_positions=[(0, 0, 1)], autofocus_plan={"axes": ["p"]}, channels=["a"])
    with pytest.raises(BadInputError, match=told):
        plan_from_useq(theirs, autofocus=how)
    offset = useq.AxesBasedAF(axes=("p",), autofocus_motor_offset=3)
    with pytest.raises(BadInputError, match="autofocus_motor_offset: 3"):
        plan_from_useq(theirs.replace(autofocus_plan=offset), autofocus=HOW)
    with pytest.raises(BadInputError, match="has no autofocus_plan"):
        plan_from_useq(useq.MDASequence(channels=["a"]), autofocus=HOW)


def test_plans_side_by_side_are_positions_with_sequences_of_their_own():
    times = {"time_plan": {"interval": 7, "loops": 2}}
    plan = combine(
        Sequence(stage_positions=[(0, 0, 1), (5, 0, 1)], channels=["a", "b"], **times),
        Sequence(stage_positions=[(9, 0, 2)], channels=["c"], z_plan={"range": 2, "step": 1}, **times),
        axis="p",
    )
    theirs = plan_to_useq(plan)
    same(plan, list(theirs))
    assert list(plan_from_useq(theirs).events()) == list(plan.events())


@pytest.mark.parametrize(
    ("plan", "told"),
    [
        (
            combine(
                Sequence(time_plan={"interval": 1, "loops": 2}, stage_positions=[(0, 0, 0)]),
                Sequence(stage_positions=[(1, 1, 1)]),
                axis="p",
            ),
            r"plans\[1\].time_plan: useq-schema has one",
        ),
        (
            combine(
                Sequence(
                    time_plan={"interval": 1, "loops": 2},
                    stage_positions=[(0, 0, 0)],
                    channels=["a", {"config": "b", "acquire_every": 2}],
                ),
                Sequence(time_plan={"interval": 1, "loops": 2}, stage_positions=[(1, 0, 0)]),
                axis="p",
            ),
            "useq-schema cannot say it",
        ),
        (
            Sequence(stage_positions=[(0, 0, 0)], channels=["a"], autofocus=HOW),
            "autofocus: useq-schema cannot say",
        ),
    ],
)
def test_what_useq_schema_cannot_say_is_named(plan, told):
    with pytest.raises(BadInputError, match=told):
        plan_to_useq(plan)
