"""What every kind of viewer does."""

import os
import signal
import threading
from contextlib import ExitStack
from types import SimpleNamespace

import numpy as np
import psutil
import pytest

from parfocal.core.clock import SYSTEM_CLOCK, poll_until
from parfocal.core.errors import DeadlineError, ViewerError
from parfocal.core.frames import FrameHeader, FrameSpec, RowSpec
from parfocal.streams import StreamWriter, open_stream
from parfocal.viewers import list_viewers, open_viewer

PATIENCE_S = 100.0
SLOW = (pytest.mark.slow, pytest.mark.timeout(600))
KINDS = ["headless", "live", pytest.param("napari", marks=SLOW)]


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


def image(value=0, shape=(64, 96)):
    picture = np.arange(np.prod(shape), dtype=np.uint16).reshape(shape)
    picture[:8, :8] = value
    return picture


def test_it_is_there_before_it_answers_and_then_ready(opened, kind, name):
    viewer = opened(kind)
    assert viewer.state in ("starting", "ready")
    assert name in [info.name for info in list_viewers()]
    viewer.wait_ready(PATIENCE_S)
    assert viewer.is_running
    assert viewer.pid not in (0, os.getpid())
    (mine,) = [info for info in list_viewers() if info.name == name]
    assert (mine.kind, mine.state, mine.pid, mine.persist) == (kind, "ready", viewer.pid, False)


def test_images_sent_while_it_starts_are_counted_and_arrive_in_order(opened, kind):
    viewer = opened(kind)
    tickets = [viewer.show(image(n), "nuclei", {"t": n}) for n in range(12)]
    queued = viewer.queued  # before its state: it may become ready, and take them, at any time
    assert queued > 0 or viewer.state != "starting"
    tickets[-1].shown(PATIENCE_S)
    assert all(ticket.state == "received" or ticket.state == "shown" for ticket in tickets)
    pane = viewer.panes()["nuclei"]
    assert (pane["version"], pane["caption"]) == (12, "t 11 (12 images)")
    assert viewer.queued == 0
    np.testing.assert_array_equal(viewer.image("nuclei"), image(11))


def test_when_shown_the_pixels_are_that_image(opened, kind):
    viewer = opened(kind)
    for value in (np.uint8(20), np.uint8(230)):
        flat = np.full((64, 96), value)
        ticket = viewer.show(flat, "flat")
        ticket.shown(PATIENCE_S)
        viewer.set_display("flat", low=0, high=255).received(PATIENCE_S)
        viewer.show(flat, "flat").shown(PATIENCE_S)
        seen = viewer.screenshot()
        assert seen.dtype == np.uint8
        assert (np.abs(seen.astype(int) - int(value)).max(axis=2) <= 3).sum() >= 64 * 96


def test_a_batch_is_one_ticket(opened, kind):
    viewer = opened(kind)
    ticket = viewer.show_many([(image(n), {"well": "A01", "t": n}) for n in range(5)], "plate")
    ticket.received(PATIENCE_S)
    ticket.shown(PATIENCE_S)
    assert viewer.panes()["plate"]["caption"] == "well A01, t 4 (5 images)"
    viewer.select("plate", well="A01", t=1).received(PATIENCE_S)
    np.testing.assert_array_equal(viewer.image("plate"), image(1))
    with pytest.raises(ViewerError, match="no image"):
        viewer.select("plate", well="B01").received(PATIENCE_S)


def test_what_was_chosen_stays_when_the_image_changes(opened, kind):
    viewer = opened(kind)
    viewer.show(image(), "a").shown(PATIENCE_S)
    viewer.set_display("a", low=5, high=900, gamma=0.5, colormap="magma").received(PATIENCE_S)
    viewer.show(image(7), "a").shown(PATIENCE_S)
    display = viewer.display("a")
    assert (display.contrast, display.low, display.high) == ("fixed", 5, 900)
    assert (display.gamma, display.colormap) == (0.5, "magma")
    with pytest.raises(ViewerError, match=r"no colormap.*did you mean 'magma'"):
        viewer.set_display("a", colormap="magmma").received(PATIENCE_S)


