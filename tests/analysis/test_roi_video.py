"""The video of the regions: what each picture shows, where it lay, and that it goes on where it was."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from parfocal.analysis.beads.roi_video import NOWHERE, RoiVideo
from parfocal.analysis.beads.rois import RoiSet
from parfocal.core.clock import poll_until
from parfocal.core.errors import BadInputError
from parfocal.core.frames import FrameHeader, FrameSpec
from parfocal.streams import StreamWriter, open_stream

PATIENCE_S = 30.0
SPEC = FrameSpec(shape=(60, 80), dtype="uint16", pixel_size_um=0.1)
ROIS = RoiSet(roi_px=16, width_px=80, height_px=60).added([(20.0, 20.0), (50.0, 30.0), (70.0, 50.0)])


class Field:
    """A camera of numbered noise, and the video of its regions."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.rois = folder, ROIS
        self.camera = StreamWriter(folder, "camera", SPEC, 32)
        self.images: list[np.ndarray] = []
        self.made: list[RoiVideo] = []
        self.video = self.new_video()

    def new_video(self, owner: int = 1) -> RoiVideo:
        video = RoiVideo(
            self.folder,
            "camera",
            "roi_video",
            "roi_corners",
            kept=self.folder / "tracker.video",
            owner=owner,
            rois=lambda: self.rois,
            log=logging.getLogger("test video"),
        )
        self.made.append(video)
        return video

    def expose(self, *, number: int | None = None) -> np.ndarray:
        frame = len(self.images)
        image = np.random.default_rng(frame).integers(0, 4000, SPEC.shape, np.uint16)
        self.images.append(image)
        self.camera.write(image, FrameHeader(frame=frame if number is None else number, time_ns=10 * frame))
        return image

    def done(self) -> None:
        assert poll_until(lambda: self.video.behind() == 0, PATIENCE_S)

    def close(self) -> None:
        for video in self.made:
            video.close()
        self.camera.close()


@pytest.fixture
def field(tmp_path: Path) -> Iterator[Field]:
    field = Field(tmp_path)
    yield field
    field.close()


def crop(image: np.ndarray, y: int, x: int) -> np.ndarray:
    return image[y : y + 16, x : x + 16]


def test_each_picture_is_the_region_where_it_lay_also_after_a_move(field):
    field.video.start((0, 1, 2))
    stream = open_stream(field.folder, "roi_video")
    assert (stream.spec.shape, stream.spec.axes, stream.spec.pixel_size_um) == ((3, 16, 16), "cyx", 0.1)
    with stream.lossless() as frames, open_stream(field.folder, "roi_corners").lossless() as rows:
        field.expose()
        field.done()
        field.rois = field.rois.moved({1: (40.0, 25.0)}).removed(2)
        field.expose()
        field.done()
        pictures = [frames.read(PATIENCE_S) for _ in range(2)]
        corners = rows.read(PATIENCE_S)
        while len(corners) < 6:
            corners = np.concatenate([corners, rows.read(PATIENCE_S)])
    assert [picture.header.frame for picture in pictures] == [0, 1]
    assert corners["bead"].tolist() == [0, 1, 2] * 2
    assert corners["time_ns"].tolist() == [0] * 3 + [10] * 3
    for row in corners:
        picture = pictures[row["frame"]].data[row["channel"]]
        if row["y_px"] == NOWHERE:
            assert (row["bead"], row["frame"], picture.any()) == (2, 1, False)
        else:
            assert (picture == crop(field.images[row["frame"]], row["y_px"], row["x_px"])).all()
    assert corners[corners["bead"] == 1]["x_px"].tolist() == [42, 32]


def test_it_goes_on_with_the_same_beads_after_the_death_of_its_process(field):
    field.video.start((2, 0))
    field.expose()
    field.done()
    field.video.close()  # without `stop`: its process has died
    field.video = field.new_video()
    field.video.go_on()
    assert field.video.beads == (2, 0)
    image = field.expose()
    field.done()
    with open_stream(field.folder, "roi_video").latest(newest=True) as frames:
        newest = frames.read(PATIENCE_S)
    assert newest.header.frame == 1
    assert (newest.data[1] == crop(image, 12, 12)).all()
    field.video.stop()
    of_another_rig = field.new_video(owner=2)
    of_another_rig.go_on()
    assert not of_another_rig.is_on


def test_one_of_another_rig_is_not_taken_up(field):
    field.video.start((0,))
    field.video.close()
    other = field.new_video(owner=2)
    other.go_on()
    assert not other.is_on


def test_without_beads_there_is_none_and_the_state_tells(field):
    with pytest.raises(BadInputError, match="no regions"):
        field.video.start(())
    assert (field.video.is_on, field.video.behind(), field.video.error) == (False, 0, "")


def test_frames_of_another_shape_end_it_with_an_error_that_is_told(field):
    field.video.start((0, 1, 2))
    field.expose()
    field.done()
    field.camera.reopen(FrameSpec(shape=(20, 20), dtype="uint16"))
    field.camera.write(np.zeros((20, 20), np.uint16), FrameHeader(frame=1))
    assert poll_until(lambda: not field.video.is_on, PATIENCE_S)
    assert field.video.error
