"""Any history of a run: losses at either end and between, restarts of the writer and of the recorder.

Every image that was shown is in the record once, under its own number, or the outcome says how many are not.
"""

import tempfile
import threading
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from parfocal.core.frames import FrameHeader, FrameSpec
from parfocal.storage import open_frames, read_headers
from parfocal.storage.manifest import write_manifest
from parfocal.storage.recording import Recording
from parfocal.storage.requests import RunRequest, Site, StreamRequest
from parfocal.storage.run_manifests import Ended
from parfocal.streams import StreamWriter

SPEC = FrameSpec(shape=(2, 2), dtype="uint32")
PATIENCE_S = 30.0

steps = st.lists(
    st.tuples(
        st.sampled_from(["show", "lose", "restart the camera", "restart the recorder", "both"]),
        st.integers(1, 9),
    ),
    max_size=6,
)


class Camera:
    """Counts what it exposes; some of it never comes, and its writer comes and goes."""

    def __init__(self, streams: Path, first: int) -> None:
        self._streams = streams
        self.next = first
        self.shown: list[int] = []
        self.restarts = 0
        self._open()

    def _open(self) -> None:
        self.writer = StreamWriter(self._streams, "camera", SPEC, slots=256)
        self.writer.set_next_number(self.next)

    def show(self, count: int) -> range:
        for number in range(self.next, self.next + count):
            self.writer.set_next_number(number + 1)
            self.writer.write(np.full(SPEC.shape, number, SPEC.dtype), FrameHeader(frame=number))
            self.shown.append(number)
        self.next += count
        return range(self.next - count, self.next)

    def lose(self, count: int) -> None:
        self.next += count
        self.writer.set_next_number(self.next)

    def restart(self) -> None:
        self.writer.close()
        self.restarts += 1
        self._open()


def taken(recording: Recording) -> bool:
    progress = recording.progress()["camera"]
    return not progress.behind


def wait_until_taken(recording: Recording) -> None:
    for _ in range(int(PATIENCE_S / 0.005)):
        if taken(recording):
            return
        threading.Event().wait(0.005)
    raise AssertionError(recording.progress())


def die(recording: Recording) -> None:
    """Leave the run as a recorder that died would."""
    wait_until_taken(recording)
    left = recording.manifest
    for recorder in recording._recorders.values():
        recorder.fail(ConnectionAbortedError("the process died"))
        recorder.join()
    write_manifest(recording.folder.path, left)


@settings(max_examples=20, deadline=None)
@given(steps, st.integers(0, 1000), st.booleans())
def test_every_image_is_in_the_record_once_or_missing_by_number(
    history: list[tuple[str, int]], first: int, compared: bool
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        streams, runs = Path(folder, "s"), Path(folder, "r")
        site = Site(streams=streams, rig="none", service="recorder", on_error=lambda *_: None)
        camera = Camera(streams, first)
        recording = Recording.begin(runs, [StreamRequest(name="camera", policy="block")], RunRequest(), site)
        recording.start()
        for action, count in history:
            match action:
                case "show":
                    camera.show(count)
                case "lose":
                    camera.lose(count)
                case "restart the camera":
                    wait_until_taken(recording)
                    camera.restart()
                case "restart the recorder":
                    die(recording)
                    recording = Recording.go_on(recording.folder.path, site)
                    recording.start()
                case "both":
                    die(recording)
                    camera.restart()
                    unseen = camera.show(count)
                    camera.shown = [number for number in camera.shown if number not in unseen]
                    recording = Recording.go_on(recording.folder.path, site)
                    recording.start()
        manifest = recording.finish(Ended(ending="complete", missing=0 if compared else None))
        camera.writer.close()
        stream = manifest.streams["camera"]
        exposed = camera.next - first
        pixels = open_frames(recording.folder.path / "frames.ome.zarr").read().result()[:, 0, 0]
        numbers = read_headers(recording.folder.path / "frames.ome.zarr")["frame"]
        there = np.flatnonzero(numbers >= 0)
        assert numbers[there].tolist() == camera.shown
        assert pixels[there].tolist() == camera.shown
        assert (there + first).tolist() == camera.shown, "each lies at its own number"
        assert (stream.expected, stream.stored) == (exposed, len(camera.shown))
        lost = exposed - len(camera.shown)
        doubtful = (camera.restarts > 0 and not compared) or stream.uncounted
        if doubtful:
            assert manifest.outcome == f"incomplete: lost at least {lost}"
        else:
            assert manifest.outcome == (f"incomplete: lost {lost}" if lost else "complete")
        assert bool(manifest.reason) == bool(lost or doubtful or camera.restarts)
