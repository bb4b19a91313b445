"""Verdicts of a running tracker on beads of each kind, and what the command line shows of them."""

from __future__ import annotations

import json
from collections import Counter

import numpy as np
import pytest

from parfocal.cli.app import run as run_command
from parfocal.core.clock import poll_until
from parfocal.rig.opening import open_rig

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("shared_roots")]
WAIT_S = 60.0
FRAMES = 400
FIELD = {
    "camera.options.width_px": 600,
    "camera.options.height_px": 600,
    "camera.options.beads": 20,
    "camera.options.stuck": 0.2,
    "camera.options.double": 0.3,
    "camera.options.lost": 0.1,
    "camera.options.lost_after_s": 1.0,
    "camera.options.frame_rate_hz": 50.0,
    "camera.options.exposure_ms": 2.0,
    "camera.options.dust": 0,
    "camera.options.seed": 2026,
    "camera.slots": 512,  # more than frames: none is dropped, however slow the machine is
    "tracker.verdict_window_s": 5.0,
}


def test_a_tracker_tells_beads_of_each_kind_apart(shared_roots, capsys):
    with open_rig("tweezers", name="verdicts", changes=FIELD) as rig:
        camera, tracker = rig["camera"], rig["tracker"]
        with rig.stream("truth").lossless() as truths:
            camera.snap(timeout_s=WAIT_S)
            truth = truths.read(timeout_s=WAIT_S)
        middles = list(zip(truth["x_px"].tolist(), truth["y_px"].tolist(), strict=True))
        beads = tracker.add_rois(middles, timeout_s=WAIT_S)
        assert {each.verdict for each in tracker.verdicts()} == {"not judged"}
        camera.start(FRAMES, timeout_s=WAIT_S)
        assert poll_until(lambda: tracker.counts()["tracked"] > FRAMES, WAIT_S)
        tracker.drain(timeout_s=WAIT_S)
        told = {each.bead: each.verdict for each in tracker.verdicts()}
        kinds = dict(zip(beads, camera.bead_kinds(), strict=True))
        confusion = Counter((kinds[bead], told[bead]) for bead in beads)
        assert sum(count for (true, verdict), count in confusion.items() if true == verdict) >= 19, confusion
        words = tracker.expect_tethers(force_pn=12.0, contour_nm=1000.0, radius_nm=525.0, exposure_ms=2.0)
        assert words.endswith("a tether of 1000 nm at 12 pN")
        assert any("a tether of 1000 nm" in each.reasons[0] for each in tracker.verdicts())
        tracker.expect_alike()  # judges them anew, by the rows up to the last one
        told = {each.bead: each.verdict for each in tracker.verdicts()}
        stuck = [bead for bead, verdict in told.items() if verdict == "stuck"]
        assert tracker.set_references(beads=stuck).references == tuple(stuck)
        capsys.readouterr()
        assert run_command(["call", "tracker", "verdicts"]) == 0
        shown = capsys.readouterr().out.splitlines()
        assert shown[0].split()[:2] == ["bead", "verdict"]
        assert any("double tether" in line and "of the variance of the median" in line for line in shown)
        assert run_command(["call", "tracker", "verdicts", "--json"]) == 0
        plain = json.loads(capsys.readouterr().out.splitlines()[-1])
        assert {row["bead"]: row["verdict"] for row in plain} == told
    assert np.isfinite(truth["x_px"]).all(), "at first all are there"
