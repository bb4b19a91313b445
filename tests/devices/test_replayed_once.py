"""A movie is played once, whatever becomes of the camera's process and of the file."""

import os
import signal
import threading

import numpy as np
import pytest
import tifffile

from parfocal.core.clock import poll_until
from parfocal.core.errors import StreamError
from parfocal.streams import open_stream

IMAGES = 200


def write_movie(path, **options):
    """Write a movie whose image n is full of n."""
    images = np.broadcast_to(np.arange(IMAGES, dtype=np.uint16)[:, None, None], (IMAGES, 32, 32))
    with tifffile.TiffWriter(path) as tiff:
        for image in images:
            tiff.write(np.ascontiguousarray(image), photometric="minisblack", metadata=None, **options)
    return path


def replay(path, slots=4):
    return {"device": "replay", "options": {"path": str(path), "rate": "fastest"}, "slots": slots}


def read_patiently(frames):
    """Read the next frame, also if its writer is just being started again; None at the end of the movie."""
    for _ in range(100):
        try:
            return frames.read(timeout_s=30)
        except StreamError:
            threading.Event().wait(0.1)
    raise AssertionError("no frame came")


@pytest.mark.parametrize("count", [None, 150])
@pytest.mark.parametrize("signal_number", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "stopped"])
def test_a_camera_that_dies_goes_on_at_the_right_image(count, signal_number, rig, tmp_path):
    bench = rig(camera=replay(write_movie(tmp_path / "m.tif")))
    camera = bench.client("camera")
    total = count or IMAGES
    seen = []
    with open_stream(bench.streams, "camera").lossless(policy="block") as frames:
        camera.call("start", count)
        while len(seen) + camera_lost(camera, seen) < total:
            frame = read_patiently(frames)
            seen.append(frame.header.frame)
            assert (frame.data == frame.header.frame).all()
            if len(seen) in (20, 90):
                os.kill(bench.status().services["camera"].pid, signal_number)
    assert not camera.call("is_running", timeout_s=30)  # it is done with the last frame, which it counts last
    counts = camera.call("counts", timeout_s=30)
    assert seen == sorted(set(seen))
    assert counts["frames"] == len(seen)
    assert counts["frames"] + counts["lost"] == total


def camera_lost(camera, seen):
    """Return what the camera lost, asked only near the end: until then it does not matter."""
    return 0 if len(seen) < 140 else camera.call("counts", timeout_s=60)["lost"]


def test_one_image_that_cannot_be_read_is_one_named_loss(rig, tmp_path):
    path = write_movie(tmp_path / "m.tif", compression="zlib")
    with tifffile.TiffFile(path) as tiff:
        page = tiff.pages[77]
        offset, size = page.dataoffsets[0], page.databytecounts[0]
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(bytes(size))
    bench = rig(camera=replay(path, slots=300))
    camera = bench.client("camera")
    with open_stream(bench.streams, "camera").lossless(policy="block") as frames:
        camera.call("start")
        seen = [frames.read(timeout_s=30).header.frame for _ in range(IMAGES - 1)]
    assert seen == [number for number in range(IMAGES) if number != 77]
    counts = camera.call("counts")
    assert (counts["lost"], counts["errors"]) == (1, 0)
    assert bench.status().services["camera"].restarts == 0
    (words,) = camera.call("state")["unreadable"]
    assert words.startswith("image 77 cannot be read: ")


def test_a_file_that_is_cut_while_it_plays_is_named_once_with_its_image(rig, tmp_path):
    path = write_movie(tmp_path / "m.tif")
    cut = path.stat().st_size // 2
    with tifffile.TiffFile(path) as tiff:
        whole = sum(page.dataoffsets[0] + page.databytecounts[0] <= cut for page in tiff.pages)
    bench = rig(camera=replay(path, slots=4))
    camera = bench.client("camera")
    with open_stream(bench.streams, "camera").lossless(policy="block") as frames:
        camera.call("start")
        seen = [frames.read(timeout_s=30).header.frame for _ in range(10)]
        with path.open("r+b") as file:
            file.truncate(cut)
        seen += [frames.read(timeout_s=30).header.frame for _ in range(whole - 10)]
        assert poll_until(lambda: not camera.call("is_running"), 60)
    assert seen == list(range(whole))
    counts = camera.call("counts")
    assert (counts["frames"], counts["lost"]) == (whole, IMAGES - whole)
    (words,) = camera.call("state")["unreadable"]
    assert words.startswith(f"images {whole} to {IMAGES - 1} cannot be read: the file ends")
    assert bench.status().services["camera"].restarts == 0
