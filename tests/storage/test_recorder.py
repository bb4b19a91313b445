"""The recorder as a service: real processes, really killed."""

import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from parfocal.core.errors import CommandFailedError
from parfocal.core.frames import FrameHeader, FrameSpec, RowSpec
from parfocal.core.messages import Notice
from parfocal.ipc import Client, Subscription
from parfocal.processes import ServiceSpec, Supervisor, directory
from parfocal.storage import list_runs, open_frames, read_headers, read_manifest, read_rows
from parfocal.streams import StreamWriter, open_stream

SPEC = FrameSpec(shape=(16, 16), dtype="uint16")
ROW = np.dtype([("n", "<u8")])
PATIENCE_S = 40.0


class Lab:
    """A rig whose one service is a recorder; this process is the camera."""

    def __init__(self, runs: Path, streams: Path) -> None:
        self._open = ExitStack()
        self.runs = runs
        self.streams = streams
        self.told: list[Notice] = []
        self._news = threading.Condition()

    def start(
        self,
        *,
        slots: int = 64,
        policy: str = "restart",
        back_off_s: float = 0.2,
        factory: str = "parfocal.storage.recorder:Recorder",
        **settings: Any,
    ) -> Client:
        settings = {
            "folder": str(self.runs),
            "frames": "camera",
            "rows": ["tracks"],
            "least_free_mb": 0,
        } | settings
        spec = ServiceSpec(
            name="recorder",
            factory=factory,
            settings=settings,
            policy=policy,  # type: ignore[arg-type]
            back_off_s=back_off_s,
        )
        source = ServiceSpec(name="source", factory="parfocal.testing.services:Counter")
        self.rig = Supervisor("bench", [spec, source] if "stop_calls" in settings else [spec])
        keep = self._open.enter_context
        keep(self.rig)
        self.camera = keep(StreamWriter(self.streams, "camera", SPEC, slots=slots))
        self.tracks = keep(StreamWriter(self.streams, "tracks", RowSpec.of(ROW), slots=2**16))
        self.client = self.rig.client("recorder")
        self._open.callback(self.client.close)
        ears = Subscription(self.rig.folder, ["recorder"], callback=self._hear)
        self._open.callback(ears.close)
        wait_for(self._is_heard)
        return self.client

    def _is_heard(self) -> bool:
        """Have the recorder tell something: what it tells before the subscription has arrived is missed."""
        self.call("set_settings", {"least_free_mb": 0})
        with self._news:
            return self._news.wait_for(lambda: bool(self.told), 0.05)

    def stop(self) -> None:
        self._open.close()

    def show(self, *numbers: int) -> None:
        for number in numbers:
            self.camera.write(np.full(SPEC.shape, number + 1, SPEC.dtype), FrameHeader(frame=number))

    def tell(self, first: int, count: int) -> None:
        rows = np.zeros(count, ROW)
        rows["n"] = np.arange(first, first + count)
        self.tracks.write_rows(rows)

    def call(self, name: str, /, *args: Any, **named: Any) -> Any:
        return self.client.call(name, *args, timeout_s=PATIENCE_S, **named)

    def stored(self) -> dict[str, int]:
        return {name: stream["stored"] for name, stream in self.call("status")["streams"].items()}

    def pid(self) -> int:
        return self.rig.status().services["recorder"].pid

    def wait_for_event(self, topic: str) -> dict[str, Any]:
        def find() -> Notice | None:
            return next((notice for notice in self.told if notice.topic == topic), None)

        with self._news:
            assert self._news.wait_for(lambda: find() is not None, PATIENCE_S), self.told
        found = find()
        assert found is not None
        return found.payload  # type: ignore[no-any-return]

    def wait_until_back(self) -> None:
        wait_for(lambda: (s := self.rig.status().services["recorder"]).restarts >= 1 and s.state == "ready")

    def _hear(self, notice: Notice) -> None:
        with self._news:
            self.told.append(notice)
            self._news.notify_all()


def wait_for(done: Callable[[], bool]) -> None:
    for _ in range(int(PATIENCE_S / 0.02)):
        if done():
            return
        threading.Event().wait(0.02)
    raise AssertionError("not in time")


def does_nothing(pid: int) -> bool:
    """Return whether a process was stopped, or has ended."""
    try:
        return psutil.Process(pid).status() in (
            psutil.STATUS_STOPPED,
            psutil.STATUS_ZOMBIE,
            psutil.STATUS_DEAD,
        )
    except psutil.NoSuchProcess:
        return True


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    made = Lab(tmp_path / "runs", directory.shm_folder("bench"))
    yield made
    made.stop()


