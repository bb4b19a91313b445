"""Workers of a pipeline in processes of their own, killed, stopped, and left alone."""

from __future__ import annotations

import logging
import os
import queue
import signal
import subprocess
import sys
import threading

import numpy as np
import psutil
import pytest
from scipy import ndimage

from parfocal.analysis.cells.segment import otsu
from parfocal.core.clock import SYSTEM_CLOCK, poll_until
from parfocal.core.errors import BadInputError, ConfigError
from parfocal.core.frames import FrameHeader, FrameSpec
from parfocal.core.modulation import mask_hash
from parfocal.processes import priority
from parfocal.processes.priority import why_no_real_time
from parfocal.runs.instruments.instruments import ExposedFrame, RunStart
from parfocal.runs.pipeline import worker as worker_module
from parfocal.runs.pipeline.held_frames import RingFrames
from parfocal.runs.pipeline.live_analysis import LiveAnalysis
from parfocal.runs.pipeline.messages import AnalysisJob, FrameOfChannel, WorkerSetup
from parfocal.runs.pipeline.pipeline import Pipeline
from parfocal.runs.pipeline.request import PipelineRequest
from parfocal.runs.pipeline.step import Step
from parfocal.runs.pipeline.trial import trial_image
from parfocal.runs.pipeline.worker_process import WorkerEndedError, WorkerProcess
from parfocal.runs.pipeline.workers import JobFailedError, ProcessWorkers
from parfocal.runs.plans.event import Event
from parfocal.streams import StreamWriter
from parfocal.testing.analysis import MemorySink, moving_square

PATIENCE_S, LONG_S = 60.0, 300.0
MB = "x" * 2**20
FRAME = FrameSpec(shape=(32, 32), dtype="uint16")
STEPS = '''
import os, time
from pathlib import Path
import numpy as np

HERE = Path(__file__).parent

def bright(image, t):
    """Leave the pid for the test, and go on when it says so."""
    print("a step may print what it likes")
    (HERE / f"{t}.{os.getpid()}").touch()
    while not (HERE / "go").exists():
        time.sleep(0.01)
    if t >= 0 and (HERE / "die").exists():
        os._exit(3)
    return (image > 100).astype(np.int32)

def asks(image):
    return image > int(input("how bright? "))

def lit(labels):
    return labels > 0

def missing(image, t):
    if t >= 0:
        raise ValueError("no such cell")
    return (image > 100).astype(np.int32)

class FailsAtItsSecond:
    """A linker."""
    times = 0
    def link(self, columns):
        self.times += 1
        if self.times == 2:
            raise ValueError("there were cells before")
        return columns["label"]
    def state(self):
        return {"times": self.times}
    def resume(self, state):
        self.times = state["times"]

def stored(folder, stream, header):
    from parfocal.testing.analysis import moving_square
    (HERE / f"stored.{header.frame}").touch()
    return moving_square(header.frame)
'''


class Bench:
    """A camera's ring, and the analysis of what is written to it."""

    def __init__(self, folder, slots=64, limit_s=PATIENCE_S, real_time=False, **more):
        self.folder, self.sink = folder, MemorySink()
        (folder / "loop_steps.py").write_text(STEPS)
        self.go()
        named = {"segment": "loop_steps:bright", "stimulate": "loop_steps:lit", "deadline_s": PATIENCE_S}
        self.pipeline = Pipeline(**{**named, **more})
        self.writer = StreamWriter(folder, "camera", FRAME, slots)
        self.setup = setup = WorkerSetup(
            pipeline=self.pipeline,
            search_path=[*sys.path, str(folder)],
            streams=str(folder),
            camera="camera",
            spec=FRAME,
            trial=AnalysisJob(images=(FrameOfChannel(channel="", header=FrameHeader(frame=0)),), t=-1),
            shared=str(folder / "worker"),
            stored_frames="loop_steps:stored",
            real_time=real_time,
        )
        self.workers = ProcessWorkers(setup, limit_s=limit_s, log=logging.getLogger("test workers"))
        self.analysis = LiveAnalysis(
            PipelineRequest(pipeline=self.pipeline),
            workers=self.workers,
            held=RingFrames(folder, "camera"),
            sink=self.sink,
            clock=SYSTEM_CLOCK,
            frame=FRAME,
        )
        self.woken = threading.Event()
        self.noted = []
        self.analysis.connect(self.woken.set, lambda *told: self.noted.append(told))

    def begin(self):
        self.analysis.begin(RunStart(run="run", plan={}))
        return self

    def go(self, *, on=True):
        (self.folder / "go").touch() if on else (self.folder / "go").unlink()

    def expose(self, t, p=0, waits=True):
        """Write the frame of a time point, and have it analysed; return its stimulus.

        Unless it `waits` until that is in hand, the pipeline is told of it with the image.
        """
        index = {"t": t, "p": p, "c": 0, "z": 0}
        header = FrameHeader(frame=t, time_ns=SYSTEM_CLOCK.monotonic_ns(), event=t)
        self.writer.write(moving_square(t), header)
        image = Event(number=2 * t, kind="image", index=index)
        stimulus = Event(number=2 * t + 1, kind="stimulus", index=index)
        self.analysis.exposed(image, ExposedFrame(header=header), None if waits else stimulus)
        if waits:
            self.analysis.fetched(stimulus)
        return stimulus

    def answer(self, stimulus):
        """Return how it is with the mask of a stimulus, once that is settled."""
        assert poll_until(lambda: self.analysis.mask_for(stimulus).state != "awaited", PATIENCE_S)
        return self.analysis.mask_for(stimulus)

    def pid_at(self, t, but=()):
        """Return the process that is at work on a time point."""
        found = []

        def look():
            found[:] = [int(path.suffix[1:]) for path in self.folder.glob(f"{t}.*")]
            return set(found) - set(but)

        assert poll_until(look, PATIENCE_S)
        return (set(found) - set(but)).pop()

    def close(self):
        self.go()
        self.analysis.stop()
        self.analysis.close()
        self.writer.close()


