import pytest
from hypothesis import given
from hypothesis import strategies as st

from parfocal.core.errors import BadInputError
from parfocal.core.event_layout import EventLayout, PositionLayout


@st.composite
def layouts(draw: st.DrawFn) -> EventLayout:
    axes = "".join(draw(st.permutations("tpcz")))[: draw(st.integers(1, 4))]
    return EventLayout(axes=axes, sizes=tuple(draw(st.integers(1, 7)) for _ in axes))


@given(layout=layouts(), data=st.data())
def test_a_number_and_an_index_are_one_thing(layout: EventLayout, data: st.DataObject) -> None:
    index = {axis: data.draw(st.integers(0, layout.size(axis) - 1)) for axis in layout.axes}
    assert layout.index_of(layout.number_of(index)) == index


@given(layout=layouts(), number=st.integers(0, 10**6))
def test_numbers_beyond_the_end_go_on_along_the_first_axis(layout: EventLayout, number: int) -> None:
    index = layout.index_of(number)
    if layout.axes[0] == "t":
        assert layout.number_of(index) == number


@pytest.mark.parametrize(
    ("index", "told"),
    [({"p": 3}, "p goes from 0 to 2"), ({"t": -1}, "t goes"), ({"z": 0}, "no axis 'z', only 'tpc'")],
)
def test_an_index_outside_is_refused(index: dict[str, int], told: str) -> None:
    with pytest.raises(BadInputError, match=told):
        EventLayout(axes="tpc", sizes=(20, 3, 2)).number_of(index)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"channels": ("a",)}, "1 channels are named, but c is 2 long"),
        ({"positions": (PositionLayout(),)}, "1 positions are named, but p is 3 long"),
        ({"z_step_um": 0.0}, "z_step_um must be positive"),
        ({"interval_s": float("inf")}, "interval_s must be positive"),
    ],
)
def test_what_is_told_of_an_axis_must_fit(wrong: dict[str, object], told: str) -> None:
    with pytest.raises(BadInputError, match=told):
        EventLayout(axes="tpc", sizes=(20, 3, 2), **wrong)


@pytest.mark.parametrize("wrong", [{"well": "3B"}, {"well": "B-3"}, {"x_um": float("nan")}])
def test_a_position_that_is_none_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(BadInputError, match="of position 'left' must be"):
        PositionLayout(name="left", **wrong)


def test_what_differs_in_a_later_phase_is_not_the_same_everywhere() -> None:
    place = PositionLayout(name="left", x_um=3.0, z_um=1.0)
    first = EventLayout(axes="tpcz", sizes=(4, 1, 1, 1), positions=(place,), interval_s=5.0)
    stack = EventLayout(
        axes="tpcz",
        sizes=(2, 2, 1, 3),
        positions=(PositionLayout(name="left", x_um=3.0, z_um=9.0), PositionLayout(name="right")),
        z_step_um=0.5,
        z_first_um=-0.5,
        interval_s=10.0,
    )
    grown = first.grown(stack)
    assert (grown.sizes, grown.positions[0], grown.interval_s) == ((4, 2, 1, 3), place, None)
    assert (grown.z_step_um, grown.z_first_um) == (0.5, -0.5)
    other = EventLayout(axes="tpcz", sizes=(2, 2, 1, 3), positions=stack.positions, z_step_um=1.0)
    assert grown.grown(other).z_step_um is None
    single = EventLayout(axes="t", sizes=(1,))
    assert single.grown(single) == single
