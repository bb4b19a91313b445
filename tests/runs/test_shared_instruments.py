"""Instruments that several runs share: none waits for another one where it has nothing to wait for."""

from __future__ import annotations

import logging
import threading

from parfocal.core.clock import SYSTEM_CLOCK
from parfocal.runs.instruments.rig_instruments import RigInstruments
from parfocal.runs.instruments.shared_instruments import SharedInstruments
from parfocal.runs.plans.event import Event
from parfocal.runs.settings import RunSettings

PATIENCE_S = 30.0


def test_a_light_path_that_goes_on_early_waits_for_no_other_run(tmp_path):
    use, over = SharedInstruments(), threading.Event()

    def nobody(service):
        raise AssertionError(f"{service} is asked")

    mine = RigInstruments(
        RunSettings(camera=""),
        nobody,
        lambda _: 0,
        tmp_path,
        SYSTEM_CLOCK,
        logging.getLogger("test"),
        use=use,
    )

    def go_on():
        mine.go_on_to(Event(number=1, kind="image", channel="nucleus"))
        over.set()

    with use.lock:  # another run exposes, for as long as it likes
        threading.Thread(target=go_on, daemon=True).start()
        assert over.wait(PATIENCE_S)
