"""The simulated images obey physics and are where they say they are."""

from __future__ import annotations

import numpy as np
import pytest

from parfocal.core.errors import BadInputError
from parfocal.tracking import BeadTracker, cramer_rao, warm_up
from parfocal.tracking.mie import scattering_amplitudes
from parfocal.tracking.simulation import Optics, SymmetricBead, add_noise, bead_stack, radial_profiles, render


def test_a_sphere_without_absorption_scatters_what_it_extinguishes():
    node, weight = np.polynomial.legendre.leggauss(400)
    s1, s2 = scattering_amplitudes(7.0, 1.2 + 0j, node)
    scattered = float((weight * (np.abs(s1) ** 2 + np.abs(s2) ** 2)).sum()) / 49
    forward, _ = scattering_amplitudes(7.0, 1.2 + 0j, np.array([1.0]))
    assert abs(scattered - 4 / 49 * forward[0].real) < 1e-6


def test_without_a_bead_there_is_background():
    none = Optics(index_bead=1.33 + 0j)
    assert np.abs(radial_profiles(0.5, np.linspace(0, 5, 9), [500.0, 3000.0], none) - 1).max() < 1e-9


def test_the_two_ways_to_an_image_agree():
    z = [1500.0, 3000.0]
    straight = bead_stack(0.5, 0.1, z, 64)
    by_grid = bead_stack(0.5, 0.1, z, 64, Optics(coma_waves=1e-12))
    assert np.abs(straight - by_grid).max() < 0.01


def test_images_lie_in_memory_as_rendering_wants_them():
    assert bead_stack(0.5, 0.1, np.arange(0.0, 300.0, 100.0), 16).flags.c_contiguous


def test_coma_breaks_the_symmetry():
    image = bead_stack(0.5, 0.1, [3000.0], 63, Optics(coma_waves=0.05))[0]
    assert np.abs(image - image[::-1]).max() < 1e-3
    assert np.abs(image - image[:, ::-1]).max() > 0.05


@pytest.mark.parametrize(("x", "y", "z"), [(100.0, 80.0, 2500.0), (60.37, 90.81, 2512.0)])
def test_rendered_beads_are_where_they_should_be(x, y, z):
    heights = np.arange(2000, 3001, 50.0)
    stack, bead = bead_stack(0.525, 0.1, heights, 96), SymmetricBead(0.525, 0.1, (2000, 3000), 60)
    frame = np.ones((160, 160), np.float32)
    render(frame, stack, x, y, (z - 2000) / 50)
    part = np.s_[int(y) - 20 : int(y) + 20, int(x) - 20 : int(x) + 20]
    truth = bead.image(x - int(x) + 20, y - int(y) + 20, z, 40)
    assert np.abs(frame[part] - truth).max() < 0.01


def test_rendering_moves_no_bead_with_its_place_within_a_pixel():
    stack = bead_stack(0.525, 0.1, [2500.0], 96)
    places = np.array([(60 + i / 8, 60 + j / 8) for i in range(8) for j in range(8)])
    found = []
    for x, y in places:
        frame = np.full((128, 128), 1000, np.float32)
        render(frame, stack, x, y, 0.0, 1000)
        row = BeadTracker(None, 64).track(frame, [(28, 28)])[0]
        found.append((row["x_px"], row["y_px"]))
    error = np.array(found) - places
    assert np.sqrt(np.mean(np.square(error))) < 3e-4


def test_beads_outside_the_frame_are_cut_off():
    stack, frame = bead_stack(0.5, 0.1, [2000.0], 64), np.ones((50, 70), np.float32)
    render(frame, stack, [-200.0, 0.0, 69.0, np.nan], [20.0, 0.0, 49.0, 10.0], 0.0)
    assert np.isfinite(frame).all()
    assert frame[25, 35] == pytest.approx(1, abs=0.05)


def test_noise_has_the_variance_it_should_and_repeats():
    light = np.full((400, 400), 5000, np.float32)
    counts = add_noise(light, gain_e_per_adu=2.0, offset_adu=100, read_noise_e=30, seed=5)
    assert abs(counts.mean() - 2600) < 0.5
    assert abs(counts.var() / ((5000 + 900) / 4 + 1 / 12) - 1) < 0.02
    assert np.array_equal(
        counts, add_noise(light, gain_e_per_adu=2.0, offset_adu=100, read_noise_e=30, seed=5)
    )
    assert add_noise(light, bits=8).max() == 255
    with pytest.raises(BadInputError, match="bits"):
        add_noise(light, bits=17)


def test_the_bound_falls_with_light_and_rises_with_read_noise():
    bead = SymmetricBead(0.5, 0.1, (1000, 3000), 50)
    plain = cramer_rao(bead, 31.5, 31.5, 2000, 64, background_e=5000)
    noisy = cramer_rao(bead, 31.5, 31.5, 2000, 64, background_e=5000, read_noise_e=50)
    assert all(b > a for a, b in zip(plain, noisy, strict=True))


def test_warming_up_twice_is_harmless():
    warm_up()
    warm_up()
