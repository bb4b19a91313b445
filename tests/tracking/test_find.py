"""Finding beads, with and without an example."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest

from parfocal.core.errors import BadInputError
from parfocal.tracking import BeadTracker, Flag, find_beads, find_candidates, find_like
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


def scatter(rng, count, size, apart, away, others):
    """Places that keep their distance from one another and from others."""
    places = []
    for _ in range(100 * count):
        place = rng.uniform(60, size - 60, 2)
        near = np.hypot(*(np.array(places).reshape(-1, 2) - place).T).min(initial=np.inf)
        if near > apart and np.hypot(*(others - place).T).min(initial=np.inf) > away:
            places.append(place)
        if len(places) == count:
            break
    return np.array(places)


def stained(light, places, rng, width, strength):
    """Add smooth spots of any shape to the light."""
    for x0, y0 in places:
        a, b = rng.uniform(*width, 2)
        reach, turn = int(4 * max(a, b)), rng.uniform(0, np.pi)
        box = tuple(slice(max(int(c) - reach, 0), min(int(c) + reach, len(light))) for c in (y0, x0))
        y, x = np.mgrid[box]
        u = (x - x0) * np.cos(turn) + (y - y0) * np.sin(turn)
        v = (y - y0) * np.cos(turn) - (x - x0) * np.sin(turn)
        light[box] *= 1 + rng.uniform(*strength) * np.exp(-((u / a) ** 2) / 2 - (v / b) ** 2 / 2)


@lru_cache
def uneven_field(seed, size=2048):
    """Return 120 sharp beads among what a real field has besides: their places, and the frame."""
    rng = np.random.default_rng(seed)
    y, x = np.indices((size, size), np.float32) / size
    light = 5000 * (0.5 + 0.6 * np.exp(-((x - 0.6) ** 2 + (y - 0.4) ** 2) / 0.35)) * (1 + 0.3 * (x - 0.5))
    sharp = scatter(rng, 120, size, 90, 0, np.zeros((0, 2)))
    far = scatter(rng, 80, size, 30, 110, sharp)
    spots, dust = scatter(rng, 100, size, 30, 80, sharp), scatter(rng, 150, size, 30, 60, sharp)
    clusters = np.repeat(scatter(rng, 15, size, 60, 120, sharp), 4, axis=0)
    clusters = clusters + rng.normal(0, 14, clusters.shape)
    stack = bead_stack(0.525, 0.1, Z, 96)
    stained(light, spots, rng, (10, 30), (-0.15, 0.15))
    stained(light, dust, rng, (1.5, 8), (-0.6, 0.4))
    contrast = np.zeros_like(light)
    blurred = bead_stack(0.525, 0.1, [15000.0, 22000.0, 30000.0], 160)
    for images, places, top in ((stack, sharp, 100), (stack, clusters, 100), (blurred, far, 2)):
        render(contrast, images, *places.T, rng.uniform(0, top, len(places)))
    frame = np.maximum(light * (1 + contrast), 0)
    return sharp, add_noise(frame, gain_e_per_adu=4.9, read_noise_e=8, seed=seed)


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("gain", [1.0, 4.9])
def test_an_uneven_field_gives_all_sharp_beads_and_no_empty_finds(seed, gain):
    sharp, frame = uneven_field(seed)
    found = find_beads(frame)
    assert missed_and_wrong(found, sharp)[0] <= 1
    corners = np.rint(np.stack([found["y_px"], found["x_px"]], axis=1) - 31.5).astype(int)
    tracker = BeadTracker(None, 64, gain_e_per_adu=gain)
    assert (tracker.track(frame, corners)["flags"] & Flag.EMPTY > 0).mean() <= 0.01
    with_it = find_beads(frame, tracker=tracker)
    assert missed_and_wrong(with_it, sharp)[0] <= 1
    raw = find_candidates(frame)
    assert missed_and_wrong(raw, sharp)[0] == 0
    assert len(raw) > len(found)
    assert (np.diff(raw["score"]) <= 0).all()


@pytest.mark.parametrize("pairs", [False, True])
def test_hot_and_dead_pixels_hide_no_bead(stack, pairs):
    places = [(60, 60), (190, 64), (62, 188), (192, 190)]
    counts = scene(stack, places, [10, 40, 60, 90], 5, size=256)
    hot = np.random.default_rng(6).integers(2, 253, (60, 2))
    counts[hot[:, 0], hot[:, 1]] = 60000
    counts[hot[:20, 1], hot[:20, 0]] = 0
    if pairs:
        counts[hot[:, 0], hot[:, 1] + 1] = 50000
    assert missed_and_wrong(find_beads(counts), places) == (0, 0)
