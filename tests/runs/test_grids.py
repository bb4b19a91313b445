"""Grids of fields of view, as useq-schema has them; the field of view is the camera's, or the plan's own."""

from __future__ import annotations

import pytest
import useq
from hypothesis import given
from hypothesis import strategies as st

from parfocal.core.errors import BadInputError
from parfocal.core.frames import FrameSpec
from parfocal.runs import (
    Schedule,
    Sequence,
    at_field_of_view,
    at_origin,
    combine,
    plan_from_data,
    plan_to_data,
    wait,
)
from parfocal.runs.instruments.rig_facts import RigFacts, changes, field_of_view_um
from parfocal.runs.plans.survey import PlanSurvey
from parfocal.runs.plans.useq_plans import plan_to_useq

FIELD = {"fov_width": 100, "fov_height": 50}
lengths = st.integers(1, 400)
percents = st.sampled_from([0, 10, 25, -50])
look = st.fixed_dictionaries(
    {
        "overlap": percents | st.tuples(percents, percents),
        "mode": st.sampled_from(["row_wise", "column_wise", "row_wise_snake", "column_wise_snake", "spiral"]),
        "fov_width": st.sampled_from([50, 100]),
        "fov_height": st.sampled_from([40, 100]),
    }
)
anchors = st.sampled_from(["center", "top_left"])
by_count = st.fixed_dictionaries(
    {"rows": st.integers(1, 5), "columns": st.integers(1, 5), "relative_to": anchors}
)
by_size = st.fixed_dictionaries({"width": lengths, "height": lengths, "relative_to": anchors})
by_edges = st.fixed_dictionaries(
    {name: st.integers(-300, 300) for name in ("left", "top", "right", "bottom")}
)


def places(plan):
    return [(event.x_um, event.y_um) for event in plan.events()]


@given(
    st.one_of(
        st.tuples(st.just(useq.GridRowsColumns), by_count),
        st.tuples(st.just(useq.GridWidthHeight), by_size),
        st.tuples(st.just(useq.GridFromEdges), by_edges),
    ),
    look,
)
def test_useq_schema_has_the_same_tiles(kind_and_fields, look):
    kind, fields = kind_and_fields
    theirs = [(tile.x, tile.y) for tile in kind(**fields, **look)]
    at = {} if kind is useq.GridFromEdges else {"x": 0, "y": 0}
    ours = places(Sequence(stage_positions={**fields, **look, **at}))
    assert [xy for place in ours for xy in place] == pytest.approx([xy for place in theirs for xy in place])


def test_a_grid_lies_around_its_place_or_goes_on_from_it():
    grid = {"rows": 2, "columns": 2, "x": 1000, "y": 500, "z": 7, **FIELD}
    plan = Sequence(stage_positions=grid)
    assert places(plan) == [(950, 525), (1050, 525), (1050, 475), (950, 475)]
    assert {event.z_um for event in plan.events()} == {7}
    assert plan.shape["p"] == 4
    first = Sequence(stage_positions={**grid, "relative_to": "top_left", "mode": "column_wise"})
    assert places(first) == [(1000, 500), (1000, 450), (1100, 500), (1100, 450)]


def test_grids_and_positions_in_one_list():
    plan = Sequence(
        stage_positions=[(0, 0), {"name": "a", "rows": 1, "columns": 2, "x": 200, "y": 0, **FIELD}, (9, 9)]
    )
    assert [(event.position, event.x_um) for event in plan.events()] == [
        ("p0", 0),
        ("a_0_0", 150),
        ("a_0_1", 250),
        ("p3", 9),
    ]


def test_without_a_place_it_is_where_the_stages_stand():
    plan = Sequence(stage_positions={"rows": 1, "columns": 2, **FIELD})
    assert plan.needs_origin == {"x", "y"}
    assert places(at_origin(plan, x_um=10, y_um=20)) == [(-40, 20), (60, 20)]
    shifted = {"rows": 1, "columns": 1, "x": 5, "y": 0, "z": 1, "relative": True, **FIELD}
    (event,) = at_origin(Sequence(stage_positions=shifted), x_um=10, y_um=20, z_um=30).events()
    assert event.targets_um == {"x": 15, "y": 20, "z": 31}


