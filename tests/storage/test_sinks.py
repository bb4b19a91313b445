"""What every sink keeps: the contract of `parfocal.core.protocols.Sink`, for each kind there is."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from parfocal.core.errors import AlreadyExistsError, BadInputError, FolderVanishedError
from parfocal.core.event_layout import EventLayout
from parfocal.core.frames import FrameSpec, RowSpec
from parfocal.storage import open_frames, read_headers, read_rows
from parfocal.storage.sinks import SINKS, SinkOptions, create_sink, kind_of, resume_sink
from parfocal.streams import HEADER_DTYPE, FrameBatch

FRAMES = FrameSpec(shape=(4, 6), dtype="uint16")
ROW = np.dtype([("n", "<i8")])
EVENTS = EventLayout(axes="tpc", sizes=(100, 2, 3))
OPTIONS = {
    "frames": SinkOptions(spec=FRAMES, batch=8),
    "events": SinkOptions(spec=FRAMES, events=EVENTS),
    "rows": SinkOptions(spec=RowSpec.of(ROW)),
}


def batch(kind: str, first: int, count: int) -> Any:
    numbers = np.arange(first, first + count)
    if kind == "rows":
        return numbers.astype("<i8").view(ROW)
    headers = np.zeros(count, HEADER_DTYPE)
    headers["frame"] = headers["event"] = numbers
    pixels = np.broadcast_to(numbers[:, None, None] + 1, (count, *FRAMES.shape)).astype("u2")
    return FrameBatch(pixels, headers)


def stored_in(kind: str, path: Path) -> list[int]:
    """Return the numbers of all that is stored, in their order."""
    if kind == "rows":
        return list(read_rows(path)["n"].to_pylist())
    if kind == "frames":
        pixels = open_frames(path).read().result()[:, 0, 0]
        return [int(pixel) - 1 for pixel in pixels if pixel]
    return sorted(
        int(pixel) - 1
        for position in range(2)
        for pixel in event_pixels(path, position)[..., 0, 0].ravel()
        if pixel
    )


def event_pixels(path: Path, position: int) -> Any:
    import zarr

    return zarr.open_array(path / str(position) / "0", mode="r")[:]


@pytest.fixture(params=sorted(SINKS))
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_every_kind_is_chosen_by_its_options(kind: str) -> None:
    assert kind_of(OPTIONS[kind]) == kind


def test_what_is_appended_is_stored_once_and_in_order(kind: str, tmp_path: Path) -> None:
    sink = create_sink(tmp_path / "s", OPTIONS[kind])
    sink.append(batch(kind, 0, 5), 0)
    sink.append(batch(kind, 3, 7), 3)  # three to five were offered before
    assert (sink.count().stored, sink.count().lost, sink.next_sequence) == (10, 0, 10)
    assert stored_in(kind, tmp_path / "s") == list(range(10))
    sink.close()
    sink.close()
    assert stored_in(kind, tmp_path / "s") == list(range(10))


def test_more_is_stored_by_the_next_append_or_tend(kind: str, tmp_path: Path) -> None:
    sink = create_sink(tmp_path / "s", OPTIONS[kind])
    lent = batch(kind, 0, 3)
    sink.append(lent, 0, more=True)
    (lent["n"] if kind == "rows" else lent.data)[:] = 0  # whoever lends them takes them back
    sink.tend()
    assert stored_in(kind, tmp_path / "s") == [0, 1, 2]
    sink.append(batch(kind, 3, 2), 3, more=True)
    sink.append(batch(kind, 5, 2), 5)
    assert stored_in(kind, tmp_path / "s") == list(range(7))
    sink.close()


def test_what_was_skipped_is_counted_as_lost(kind: str, tmp_path: Path) -> None:
    sink = create_sink(tmp_path / "s", OPTIONS[kind])
    sink.append(batch(kind, 0, 2), 0)
    sink.append(batch(kind, 5, 2), 5)
    assert (sink.count().expected, sink.count().lost) == (7, 3)
    assert sink.count(end=9).lost == 5
    sink.close()


def test_after_a_crash_it_goes_on_where_it_was(kind: str, tmp_path: Path) -> None:
    first = create_sink(tmp_path / "s", OPTIONS[kind])
    first.append(batch(kind, 0, 11), 0)
    first.abandon()
    second = resume_sink(tmp_path / "s", OPTIONS[kind])
    assert (second.count().stored, second.next_sequence) == (11, 11)
    second.append(batch(kind, 9, 4), 9)
    second.close()
    assert stored_in(kind, tmp_path / "s") == list(range(13))


def test_nothing_is_overwritten_and_nothing_odd_is_taken(kind: str, tmp_path: Path) -> None:
    sink = create_sink(tmp_path / "s", OPTIONS[kind])
    with pytest.raises(AlreadyExistsError):
        create_sink(tmp_path / "s", OPTIONS[kind])
    odd = np.zeros(2, [("m", "<i8")]) if kind == "rows" else FrameBatch(
        np.zeros((2, 3, 3), "u2"), np.zeros(2, HEADER_DTYPE)
    )  # fmt: skip
    with pytest.raises(BadInputError):
        sink.append(odd, 0)
    sink.append(batch(kind, 0, 1), 0)
    assert stored_in(kind, tmp_path / "s") == [0]
    sink.close()


def test_a_folder_that_vanishes_is_named(kind: str, tmp_path: Path) -> None:
    import shutil

    sink = create_sink(tmp_path / "s", OPTIONS[kind])
    sink.append(batch(kind, 0, 1), 0)
    shutil.rmtree(tmp_path / "s")
    with pytest.raises(FolderVanishedError):
        sink.append(batch(kind, 1, 1), 1)
    sink.abandon()


def test_rows_have_no_events() -> None:
    with pytest.raises(BadInputError, match="rows have no event"):
        kind_of(SinkOptions(spec=RowSpec.of(ROW), events=EVENTS))


def test_frames_lie_at_the_index_of_their_event_in_whatever_order_they_come(tmp_path: Path) -> None:
    sink = create_sink(tmp_path / "s", OPTIONS["events"])
    order = np.random.default_rng(1).permutation(24)
    for sequence, event in enumerate(order.tolist()):
        one = batch("events", event, 1)
        one.headers["frame"] = sequence
        sink.append(one, sequence)
    sink.close()
    for event in range(24):
        index = EVENTS.index_of(event)
        assert event_pixels(tmp_path / "s", index["p"])[index["t"], index["c"], 0, 0] == event + 1
    assert event_pixels(tmp_path / "s", 0).shape == (4, 3, 4, 6)
    assert open_frames(tmp_path / "s" / "1")[2, 1].read().result()[0, 0] == EVENTS.sizes[1] * 3 * 2 + 4 + 1
    headers = read_headers(tmp_path / "s" / "1")
    assert headers["event"].shape == (4, 3)
    assert headers["event"][2, 1] == 16
    assert sink.count().lost == 0


@pytest.mark.parametrize(
    ("axes", "sizes"), [("t", (3,)), ("p", (6,)), ("ptcz", (2, 3, 1, 1)), ("zc", (2, 3))]
)
def test_a_plan_of_any_axes(axes: str, sizes: tuple[int, ...], tmp_path: Path) -> None:
    events = EventLayout(axes=axes, sizes=sizes)
    sink = create_sink(tmp_path / "s", SinkOptions(spec=FRAMES, events=events))
    sink.append(batch("events", 0, 6), 0)
    sink.abandon()
    resumed = resume_sink(tmp_path / "s", SinkOptions(spec=FRAMES, events=events))
    assert (resumed.count().stored, resumed.next_sequence) == (6, 6)
    resumed.close()
    for event in range(6):
        index = events.index_of(event)
        image = tmp_path / "s" / str(index.pop("p", 0))
        place = tuple(index[axis] for axis in "tcz" if axis in index)
        assert open_frames(image)[place].read().result()[0, 0] == event + 1
        assert read_headers(image)["event"][place] == event


def test_frames_of_no_event_are_left_out_and_no_event_is_overwritten(tmp_path: Path) -> None:
    sink = create_sink(tmp_path / "s", OPTIONS["events"])
    snapped = batch("events", 0, 2)
    snapped.headers["event"] = -1
    sink.append(snapped, 0)
    sink.append(batch("events", 2, 2), 2)
    assert (sink.count().stored, sink.count().lost) == (2, 0)
    again = batch("events", 3, 1)
    again.headers["frame"] = 4
    again.data[:] += 7
    sink.append(again, 4)
    assert (sink.count().stored, sink.count().lost, sink.count().repeated) == (2, 0, 1)
    sink.append(batch("events", 5, 1), 5)
    assert stored_in("events", tmp_path / "s") == [2, 3, 5]
    sink.abandon()


@pytest.mark.parametrize(("at_once", "ends"), [(False, False), (True, False), (False, True)])
@pytest.mark.parametrize("is_told", ["before the first", "between"])
def test_a_frame_that_is_taken_again_takes_the_place_of_the_first_once(
    tmp_path: Path, is_told: str, at_once: bool, ends: bool
) -> None:
    """The first may be on its way still when that is told; both may come together, or to two writers."""
    sink = create_sink(tmp_path / "s", OPTIONS["events"])
    first, second, third = (batch("events", n, 1) for n in range(3))
    for one in (first, second, third):
        one.headers["event"] = 2
    if is_told == "before the first" or at_once:
        sink.retake([2], 1)
    if at_once:
        both = FrameBatch(
            np.concatenate([first.data, second.data]), np.concatenate([first.headers, second.headers])
        )
        sink.append(both, 0)
    else:
        sink.append(first, 0)
        if is_told == "between":
            sink.retake([2], 1)
        if ends:
            sink.abandon()
            sink = resume_sink(tmp_path / "s", OPTIONS["events"])
        sink.append(second, 1)
    assert (sink.count().stored, sink.count().lost, sink.count().repeated) == (1, 0, 1)
    sink.append(third, 2)
    assert (sink.count().stored, sink.count().lost, sink.count().repeated) == (1, 0, 2), "told of one"
    sink.close()
    index = EVENTS.index_of(2)
    image = tmp_path / "s" / str(index.pop("p", 0))
    place = tuple(index[axis] for axis in "tcz" if axis in index)
    assert open_frames(image)[place].read().result()[0, 0] == 2
    assert read_headers(image)["frame"][place] == 1


def test_each_frame_keeps_the_number_of_its_event(tmp_path: Path) -> None:
    sink = create_sink(tmp_path / "s", OPTIONS["frames"])
    sink.append(batch("frames", 3, 4), 3)
    sink.close()
    assert read_headers(tmp_path / "s")["event"].tolist()[-4:] == [3, 4, 5, 6]
