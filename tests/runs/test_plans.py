"""Plans: what may be written, what they ask for, and when."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from parfocal.core.errors import BadInputError
from parfocal.runs import Sequence, acquire, combine, confirm, wait

A = {"time_plan": {"interval": 10, "loops": 3}}


def starts(plan):
    return [event.min_start_time for event in plan.events() if event.is_exposure]


def indices(plan):
    return [tuple(event.index.values()) for event in plan.events() if event.is_exposure]


@pytest.mark.parametrize(
    ("time_plan", "expected"),
    [
        ({"interval": 5, "loops": 3}, [0, 5, 10]),
        ({"interval": 0.1, "duration": 0.3}, [0, 0.1, 0.2, 0.3]),
        ({"interval": 4, "duration": 10}, [0, 4, 8]),
        ({"duration": 10, "loops": 3}, [0, 5, 10]),
        ({"duration": 10, "loops": 1}, [0]),
        ({"interval": {"minutes": 1}, "loops": 2}, [0, 60]),
        ({"interval": timedelta(seconds=2), "loops": 2}, [0, 2]),
        ([{"interval": 10, "loops": 3}, {"interval": 5, "loops": 3}], [0, 10, 20, 25, 30]),
        ({"phases": [{"interval": 1, "loops": 1}, {"interval": 5, "loops": 2}]}, [0, 5]),
    ],
)
def test_time_plans(time_plan, expected):
    plan = Sequence(time_plan=time_plan)
    assert starts(plan) == pytest.approx(expected)
    assert plan.shape["t"] == len(plan) == len(expected)


def test_without_an_interval_it_goes_as_soon_as_possible():
    assert starts(Sequence()) == [None]
    assert starts(Sequence(time_plan={"interval": 0, "loops": 2})) == [None, None]


@pytest.mark.parametrize(
    ("z_plan", "heights"),
    [
        ({"range": 4, "step": 2}, [98, 100, 102]),
        ({"top": 12, "bottom": 10, "step": 1}, [10, 11, 12]),
        ({"above": 1, "below": 2, "step": 1}, [98, 99, 100, 101]),
        ({"absolute": [3, 1, 2]}, [3, 1, 2]),
        ({"relative": (-1, 5)}, [99, 105]),
        ({"relative": [-1, 5], "go_up": False}, [105, 99]),
    ],
)
def test_z_plans(z_plan, heights):
    plan = Sequence(stage_positions=[(0, 0, 100)], z_plan=z_plan)
    assert [event.z_um for event in plan.events()] == heights
    assert [event.index["z"] for event in plan.events()] == list(range(len(heights)))


def test_offsets_never_accumulate():
    plan = Sequence(
        time_plan={"interval": 0, "loops": 3},
        stage_positions=[(0, 0, 5), (1, 0, 7)],
        channels=["a", {"config": "b", "z_offset": 1.5}, {"config": "c", "z_offset": -1}],
    )
    heights = {(e.index["p"], e.channel): e.z_um for e in plan.events()}
    assert heights == {(0, "a"): 5, (0, "b"): 6.5, (0, "c"): 4, (1, "a"): 7, (1, "b"): 8.5, (1, "c"): 6}
    assert all(heights[e.index["p"], e.channel] == e.z_um for e in plan.events())


def test_channels_skip_time_points_and_planes():
    plan = Sequence(
        time_plan={"interval": 1, "loops": 3},
        channels=[{"config": "a", "acquire_every": 2}, {"config": "b", "do_stack": False}],
        z_plan={"absolute": [1, 2, 3]},
    )
    taken = [(e.index["t"], e.channel, e.z_um) for e in plan.events()]
    first, second = [(0, "a", z) for z in (1, 2, 3)], [(2, "a", z) for z in (1, 2, 3)]
    assert taken == [*first, (0, "b", 2), (1, "b", 2), *second, (2, "b", 2)]


def test_axes_in_any_order():
    plan = Sequence(**A, stage_positions=[(0, 0), (1, 0)], channels=["a", "b"], axis_order="ptcz")
    assert indices(plan) == [(t, p, c, 0) for p in range(2) for t in range(3) for c in range(2)]
    assert starts(plan)[::2] == [0, 10, 20, 30, 40, 50], "each position has its time"


def test_stimuli_follow_the_images_of_their_position():
    plan = Sequence(
        time_plan={"interval": 1, "loops": 4},
        stage_positions=[(0, 0, 1), (5, 0, 2)],
        channels=["a"],
        ref_channels=["r"],
        ref_frames=0,
        stim_channels=[{"config": "s", "exposure": 9}],
        stim_frames={1, -1},
        stim_exposure=[20, 30],
        stim_power=0.5,
    )
    kinds = [(e.index["t"], e.index["p"], e.kind) for e in plan.events()]
    assert kinds[:4] == [(0, 0, "image"), (0, 0, "reference"), (0, 1, "image"), (0, 1, "reference")]
    stimuli = [e for e in plan.events() if e.kind == "stimulus"]
    assert [(e.index["t"], e.index["p"], e.index["c"], e.exposure_ms, e.power, e.x_um) for e in stimuli] == [
        (1, 0, 2, 20, 0.5, 0),
        (1, 1, 2, 20, 0.5, 5),
        (3, 0, 2, 30, 0.5, 0),
        (3, 1, 2, 30, 0.5, 5),
    ]
    assert plan.channel_names == ("a", "r", "s")
    assert plan.shape == {"t": 4, "p": 2, "c": 3, "z": 1}


@pytest.mark.parametrize("order", ["tpcz", "tpzc", "tzpc", "tcpz", "zctp", "ptzc"])
def test_a_stimulus_comes_last_in_the_middle_plane_once(order):
    plan = Sequence(
        time_plan={"interval": 1, "loops": 2},
        channels=["a", "b"],
        z_plan={"absolute": [1, 2, 3]},
        stim_channels=[{"config": "s", "exposure": 9}],
        stim_frames=1,
        axis_order=order,
    )
    last = [*plan.events()][-1]
    assert (last.kind, last.z_um, last.index) == ("stimulus", 2, {"t": 1, "p": 0, "c": 2, "z": 1})
    assert [e.kind for e in plan.events()].count("stimulus") == 1
    assert len({tuple(e.index.items()) for e in plan.events()}) == len(plan)


@pytest.mark.parametrize(
    ("frames", "expected"),
    [
        (3, [3]),
        (-1, [9]),
        ({5, 0, -2}, [0, 5, 8]),
        (range(2, 10, 3), [2, 5, 8]),
        (range(-3, 0), [7, 8, 9]),
        (slice(-2, None), [8, 9]),
        ([range(2), 9], [0, 1, 9]),
        (np.array([1, 4]), [1, 4]),
        ("every 4", [0, 4, 8]),
        ("every 4 from 1", [1, 5, 9]),
        ("all", list(range(10))),
        ({"start": 6}, [6, 7, 8, 9]),
        ([{"start": 0, "stop": 3, "step": 2}, -1], [0, 2, 9]),
    ],
)
def test_frames_are_named_in_many_ways(frames, expected):
    plan = Sequence(time_plan={"interval": 1, "loops": 10}, ref_channels=["r"], ref_frames=frames)
    assert [e.index["t"] for e in plan.events() if e.kind == "reference"] == expected


def test_a_reference_with_the_preset_of_an_image_has_a_place_of_its_own():
    plan = Sequence(channels=["a"], ref_channels=["a"], ref_frames=0)
    assert plan.channel_names == ("a", "a (reference)")
    assert [(e.channel, e.index["c"]) for e in plan.events()] == [("a", 0), ("a", 1)]


def test_positions_have_names_and_wells():
    plan = Sequence(
        stage_positions=[
            (1, 2),
            np.array([3.0, 4.0, 5.0]),
            {"name": "edge", "x": 0, "y": 0, "well": "H12"},
            {"x": 1, "row": "b", "col": 3},
            {"x": 1, "row": 1, "col": 2},
        ]
    )
    told = [(e.position, e.x_um, e.y_um, e.z_um, e.well) for e in plan.events()]
    assert told == [
        ("p0", 1, 2, None, ""),
        ("p1", 3, 4, 5, ""),
        ("edge", 0, 0, None, "H12"),
        ("p3", 1, None, None, "B3"),
        ("p4", 1, None, None, "B3"),
    ]


def test_composition_in_time():
    a = Sequence(**A, stage_positions=[(0, 0), (1, 1)])
    once = Sequence(**A)
    assert starts(combine(once, once)) == [0, 10, 20, 30, 40, 50]
    assert starts(combine(once, wait(10), once)) == [0, 10, 20, 30, 40, 50]
    assert starts(combine(wait(10), once)) == [10, 20, 30]
    assert starts(combine(once, wait(100), once)) == [0, 10, 20, 120, 130, 140]
    assert starts(combine(once, wait(5), wait(5), once))[3] == 30
    assert starts(combine(combine(once, wait(10)), once)) == [0, 10, 20, 30, 40, 50]
    assert combine(once, wait(10)).duration_s == 30
    assert indices(combine(a, wait(10), a)) == indices(combine(a, a)), "a wait claims no index"
    kinds = [event.kind for event in combine(a, wait(10), a).events()]
    assert kinds == ["image"] * 6 + ["wait"] + ["image"] * 6, "a wait holds all positions"


def test_composition_over_positions():
    a = Sequence(**A, stage_positions=[(0, 0), (1, 1)], channels=["a", "b"])
    b = Sequence(time_plan={"interval": 5, "loops": 4}, stage_positions=[(0, 0)], channels=["b", "c"])
    plan = combine(a, b, axis="p")
    assert plan.shape == {"t": 4, "p": 3, "c": 3, "z": 1}
    assert plan.channel_names == ("a", "b", "c")
    assert starts(plan) == sorted(starts(plan)), "on one clock"
    assert sorted(starts(plan)) == sorted(starts(a) + starts(b)), "times are not offset"
    mine = [event for event in plan.events() if event.index["p"] == 2]
    assert [(e.index["t"], e.channel, e.index["c"]) for e in mine[:4]] == [
        (0, "b", 1),
        (0, "c", 2),
        (1, "b", 1),
        (1, "c", 2),
    ]


def test_side_by_side_a_wait_holds_all_positions():
    one = Sequence(**A, stage_positions=[(0, 0)])
    other = Sequence(time_plan={"interval": 5, "loops": 6}, stage_positions=[(9, 9)])
    plan = combine(combine(one, wait(10), one), combine(other, wait(10), other), axis="p")
    events = list(plan.events())
    [at] = [k for k, event in enumerate(events) if event.kind == "wait"]
    assert events[at].min_start_time == 25
    assert {event.min_start_time for event in events[:at]} == {0, 5, 10, 15, 20, 25}
    assert {event.min_start_time for event in events[at + 1 :]} == {35, 40, 45, 50, 55, 60}
    assert len({tuple(e.index.items()) for e in events if e.index}) == len(plan) - 1
    same = combine(combine(one, other, axis="p"), wait(10), combine(one, other, axis="p"))
    assert [e.min_start_time for e in same.events()] == [e.min_start_time for e in events]
    with pytest.raises(BadInputError, match=r"each must wait where the others do.*nothing"):
        combine(combine(one, wait(10), one), other, axis="p")
    with pytest.raises(BadInputError, match="each must wait"):
        combine(acquire(3), acquire(3), axis="p")


def test_phases_share_positions_and_channels():
    first = Sequence(stage_positions=[(0, 0), {"name": "b", "x": 1}], channels=["a", "b"])
    second = Sequence(stage_positions=[{"name": "b", "x": 1.2}, (0, 0), (7, 7)], channels=["b", "c"])
    plan = combine(first, second)
    assert plan.shape == {"t": 2, "p": 3, "c": 3, "z": 1}
    later = [(e.index["p"], e.x_um, e.channel, e.index["c"]) for e in plan.events() if e.index["t"] == 1]
    assert later[::2] == [(1, 1.2, "b", 1), (0, 0, "b", 1), (2, 7, "b", 1)]


def test_time_points_that_a_channel_skips_count():
    rare = Sequence(time_plan={"interval": 1, "loops": 2}, channels=[{"config": "a", "acquire_every": 2}])
    assert [event.index["t"] for event in combine(rare, rare).events()] == [0, 2]
    assert [event.index.get("t") for event in combine(wait(0), rare, wait(0), rare).events()][1::2] == [0, 2]


def test_a_question_and_an_acquisition():
    a = Sequence(**A)
    plan = combine(a, confirm("medium changed?", timeout_s=60), a, acquire(1000))
    told = [(e.kind, e.min_start_time, e.text, e.timeout_s, e.count) for e in plan.events() if not e.index]
    assert told == [("confirm", 20, "medium changed?", 60, None), ("acquire", 50, "", None, 1000)]
    assert starts(plan)[3] == 20, "it goes on with the answer"


def test_metadata_goes_with_each_event():
    plan = combine(Sequence(metadata={"phase": "before"}), Sequence(metadata={"phase": "after"}))
    assert [event.metadata["phase"] for event in plan.events()] == ["before", "after"]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"time_plna": {}}, r"no field 'time_plna'; did you mean 'time_plan'"),
        ({"time_plan": {"intervall": 1, "loops": 2}}, r"no field 'intervall'; did you mean 'interval'"),
        ({"time_plan": {"interval": 1}}, r"time_plan: give interval and loops"),
        ({"time_plan": {"interval": -1, "loops": 2}}, r"time_plan.interval must be 0 or more, not -1"),
        ({"time_plan": {"interval": float("nan"), "loops": 2}}, "finite"),
        ({"time_plan": {"interval": 1e300, "loops": 2}}, r"interval must be 1e\+09 or less, not 1e\+300"),
        ({"time_plan": {"interval": {"weeks": 1e300}, "loops": 2}}, r"interval must be 1e\+09 or less"),
        ({"time_plan": {"interval": 1, "loops": 0}}, r"time_plan.loops must be .* not 0"),
        ({"time_plan": {"interval": 1, "loops": 2.5}}, r"loops .* not 2.5"),
        ({"time_plan": {"interval": 0, "duration": 5}}, r"interval must be above 0"),
        ({"time_plan": [{"interval": 1, "loops": 2}, {"loops": 2}]}, r"time_plan\[1\]"),
        ({"channels": "nucleus"}, r"channels: expected a list, got 'nucleus'"),
        (
            {"channels": [{"config": "a", "expsure": 3}]},
            r"channels\[0\] has no field 'expsure'; did you mean",
        ),
        (
            {"channels": [{"config": "a", "exposure": "3"}]},
            r"channels\[0\].exposure: expected a number, got '3'",
        ),
        ({"channels": [{"config": "a", "exposure": 0}]}, r"channels\[0\]: exposure must be above 0, not 0"),
        ({"channels": [{"config": "a", "power": -1}]}, r"power must be 0 or more, not -1"),
        ({"channels": [{"config": "a", "acquire_every": 0}]}, r"acquire_every must be 1 or more, not 0"),
        ({"channels": [{"exposure": 3}]}, r"channels\[0\] lacks the field 'config'"),
        ({"channels": ["a", "a"]}, r"'a' twice"),
        ({"stage_positions": [(1, 2, 3, 4)]}, r"stage_positions\[0\]: expected x, y and z"),
        ({"stage_positions": [(1, "a")]}, r"stage_positions\[0\].y: expected a number, got 'a'"),
        ({"stage_positions": [(1, float("inf"))]}, r"stage_positions\[0\].y must be a finite number"),
        ({"stage_positions": [{"x": 1, "zz": 2}]}, r"no field 'zz'; did you mean 'z'"),
        ({"stage_positions": [{"row": "B"}]}, r"give row and col"),
        ({"stage_positions": [{"well": "33"}]}, r"'B3', not '33'"),
        ({"stage_positions": [{"name": "a"}, {"name": "a"}]}, r"'a' already"),
        ({"z_plan": {"range": 4}}, r"a z_plan has range and step"),
        ({"z_plan": {"range": 4, "step": 0}}, r"step must be above 0"),
        ({"z_plan": {"range": 4, "stp": 1}}, r"z_plan has no field 'stp'; did you mean 'step'"),
        ({"z_plan": {"top": 1, "bottom": 2, "step": 1}}, r"from 2 to 1 um"),
        ({"z_plan": {"absolute": []}}, r"must have a plane"),
        ({"z_plan": {"range": 1e9, "step": 1}}, r"make step larger"),
        ({"batch": {}}, r"positions, or time_per_position"),
        ({"batch": {"position": 2}}, r"batch has no field 'position'; did you mean 'positions'"),
        ({"batch": {"positions": 0}}, r"positions must be 1 or more, not 0"),
        ({"batch": {"time_per_position": 0}}, r"time_per_position must be above 0, not 0"),
        ({"batch": {"positions": 2}}, r"batch needs a time_plan of two time points"),
        ({"batch": {"positions": 2}, "time_plan": {"interval": 0, "loops": 5}}, r"interval above 0"),
        (
            {"batch": {"positions": 3, "time_per_position": 4}, "time_plan": {"interval": 10, "loops": 2}},
            r"3 positions of 4 s each do not fit into 10 s",
        ),
        (
            {"batch": {"time_per_position": 12}, "time_plan": {"interval": 10, "loops": 2}},
            r"1 positions of 12 s each do not fit into 10 s",
        ),
        (
            {"batch": {"positions": 1}, "time_plan": {"interval": 1, "loops": 2}, "axis_order": "ptcz"},
            r"axis_order that begins with t and p, not 'ptcz'",
        ),
        ({"axis_order": "tpc"}, r"axis_order must name t, p, c and z"),
        ({"axis_order": "tpcx"}, r"axis_order .* not 'tpcx'"),
        ({"stim_channels": ["s"]}, r"stim_channels without stim_frames"),
        ({"stim_frames": 0}, r"stim_frames without stim_channels"),
        ({"stim_channels": ["s"], "stim_frames": 0}, r"'s' has no exposure; give stim_exposure"),
        ({"stim_channels": ["s"], "stim_frames": 1, "stim_exposure": 5}, r"1 is none of them"),
        ({"stim_channels": ["s"], "stim_frames": 0, "stim_exposure": -5}, r"stim_exposure must be .* not -5"),
        ({"stim_channels": ["s"], "stim_frames": 0, "stim_exposure": [1, 2]}, r"2 values for 1 time points"),
        ({"stim_power": 1}, r"stim_power without stim_channels"),
        ({"ref_channels": ["s"], "ref_frames": "sometimes"}, r"'every 5'|\"every 5\""),
        ({"ref_channels": ["s"], "ref_frames": range(5)}, r"0 to before 5 is not among them"),
        ({"metadata": [1]}, r"metadata: expected a mapping"),
        ({"metadata": {"a": object()}}, r"metadata has to be plain data"),
    ],
)
def test_what_cannot_be_is_refused_by_its_name_and_value(fields, message):
    with pytest.raises(BadInputError, match=message):
        Sequence(**fields)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: wait(-1), "seconds must be 0 or more, not -1"),
        (lambda: wait("5"), "seconds: expected a number, got '5'"),
        (lambda: confirm(" "), "what is to be confirmed"),
        (lambda: confirm("well?", timeout_s=0), "timeout_s must be above 0"),
        (lambda: acquire(0), "whole number of 1 or more, or None, not 0"),
        (combine, "needs a plan"),
        (lambda: combine(wait(1), axis="z"), "axis must be 't' or 'p', not 'z'"),
        (lambda: combine(Sequence(), 5), r"plans\[1\]: expected a plan, got 5"),
        (lambda: next(Sequence().events(-1)), "numbered from 0"),
    ],
)
def test_other_plans_are_checked_too(make, message):
    with pytest.raises(BadInputError, match=message):
        make()


def test_a_plan_of_the_stages_own_place_has_no_events_before_that_is_told():
    plan = Sequence(z_plan={"range": 2, "step": 1})
    assert plan.needs_origin == {"z"}
    assert len(plan) == 3
    with pytest.raises(BadInputError, match="at_origin"):
        next(plan.events())
    assert not Sequence(z_plan={"absolute": [1]}).needs_origin
    assert Sequence(channels=[{"config": "a", "z_offset": 1}]).needs_origin == {"z"}


def test_a_plan_that_no_clock_can_count_is_refused_before_it_is_begun():
    century = Sequence(time_plan={"interval": 1e5, "loops": 32_000})
    with pytest.raises(BadInputError, match=r"the plan must take 1e\+09 s or less, not 3.1999e\+09"):
        len(century)
    with pytest.raises(BadInputError, match=r"seconds must be 1e\+09 or less"):
        wait(1e300)
    with pytest.raises(BadInputError, match=r"the plan must take 1e\+09 s or less, not 1.8e\+09"):
        len(combine(wait(9e8), wait(9e8)))