def frames_in(run: str) -> list[int]:
    return open_frames(Path(run) / "frames.ome.zarr").read().result()[:, 0, 0].tolist()


def rows_in(run: str) -> list[int]:
    return read_rows(Path(run) / "tracks")["n"].to_pylist()


def test_a_run_from_start_to_end(lab: Lab) -> None:
    lab.start()
    assert lab.call("status")["run"] == ""
    with pytest.raises(CommandFailedError, match="no run was started"):
        lab.call("finish")
    run = lab.call("start", name="beads", plan={"n": 1}, devices={"camera": {"exposure_ms": 1.5}})
    assert lab.call("state") == {"run": run}
    with pytest.raises(CommandFailedError, match="recorded already"):
        lab.call("start")
    with pytest.raises(CommandFailedError, match="finish it before"):
        lab.call("set_settings", {"frames": None})
    lab.show(*range(50))
    lab.tell(0, 500)
    report = lab.call("finish", reason="all done", devices={"camera": {"exposure_ms": 3}})
    assert report["outcome"] == "complete"
    assert report["stored"] == {"camera": 50, "tracks": 500}
    assert frames_in(run) == list(range(1, 51))
    assert rows_in(run) == list(range(500))
    manifest = read_manifest(Path(run))
    assert manifest.rig == "bench"
    assert manifest.reason == "all done"
    assert manifest.devices_at_end == {"camera": {"exposure_ms": 3}}
    assert lab.call("finish", outcome="cancelled") == report
    status = lab.call("status")
    assert (status["outcome"], status["run"]) == ("complete", run)
    assert lab.wait_for_event("run.finished")["outcome"] == "complete"
    second = lab.call("start")
    assert lab.call("cancel_run", "the wrong sample")["outcome"] == "cancelled"
    assert [run.outcome for run in list_runs(lab.runs)] == ["complete", "cancelled"]
    assert read_manifest(Path(second)).reason == "the wrong sample"


def test_frames_are_stored_by_event_where_a_plan_says_so(lab: Lab) -> None:
    lab.start(rows=[])
    run = lab.call("start", events={"camera": {"axes": "tc", "sizes": [3, 2]}})
    for number, event in enumerate([0, 3, 1, -1, 4, 2]):
        header = FrameHeader(frame=number, event=event)
        lab.camera.write(np.full(SPEC.shape, event + 1, SPEC.dtype), header)
    assert lab.call("finish")["outcome"] == "complete"
    pixels = open_frames(Path(run) / "frames.ome.zarr" / "0").read().result()
    assert pixels[..., 0, 0].tolist() == [[1, 2], [3, 4], [5, 0]]
    assert read_manifest(run).streams["camera"].kind == "events"
    assert read_manifest(run).streams["camera"].policy == "block"
    lab.call("set_settings", {"frames": None, "rows": ["tracks"]})
    with pytest.raises(CommandFailedError, match="rows have no event"):
        lab.call("start", events={"tracks": {"axes": "t", "sizes": [3]}})


def test_a_run_may_ask_for_streams_that_the_settings_do_not_name(lab: Lab) -> None:
    lab.start(frames=None, rows=[])
    with pytest.raises(CommandFailedError, match="nothing to record"):
        lab.call("start")
    run = lab.call("start", events={"camera": {"axes": "t", "sizes": [2]}}, rows=["tracks"])
    lab.camera.write(np.full(SPEC.shape, 1, SPEC.dtype), FrameHeader(frame=0, event=1))
    lab.tell(0, 3)
    assert lab.call("finish")["stored"] == {"camera": 1, "tracks": 3}
    assert rows_in(run) == [0, 1, 2]
    with pytest.raises(CommandFailedError, match="nothing to record"):
        lab.call("start")


