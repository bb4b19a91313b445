"""Tables: built from moving beads, saved whole, refused when damaged."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from parfocal.core.errors import BadInputError, TrackingError
from parfocal.tracking import BeadTracker, ZTableBuilder, load_tables, save_tables


def test_quality_of_a_table_is_told(field):
    tables = field.tables
    assert abs(tables.chi2[0] - 1) < 0.02
    assert (tables.first_nm, tables.last_nm) == (1000.0, 4000.0)
    assert tables.usable_nm[0].tolist() == [1100.0, 3900.0]


def test_the_table_is_the_bead(field):
    r = np.linspace(0, 35, 60)
    for z in (1450.0, 2520.0, 3333.0):
        truth = field.bead.image(0.0, 0.0, z, 36)[0]
        got = field.tables.profile(0, z, np.arange(36.0))
        assert np.abs(got - (truth - 1)).max() < 0.06
        assert np.isfinite(field.tables.profile(0, z, r)).all()


def test_saved_and_loaded_are_the_same(field, tmp_path):
    path = tmp_path / "beads.npz"
    digest = save_tables(path, field.tables)
    loaded = load_tables(path)
    assert loaded.hash == digest == field.tables.hash
    assert loaded.pixel_size_um == 0.1
    assert np.array_equal(loaded.coefficients, field.tables.coefficients)
    assert np.array_equal(loaded.noise, field.tables.noise)


def test_tables_of_unknown_noise_are_saved_and_loaded_too(field, tmp_path):
    plain = replace(field.tables, noise=None)
    digest = save_tables(tmp_path / "plain.npz", plain)
    loaded = load_tables(tmp_path / "plain.npz")
    assert loaded.noise is None
    assert loaded.hash == digest != field.tables.hash
    assert (loaded.noise_at_knots() == 0).all()


@pytest.mark.parametrize("name", ["usable_nm", "chi2", "noise"])
def test_what_is_not_told_of_each_table_is_refused(field, name):
    twice = {
        **{
            each: np.repeat(getattr(field.tables, each), 2, axis=0) for each in ("usable_nm", "chi2", "noise")
        },
        "coefficients": np.repeat(field.tables.coefficients, 2, axis=0),
    }
    assert len(replace(field.tables, **twice)) == 2
    with pytest.raises(BadInputError, match=f"{name} of 2 tables has shape"):
        replace(field.tables, **(twice | {name: getattr(field.tables, name)}))


def test_noise_of_a_table_falls_with_its_images(field):
    level, images = 5000.0, 12
    per_image = (level + 8.0**2) / level**2
    assert field.tables.noise.shape == (1, 31)
    assert np.allclose(field.tables.noise, per_image / images, rtol=0.02)


def test_damaged_and_foreign_files_are_refused(field, tmp_path):
    path = tmp_path / "beads.npz"
    save_tables(path, field.tables)
    with np.load(path) as archive:
        parts = dict(archive)
    parts["coefficients"] = parts["coefficients"] + 1
    np.savez(path, **parts)
    with pytest.raises(TrackingError, match="damaged"):
        load_tables(path)
    path.write_bytes(b"nothing")
    with pytest.raises(TrackingError, match="no z tables"):
        load_tables(path)
    with pytest.raises(FileNotFoundError):
        load_tables(tmp_path / "absent.npz")


def test_a_sweep_needs_heights_and_beads():
    builder = ZTableBuilder(roi_px=32, n_beads=2)
    with pytest.raises(BadInputError, match="1 corners"):
        builder.add(np.zeros((50, 50), np.uint8), [(0, 0)], z_nm=0)
    with pytest.raises(TrackingError, match="at least 4 heights"):
        builder.finish()
    for z in range(0, 600, 100):
        builder.add(np.full((50, 50), 90, np.uint8), [(0, 0), (9, 9)], z_nm=z)
    assert builder.heights_seen().tolist() == [0, 0]
    with pytest.raises(TrackingError, match=r"beads \[0, 1\]"):
        builder.finish()
    with pytest.raises(TrackingError, match=r"beads \[1\]"):
        builder.finish([1])


def test_planes_at_odd_heights_in_any_order(field, track):
    builder = ZTableBuilder(roi_px=64, n_beads=1, **field.camera)
    heights = np.random.default_rng(1).permutation(np.linspace(1000, 2500, 120))
    for k, z in enumerate(heights):
        builder.add(field.expose(field.images(np.array([(31.2, 31.9, z)])), 100 + k)[0], [(0, 0)], z_nm=z)
    tables = builder.finish()
    places = field.places(100, seed=3)
    places[:, 2] = np.linspace(1200, 2300, 100)
    rows = track(BeadTracker(tables, 64, **field.camera), field.expose(field.images(places), 4))
    assert np.sqrt(np.mean((rows["z_nm"] - places[:, 2]) ** 2)) < 2.5


def test_each_bead_has_its_own_table(field):
    shifted = replace(
        field.tables,
        coefficients=np.concatenate([field.tables.coefficients, field.tables.coefficients[:, ::-1]]),
        chi2=np.ones(2),
        usable_nm=np.repeat(field.tables.usable_nm, 2, axis=0),
        noise=None,
    )
    image = field.expose(field.images(np.array([(31.5, 31.5, 2000.0)])), 5)[0]
    tracker = BeadTracker(shifted, 64, **field.camera)
    rows = tracker.track(image, [(0, 0), (0, 0)])
    assert abs(rows["z_nm"][0] - 2000) < 5
    assert abs(rows["z_nm"][1] - 3000) < 5
    assert tracker.track(image, [(0, 0)], beads=[1])["z_nm"][0] == rows["z_nm"][1]
    with pytest.raises(TrackingError, match="bead 2 has no table"):
        tracker.track(image, [(0, 0)], beads=[2])
