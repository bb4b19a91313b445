"""Forces on beads of the simulated tweezers: live, and curves of a recorded ramp, on the command line too."""

from __future__ import annotations

import json

import numpy as np
import pytest

import parfocal
from parfocal.cli.app import run as run_command
from parfocal.core.clock import poll_until
from parfocal.core.errors import BadInputError
from parfocal.devices.simulated.forces import magnet_force_pn
from parfocal.rig.force_extension import force_extension
from parfocal.rig.opening import open_rig

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("shared_roots")]
WAIT_S = 90.0
SMALL = {
    "camera.options.width_px": 256,
    "camera.options.height_px": 256,
    "camera.options.beads": 3,
    "camera.options.stuck": 0.34,
    "camera.options.tether_spread": 0.0,
    "camera.options.dust": 0,
    "camera.options.frame_rate_hz": 50.0,
    "camera.slots": 256,
}
PULLS_NM, LOOKS_NM = 500_000.0, 4_000_000.0


@pytest.fixture(scope="module")
def rig(shared_roots, tmp_path_factory):
    """Beads with tables, made where the magnet pulls hard, and the magnet where it pulls little."""
    folder = tmp_path_factory.mktemp("forces")
    with open_rig("tweezers", name="forces", changes=SMALL | {"recorder.folder": str(folder)}) as rig:
        rig["magnet"].move_to(PULLS_NM, timeout_s=WAIT_S)
        rig["camera"].snap(timeout_s=WAIT_S)
        assert len(rig["tracker"].find_beads(timeout_s=WAIT_S).rois) == 3
        rig["camera"].start()
        rig["tracker"].build_tables(frames_per_plane=5, timeout_s=WAIT_S)
        rig["magnet"].move_to(LOOKS_NM, timeout_s=WAIT_S)
        yield rig
        rig["force"].live_off()


@pytest.fixture(scope="module")
def tethered(rig):
    """Which beads are on tethers: those that move."""
    force = rig["force"]
    force.live_on(beads=[0, 1, 2])

    seen = []

    def look():
        seen[:] = [each for each in force.live_all(timeout_s=WAIT_S) if each.window_s > 3]
        return len(seen) == 3

    assert poll_until(look, WAIT_S)
    found = [each.bead for each in seen if np.isfinite(each.spectrum_pn)]
    assert len(found) == 2
    return found


def test_the_live_force_is_that_of_the_magnet(rig, tethered):
    truth = magnet_force_pn(LOOKS_NM)
    for bead in tethered:
        live = rig["force"].live(bead=bead, timeout_s=WAIT_S)
        assert live.expected_pn == pytest.approx(truth, rel=0.02)
        assert abs(live.spectrum_pn - truth) < 4 * live.spectrum_sigma_pn
        assert abs(live.allan_pn - truth) < 4 * live.allan_sigma_pn


def test_forces_are_shown_on_the_command_line(tethered, capsys):
    assert run_command(["force", str(tethered[0]), "--json"]) == 0
    shown = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert shown["bead"] == tethered[0]
    assert shown["expected_pn"] == pytest.approx(magnet_force_pn(LOOKS_NM), rel=0.02)
    assert run_command(["force"]) == 0
    assert "spectrum, pN" in capsys.readouterr().out


def test_a_recorded_ramp_gives_the_chains_of_the_tethers(rig, tethered, capsys):
    status = rig.ramp_force(start_pn=0.6, stop_pn=10.0, rate_pn_per_s=1.5, name="pull").wait(WAIT_S)
    assert status.outcome == "complete"
    grown = rig["force"].extension(tethered[0], timeout_s=WAIT_S)
    assert len(grown.forces_pn) > 8
    record = parfocal.open_run(status.folder)
    assert record.manifest.streams["live_force"].stored > 0
    assert record.manifest.streams["force_extension"].stored > 0
    with pytest.raises(BadInputError, match="anchors are finite heights"):
        force_extension(record, anchors=float("nan"))
    curves = force_extension(record)
    assert sorted(curves) == [0, 1, 2]
    for bead, curve in curves.items():
        if bead in tethered:
            assert curve.contour_nm == pytest.approx(1000, rel=0.25)
            assert len(curve.forces_pn) > 8
        else:
            assert curve.reason.endswith("is it stuck?")
    assert list(force_extension(status.folder, beads=tethered[:1])) == tethered[:1]
    assert run_command(["extension", str(status.folder), str(tethered[0]), "--json"]) == 0
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert told["contour_nm"] == pytest.approx(curves[tethered[0]].contour_nm)
    assert (record.folder / "extension.png").stat().st_size > 10_000
    assert run_command(["extension", str(status.folder), "--anchor-nm", "5000"]) == 0
    assert "contour, nm" in capsys.readouterr().out
    with pytest.raises(BadInputError, match="holds no table of a magnet from 'other'"):
        force_extension(record, service="other")
    with pytest.raises(BadInputError, match="holds no rows 'no'"):
        force_extension(record, stream="no")
