"""Snaps that are asked for at the very moment at which the camera fails."""

from __future__ import annotations

import threading

from parfocal.core.errors import DeviceError
from parfocal.devices.snap import SnapRequest, Snaps

LONG_S = 60.0
SHORT_S = 0.1
"""Long enough for a thread that does not wait, as it should, to do what it should not."""


def test_a_snap_that_is_asked_for_as_all_fail_is_not_forgotten() -> None:
    snaps = Snaps()
    asks = threading.Thread(target=lambda: snaps.ask(SnapRequest(), 0))

    class SlowList(list):
        def extend(self, asked) -> None:
            super().extend(asked)
            asks.start()
            asks.join(SHORT_S)  # it waits until those before it have failed

    snaps.ask(SnapRequest(), 0)
    snaps._active = SlowList()
    snaps.fail(DeviceError("the camera was stopped"))
    asks.join(LONG_S)
    assert snaps.after_sequence(), "the second one is still asked for"