def test_a_run_is_extended_and_goes_on_after_its_end(lab: Lab, tmp_path: Path) -> None:
    lab.start(frames=None, rows=[])
    layout = {"axes": "tpcz", "sizes": [1, 1, 1, 1]}
    run = lab.call("start", events={"camera": layout}, folder=str(tmp_path / "elsewhere"), plan={"n": 1})
    assert Path(run).parent == tmp_path / "elsewhere"
    lab.camera.write(np.full(SPEC.shape, 1, SPEC.dtype), FrameHeader(frame=0, event=0))
    lab.call("extend", events={"camera": layout | {"sizes": [1, 2, 1, 1]}}, plan={"n": 2})
    lab.camera.write(np.full(SPEC.shape, 2, SPEC.dtype), FrameHeader(frame=1, event=1))
    assert lab.call("finish", asked={"camera": 2})["outcome"] == "complete"
    with pytest.raises(CommandFailedError, match="no run is recorded"):
        lab.call("extend")
    assert lab.call("start", events={"camera": layout | {"sizes": [3, 2, 1, 1]}}, continues=run) == run
    lab.camera.write(np.full(SPEC.shape, 3, SPEC.dtype), FrameHeader(frame=9, event=2))
    report = lab.call("finish", asked={"camera": 1})
    assert (report["run"], report["outcome"], report["stored"]) == (run, "complete", {"camera": 3})
    images = [open_frames(Path(run) / "frames.ome.zarr" / str(p)).read().result() for p in range(2)]
    assert [image[:, 0, 0, 0, 0].tolist() for image in images] == [[1, 3], [2, 0]]


@pytest.mark.parametrize("policy", ["block", "drop"])
def test_a_slow_disk_holds_up_whoever_writes_or_loses_what_is_counted(lab: Lab, policy: str) -> None:
    lab.start(slots=16, frames=None, rows=[], policies={} if policy == "block" else {"camera": "drop"})
    with pytest.raises(CommandFailedError, match="did you mean 'slow disk'"):
        lab.call("inject_fault", "slow disc")
    slow_s = {"block": 0.05, "drop": 1.0}[policy]  # of what is dropped all comes within one batch or two
    lab.call("inject_fault", "slow disk", {"seconds": slow_s})
    run = lab.call("start", events={"camera": {"axes": "t", "sizes": [120]}})
    for event in range(120):
        header = FrameHeader(frame=event, event=event)
        lab.camera.write(np.full(SPEC.shape, event + 1, SPEC.dtype), header)
    lab.call("inject_fault", "free")
    report = lab.call("finish", asked={"camera": 120})
    stored, lost = report["stored"]["camera"], report["lost"]["camera"]
    assert stored + lost == 120
    if policy == "block":
        assert (report["outcome"], lost) == ("complete", 0)
    else:
        assert report["outcome"] == f"incomplete: lost {lost}"
        assert lost > 0
    pixels = open_frames(Path(run) / "frames.ome.zarr" / "0").read().result()[:, 0, 0]
    events = read_headers(Path(run) / "frames.ome.zarr" / "0")["event"]
    there = [(int(pixel) - 1, int(event)) for pixel, event in zip(pixels, events, strict=True) if event >= 0]
    assert len(there) == stored
    assert all(shown == event for shown, event in there)


def told_of_slow_disk(lab: Lab) -> bool:
    try:
        lab.call("new_file")
    except CommandFailedError as error:
        return "rows of tracks still go to the file before, after 5 s" in str(error)
    return False


@pytest.mark.slow  # it waits for what a slow disk holds up
def test_new_files_that_do_not_begin_in_time_are_told(lab: Lab) -> None:
    lab.start(frames=None)
    run = lab.call("start")
    lab.tell(0, 10)
    wait_for(lambda: lab.stored()["tracks"] == 10)
    lab.call("inject_fault", "slow disk", {"seconds": 20.0, "stream": "tracks"})
    lab.tell(10, 10)
    wait_for(lambda: told_of_slow_disk(lab))  # those that come before the rows do find nobody held up
    lab.call("inject_fault", "free")
    wait_for(lambda: lab.stored()["tracks"] == 20)
    lab.call("finish")
    assert rows_in(run) == list(range(20))
    assert len(list(Path(run, "tracks").glob("*.parquet"))) > 1


