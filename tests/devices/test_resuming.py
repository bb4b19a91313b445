"""Any history of deaths: each image of a movie is shown once, under its own number, or is counted as lost."""

import tempfile
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st

from parfocal.core.errors import FrameLostError
from parfocal.core.protocols import Camera, CanResume
from parfocal.devices.camera_counts import CameraCounts
from parfocal.devices.context import DeviceContext
from parfocal.devices.registry import make_device
from parfocal.testing.clock import JumpClock

IMAGES = 12
STEPS = ("read", "claim", "publish", "count")
"""What a host does with a frame, one after the other; it may die after any of them."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A movie whose image n is full of n; the image 5 cannot be read."""
    path = tmp_path_factory.mktemp("movie")
    for number in range(IMAGES):
        tifffile.imwrite(path / f"m{number:02d}.tif", np.full((4, 4), number, np.uint16))
    whole = (path / "m05.tif").read_bytes()
    (path / "m05.tif").write_bytes(whole[:-8])
    return path


class Host:
    """What `CameraHost` does with a camera and its counts, in steps that a death may fall between."""

    def __init__(self, movie, counts, published):
        clock = JumpClock()
        settings = {"path": str(movie), "rate": "fastest"}
        self.camera = make_device("replay", settings, DeviceContext(clock=clock), Camera)
        assert isinstance(self.camera, CanResume)
        self.camera.open()
        self.counts = CameraCounts(counts, owner=1, now_ns=0)
        self.counts.recover(len(published))
        self.published = published
        if self.counts.was_running:
            left = self.counts.sequence_left
            if left is None or left > 0:
                self.camera.resume(self.counts.sequence_done, left)

    def start(self, count):
        self.camera.start(count)
        self.counts.begin_sequence(self.counts.first_frame + self.camera.first_frame, count)

    def step(self, dies_after=None):
        """Show the next frame; return whether the host lives on."""
        out = np.zeros((4, 4), np.uint16)
        try:
            header = self.camera.read_into(out, 1.0)
        except FrameLostError as error:
            self.counts.lose(error.frame + self.counts.first_frame)
            return True
        number = header.frame + self.counts.first_frame
        header = type(header)(frame=number, time_ns=header.time_ns)
        if dies_after == "read":
            return False
        self.counts.reserve(header)
        if dies_after == "claim":
            return False
        self.published.append((number, int(out[0, 0])))
        if dies_after == "publish":
            return False
        self.counts.frame(header, 0)
        return dies_after != "count"


@settings(max_examples=60, deadline=None)
@given(
    count=st.one_of(st.none(), st.integers(1, IMAGES)),
    deaths=st.lists(st.tuples(st.integers(0, 6), st.sampled_from(STEPS)), max_size=5),
)
def test_every_image_is_shown_once_or_counted_as_lost(folder, count, deaths):
    total = IMAGES if count is None else count
    published = []
    with tempfile.TemporaryDirectory() as place:
        counts = Path(place) / "camera.counts"
        host = Host(folder, counts, published)
        host.start(count)
        for steps, death in deaths:
            alive = True
            for step in range(steps + 1):
                if alive and host.camera.is_running():
                    alive = host.step(death if step == steps else None)
            if not alive:
                host.camera.close()
                host = Host(folder, counts, published)
        while host.camera.is_running():
            host.step()
        told = host.counts.counts()
        host.camera.close()
    assert [number for number, _ in published] == [shown for _, shown in published]
    assert len(published) == len(set(published))
    assert told["frames"] == len(published)
    assert told["frames"] + told["lost"] == total
    unread = 1 if total > 5 else 0
    assert told["lost"] <= unread + sum(death == "claim" for _, death in deaths)
