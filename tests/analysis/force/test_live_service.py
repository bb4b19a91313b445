"""Live forces of a real service with its worker: known rows, a magnet, a worker that is killed."""

from __future__ import annotations

import os
import signal

import numpy as np
import pytest

from parfocal.analysis.beads.rows import TRACK_DTYPE
from parfocal.analysis.force.live_records import EXTENSION_DTYPE, LIVE_DTYPE
from parfocal.core.clock import SYSTEM_CLOCK, poll_until
from parfocal.core.errors import CommandError
from parfocal.core.frames import RowSpec
from parfocal.devices.simulated.beads import BeadField, Tethers
from parfocal.devices.simulated.forces import KT_PN_NM, magnet_force_pn, tether
from parfocal.devices.simulated.motors import SimulatedMagnet
from parfocal.ipc import Declared
from parfocal.processes import ServiceSpec, Supervisor
from parfocal.streams import StreamWriter, open_stream

pytestmark = pytest.mark.slow

PIXEL_NM, RATE_HZ, SECONDS, BEADS = 100.0, 400.0, 8.0, 6
SURFACE_NM = 950.0
HEIGHTS = [0.0, 1e6, 2e6, 3e6, 4e6, 6e6]
WAIT_S = 60.0
FORCE_PN = magnet_force_pn(SimulatedMagnet.HOME_NM)
CAMERA = {
    "width_px": 64,
    "height_px": 64,
    "beads": 1,
    "image_px": 16,
    "frame_rate_hz": RATE_HZ,
    "exposure_ms": 2.0,
    "pixel_size_um": PIXEL_NM / 1e3,
}


def tracked(begin_ns):
    """Rows of tethered beads, and of one that is stuck, from a moment on."""
    lengths = np.array([1000.0] * (BEADS - 1) + [0.0])
    field, rng = BeadField(Tethers.single(lengths), 525.0, seed=8), np.random.default_rng(8)
    frames = round(SECONDS * RATE_HZ)
    moved = np.array([field.advance(k, 1 / RATE_HZ, FORCE_PN, 0.002) for k in range(frames)])
    rows = np.zeros((frames, BEADS), TRACK_DTYPE)
    rows["frame"] = np.arange(frames)[:, None]
    rows["time_ns"] = begin_ns + (rows["frame"] / RATE_HZ * 1e9).astype(np.int64)
    rows["bead"] = np.arange(BEADS)
    for n, axis in enumerate("xy"):
        rows[f"{axis}_px"] = 30 + (moved[:, :, n] + rng.normal(0, 1.0, moved.shape[:2])) / PIXEL_NM
        rows[f"sigma_{axis}_px"] = 1.0 / PIXEL_NM
    rows["z_nm"] = SURFACE_NM - moved[:, :, 2]
    return rows.ravel()


@pytest.fixture(scope="module")
def lab(shared_roots):
    """A camera, a magnet and the service; the tracker's rows are written here, before their time."""
    settings = {
        "heights": HEIGHTS,
        "forces_pn": [magnet_force_pn(height) for height in HEIGHTS],
        "radius_nm": 525.0,
        "temperature_k": KT_PN_NM / 0.01380649,
        "interval_s": 0.2,
        "table_file": str(shared_roots[0] / "no-table.json"),
    }
    kinds = {
        "camera": ("parfocal.devices.camera:CameraHost", {"device": "simulated-camera", "options": CAMERA}),
        "magnet": ("parfocal.devices.stage:StageHost", {"device": "simulated-magnet"}),
        "force": ("parfocal.analysis.force.force_service:ForceService", settings),
    }
    specs = [
        ServiceSpec(name=name, factory=factory, settings=options, start_timeout_s=WAIT_S)
        for name, (factory, options) in kinds.items()
    ]
    with Supervisor("live-force", specs) as rig:
        writer = StreamWriter(rig.streams, "tracks", RowSpec.of(TRACK_DTYPE), 1 << 15)
        writer.write_rows(tracked(SYSTEM_CLOCK.monotonic_ns()))
        try:
            yield rig
        finally:
            writer.close()


@pytest.fixture
def force(lab):
    client = lab.client("force")
    client.call("set_anchors", dict.fromkeys(range(BEADS), SURFACE_NM), timeout_s=WAIT_S)
    yield client
    client.call("live_off", timeout_s=WAIT_S)
    client.close()


def ask(client, command, *arguments):
    return client.call(command, *arguments, timeout_s=WAIT_S, returns=Declared)


def test_a_bead_has_its_force_with_everything_that_belongs_to_it(force):
    live = ask(force, "live", 3)
    assert live.bead == 3
    for value, sigma in (
        (live.spectrum_pn, live.spectrum_sigma_pn),
        (live.allan_pn, live.allan_sigma_pn),
    ):
        assert abs(value - FORCE_PN) < 4 * sigma < FORCE_PN
    assert live.expected_pn == pytest.approx(FORCE_PN, rel=0.02)
    assert live.samples == RATE_HZ * SECONDS
    assert live.window_s == pytest.approx(SECONDS, rel=0.01)
    assert live.warnings == ()
    assert ask(force, "live_status").beads == (3,)


