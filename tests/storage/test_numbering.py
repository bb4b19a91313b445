from hypothesis import given
from hypothesis import strategies as st

from parfocal.storage.numbering import LARGEST_GAP, Numbering


@given(
    st.lists(st.sampled_from(["stored", "lost by the camera", "lost by the ring"]), max_size=60),
    st.integers(0, 999),
)
def test_every_frame_gets_its_number_in_the_run(fates: list[str], start: int) -> None:
    numbering = Numbering(first_sequence=start)
    sequence, seen_any = start, False
    camera_lost_before_first = 0
    for number, fate in enumerate(fates):
        if fate == "stored":
            assert numbering.place(sequence, 5000 + number) == number - camera_lost_before_first
            seen_any = True
        elif fate == "lost by the camera" and not seen_any:
            camera_lost_before_first += 1  # nobody can know of it: the first frame seen begins the run
        sequence += fate != "lost by the camera"
    assert numbering.renumbered == 0


def test_a_camera_that_was_started_again_goes_on_after_the_last_index() -> None:
    numbering = Numbering()
    assert [numbering.place(n, 100 + n) for n in range(3)] == [0, 1, 2]
    assert [numbering.place(3 + n, n) for n in range(3)] == [3, 4, 5]
    assert numbering.place(8, 5) == 8
    assert numbering.renumbered == 1


def test_a_jump_that_no_camera_makes_is_a_new_numbering() -> None:
    numbering = Numbering()
    numbering.place(0, 0)
    assert numbering.place(1, LARGEST_GAP + 10) == 1
    assert numbering.renumbered == 1


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2**63 - 1)), max_size=40))
def test_indices_only_grow_whatever_the_camera_says(steps: list[tuple[int, int]]) -> None:
    numbering, sequence, last = Numbering(), 0, -1
    for skipped, number in steps:
        sequence += skipped
        index = numbering.place(sequence, number)
        assert index > last
        assert index >= sequence - 0 if last < 0 else index >= last + 1 + skipped
        sequence, last = sequence + 1, index


def test_resuming() -> None:
    numbering = Numbering()
    numbering.resume(index=9, sequence=20, number=109)
    assert numbering.place(21, 112) == 12
