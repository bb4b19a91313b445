"""Honest work at the edge: frames that take a worker longer than a second."""

from __future__ import annotations

import pytest

import parfocal
from parfocal.core.clock import poll_until

ROWS, PITCH_PX, EDGE_PX = 56, 48, 2752
FRAMES = 6
WAIT_S = 250.0


def tracked_by(rig):
    """Return the ledger of the tracker, which reads what the camera exposes."""
    (tracked,) = (each for each in rig.status().streams["camera"].readers if each.policy == "drop")
    return tracked


@pytest.mark.slow
def test_3136_beads_at_a_frame_a_second_are_all_tracked_and_nothing_is_restarted() -> None:
    changes = {
        "camera.options.width_px": EDGE_PX,
        "camera.options.height_px": EDGE_PX,
        "camera.options.beads": ROWS**2,
        "camera.options.frame_rate_hz": 1.0,
        "camera.slots": 6,
    }
    middles = [(48.0 + PITCH_PX * x, 48.0 + PITCH_PX * y) for y in range(ROWS) for x in range(ROWS)]
    with parfocal.open_rig("tweezers", name="many", changes=changes) as rig:
        rig["tracker"].add_rois(middles=middles, timeout_s=WAIT_S)
        rig["camera"].start(count=FRAMES)
        assert poll_until(
            lambda: rig.status().streams["tracks"].produced == FRAMES * ROWS**2, WAIT_S, every_s=0.5
        )
        assert poll_until(lambda: tracked_by(rig).delivered == FRAMES, WAIT_S)  # given back after its rows
        status = rig.status()
        tracked = tracked_by(rig)
    assert {name: service.restarts for name, service in status.services.items() if service.restarts} == {}
    assert (tracked.delivered, tracked.dropped) == (FRAMES, {})
