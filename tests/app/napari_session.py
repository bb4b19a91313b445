"""What a person does in a napari of their own, as a program: run by `test_napari_plugin.py`."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import napari
import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication

import parfocal
from parfocal.runs import Sequence

LONG_S = 60.0
PLACES = [(0, 0), (300, 0), (0, 300), (300, 300)]


def until(what: str, wanted: Callable[[], object]) -> None:
    """Let napari live until something is so."""
    end = time.monotonic() + LONG_S
    while not wanted():
        if time.monotonic() > end:
            raise TimeoutError(what)
        QApplication.processEvents()
        time.sleep(0.01)


def looking() -> list[str]:
    """Return the threads that still look at rigs."""
    return [thread.name for thread in threading.enumerate() if "snapshots of" in thread.name]


def main(folder: Path, pictures: Path) -> None:
    viewer = napari.Viewer(show=True)
    viewer.window.resize(1280, 800)
    runs_dock, runs = viewer.window.add_plugin_dock_widget("parfocal", "Runs")
    streams_dock, streams = viewer.window.add_plugin_dock_widget("parfocal", "Live streams")
    assert "No rig is running" in runs.idle.text()
    # napari collects garbage for a second or two when a layer goes, and no thread runs meanwhile: a rig
    # that is this program's own takes that for its end
    with parfocal.open_rig("microscope", detach=True) as rig:
        plan = Sequence(
            time_plan={"interval": 0.3, "loops": 1000}, channels=["nucleus"], stage_positions=PLACES
        )
        handle = rig.run(plan, name="first", folder=folder)
        until("the dock shows the run", lambda: runs.name.text() == "microscope/first")
        until("the stream is listed", lambda: ("microscope", "camera") in streams._items)
        streams._items["microscope", "camera"].setCheckState(0, Qt.CheckState.Checked)
        until("its layer is there", lambda: "microscope/camera" in viewer.layers)
        layer = viewer.layers["microscope/camera"]
        layer.contrast_limits, layer.gamma, layer.visible = (3, 4000), 0.7, True
        row = streams._items["microscope", "camera"]
        until("the row tells its age", lambda: " ms old" in row.text(1))
        before = layer.metadata["frame"]
        until("the layer follows", lambda: layer.metadata["frame"] > before + 3)
        assert (list(layer.contrast_limits), layer.gamma) == ([3, 4000], 0.7)
        until("events are done", lambda: int(runs.facts.texts().get("event", "0/").split("/")[0]) >= 2)
        viewer.screenshot(str(pictures / "napari-plugin.png"), canvas_only=False, flash=False)
        runs.steering.pause.click()
        until("the run is paused", lambda: runs.chip.text() == "PAUSED")
        viewer.layers.remove(layer)
        until("it is followed no more", lambda: not streams._layers)
        handle.cancel("seen")
        status = handle.wait(LONG_S)
        viewer.theme = "light"
        until("the run is over", lambda: runs.chip.text() == "CANCELLED")
        rig.stop()
    (recorded,) = viewer.open(status.folder, plugin="parfocal")
    frames = parfocal.open_run(status.folder).frames()
    index = dict.fromkeys(frames.indices, 0)
    first = (0,) * (recorded.ndim - 2)
    assert recorded.data.shape[-2:] == frames.frame_shape
    np.testing.assert_array_equal(np.asarray(recorded.data[first]), frames.plane(index))
    until("the rig is gone from the list", lambda: "No rig" in streams.note.text())
    for dock in (runs_dock, streams_dock):
        viewer.window.remove_dock_widget(dock)
    until("closed docks have let go of the rigs", lambda: not looking())
    viewer.close()
    QApplication.instance().quit()
    for _ in range(20):
        QApplication.processEvents()
    print("all went well", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
