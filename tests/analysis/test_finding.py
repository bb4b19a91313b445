"""Which images are looked at for beads."""

from __future__ import annotations

import numpy as np
import pytest

from parfocal.analysis.beads.finding import find_in_movie, find_in_newest
from parfocal.core.errors import CancelledError
from parfocal.core.frames import Frame, FrameHeader
from parfocal.rig.track_plan import TrackPlan, find_in
from parfocal.tracking.simulation import add_noise, bead_stack, render

DARK, LIT = np.zeros((4, 4), int), np.eye(4, dtype=int)


def bright(image):
    return np.argwhere(image)


def newest(*images):
    """Return what reads one image after the other, the last one for ever, and the waits there were."""
    frames = [Frame(image, FrameHeader(frame=number, time_ns=number)) for number, image in images]
    waits = []

    def read():
        return frames.pop(0) if len(frames) > 1 else frames[0]

    return read, waits


def test_a_dark_newest_frame_is_not_the_only_one():
    read, waits = newest((1, DARK), (1, DARK), (2, DARK), (3, LIT), (4, DARK))
    assert len(find_in_newest(read, bright, waits.append)) == 4
    assert len(waits) == 3


def test_a_frame_that_shows_beads_is_enough_and_a_dark_sequence_has_an_end():
    read, waits = newest((1, LIT), (2, DARK))
    assert len(find_in_newest(read, bright, waits.append)) == 4
    assert not waits
    assert len(find_in_newest(newest((1, DARK))[0], bright, waits.append)) == 0


def test_looking_ends_with_its_call():
    def cancelled(_):
        raise CancelledError("enough")

    with pytest.raises(CancelledError):
        find_in_newest(newest((1, DARK))[0], bright, cancelled)


@pytest.mark.parametrize("images", [1, 2, 3, 10, 1000])
@pytest.mark.parametrize("dark", [0, 1, 2, 7, 400])
def test_a_movie_is_looked_at_from_its_beginning(images, dark):
    looked = []

    def read(number):
        looked.append(number)
        return DARK if number < dark else LIT

    found = find_in_movie(read, images, bright)
    assert len(found) == (4 if images // 2 >= dark else 0)
    assert len(looked) <= 12
    if dark == 0:
        assert looked[1:] in ([0], [])


def test_beads_of_a_movie_that_begins_in_the_dark(tmp_path):
    import tifffile

    light = np.full((128, 192), 2000, np.float32)
    render(light, bead_stack(0.5, 0.1, [2500.0], 64), [60.0, 130.0], [60.0, 66.0], 0.0, 2000)
    dark = add_noise(np.full_like(light, 20), seed=1)
    path = tmp_path / "movie.tif"
    tifffile.imwrite(path, np.stack([dark, dark, *(add_noise(light, seed=k) for k in range(2, 12))]))
    assert len(find_in(TrackPlan(movie=path))) == 2