@pytest.fixture
def bench(tmp_path):
    made = []

    def make(**more):
        made.append(Bench(tmp_path, **more))
        return made[-1]

    yield make
    for one in made:
        one.close()


def is_gone(pid):
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE  # nobody may be there to collect it
    except psutil.NoSuchProcess:
        return True


def lit_columns(answer):
    return np.flatnonzero(answer.mask.stimulus.mask.any(axis=0)).tolist()


def test_a_worker_finds_the_frames_in_the_ring_and_its_masks_are_theirs(bench):
    loop = bench().begin()
    for t in range(5):
        answer = loop.answer(loop.expose(t))
        assert answer.mask.stimulus.frame == t
        assert lit_columns(answer) == [2 + t, 3 + t, 4 + t, 5 + t]
    assert loop.noted == []
    assert loop.analysis.stop() == ""
    assert [frame.event.index["t"] for frame in loop.sink.images] == [0, 1, 2, 3, 4]
    assert is_gone(loop.pid_at(-1))


def test_an_image_is_analysed_as_soon_as_it_is_there_and_its_mask_made_ready_for_the_stimulus(bench):
    loop = bench().begin()
    prepared = queue.SimpleQueue()
    loop.analysis.connect(loop.woken.set, lambda *told: loop.noted.append(told), prepared.put)
    stimulus = loop.expose(3, waits=False)
    ready = prepared.get(timeout=PATIENCE_S)
    assert ready.packed.hash == mask_hash(ready.mask)
    loop.analysis.fetched(stimulus)
    assert loop.answer(stimulus).mask.stimulus is ready
    assert lit_columns(loop.answer(stimulus)) == [5, 6, 7, 8]


def test_a_killed_worker_is_started_again_and_its_frame_is_analysed_all_the_same(bench):
    loop = bench().begin()
    loop.go(on=False)
    stimulus = loop.expose(1)
    killed = loop.pid_at(1)
    os.kill(killed, signal.SIGKILL)
    loop.go()
    assert lit_columns(loop.answer(stimulus)) == [3, 4, 5, 6]
    assert loop.pid_at(1, but=[killed]) != killed
    (told,) = loop.noted
    assert told == ("pipeline", "WorkerEndedError", "worker 0 of the pipeline ended with exit code -9", -1)


def test_a_stopped_worker_is_killed_and_started_again(bench):
    loop = bench(limit_s=6.0).begin()
    loop.go(on=False)
    stimulus = loop.expose(1)
    stopped = loop.pid_at(1)
    os.kill(stopped, signal.SIGSTOP)
    loop.go()
    assert lit_columns(loop.answer(stimulus)) == [3, 4, 5, 6]
    assert is_gone(stopped)
    assert "took too long, and was killed" in loop.noted[0][2]


def test_a_large_job_for_a_worker_that_stands_still_holds_nobody_else(bench):
    loop = bench(limit_s=LONG_S).begin()
    stopped = loop.pid_at(-1)
    os.kill(stopped, signal.SIGSTOP)
    done = threading.Event()
    job = AnalysisJob(
        images=(FrameOfChannel(channel="", header=FrameHeader(frame=0)),), metadata={"notes": MB}
    )
    sending = threading.Thread(target=loop.workers.submit, args=(job, lambda _: done.set()), daemon=True)
    sending.start()
    sending.join(20.0)
    is_sent = not sending.is_alive()
    os.kill(stopped, signal.SIGCONT)
    assert is_sent
    assert done.wait(PATIENCE_S)
    assert loop.noted == []


