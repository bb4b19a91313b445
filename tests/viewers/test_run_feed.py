"""What a viewer takes of a run, with streams and an engine of the test's own: no process is started."""

import logging
import os
import threading
from contextlib import closing

import numpy as np
import pytest

from parfocal.core.clock import SYSTEM_CLOCK, poll_until
from parfocal.core.errors import ServiceUnavailableError
from parfocal.core.frames import FrameHeader, FrameSpec, RowSpec
from parfocal.core.run_status import RunStatus
from parfocal.processes import ServiceContext, directory
from parfocal.runs.analysis_rows import track_dtype
from parfocal.storage.recorded_history import HistoryFrame
from parfocal.streams import StreamWriter
from parfocal.viewers import run_feeds, run_history
from parfocal.viewers.content import Content
from parfocal.viewers.display import Display
from parfocal.viewers.headless import HeadlessViewer
from parfocal.viewers.panes import PaneTable
from parfocal.viewers.run_feed import RunFeed
from parfocal.viewers.run_history import RunHistory
from parfocal.viewers.run_join import EventPlace, JoinedFrame
from parfocal.viewers.run_link import RunLink
from parfocal.viewers.service import ViewerConfig

RIG = f"followed-{os.getpid()}"


@pytest.fixture
def feed():
    with closing(RunFeed(RIG, "run", Content(PaneTable(Display()), 1000))) as feed:
        yield feed


def placed(stream, image, p=0, t=0):
    return JoinedFrame(stream, EventPlace(t, t, p, -1, -1), 1, image)


def test_an_image_that_is_refused_is_not_told_to_be_shown(feed):
    feed._put(placed("camera", np.zeros((20, 20), np.uint8)))
    feed._put(placed("camera", np.zeros((200, 20), np.uint8), t=1))
    assert (feed.shown, feed.refused) == (1, 1)
    assert len(feed.take_times_ns()) == 1


def test_labels_of_many_positions_are_not_all_kept_beside_the_budget(feed):
    for p in range(800):
        feed._put(placed("labels", np.zeros((4, 4), np.int32), p))
    assert 800 - 1 in feed._labels
    assert len(feed._labels) <= 16


def test_labels_of_a_run_without_time_go_with_their_images():
    image, labels = np.zeros((10, 10), np.uint8), np.zeros((10, 10), np.int32)
    with closing(RunFeed(RIG, "run", Content(PaneTable(Display()), 3000))) as feed:
        for p in range(50):
            feed._put(placed("camera", image, p, t=-1))
            feed._put(placed("labels", labels, p, t=-1))
        assert (feed.shown, feed.refused) == (50, 0)
        assert feed._content.gone("run") > 30
        (newest,) = feed._content._annotations.over(("run",), {"p": "49"})
        assert newest.name == "labels"
        assert feed._content._annotations.over(("run",), {"p": "0"}) == ()
        feed._put(placed("labels", labels, 0, t=-1))  # analysed late: its image is gone
        assert feed.refused == 1
        assert feed._content._annotations.over(("run",), {"p": "0"}) == ()


class Recorded:
    """Frames as a record has them; more are there when it is looked again."""

    def __init__(self, *passes):
        self.passes = list(passes)
        self.asked = []

    def __call__(self, folder, most_bytes, after_ns):
        self.asked.append((folder, most_bytes, after_ns))
        for t in self.passes.pop(0) if self.passes else ():
            header = FrameHeader(frame=t, time_ns=t, event=t)
            yield HistoryFrame("camera", {"t": t, "p": 0}, header, np.full((4, 4), t, np.uint8))


def test_a_viewer_that_comes_late_shows_what_is_recorded_and_then_what_the_ring_holds(monkeypatch):
    recorded = Recorded(range(5), range(5, 8))
    monkeypatch.setattr(run_history, "load_object", lambda *_: recorded)
    now_ns = SYSTEM_CLOCK.utc_ns()
    events = np.zeros(6, [("number", "i8"), *((axis, "i4") for axis in "tpcz"), ("time_ns", "i8")])
    events["number"] = events["t"] = events["time_ns"] = range(4, 10)
    events["c"] = events["z"] = -1
    folder = directory.shm_folder(RIG)
    with (
        StreamWriter(folder, "camera", FrameSpec(shape=(4, 4), dtype="uint8"), 16) as camera,
        StreamWriter(folder, "run_events", RowSpec.of(events.dtype)) as log,
        closing(RunFeed(RIG, "run", Content(PaneTable(Display()), 4000))) as feed,
    ):
        for t in range(6, 10):  # the ring has no older ones any more
            camera.write(
                np.full((4, 4), t, np.uint8), FrameHeader(frame=t, time_ns=t, utc_ns=now_ns, event=t)
            )
        log.write_rows(events)
        feed._link.status = RunStatus(
            run="run", created_at=now_ns * 1e-9 - 9, claims=("camera",), folder="/a/run", frames_stored=8
        )
        assert not feed.poll(), "the link has not told what reads the record"
        feed._link.history = "module:object"

        def all_shown():
            feed.poll()
            return feed.shown >= 10

        assert poll_until(all_shown, 60.0)
        feed.poll()
        assert recorded.asked == [
            ("/a/run", 2000, -1),
            ("/a/run", 2000 - 5 * 16, 4),
            ("/a/run", 2000 - 8 * 16, 7),
        ]
        stack = feed._content.layers["run"].stack
        assert [int(stack.plane({"t": str(t), "p": "0"})[0, 0]) for t in range(10)] == list(range(10))
        assert (feed.shown, feed.refused) == (10, 0), "none came twice"