def test_all_beads_come_as_rows_of_streams(lab, force):
    rows = open_stream(lab.streams, "live_force").lossless("drop")
    points = open_stream(lab.streams, "force_extension").lossless("drop")
    ask(force, "live_on")
    told = rows.read(WAIT_S)
    assert told.dtype == LIVE_DTYPE
    assert told["bead"][:BEADS].tolist() == list(range(BEADS))
    assert told["spectrum_pn"][: BEADS - 1].mean() == pytest.approx(FORCE_PN, rel=0.1)
    assert np.isnan(told["spectrum_pn"][BEADS - 1]), "a stuck one has none"
    assert points.read(WAIT_S).dtype == EXTENSION_DTYPE
    shown = ask(force, "live_all")
    assert [each.bead for each in shown] == list(range(BEADS))
    assert "is it stuck?" in shown[-1].warnings[0]
    rows.close()
    points.close()


def test_a_killed_worker_is_started_again_and_counted(force):
    ask(force, "live_on")
    ask(force, "live_all")
    before = ask(force, "live_status")
    os.kill(before.worker_pid, signal.SIGKILL)

    def is_back():
        status = ask(force, "live_status")
        return status.restarts == before.restarts + 1 and status.updates > before.updates + 1

    assert poll_until(is_back, WAIT_S)
    after = ask(force, "live_status")
    assert after.worker_pid not in (0, before.worker_pid)
    assert after.problem == ""
    assert ask(force, "live", 2).spectrum_pn == pytest.approx(FORCE_PN, rel=0.5)


def test_it_goes_on_after_a_restart_of_the_service_and_ends_when_switched_off(lab, force):
    ask(force, "live_on", [1, 2])
    first = ask(force, "live", 1)
    pid = ask(force, "live_status").worker_pid
    lab.restart("force")
    assert poll_until(lambda: ask(force, "live_status").updates > 0, WAIT_S)
    status = ask(force, "live_status")
    assert (status.on, status.beads) == (True, (1, 2))
    assert status.worker_pid != pid
    assert ask(force, "live", 1).spectrum_pn == pytest.approx(first.spectrum_pn, rel=1e-6)
    assert not ask(force, "live_off").on
    assert poll_until(lambda: ask(force, "live_status").worker_pid == 0, WAIT_S)


def test_the_curve_of_a_bead_grows_and_says_why_there_is_no_chain(force):
    ask(force, "live", 0)
    curve = ask(force, "extension", 0)
    assert curve.bead == 0
    assert len(curve.forces_pn) == 1
    assert curve.forces_pn[0] == pytest.approx(FORCE_PN, rel=0.02)
    assert curve.extensions_nm[0] == pytest.approx(930, abs=30)
    assert "at least 4 points of force and extension" in curve.reason
    force.call("new_extensions", timeout_s=WAIT_S)
    assert ask(force, "extension", 0).reason == "no points yet"


def test_the_surface_is_where_the_lowest_heights_are(force):
    ask(force, "live", 0)
    anchors = ask(force, "find_anchors")
    assert anchors[0].z_nm > SURFACE_NM - tether(FORCE_PN, 1000.0, 525.0).extension_nm + 1
    assert ask(force, "anchors")[0] == anchors[0]
    assert ask(force, "set_anchors", {}) == {}


def test_what_can_not_be_is_refused(force):
    with pytest.raises(CommandError, match="beads is empty"):
        ask(force, "live_on", [])
    with pytest.raises(CommandError, match="beads is empty"):
        ask(force, "find_anchors", [])
    with pytest.raises(CommandError, match="switch them on"):
        ask(force, "extension", 0)
    with pytest.raises(CommandError, match="anchors are finite"):
        ask(force, "set_anchors", {1: float("nan")})
    with pytest.raises(CommandError, match="not 1e\\+308"):
        ask(force, "set_anchors", {1: 1e308})
    with pytest.raises(CommandError, match="tracks can be changed in the rig file alone"):
        force.call("set_settings", {"tracks": "others"}, timeout_s=WAIT_S)
    for command, argument in (("live", 2**31), ("live_on", [-1]), ("set_anchors", {2**40: 1.0})):
        with pytest.raises(CommandError, match=r"from 0 on, not \[-?\d+\]"):
            ask(force, command, argument)
    with pytest.raises(CommandError, match="references"):
        force.call("set_settings", {"references": [2**31]}, timeout_s=WAIT_S)
    with pytest.raises(CommandError, match="no rows of such a bead"):
        ask(force, "live", BEADS)
    force.call("set_settings", {"window_s": 4.0}, timeout_s=WAIT_S)
    assert ask(force, "live", 1).window_s == pytest.approx(4.0, rel=0.01)
    force.call("set_settings", {"window_s": 20.0}, timeout_s=WAIT_S)