def test_a_frame_on_which_its_worker_ends_twice_is_given_up_and_the_next_one_is_not(bench):
    loop = bench().begin()
    loop.go(on=False)
    stimulus = loop.expose(1)
    (loop.folder / "die").touch()
    first = loop.pid_at(1)
    loop.go()
    loop.pid_at(1, but=[first])
    answer = loop.answer(stimulus)
    (loop.folder / "die").unlink()
    assert (answer.state, answer.mask) == ("never", None)
    kinds = [told[1] for told in loop.noted]
    assert kinds == ["WorkerEndedError", "WorkerEndedError", JobFailedError.__name__]
    assert lit_columns(loop.answer(loop.expose(2))) == [4, 5, 6, 7]


def test_an_answer_that_comes_twice_is_none_to_the_next_job(bench, tmp_path):
    (tmp_path / "twice.py").write_text(
        """
from loop_steps import bright
from parfocal.ipc.message_pipe import MessageWriter

send_once = MessageWriter.send

def send(self, message):
    send_once(self, message)
    send_once(self, message)

MessageWriter.send = send
"""
    )
    loop = bench(segment="twice:bright").begin()
    for t in range(4):
        assert lit_columns(loop.answer(loop.expose(t))) == [2 + t, 3 + t, 4 + t, 5 + t]
    assert poll_until(lambda: len(loop.sink.images) == 4, PATIENCE_S)
    assert loop.noted == []


def test_frames_that_have_left_the_ring_are_read_from_the_record(bench):
    loop = bench(slots=4, queue=50).begin()
    loop.go(on=False)
    for t in range(12):
        loop.expose(t)
    loop.go()
    assert poll_until(lambda: not loop.analysis.waits_for(str(loop.folder)), PATIENCE_S)
    assert sorted(frame.event.index["t"] for frame in loop.sink.cells) == list(range(12))
    for frame in loop.sink.images:
        assert np.flatnonzero(frame.mask.any(axis=0))[0] == 2 + frame.event.index["t"]
    assert list(loop.folder.glob("stored.*")), "the ring has four slots for twelve frames"


def test_a_worker_ends_with_the_process_that_started_it_even_in_the_middle_of_a_step(tmp_path):
    (tmp_path / "loop_steps.py").write_text(STEPS)  # without "go": its trial does not end
    script = f"""
import logging, sys
sys.path.append({str(tmp_path)!r})
from parfocal.core.frames import FrameHeader, FrameSpec
from parfocal.runs.pipeline.messages import AnalysisJob, FrameOfChannel, WorkerSetup
from parfocal.runs.pipeline.pipeline import Pipeline
from parfocal.runs.pipeline.workers import ProcessWorkers

setup = WorkerSetup(
    pipeline=Pipeline(segment="loop_steps:bright"), search_path=sys.path, streams={str(tmp_path)!r},
    camera="camera", spec=FrameSpec(shape=(32, 32), dtype="uint16"), shared={str(tmp_path / "worker")!r},
    trial=AnalysisJob(images=(FrameOfChannel(channel="", header=FrameHeader(frame=0)),), t=-1),
)
ProcessWorkers(setup, limit_s=10, log=logging.getLogger()).begin()
"""
    engine = subprocess.Popen([sys.executable, "-c", script])
    try:
        assert poll_until(lambda: bool(list(tmp_path.glob("-1.*"))), PATIENCE_S)
        (found,) = tmp_path.glob("-1.*")
        worker = int(found.suffix[1:])
        assert not is_gone(worker)
    finally:
        engine.kill()
        engine.wait()
    assert poll_until(lambda: is_gone(worker), PATIENCE_S)


@pytest.mark.skipif(
    sys.platform != "linux" or bool(why_no_real_time()), reason="this user may not have real-time priority"
)
@pytest.mark.parametrize("real_time", [False, True])
def test_a_worker_goes_first_with_all_of_its_threads_if_it_is_to(bench, real_time):
    loop = bench(real_time=real_time).begin()
    threads = map(int, os.listdir(f"/proc/{loop.pid_at(-1)}/task"))
    wanted = os.SCHED_RR if real_time else os.SCHED_OTHER
    assert {os.sched_getscheduler(thread) for thread in threads} == {wanted}