def test_annotations_lie_over_an_image_are_read_back_picked_and_removed(opened, kind):
    viewer = opened(kind)
    areas = np.zeros((64, 96), np.int32)
    areas[10:30, 10:40], areas[40:60, 50:90] = 3, 8
    viewer.show(image(), "cells", {"t": 0}).shown(PATIENCE_S)
    plain = viewer.screenshot()
    viewer.show_labels(areas, "cells", "nuclei", {"t": 0}).shown(PATIENCE_S)
    drawn = viewer.screenshot()
    assert (drawn != plain).any()
    viewer.show_points([(5, 6), (50, 60)], "cells", values=[0.0, 1.0]).shown(PATIENCE_S)
    viewer.show_shapes([[(1, 1), (1, 9), (9, 9)]], "cells").shown(PATIENCE_S)
    viewer.show_tracks([(3, -1, 20, 20), (3, 0, 25, 30), (8, 0, 50, 70)], "cells").shown(PATIENCE_S)
    over = {one["name"]: (one["kind"], one["count"]) for one in viewer.panes()["cells"]["annotations"]}
    assert over == {
        "nuclei": ("labels", 2),
        "points": ("points", 2),
        "shapes": ("shapes", 1),
        "tracks": ("tracks", 2),
    }
    labels, points, shapes, tracks = viewer.annotations("cells")
    np.testing.assert_array_equal(labels.image, areas)
    assert dict(labels.index) == {"t": "0"}
    assert points.points.tolist() == [[5, 6], [50, 60]]
    assert [polygon.tolist() for polygon in shapes.polygons] == [[[1, 1], [1, 9], [9, 9]]]
    assert tracks.rows.shape == (3, 4)
    assert viewer.pick("cells", 20, 20).received(PATIENCE_S) == [3]
    assert viewer.pick("cells", 60, 50).received(PATIENCE_S) == [3, 8]
    assert viewer.pick("cells", 0, 0).received(PATIENCE_S) == [3, 8]
    assert viewer.pick("cells", 21, 21).received(PATIENCE_S) == [8]
    assert viewer.picked("cells") == (8,)
    for name in ("points", "shapes", "tracks"):
        before = viewer.screenshot()
        viewer.remove("cells", name).received(PATIENCE_S)
        assert (viewer.screenshot() != before).any()
    viewer.show(image(), "cells", {"t": 1}).shown(PATIENCE_S)
    assert viewer.annotations("cells") == ()
    with pytest.raises(ViewerError, match="nothing over 'cells' is called 'nucleus'"):
        viewer.remove("cells", "nucleus").received(PATIENCE_S)
    with pytest.raises(ViewerError, match="did you mean 'cells'"):
        viewer.show_points([(1, 2)], "cell").shown(PATIENCE_S)
    with pytest.raises(ViewerError, match="whole numbers"):
        viewer.show_labels(np.zeros((3, 3)), "cells").shown(PATIENCE_S)


