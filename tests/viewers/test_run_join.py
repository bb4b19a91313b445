"""What the streams of a run say of one another, in whichever order it comes."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from parfocal.analysis.beads.rows import TRACK_DTYPE
from parfocal.runs.analysis_log import LABELS, MASKS, STIMULATIONS, TRACKS
from parfocal.runs.analysis_rows import STIMULATION, track_dtype
from parfocal.runs.event_log import DTYPE, STREAM
from parfocal.runs.settings import SERVICE
from parfocal.viewers import run_feed, run_link
from parfocal.viewers.run_join import RunJoin, as_particles, by_position, track_tails


def events(*numbers):
    rows = np.zeros(len(numbers), DTYPE)
    rows["number"], rows["t"], rows["p"] = numbers, numbers, 5
    rows["c"], rows["time_ns"] = 1, [1000 + number for number in numbers]
    return rows


def stimulus(number, image_event, fired_ns):
    rows = np.zeros(1, STIMULATION)
    rows["number"], rows["t"], rows["p"] = number, number, 5
    rows["image_event"], rows["fired_ns"] = image_event, fired_ns
    return rows


def test_the_names_are_those_of_the_engine():
    assert (run_feed.EVENTS, run_feed.ANALYSED) == (STREAM, (TRACKS, STIMULATIONS))
    assert (run_feed.LABELS, run_feed.MASKS) == (LABELS, MASKS)
    for stream, dtype in ((STREAM, DTYPE), (TRACKS, track_dtype([])), (STIMULATIONS, STIMULATION)):
        assert run_feed._COLUMN[stream] in dtype.names
    assert run_feed._COLUMN[TRACKS] not in TRACK_DTYPE.names
    assert run_link.SERVICE == SERVICE


@given(st.permutations([("event", n) for n in range(6)] + [("frame", n) for n in range(6)]))
def test_each_frame_finds_its_event_once_whichever_came_first(order):
    join, found = RunJoin(), []
    for what, number in order:
        if what == "event":
            found += join.add_events(events(number))
        else:
            placed = join.add_frame("camera", 1000 + number, np.full((2, 2), number))
            found += [] if placed is None else [placed]
    assert sorted(one.place.number for one in found) == list(range(6))
    assert all(one.place.t == one.place.number == one.image[0, 0] and one.place.z == 0 for one in found)
    assert join.unplaced == 0


def test_frames_of_no_event_are_counted_and_events_without_a_frame_are_no_matter():
    join = RunJoin()
    lost = events(1, 2)
    lost["time_ns"] = -1
    assert join.add_events(lost) == []
    for number in range(100):
        assert join.add_frame("camera", number, np.zeros((1, 1))) is None
    assert join.unplaced == 36


@given(st.permutations(["mask", "fired", "not fired"]))
def test_a_mask_is_shown_where_it_was_fired_and_only_there(order):
    join, shown = RunJoin(), []
    for what in order:
        if what == "mask":
            shown += join.add_mask(7, np.ones((2, 2)))
        else:
            shown += join.add_stimulations(stimulus(8, 7, 1 if what == "fired" else -1))
    ((t, p, mask),) = shown
    assert (t, p) == (8, 5)
    assert mask.all()


def test_cells_are_called_as_their_particles():
    join, rows = RunJoin(), np.zeros(3, track_dtype(["area_px"]))
    rows["number"], rows["label"], rows["particle"] = (4, 4, 6), (1, 3, 1), (11, 0, 99)
    assert join.particles(4) is None
    assert join.add_tracks(rows) == {4, 6}
    labels = np.array([[0, 1], [2, 3]], np.int32)
    assert as_particles(labels, join.particles(4)).tolist() == [[0, 12], [-1, 1]]
    rows["label"], rows["particle"] = 2, 12  # of the same image, from a ring that had room for a part of it
    join.add_tracks(rows)
    assert as_particles(labels, join.particles(4)).tolist() == [[0, 12], [13, 1]]


def test_tracks_reach_back_as_far_as_they_are_shown():
    rows = np.zeros(3, track_dtype([]))
    rows["particle"], rows["p"], rows["y_px"], rows["x_px"] = (3, -1, 4), 1, (5.0, 5.0, np.nan), 6.0
    tails = np.empty((0, 4))
    for t in range(250):
        rows["t"] = t
        for p, mine in by_position(rows):
            assert p == 1
            tails = track_tails(tails, mine, 100)
    assert tails[:, 1].tolist() == list(range(150, 250))
    assert set(tails[:, 0]) == {3}