def test_a_worker_that_may_not_go_first_says_what_to_do(monkeypatch):
    monkeypatch.setattr(priority, "why_no_real_time", lambda: "this user may not have it")
    with pytest.raises(ConfigError, match=r"may not have it; allow it .* leave out runs\.real_time_workers"):
        worker_module._go_first()


@pytest.mark.parametrize(
    ("number", "told"),
    [
        (signal.SIGKILL, "ended with exit code -9"),
        (signal.SIGSTOP, "stood still while it got warm, and was killed"),
    ],
)
def test_a_worker_that_ends_or_stands_still_before_it_is_warm_is_started_again(bench, number, told):
    """It failed the run, the stopped one after two minutes."""
    loop = bench()
    loop.go(on=False)
    seen = []

    def harm():
        seen.append(loop.pid_at(-1))
        os.kill(seen[0], number)
        seen.append(loop.pid_at(-1, but=seen))
        loop.go()

    (harming := threading.Thread(target=harm)).start()
    loop.begin()
    harming.join()
    assert is_gone(seen[0])
    assert loop.noted == [("pipeline", "WorkerEndedError", f"worker 0 of the pipeline {told}", -1)]
    assert lit_columns(loop.answer(loop.expose(1))) == [3, 4, 5, 6]


def test_a_worker_that_never_gets_warm_is_given_up_and_each_end_is_counted(bench):
    loop = bench()
    loop.go(on=False)
    seen = []

    def kill_each():
        for _ in range(3):
            seen.append(loop.pid_at(-1, but=seen))
            os.kill(seen[-1], signal.SIGKILL)

    (harming := threading.Thread(target=kill_each)).start()
    with pytest.raises(WorkerEndedError, match="exit code -9, 3 times in a row before it was warm"):
        loop.begin()
    harming.join()
    assert len(loop.noted) == 2


def test_a_run_that_is_ended_while_its_workers_warm_does_not_wait_for_them(bench):
    from parfocal.runs.instruments.instruments import AbortedError

    loop = bench()
    loop.go(on=False)
    ended = threading.Thread(target=lambda: (loop.pid_at(-1), loop.analysis.abort()))
    ended.start()
    with pytest.raises(AbortedError):
        loop.begin()
    ended.join()
    assert list(loop.folder.glob("worker*")) == [], "its shared memory is nobody's any more"


def test_a_worker_that_was_ended_before_it_started_leaves_no_shared_memory(bench, tmp_path):
    setup = bench().setup
    (worker := WorkerProcess(7, setup)).kill()
    with pytest.raises(WorkerEndedError, match="worker 7 of the pipeline was ended"):
        worker.start(PATIENCE_S)
    assert list(tmp_path.glob("worker*")) == []


def test_a_step_that_fails_on_the_artificial_image_is_told_before_anything_is_exposed(bench):
    loop = bench(
        stimulate=Step(call="parfocal.testing.steps:chosen_cells"), choose="parfocal.testing.steps:even"
    )
    with pytest.raises(
        BadInputError, match="step 'choose', tried on an artificial image: KeyError: 'particle'"
    ):
        loop.begin()


def test_a_step_that_asks_a_person_has_no_answer_and_takes_no_job_for_one(bench):
    """It read from the pipe of the jobs, and stood still until it was killed: so did a breakpoint."""
    with pytest.raises(BadInputError, match="step 'segment', tried on an artificial image: EOFError"):
        bench(segment="loop_steps:asks").begin()


def test_where_a_step_has_failed_is_in_the_log_once_as_long_as_it_fails_alike(bench, capfd):
    loop = bench(segment="loop_steps:missing").begin()
    for t in range(3):
        assert loop.answer(loop.expose(t)).state == "never"
    loop.analysis.stop()
    told = capfd.readouterr().err
    assert told.count("Traceback (most recent call last)") == 1
    assert 'raise ValueError("no such cell")' in told


def test_the_artificial_image_is_that_of_two_time_points(bench):
    with pytest.raises(BadInputError, match="'track', tried on an artificial image: ValueError: there were"):
        bench(track="loop_steps:FailsAtItsSecond").begin()


def test_two_cells_of_the_artificial_image_touch():
    labels = otsu(trial_image(FrameSpec(shape=(80, 120), dtype="uint16")))
    _, count = ndimage.label(labels > 0)
    assert (count, labels.max()) == (6, 12)


def test_another_source_than_was_checked_is_not_run(bench):
    loop = bench(segment=Step(call="loop_steps:bright", source="0" * 64))
    with pytest.raises(BadInputError, match="is not that which was checked"):
        loop.begin()
