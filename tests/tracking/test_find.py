"""Finding beads, with and without an example."""

from __future__ import annotations

import numpy as np
import pytest

from parfocal.core.errors import BadInputError
from parfocal.tracking import find_beads, find_like
from parfocal.tracking.simulation import add_noise, bead_stack, render

Z = np.arange(0, 5001, 50.0)


@pytest.fixture(scope="module")
def stack():
    return bead_stack(0.525, 0.1, Z, 96)


def scene(stack, places, planes, seed, size=512):
    frame = np.full((size, size), 5000, np.float32)
    render(frame, stack, *np.transpose(places), planes, 5000)
    return add_noise(np.maximum(frame, 0), gain_e_per_adu=4.9, read_noise_e=8, seed=seed)


def missed_and_wrong(found, places):
    near = (
        np.hypot(*(np.stack([found["x_px"], found["y_px"]])[:, :, None] - np.transpose(places)[:, None, :]))
        < 1
    )
    return int((~near.any(axis=0)).sum()), int((~near.any(axis=1)).sum())


def test_finds_every_bead_at_any_height_and_no_dirt(stack):
    rng = np.random.default_rng(1)
    places = np.array([(60 + 78 * i, 60 + 78 * j) for i in range(6) for j in range(6)]) + rng.uniform(
        -8, 8, (36, 2)
    )
    counts = scene(stack, places, rng.uniform(0, 100, 36), 2).astype(float)
    y, x = np.mgrid[-20:20, -20:20]
    for i in range(5):
        a, b = 99 + 78 * i, 99 + 78 * ((i * 2) % 5)
        counts[b - 20 : b + 20, a - 20 : a + 20] -= 300 * np.exp(-((x / 5) ** 2) - (y / 2) ** 2)
    found = find_beads(np.maximum(counts, 0).astype(np.uint16))
    assert missed_and_wrong(found, places) == (0, 0)
    assert (found["score"] > 0.9).all()


def test_beads_too_near_to_one_another_or_the_edge_are_left_out(stack):
    places = [(100, 100), (120, 100), (300, 300), (505, 200)]
    found = find_beads(scene(stack, places, 40.0, 3))
    assert missed_and_wrong(found, [(300, 300)]) == (0, 0)


def test_nothing_in_an_empty_frame():
    assert len(find_beads(add_noise(np.full((200, 200), 1000, np.float32)))) == 0
    assert len(find_beads(np.full((100, 100), 7, np.uint8))) == 0
    assert len(find_beads(np.zeros((30, 30), np.uint8))) == 0
    with pytest.raises(BadInputError, match="min_distance_px"):
        find_beads(np.zeros((99, 99), np.uint8), 4)


def test_one_example_finds_its_like(stack):
    places = [(100, 100), (300, 320), (400, 100)]
    found = find_like(scene(stack, places, [40, 41, 5], 4), 100, 100)
    assert found["score"][0] > 0.99
    assert missed_and_wrong(found[found["score"] > 0.8], places[:2]) == (0, 0)
    with pytest.raises(BadInputError, match="leaves the frame"):
        find_like(np.zeros((99, 99), np.uint8), 5, 50)
