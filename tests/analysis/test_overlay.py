"""The picture of a frame: each region in the colour of its verdict, and a legend that says which is which."""

import numpy as np
import pytest
from PIL import Image

from parfocal.analysis.beads.overlay import COLOURS, GOOD, draw_overlay
from parfocal.analysis.beads.rois import RoiSet
from parfocal.tracking.rows import Flag


def picture(path, width, places, flags):
    frame = np.random.default_rng(0).normal(100, 5, (120, width))
    rois = RoiSet(roi_px=32, width_px=width, height_px=120).added(places)
    draw_overlay(frame, rois, np.array(flags, np.uint32), path)
    with Image.open(path) as image:
        return np.asarray(image)


def test_regions_have_the_colour_of_their_verdict(tmp_path):
    flags = [0, Flag.BAD_FIT | Flag.NEIGHBOUR, Flag.SATURATED]
    image = picture(tmp_path / "o.png", 300, [(50, 60), (150, 60), (250, 60)], flags)
    for x, colour in ((50, GOOD), (150, COLOURS[Flag.BAD_FIT]), (250, COLOURS[Flag.SATURATED])):
        assert tuple(image[60 + 15, x]) == colour
    assert image.shape[:2] == (120 + 3 * 20 + 12, 300)
    legend = image[120:].reshape(-1, 3)
    for colour in (GOOD, COLOURS[Flag.BAD_FIT], COLOURS[Flag.SATURATED]):
        assert (legend == colour).all(axis=1).any()


@pytest.mark.parametrize(("places", "flags"), [([], []), ([(16, 60)], [Flag.EMPTY | Flag.NOT_CONVERGED])])
def test_the_legend_has_room_beside_a_narrow_frame(places, flags, tmp_path):
    image = picture(tmp_path / "o.png", 32, places, flags)
    assert image.shape[0] == 120 + 20 + 12
    assert image.shape[1] > 60
