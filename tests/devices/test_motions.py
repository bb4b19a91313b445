"""The last moves of a simulated thing: against a list, while they are written, and after a writer's death."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parfocal.devices.context import DeviceContext
from parfocal.devices.simulated.motions import MOTIONS_DTYPE, MOTIONS_KEPT, Motion, Motions
from parfocal.devices.simulated.world import World

SECOND = 1_000_000_000
MOVES = st.tuples(
    st.integers(0, 3 * SECOND), st.integers(-1000, 1000).map(float), st.sampled_from([np.inf, 1e-6, 3.0, 5e4])
)


def moved(moves):
    """Return a world in which x was moved (after how long, to where, how fast), and when."""
    world, now_ns, times = World.of(DeviceContext()), 7 * SECOND, []
    for wait_ns, target, speed in moves:
        now_ns += wait_ns
        world.move("x_um", target, now_ns, speed)
        times.append(now_ns)
    return world, times


def numbered(count):
    return [Motion(float(number), float(number), number, 1.0) for number in range(count)]


@given(st.lists(MOVES, min_size=1, max_size=12), st.integers(0, 40 * SECOND))
def test_a_time_is_answered_after_later_moves_as_it_was_before_them(moves, asked_ns):
    world, times = moved(moves)
    held = sum(start_ns <= asked_ns for start_ns in times)
    then, _ = moved(moves[:held])
    assert world.position("x_um", asked_ns) == then.position("x_um", asked_ns)


@settings(max_examples=30)
@given(st.lists(st.integers(0, 3 * MOTIONS_KEPT), min_size=1, max_size=4))
def test_a_reader_has_the_newest_moves_however_seldom_it_looks(counts):
    memory = np.zeros(1, MOTIONS_DTYPE)
    writer, reader, written = Motions(memory), Motions(memory), 0
    for count in counts:
        for motion in numbered(written + count)[written:]:
            writer.add(motion)
        written += count
        assert list(reader.last()) == numbered(written)[-MOTIONS_KEPT:]


def test_moves_within_one_frame_are_each_found():
    world = World.of(DeviceContext())
    for step in range(10):
        world.move("focus_nm", 10.0 * step, SECOND + step * 100_000)
    for step in range(10):
        assert world.position("focus_nm", SECOND + step * 100_000 + 50_000) == 10.0 * step
    assert world.position("focus_nm", 0) == 0.0


def test_a_halt_ends_a_move_and_does_not_change_what_was():
    world = World.of(DeviceContext())
    world.move("focus_nm", 1000.0, 0, 100.0)
    world.move("focus_nm", world.position("focus_nm", 2 * SECOND), 2 * SECOND, 100.0)
    seen = [world.position("focus_nm", t * SECOND) for t in (1, 2, 9)]
    assert seen == [100.0, 200.0, 200.0]


def test_before_a_jump_it_is_where_it_was():
    world = World.of(DeviceContext())
    world.move("light", 0.25, 5, home=1.0)
    assert [world.position("light", now_ns) for now_ns in (4, 5)] == [1.0, 0.25]


def test_a_time_older_than_all_that_is_kept_has_the_oldest():
    world = World.of(DeviceContext())
    for step in range(MOTIONS_KEPT + 40):
        world.move("x_um", float(step), step)
    assert world.position("x_um", 0) == 39.0


def test_a_move_that_its_writer_did_not_end_does_not_count():
    memory = np.zeros(1, MOTIONS_DTYPE)
    writer, reader = Motions(memory), Motions(memory)
    for motion in numbered(MOTIONS_KEPT + 1):
        writer.add(motion)
    memory["slots"][0, 0]["target"] = np.nan  # the slot that is written next, and now holds move 0
    assert list(reader.last()) == numbered(MOTIONS_KEPT + 1)[1:]


class Overtaken:
    """Slots that are written on after a reader has counted, and before it reads."""

    def __init__(self, slots, motions, writer):
        self.slots, self.motions, self.writer = slots, motions, writer

    def __getitem__(self, places):
        while self.motions:
            self.writer.add(self.motions.pop(0))
        return self.slots[places]


@pytest.mark.parametrize("known", [0, 100])
@pytest.mark.parametrize("meanwhile", [1, 2, 200, MOTIONS_KEPT, 3 * MOTIONS_KEPT])
def test_a_reader_that_is_overtaken_has_whole_moves_in_order(known, meanwhile):
    memory = np.zeros(1, MOTIONS_DTYPE)
    writer, reader, motions = Motions(memory), Motions(memory), numbered(MOTIONS_KEPT + meanwhile)
    for motion in motions[:MOTIONS_KEPT]:
        writer.add(motion)
        if motion.start_ns == known - 1:
            reader.last()
    reader._slots = Overtaken(memory["slots"][0], motions[MOTIONS_KEPT:], writer)
    assert list(reader.last()) == motions[-MOTIONS_KEPT:]