def test_components_become_dimensions_or_panes_and_what_is_missing_is_blank(opened, kind):
    viewer = opened(kind)
    for t in range(2):
        for channel, value in (("488", 50), ("561", 100)):
            index = {"channel": channel, "t": t}
            viewer.show(image(value + t), "cells", index).received(PATIENCE_S)
    viewer.set_display("cells", gamma=0.5).received(PATIENCE_S)
    assert viewer.panes()["cells"]["axes"] == {"channel": 2, "t": 2}
    viewer.components(channel="layer").received(PATIENCE_S)
    panes = viewer.panes()
    assert list(panes) == ["cells channel-488", "cells channel-561"]
    assert all(pane["display"]["gamma"] == 0.5 and pane["axes"] == {"t": 2} for pane in panes.values())
    viewer.select("cells channel-488", t=0).received(PATIENCE_S)
    np.testing.assert_array_equal(viewer.image("cells channel-488"), image(50))
    np.testing.assert_array_equal(viewer.image("cells channel-561"), image(101))
    viewer.select("cells", t=1).received(PATIENCE_S)
    np.testing.assert_array_equal(viewer.image("cells channel-488"), image(51))
    viewer.components("cells", channel="dimension", t="layer").received(PATIENCE_S)
    assert list(viewer.panes()) == ["cells t-0", "cells t-1"]
    with pytest.raises(ViewerError, match="'dimension' or a 'layer'"):
        viewer.components(t="stack").received(PATIENCE_S)

    for well, times in (("A01", 3), ("B01", 1)):
        for t in range(times):
            viewer.show(image(t + 1, (40 + 8 * t, 60)), "plate", {"well": well, "t": t}).received(PATIENCE_S)
    viewer.select("plate", well="B01", t=2).received(PATIENCE_S)
    assert viewer.panes()["plate"]["caption"] == "well B01, t 2, nothing was sent (4 images)"
    assert not viewer.image("plate").any()
    viewer.show(image(9), "plate", {"well": "B01", "t": 2}).shown(PATIENCE_S)
    np.testing.assert_array_equal(viewer.image("plate"), image(9))
    with pytest.raises(ViewerError, match="no image has well 'C01'"):
        viewer.select("plate", well="C01").received(PATIENCE_S)


def test_what_cannot_be_shown_fails_with_its_reason(opened, kind):
    viewer = opened(kind)
    with pytest.raises(ViewerError, match="two dimensions"):
        viewer.show(np.arange(5), "line").received(PATIENCE_S)
    with pytest.raises(ViewerError, match="array of numbers"):
        viewer.show(np.array(["a"]), "text").received(PATIENCE_S)
    viewer.show(image(), "fine").shown(PATIENCE_S)


def test_beyond_its_budget_a_ticket_fails_and_says_so(opened, kind):
    viewer = opened(kind, budget_mb=0.1)
    viewer.show(image(shape=(100, 100)), "a").shown(PATIENCE_S)
    with pytest.raises(ViewerError, match="budget"):
        viewer.show(image(shape=(300, 300)), "b").shown(PATIENCE_S)
    viewer.show(image(1, shape=(100, 100)), "a").shown(PATIENCE_S)


@pytest.mark.parametrize("kind", ["headless", pytest.param("live", marks=pytest.mark.slow)], indirect=True)
def test_a_stopped_viewer_is_hung_never_says_shown_and_goes_on(opened, kind):
    viewer = opened(kind)
    viewer.show(image(), "a").shown(PATIENCE_S)
    os.kill(viewer.pid, signal.SIGSTOP)
    try:
        assert poll_until(lambda: viewer.state == "hung", PATIENCE_S)  # the signal takes a while
        ticket = viewer.show(image(3), "a")
        with pytest.raises(DeadlineError):
            ticket.shown(0.2)
        assert ticket.state == "queued"
    finally:
        os.kill(viewer.pid, signal.SIGCONT)
    ticket.shown(PATIENCE_S)


@pytest.mark.slow
def test_a_hung_viewer_is_ended_by_anybody(opened, kind, name):
    viewer = opened(kind, persist=True)
    viewer.wait_ready(PATIENCE_S)
    pid = viewer.pid
    os.kill(pid, signal.SIGSTOP)
    other = open_viewer(name, kind)
    other.close()
    assert other.state == "exited"
    assert poll_until(lambda: not psutil.pid_exists(pid), PATIENCE_S)  # once it is collected, too


@pytest.mark.parametrize("kind", ["headless", pytest.param("live", marks=pytest.mark.slow)], indirect=True)
def test_killed_it_is_gone_and_what_was_queued_comes_in_the_next(opened, kind):
    viewer = opened(kind)
    viewer.show(image(), "a").shown(PATIENCE_S)
    first = viewer.pid
    os.kill(first, signal.SIGKILL)
    assert poll_until(lambda: viewer.pid != first, PATIENCE_S)
    ticket = viewer.show(image(9), "b")
    ticket.shown(PATIENCE_S)
    assert viewer.pid not in (0, first)
    assert list(viewer.panes()) == ["b"]