def test_what_people_say_is_kept_with_its_time(lab: Lab) -> None:
    lab.start()
    run = lab.call("start", operator="Ada", sample="DNA")
    lab.call("annotate", notes="a bubble at 3 s")
    lab.call("finish")
    lab.call("annotate", sample="lambda DNA")
    manifest = read_manifest(run)
    assert (manifest.operator, manifest.sample, manifest.notes) == ("Ada", "lambda DNA", "a bubble at 3 s")
    assert [edit.field for edit in manifest.edits] == ["operator", "sample", "notes", "sample"]
    assert manifest.outcome == "complete"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_a_recorder_that_was_killed_goes_on_with_the_same_run(lab: Lab, number: signal.Signals) -> None:
    lab.start(slots=512)
    run = lab.call("start")
    lab.show(*range(1000, 1100))
    lab.tell(0, 1000)
    wait_for(lambda: lab.stored() == {"camera": 100, "tracks": 1000})
    lab.show(*range(1100, 1103))
    pid = lab.pid()
    os.kill(pid, number)
    wait_for(lambda: does_nothing(pid))  # the signal takes a while
    lab.show(*range(1103, 1200))
    lab.tell(1000, 100)
    lab.wait_until_back()
    lab.show(*range(1200, 1210))
    lab.tell(1100, 10)
    report = lab.call("finish")
    assert report["restarts"] == 1
    assert rows_in(run) == list(range(1110))
    frames = frames_in(run)
    lost = [n for n, pixel in enumerate(frames) if pixel != 1001 + n]
    assert len(frames) == 210
    assert set(lost) <= {100, 101, 102}, "only what was in its hands when it died may be lost"
    assert report["lost"] == {"camera": len(lost), "tracks": 0}
    assert report["outcome"] == (f"incomplete: lost {len(lost)}" if lost else "complete")
    restart = read_manifest(Path(run)).restarts[0]
    assert restart.stored["camera"] >= 100
    assert restart.lost == report["lost"]


def test_what_is_lost_while_the_recorder_is_away_is_told(lab: Lab) -> None:
    lab.start(slots=64, back_off_s=1.5)  # all is shown before it is back
    run = lab.call("start")
    lab.show(*range(100))
    wait_for(lambda: open_stream(lab.streams, "camera").status().readers[0].in_flight == 0)
    known = lab.stored()["camera"]
    os.kill(lab.pid(), signal.SIGKILL)
    lab.show(*range(100, 400))
    lab.wait_until_back()
    report = lab.call("finish")
    lost = report["lost"]["camera"]
    assert lost >= 200
    assert report["outcome"] == f"incomplete: lost {lost}"
    frames = frames_in(run)
    assert len(frames) == 400
    assert [n for n, pixel in enumerate(frames) if pixel not in (0, n + 1)] == []
    held = read_headers(Path(run) / "frames.ome.zarr")["frame"] >= 0
    assert held.sum() == 400 - lost
    assert [pixel == 0 for pixel in frames] == [not there for there in held.tolist()]
    assert known <= held.sum()
    assert read_manifest(Path(run)).restarts[0].lost["camera"] >= 200


def test_a_start_that_fails_half_way_leaves_nothing_and_holds_nobody(lab: Lab) -> None:
    lab.start(policies={"camera": "block"})
    pointer = lab.rig.folder / "recorder.run"
    pointer.mkdir()
    with pytest.raises(CommandFailedError, match=r"recorder\.run|directory"):
        lab.call("start")
    lab.show(*range(200))  # more than the ring holds: nobody blocks the camera
    assert list(lab.runs.iterdir()) == []
    pointer.rmdir()
    lab.call("start")
    lab.show(200)
    assert lab.call("finish")["stored"]["camera"] == 1


def test_a_run_that_nobody_closed_is_readable_and_says_so(lab: Lab) -> None:
    lab.start(policy="degrade")
    run = lab.call("start")
    lab.show(*range(16))
    lab.tell(0, 100)
    wait_for(lambda: lab.stored() == {"camera": 16, "tracks": 100})
    assert [summary.outcome for summary in list_runs(lab.runs)] == ["recording"]
    os.kill(lab.pid(), signal.SIGKILL)
    wait_for(lambda: lab.rig.status().services["recorder"].state == "degraded")
    assert [summary.outcome for summary in list_runs(lab.runs)] == ["unknown: not closed"]
    assert frames_in(run) == list(range(1, 17))
    assert rows_in(run) == list(range(100))


def test_the_end_of_the_rig_closes_the_run(lab: Lab) -> None:
    lab.start()
    run = lab.call("start")
    lab.show(*range(20))
    lab.rig.stop()
    manifest = read_manifest(Path(run))
    assert manifest.outcome == "finished early"
    assert manifest.reason == "the recorder was ended: the rig's process asked"
    assert frames_in(run) == list(range(1, 21))


def test_a_run_of_a_plan_that_nobody_has_ended_is_not_finished_early(lab: Lab) -> None:
    lab.start()
    run = lab.call("start", plan={"type": "acquire", "count": 100})
    lab.show(*range(20))
    lab.rig.stop()
    manifest = read_manifest(Path(run))
    assert manifest.outcome == "failed"
    assert manifest.reason == "the recorder was ended: the rig's process asked"


