"""Conditions: what they refuse, when they hold, and what of them cannot be told."""

from __future__ import annotations

import math

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from parfocal.core.errors import BadInputError
from parfocal.rig.config import RigConfig
from parfocal.runs.conditions.condition import AllOf, AnyOf
from parfocal.runs.conditions.condition_data import condition_from_data, condition_to_data
from parfocal.runs.conditions.interlocks import Interlock, interlocks_from_data
from parfocal.runs.conditions.judging import Observation, judged, observed
from parfocal.runs.conditions.row_values import NewestRows, value_of_rows
from parfocal.runs.conditions.values import FreeDisk, Lag, Lock, OperatorAnswer, Reading, Rows, ServiceState

S = 1_000_000_000
WARM = Reading(service="incubator", command="temperature", above=36, below=38, unit="degC")

COMPARISONS = st.sampled_from(
    [
        WARM,
        FreeDisk(above=5),
        Lag(below=100, for_s=2),
        Lock(service="z_lock"),
        ServiceState(service="camera", equals="ready"),
        Rows(stream="tracks", column="area", take="fraction", each_above=3, above=0.5, p=1),
        OperatorAnswer(question="go on?"),
        Reading(service="stage", command="position", arguments={"axis": "x"}, equals=3.0),
    ]
)
CONDITIONS = st.recursive(
    COMPARISONS,
    lambda inner: (
        st.lists(inner, min_size=1, max_size=3).map(lambda some: AllOf(conditions=tuple(some)))
        | st.lists(inner, min_size=1, max_size=3).map(lambda some: AnyOf(conditions=tuple(some)))
        | inner.map(lambda one: ~one)
    ),
    max_leaves=6,
)


@given(CONDITIONS)
def test_they_are_plain_data_and_back(condition):
    assert condition_from_data(condition_to_data(condition)) == condition


@given(CONDITIONS, st.data())
def test_what_cannot_be_told_is_never_a_yes_for_all_and_its_opposite_neither(condition, data):
    """With nothing known nothing holds; with everything known everything is decided."""
    assert judged(condition, {}, 0).holds is None
    facts = {
        one.key: Observation(1.0, S, "", data.draw(st.sampled_from([0, None])))
        for one in condition.comparisons()
        if one.wanted is None or isinstance(one.wanted, float)
    }
    verdict, opposite = judged(condition, facts, S).holds, judged(~condition, facts, S).holds
    assert (verdict is None) == (opposite is None)
    assert verdict is None or verdict is not opposite


@pytest.mark.parametrize(
    ("value", "age_s", "holds", "told"),
    [
        (37.0, 0.0, True, "incubator.temperature is 37 degC, which is above 36 degC and below 38 degC"),
        (36.0, 0.0, False, "incubator.temperature is 36 degC, and not above 36 degC and below 38 degC"),
        (37.0, 6.0, None, "incubator.temperature was 37 degC 6 s ago, too long"),
        (math.nan, 0.0, None, "incubator.temperature is nan degC, which is no number"),
        ("warm", 0.0, None, "incubator.temperature is warm degC, which is no number"),
        (None, 0.0, None, "incubator.temperature cannot be told: it is gone"),
    ],
)
def test_a_value_is_judged_by_its_limits_and_its_age(value, age_s, holds, told):
    seen = observed(WARM, None, value, 10 * S, "" if value is not None else "it is gone")
    assert judged(WARM, {WARM.key: seen}, 10 * S + round(age_s * S)) == (holds, told)


def test_for_how_long_counts_from_the_first_look_at_which_it_was_so():
    calm = Lag(below=100, for_s=2)
    seen, held = None, []
    for at_s, value in enumerate([50.0, 50.0, 50.0, 200.0, 50.0, 50.0, math.nan, 50.0, 50.0, 50.0]):
        seen = observed(calm, seen, value, at_s * S)
        held.append(judged(calm, {calm.key: seen}, at_s * S).holds)
    assert held == [False, False, True, False, False, False, None, False, False, True]


def test_a_gap_between_looks_that_is_too_long_begins_it_anew():
    calm = Lag(below=100, for_s=2)
    seen = observed(calm, observed(calm, None, 50.0, 0), 50.0, 6 * S)
    assert seen.met_since_ns == 6 * S


CELLS = np.array(
    [(4, 0, 1.0, 9.0), (5, 1, 2.0, 9.0), (5, 1, 4.0, 9.0), (5, 1, np.nan, 9.0), (6, 0, 8.0, 9.0)],
    [("number", "i8"), ("p", "i4"), ("ratio", "f8"), ("area", "f8")],
)


