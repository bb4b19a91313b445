from hypothesis import given
from hypothesis import strategies as st

from parfocal.storage.numbering import SPARE_GAP, Numbering

FATES = st.lists(st.sampled_from(["stored", "lost by the camera", "lost by the ring"]), max_size=60)


@given(FATES, st.integers(0, 999), st.integers(0, 10**6))
def test_every_frame_gets_its_number_in_the_run(fates: list[str], sequence: int, first: int) -> None:
    numbering = Numbering(first_sequence=sequence, first_number=first)
    for number, fate in enumerate(fates):
        if fate == "stored":
            assert numbering.place(sequence, first + number) == number
        sequence += fate != "lost by the camera"
    assert numbering.renumbered == 0
    assert numbering.expected(end=sequence, next_number=first + len(fates)) == len(fates)


@given(FATES, st.integers(0, 10**6))
def test_a_producer_that_tells_no_number_is_believed_from_its_first_frame_on(
    fates: list[str], first: int
) -> None:
    numbering, sequence, before = Numbering(), 0, 0
    for number, fate in enumerate(fates):
        if fate == "stored":
            assert numbering.place(sequence, first + number) == number - before
        elif fate == "lost by the camera" and not numbering.next_index:
            before += 1
        sequence += fate != "lost by the camera"
    assert numbering.expected(end=sequence) <= len(fates)


def test_the_first_and_the_last_frames_count_by_the_producers_own_numbers() -> None:
    numbering = Numbering(first_number=0)
    assert [numbering.place(n, n + 5) for n in range(36)] == list(range(5, 41))
    assert numbering.expected(end=36, next_number=50) == 50
    following = Numbering(first_sequence=36, first_number=50)
    assert following.expected(end=36, next_number=50) == 0
    assert following.place(36, 50) == 0


def test_a_number_may_be_taken_just_before_its_frame_is_seen() -> None:
    numbering = Numbering(first_number=8)
    assert numbering.place(0, 7) == 0
    assert numbering.place(1, 8) == 1
    assert numbering.renumbered == 0


def test_a_camera_that_counts_anew_goes_on_after_the_last_index() -> None:
    numbering = Numbering()
    assert [numbering.place(n, 100 + n) for n in range(3)] == [0, 1, 2]
    assert [numbering.place(3 + n, n) for n in range(3)] == [3, 4, 5]
    assert numbering.place(8, 5) == 8
    assert numbering.renumbered == 1


@given(st.lists(st.integers(0, 2**62), min_size=1, max_size=30))
def test_no_jump_makes_more_room_than_frames_can_fill(jumps: list[int]) -> None:
    numbering, number = Numbering(first_number=0), 0
    for sequence, jump in enumerate(jumps):
        number += jump + 1
        assert numbering.place(sequence, number) <= 2 * sequence + SPARE_GAP
    taken = [jump for jump in jumps if jump > 2 * len(jumps) + SPARE_GAP]
    assert numbering.renumbered >= len(taken)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2**63 - 1)), max_size=40))
def test_indices_only_grow_whatever_the_camera_says(steps: list[tuple[int, int]]) -> None:
    numbering, sequence, last = Numbering(), 0, -1
    for skipped, number in steps:
        sequence += skipped
        index = numbering.place(sequence, number)
        assert index >= (sequence if last < 0 else last + 1 + skipped)
        sequence, last = sequence + 1, index


def test_resuming() -> None:
    numbering = Numbering()
    numbering.resume(index=9, sequence=20, number=109, placed=10)
    assert numbering.place(21, 112) == 12
    assert numbering.expected(next_number=120) == 20