def test_a_folder_that_vanishes_is_told_and_acquisition_goes_on(lab: Lab, tmp_path: Path) -> None:
    lab.start()
    run = lab.call("start")
    lab.show(*range(8))
    wait_for(lambda: lab.stored()["camera"] == 8)
    Path(run).rename(tmp_path / "gone")  # at once: files come and go meanwhile
    told = lab.wait_for_event("storage.error")
    assert (told["error"], told["stop"], told["run"]) == ("FolderVanishedError", False, run)
    lab.show(*range(8, 100))
    report = lab.call("finish")
    assert report["outcome"] == "failed"
    assert report["stored"]["camera"] == 0
    second = lab.call("start")
    lab.show(100)
    assert lab.call("finish")["outcome"] == "complete"
    assert frames_in(second) == [101]


def test_a_record_that_cannot_be_closed_is_closed_when_it_can(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    lab.start(factory="full_disk:FullDiskRecorder")
    run = lab.call("start")
    lab.show(*range(8))
    full = Path(run) / "full"
    full.touch()
    report = lab.call("finish", devices={"stage": {None: 1}})
    assert report["outcome"] == "failed"
    assert "could not be closed" in report["errors"][-1]
    second = lab.call("start")
    assert read_manifest(Path(run)).outcome == "recording"
    full.unlink()
    wait_for(lambda: read_manifest(Path(run)).outcome == "complete")
    assert read_manifest(Path(run)).devices_at_end == {"stage": {"None": 1}}
    wait_for(
        lambda: [e.payload["outcome"] for e in lab.told if e.topic == "run.finished"][1:] == ["complete"]
    )
    assert lab.call("status")["run"] == second
    assert lab.call("finish")["outcome"] == "complete"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of two megabytes."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if shutil.which("mount") is None or os.name == "nt" or os.geteuid() != 0:
        pytest.skip("only root can mount a disk")
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("this machine does not let us mount a disk")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


@pytest.mark.parametrize("policy", ["go on", "stop"])
def test_a_full_disk(small_disk: Path, lab: Lab, policy: str) -> None:
    lab.start(folder=str(small_disk), on_storage_error=policy, codec="none", stop_calls={"source": "leave"})
    run = lab.call("start")
    number = 0
    while not any(notice.topic == "storage.error" for notice in lab.told):
        lab.show(*range(number, number + 8))
        number += 8
        if number % 800 == 0:
            wait_for(lambda: lab.call("status")["streams"]["camera"]["behind"] == 0)
    told = lab.wait_for_event("storage.error")
    assert (told["error"], told["stop"]) == ("DiskFullError", policy == "stop")
    if policy == "stop":
        assert lab.wait_for_event("run.finished")["outcome"] == "failed"
        wait_for(lambda: lab.rig.status().services["source"].state == "exited")
    else:
        assert lab.rig.status().services["source"].state == "ready"
    lab.show(*range(number, number + 8))
    report = lab.call("finish")
    manifest = read_manifest(Path(run))
    assert report["outcome"] == manifest.outcome
    assert manifest.outcome.startswith("failed" if policy == "stop" else "incomplete: lost ")
    assert any("DiskFullError" in line for line in manifest.errors)
    stream = manifest.streams["camera"]
    assert stream.expected == stream.stored + stream.lost
    frames = frames_in(run)
    assert sum(pixel > 0 for pixel in frames) == stream.stored
    assert [n for n, pixel in enumerate(frames) if pixel not in (0, n + 1)] == []


def test_a_stream_says_that_it_is_recorded_as_long_as_it_is(lab: Lab) -> None:
    lab.start(slots=64)
    lab.call("start")
    lab.show(*range(10))

    def recording() -> list[str]:
        return [
            reader.name for reader in open_stream(lab.streams, "camera").status().readers if reader.records
        ]

    wait_for(lambda: len(recording()) == 1)
    lab.call("finish")
    assert recording() == []


def test_streams_that_were_forgotten_are_told_in_report_and_record(lab):
    recorder = lab.start(frames=None)
    recorder.call("start")
    report = recorder.call("finish", timeout_s=PATIENCE_S)
    told = ["no frames are recorded: the recorder's setting 'frames' names none of camera"]
    assert report["warnings"] == told
    assert list(read_manifest(report["run"]).warnings) == told
    assert list(list_runs(lab.runs)[0].warnings) == told

    recorder.call("set_settings", {"frames": []})  # none is meant
    recorder.call("start")
    assert recorder.call("finish", timeout_s=PATIENCE_S)["warnings"] == []
