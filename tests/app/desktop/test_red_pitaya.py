"""A Red Pitaya in the desktop: it is no camera, and there is room for the form of each of its commands."""

from __future__ import annotations

import pytest

from parfocal.core.status import ProcessStatus, RigStatus, StreamStatus
from parfocal.devices.redpitaya.host import RedPitayaHost
from parfocal.ipc import CommandTable
from parfocal.rig.snapshots import RigSnapshot


def snapshot(axes):
    """Return a rig whose service has a stream of frames with such axes."""
    stream = StreamStatus(
        name="board", kind="frames", produced=0, abandoned=0, slots=8, writer_pid=9, axes=axes
    )
    board = ProcessStatus(name="board", state="ready")
    status = RigStatus(
        name="lab", pid=9, state="running", services={"board": board}, streams={"board": stream}
    )
    return RigSnapshot(rig=status)


@pytest.mark.parametrize(("axes", "cameras"), [("yx", ("board",)), ("cyx", ("board",)), ("cx", ())])
def test_who_has_traces_is_no_camera(axes, cameras):
    from parfocal.app.desktop.camera_panel import CameraPanel
    from parfocal.app.desktop.live_panel import LivePanel

    assert LivePanel.subjects(snapshot(axes)) == CameraPanel.subjects(snapshot(axes)) == cameras
    assert LivePanel.fits(snapshot(axes)) is bool(cameras)


def test_each_form_of_a_command_fits_into_the_right_side_of_the_window(application):
    from parfocal.app.desktop.command_form import CommandForm
    from parfocal.app.desktop.style import style_sheet
    from parfocal.viewers.qt.theme import THEMES

    wide = {}
    for info in CommandTable.of(RedPitayaHost).describe():
        form = CommandForm(info, {}, lambda *_: None)
        form.setStyleSheet(style_sheet(THEMES["dark"]))
        form.ensurePolished()
        if form.minimumSizeHint().width() > 411:
            wide[info.name] = form.minimumSizeHint().width()
        form.deleteLater()
    assert not wide


def test_what_has_choices_is_chosen_from_them():
    from parfocal.app.desktop.service_form import command_fields

    chosen = {"waveform", "output", "output_signal", "input", "input2", "trigger_source", "source", "signal"}
    seen = set()
    for info in CommandTable.of(RedPitayaHost).describe():
        for field in command_fields(info, {}):
            if field.name in chosen:
                assert (field.kind, bool(field.choices)) == ("choice", True), (info.name, field.name)
                seen.add(field.name)
    assert seen == chosen