@pytest.mark.parametrize(
    ("fields", "value", "came_ns"),
    [
        ({"column": "ratio"}, 8.0, 9),
        ({"column": "ratio", "take": "mean", "p": 1}, 3.0, 5),
        ({"column": "ratio", "take": "fraction", "each_above": 3, "p": 1}, 0.5, 5),
        ({"column": "ratio", "take": "count", "each_below": 3, "p": 1}, 1.0, 5),
        ({"take": "count", "p": 1}, 3.0, 5),
        ({"take": "count"}, 1.0, 9),
        ({"take": "mean", "column": "ratio", "p": 7}, math.nan, 0),
    ],
)
def test_rows_of_the_newest_image_make_a_number_and_are_as_old_as_they_are(fields, value, came_ns):
    kept = NewestRows()
    kept.take(CELLS[:4], 5)
    kept.take(CELLS[4:], 9)
    found = kept.value(Rows(stream="tracks", above=0, **fields))
    assert found == pytest.approx((value, came_ns), nan_ok=True)


def test_rows_that_have_another_column_name_the_nearest():
    with pytest.raises(BadInputError, match="no column 'ration'; did you mean 'ratio'"):
        value_of_rows(Rows(stream="tracks", column="ration", above=0), CELLS)


def test_rows_are_kept_within_bounds_and_anew_where_they_look_different():
    kept = NewestRows()
    for at in range(40):
        kept.take(np.zeros(1000, CELLS.dtype), at)
    assert (len(kept.rows), kept.came_ns[-1]) == (16384, 39)
    kept.take(np.zeros(2, [("frame", "i8")]), 50)
    assert len(kept.rows) == 2


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ({"of": "lag"}, "lag: give above, below or both; or equals"),
        ({"of": "lag", "above": 5, "below": 5}, "nothing is above 5 and below 5"),
        ({"of": "lag", "below": 5, "equals": 5}, "give above, below or both; or equals"),
        ({"of": "lag", "below": 5, "evry_s": 5}, "no field 'evry_s'; did you mean 'every_s'"),
        ({"of": "lag", "below": 5, "stale_s": 0.1}, "stale_s must be above 0.25, not 0.1"),
        ({"of": "leg", "below": 5}, "nothing 'leg' to ask for; did you mean 'lag'"),
        ({"below": 5}, "expected a mapping with `of`"),
        ({"of": "all", "conditions": [{"of": "lag", "bellow": 5}]}, r"conditions\[0\] has no field 'bellow'"),
        ({"of": "rows", "stream": "tracks", "take": "fraction", "column": "a", "above": 0}, "each_above"),
        ({"of": "rows", "stream": "tracks", "above": 0}, "needs a column"),
        ({"of": "answer", "question": " "}, "needs a question"),
        (
            {
                "of": "rows",
                "stream": "a",
                "column": "b",
                "take": "count",
                "each_above": 5,
                "each_below": 1,
                "above": 0,
            },
            "no row is above 5 and below 1",
        ),
    ],
)
def test_what_cannot_be_meant_is_refused_with_the_field(data, told):
    with pytest.raises(BadInputError, match=told):
        condition_from_data(data)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ([{"condition": {"of": "lag", "below": 5}}], "needs a name"),
        ([{"name": "a", "condition": {"of": "lag", "below": 5}, "breach": "stop"}], "'pause' or 'end'"),
        ([{"name": "a", "condition": {"of": "answer", "question": "?"}}], "can't ask a person"),
        ([{"name": "a", "condition": {"of": "lag", "below": 5}}] * 2, "two interlocks are called 'a'"),
        ([{"name": "a", "when": {}}], "no field 'when'"),
    ],
)
def test_interlocks_that_cannot_be_meant_are_refused(data, told):
    with pytest.raises(BadInputError, match=told):
        interlocks_from_data(data)


@pytest.mark.parametrize(
    ("interlock", "told"),
    [
        (Interlock(name=" ", condition=Lag(below=5)), "needs a name"),
        (Interlock(name="a", condition=Lag(below=5), breach="stop"), "'pause' or 'end'"),
        (Interlock(name="a", condition=OperatorAnswer(question="?")), "can't ask a person"),
    ],
)
def test_interlocks_made_in_python_are_checked_as_those_of_a_file(interlock, told):
    with pytest.raises(BadInputError, match=told):
        interlocks_from_data([interlock])


@pytest.mark.parametrize("value", [math.nan, math.inf, [1], 1j])
def test_what_nothing_equals_is_refused(value):
    with pytest.raises(BadInputError, match="equals"):
        Lag(equals=value)


def test_numbers_of_numpy_are_kept_as_those_of_python():
    asked = Rows(stream="a", take="count", p=np.int64(2), above=np.float64(0.5), below=np.int32(7))
    assert condition_to_data(asked) == {
        "of": "rows",
        "stream": "a",
        "take": "count",
        "p": 2,
        "above": 0.5,
        "below": 7,
    }


def test_a_rig_file_refuses_an_interlock_that_asks_a_service_which_it_does_not_have():
    data = {"name": "bench", "services": {"camera": {"kind": "camera"}}}
    warm = [{"name": "warm", "condition": {"of": "service", "service": "camra"}}]
    with pytest.raises(ValueError, match="no service 'camra'; did you mean 'camera'"):
        RigConfig.model_validate({**data, "interlocks": warm})
