"""What is told of the room on a disk: of the folder that was chosen, and of no other."""

from __future__ import annotations

import threading

from parfocal.app.desktop import disk_meter
from parfocal.app.desktop.disk_meter import DiskMeter
from parfocal.core.clock import poll_until


def test_another_folder_is_looked_at_at_once_and_never_told_by_the_one_before(monkeypatch):
    looked, going_on = [], threading.Event()

    def found(folder):
        looked.append(folder)
        if folder == "slow":
            going_on.wait(60.0)
        return len(folder)

    monkeypatch.setattr(disk_meter, "free_bytes", found)
    monkeypatch.setattr(disk_meter, "_LOOKS_EVERY_S", 3600.0)
    meter = DiskMeter()
    try:
        meter.folder = "first"
        assert poll_until(lambda: meter.free_bytes == 5, 60.0)
        meter.folder = "slow"
        assert meter.free_bytes is None
        assert poll_until(lambda: looked[-1] == "slow", 60.0)
        meter.folder = "another"
        going_on.set()
        assert poll_until(lambda: meter.free_bytes == 7, 60.0)
        assert looked == ["first", "slow", "another"]
    finally:
        meter.close()
    assert poll_until(lambda: not meter._thread.is_alive(), 60.0)