@pytest.mark.parametrize("status", [{"frames_stored": 0, "folder": "/a/run"}, {"frames_stored": 8}])
def test_a_viewer_that_comes_before_the_first_image_reads_no_record(monkeypatch, status):
    monkeypatch.setattr(run_history, "load_object", lambda *_: pytest.fail("a record was read"))
    with closing(RunFeed(RIG, "run", Content(PaneTable(Display()), 4000))) as feed:
        feed._link.history = "module:object"
        first = RunStatus(run="run", **status)
        assert feed._knows_history(first)
        assert feed._knows_history(RunStatus(run="run", folder="/a/run", frames_stored=9))
        assert feed._history is None


def test_a_record_that_cannot_be_read_is_told_and_the_run_is_followed(tmp_path, caplog):
    address = "parfocal.storage.recorded_history:recorded_history"
    with closing(RunHistory(address, str(tmp_path), 1000)) as history:
        assert poll_until(lambda: history.take(4) == [] and history.over, 60.0)
    assert "is not the folder of a run" in history.problem
    assert "cannot be shown" in caplog.text


def test_the_cells_of_the_next_run_are_not_those_of_the_run_before(feed):
    now_s = SYSTEM_CLOCK.utc_ns() * 1e-9
    rows = np.zeros(2, track_dtype([]))
    spec = RowSpec.of(rows.dtype)
    with StreamWriter(directory.shm_folder(RIG), "tracks", spec) as writer:
        feed._link.status = RunStatus(run="run", created_at=now_s - 100, finished_at=now_s - 50)
        writer.write_rows(rows)
        found = []
        reader = feed._rows["tracks"]
        assert poll_until(lambda: found.extend(feed._new_rows("tracks")) or reader.position == 2, 60.0)
        assert found == []
        feed._link.status = RunStatus(run="run", created_at=now_s - 100)
        writer.write_rows(rows)
        assert poll_until(lambda: found.extend(feed._new_rows("tracks")) or reader.position == 4, 60.0)
        assert [len(rows) for rows in found] == [2]


def test_the_name_of_a_channel_is_asked_for_again_when_the_engine_did_not_answer():
    class Engine:
        answers = False

        def call(self, *_asked, **_how):
            if not self.answers:
                raise ServiceUnavailableError("it is being restarted")
            return [{"channel": "nucleus"}]

    link, engine = RunLink(RIG, "run"), Engine()
    link.close()
    assert link.wait(60)
    link._carry_out(engine, "channel", 0, (7,))
    assert link.channels == {}
    engine.answers = True
    for wish in link._unanswered:
        link._carry_out(engine, *wish)
    assert link.channels == {0: "nucleus"}


def test_an_engine_that_hangs_holds_nobody_who_closes(monkeypatch):
    """Its thread is in a call that does not end, and its wishes are full."""
    asked, answers = threading.Event(), threading.Event()

    class Engine:
        def call(self, *_asked, **_how):
            asked.set()
            assert answers.wait(120)
            raise ServiceUnavailableError("too late")

        def close(self):
            pass

    monkeypatch.setattr(directory, "connect", lambda *_: Engine())
    link = RunLink(RIG, "run")
    assert asked.wait(60)
    for number in range(1001):
        link.pick(0, [number])
    assert "does not answer" in link.problem
    link.close()
    assert not link.wait(0.0), "it has returned although the thread still asks"
    answers.set()
    assert link.wait(60)


def test_what_is_followed_goes_on_while_images_are_sent(tmp_path):
    viewer = HeadlessViewer(ViewerConfig())
    viewer.open(
        ServiceContext(
            rig=RIG,
            service=RIG,
            streams=tmp_path,
            folder=tmp_path,
            log=logging.getLogger("viewer"),
            publish=lambda topic, payload: None,
            wake=lambda: None,
            leave=lambda reason: None,
            fail=lambda error: None,
            end=lambda reason: None,
            stopping=threading.Event(),
            stop_reason=str,
            clock=SYSTEM_CLOCK,
            change_settings=lambda changes: changes,
        )
    )
    with closing(viewer), StreamWriter(tmp_path, "camera", FrameSpec(shape=(4, 4), dtype="uint8")) as writer:
        pane = viewer.follow(tmp_path, "camera")
        writer.write(np.full((4, 4), 7, np.uint8), FrameHeader(frame=0, time_ns=1))

        def shown_while_sent():
            viewer.inbox.put("ticket", [lambda: None, lambda: None])
            viewer.step()
            return viewer.panes[pane].image is not None

        assert poll_until(shown_while_sent, 60.0)
        assert viewer.panes.image(pane)[0, 0] == 7


def test_runs_that_ended_long_ago_are_followed_no_more(monkeypatch):
    class Followed:
        def __init__(self, rig, run, content):
            self.rig, self.run, self.has_ended, self.closed = rig, run, run != "long", False
            feeds[run] = self

        def close(self):
            self.closed = True

    feeds = {}
    monkeypatch.setattr(run_feeds, "RunFeed", Followed)
    table = run_feeds.RunFeedTable(Content(PaneTable(Display()), 1000))
    for run in ("long", *(f"run{number}" for number in range(10))):
        table.follow(RIG, run)
    assert [run for run, feed in feeds.items() if not feed.closed] == [
        "long",
        *(f"run{n}" for n in range(5, 10)),
    ]