def test_the_field_of_view_is_filled_in_where_it_is_left_open():
    own = {"rows": 1, "columns": 2, "x": 0, "y": 0, **FIELD}
    left_open = {"left": 0, "right": 100, "top": 0, "bottom": -30}
    plan = combine(Sequence(stage_positions=[own, left_open]), wait(1), Sequence())
    assert plan.needs_field_of_view
    with pytest.raises(BadInputError, match=r"depends on the field of view .* fov_width and fov_height"):
        len(plan)
    assert plan_from_data(plan_to_data(plan)) == plan
    known = at_field_of_view(plan, width_um=50, height_um=40)
    assert not known.needs_field_of_view
    assert places(known)[:4] == [(-50, 0), (50, 0), (25, -20), (75, -20)]
    assert plan_from_data(plan_to_data(known)) == known
    assert len(Schedule(known).extended(known)) == 12


def test_in_batches():
    plan = Sequence(
        time_plan={"interval": 10, "loops": 2},
        stage_positions={"rows": 2, "columns": 2, "x": 0, "y": 0, **FIELD},
        batch={"time_per_position": 4},
    )
    assert [event.min_start_time for event in plan.events()] == [0, 4, 10, 14, 18, 22, 28, 32]


@pytest.mark.parametrize(
    ("grid", "message"),
    [
        ({"rows": 2}, r"a grid has rows and columns; or width and height; or left .*; not rows"),
        ({"rows": 2, "columns": 2, "width": 5}, r"not columns, rows, width"),
        ({"rows": 0, "columns": 2}, r"rows must be above 0, not 0"),
        ({"rows": 2, "columns": 2, "overlp": 5}, r"no field 'overlp'; did you mean 'overlap'"),
        ({"rows": 2, "columns": 2, "overlap": 100}, r"overlap must be below 100 percent, not 100"),
        ({"rows": 2, "columns": 2, "overlap": [5, float("nan")]}, r"overlap\[1\] must be a finite number"),
        ({"rows": 2, "columns": 2, "mode": "row_wse"}, r"not 'row_wse'; did you mean 'row_wise'"),
        ({"rows": 2, "columns": 2, "relative_to": "centre"}, r"not 'centre'; did you mean 'center'"),
        ({"rows": 2, "columns": 2, "x": 5}, r"x and y of a grid, or neither"),
        ({"rows": 2, "columns": 2, "z": 5}, r"where the stages stand: give them, or no z 5"),
        ({"rows": 2, "columns": 2, "fov_width": 5}, r"fov_width and fov_height, or neither"),
        ({"rows": 101, "columns": 100}, r"10000 tiles at most, not 101 x 100"),
        ({"width": 1e9, "height": 5, **FIELD}, r"10000 tiles at most, not 1 x 10000000"),
        ({"left": 0, "right": 5, "top": 5, "bottom": 0, "x": 0, "y": 0}, r"between edges has its place"),
    ],
)
def test_what_cannot_be_is_refused(grid, message):
    with pytest.raises(BadInputError, match=message):
        Sequence(stage_positions=grid)


def test_the_tiles_of_two_grids_need_names_of_their_own():
    grid = {"name": "a", "rows": 1, "columns": 1, "x": 0, "y": 0, **FIELD}
    with pytest.raises(BadInputError, match="'a' already"):
        Sequence(stage_positions=[grid, grid])
    with pytest.raises(BadInputError, match="'a_0_0' already"):
        len(Sequence(stage_positions=[grid, {"name": "a_0_0", "x": 5}]))


@pytest.mark.parametrize(("shape", "pixel_um"), [((40, 100), 0.5), ((20, 50), 1.0), ((20, 50), None)])
def test_the_field_of_view_of_a_camera(shape, pixel_um):
    spec = FrameSpec(shape=shape, dtype="uint8", pixel_size_um=pixel_um)
    assert field_of_view_um(spec) == (None if pixel_um is None else (50, 20))


def test_a_prepared_run_tells_that_the_camera_sees_another_field():
    before, now = RigFacts(field_um=(50, 20)), RigFacts(field_um=(100, 40))
    assert changes(before, before, PlanSurvey(), frozenset()) == ()
    (told,) = changes(before, now, PlanSurvey(), frozenset())
    assert "show another size of the sample" in told


def test_its_tiles_are_exported_one_by_one():
    plan = Sequence(stage_positions={"rows": 2, "columns": 2, "x": 0, "y": 0, **FIELD}, channels=["a"])
    assert [(event.x_pos, event.y_pos) for event in plan_to_useq(plan)] == places(plan)
    with pytest.raises(BadInputError, match="depends on the field of view"):
        plan_to_useq(Sequence(stage_positions={"rows": 2, "columns": 2, "x": 0, "y": 0}))