def test_a_stream_is_followed_through_restarts_and_changes_of_shape(opened, kind, tmp_path):
    viewer = opened(kind)
    spec = FrameSpec(shape=(48, 64), dtype="uint16", pixel_size_um=0.1)
    with StreamWriter(tmp_path, "camera", spec) as writer:
        pane = viewer.follow(open_stream(tmp_path, "camera")).received(PATIENCE_S)
        assert pane == f"{tmp_path.name}/camera"
        writer.write(np.full((48, 64), 3, np.uint16), FrameHeader(frame=0))
        assert poll_until(lambda: viewer.panes()[pane]["shape"] == [48, 64], PATIENCE_S)
    smaller = FrameSpec(shape=(24, 32), dtype="uint16")
    with StreamWriter(tmp_path, "camera", smaller) as writer:
        writer.write(np.full((24, 32), 4, np.uint16), FrameHeader(frame=1))
        assert poll_until(lambda: viewer.panes()[pane]["shape"] == [24, 32], PATIENCE_S)
        assert (viewer.image(pane) == 4).all()
        viewer.set_display(pane, frozen=True).received(PATIENCE_S)
        writer.write(np.full((24, 32), 5, np.uint16), FrameHeader(frame=2))
        assert (viewer.image(pane) == 4).all()
        viewer.set_display(pane, frozen=False).received(PATIENCE_S)
        assert poll_until(lambda: (viewer.image(pane) == 5).all(), PATIENCE_S)
        readers = open_stream(tmp_path, "camera").status().readers
        assert {reader.policy for reader in readers if reader.pid == viewer.pid} == {"latest"}


SENSOR = np.dtype([("time_ns", "<i8"), ("temperature_c", "<f8"), ("on", "?"), ("note", "S8")])


@pytest.mark.parametrize("there", [True, False], ids=["there", "to come"])
def test_rows_of_a_sensor_are_plotted_over_time(opened, kind, tmp_path, there):
    viewer = opened(kind)
    rows = np.zeros(5, SENSOR)
    with ExitStack() as stack:
        if there:
            writer = stack.enter_context(StreamWriter(tmp_path, "sensor", RowSpec.of(SENSOR), slots=64))
        place = SimpleNamespace(folder=tmp_path, name="sensor")
        name = viewer.follow(place).received(PATIENCE_S)
        if not there:
            writer = stack.enter_context(StreamWriter(tmp_path, "sensor", RowSpec.of(SENSOR), slots=64))
        rows["time_ns"] = SYSTEM_CLOCK.monotonic_ns()  # now that it is there: plots show the last seconds
        writer.write_rows(rows)
        wanted = {"sensor: temperature": {"sensor": 5}, "sensor: on": {"sensor": 5}}
        assert poll_until(lambda: viewer.plots() == wanted, PATIENCE_S), viewer.plots()
        assert viewer.panes() == {}
        viewer.remove(name).received(PATIENCE_S)
        assert viewer.plots() == {}


def test_twenty_callers_get_one_viewer(opened, kind, name):
    opened(kind)
    pids, barrier = set(), threading.Barrier(20)

    def call():
        barrier.wait()
        viewer = open_viewer(name, kind)
        viewer.show(image(), "a").received(PATIENCE_S)
        pids.add(viewer.pid)
        viewer.leave()

    callers = [threading.Thread(target=call) for _ in range(20)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert len(pids) == 1


def test_closed_it_sends_no_more(opened, kind):
    viewer = opened(kind)
    viewer.wait_ready(PATIENCE_S)
    viewer.close()
    viewer.close()
    assert viewer.state == "exited"
    with pytest.raises(ViewerError, match="closed"):
        viewer.show(image(), "a").received(PATIENCE_S)
