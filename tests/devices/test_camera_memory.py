"""A camera whose process died, or was restarted, is set as commands had set it."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

import parfocal
from parfocal.core.clock import poll_until
from parfocal.devices.camera_memory import CameraMemory

FIELD = {"width_px": 64, "height_px": 48, "beads": 2, "image_px": 16, "depth_nm": 200.0, "exposure_ms": 4.0}
CAMERA = {"device": "simulated-camera", "options": FIELD}
LONG_S = 60.0


def memory(folder, owner=1, device="mine", **options):
    return CameraMemory(folder / "camera.set", owner, device, options)


def told(kept):
    return [str(command) for command in kept.commands()]


def test_the_last_call_of_each_command_is_kept_in_the_order_of_the_calls(tmp_path):
    kept = memory(tmp_path)
    kept.note("set_exposure_ms", {"exposure_ms": 2.0})
    kept.note("set_region", {"x_px": 0})
    kept.note("set_exposure_ms", {"exposure_ms": 3.0})
    kept.note("clear_region", {})
    kept.note("set_camera_property", {"name": "Gain", "value": 2})
    kept.note("set_camera_property", {"name": "Offset", "value": 1})
    kept.note("set_camera_property", {"name": "Gain", "value": 3})
    assert told(memory(tmp_path)) == [
        "set_region(x_px=0)",
        "set_exposure_ms(exposure_ms=3.0)",
        "clear_region()",
        "set_camera_property(name='Offset', value=1)",
        "set_camera_property(name='Gain', value=3)",
    ]


@pytest.mark.parametrize("other", [{"owner": 2}, {"device": "another"}])
def test_what_was_set_in_another_rig_or_of_another_camera_counts_no_more(tmp_path, other):
    memory(tmp_path).note("set_binning", {"binning": 2})
    assert told(memory(tmp_path, **other)) == []


def test_an_option_that_was_changed_goes_before_the_command_that_sets_the_same(tmp_path):
    kept = memory(tmp_path, binning=1, light=1.0)
    kept.note("set_binning", {"binning": 2})
    kept.note("set_exposure_ms", {"exposure_ms": 2.0})
    kept.note("set_driver_setting", {"name": "gain", "value": 2})
    assert told(memory(tmp_path, binning=4, light=1.0)) == ["set_exposure_ms(exposure_ms=2.0)"]
    assert told(memory(tmp_path, binning=1, light=1.0)) == told(kept)


def test_what_json_cannot_hold_or_is_no_json_is_logged_and_forgotten(tmp_path, caplog):
    memory(tmp_path).note("set_table", {"table": object()})
    assert "cannot be kept for a crash" in caplog.text
    assert told(memory(tmp_path)) == []
    (tmp_path / "camera.set").write_bytes(b"{")
    assert told(memory(tmp_path)) == []
    assert "cannot be read" in caplog.text


def killed(bench, service):
    before = bench.status().services[service]
    os.kill(before.pid, signal.SIGKILL)

    def is_back():
        now = bench.status().services[service]
        return now.restarts > before.restarts and now.state == "ready"

    assert poll_until(is_back, LONG_S)


def test_a_camera_that_was_killed_is_set_as_before(rig):
    bench = rig(camera=CAMERA)
    camera = bench.client("camera")
    camera.call("set_frame_rate_hz", 200.0, timeout_s=LONG_S)
    camera.call("set_exposure_ms", 1.5, timeout_s=LONG_S)
    camera.call("set_binning", 2, timeout_s=LONG_S)
    camera.call("set_region", 16, 8, 32, 24, timeout_s=LONG_S)
    for end in (lambda: killed(bench, "camera"), lambda: bench.restart("camera", LONG_S)):
        end()
        camera = bench.client("camera")
        state = camera.call("state", timeout_s=LONG_S)
        assert (state["exposure_ms"], state["frame_rate_hz"]) == pytest.approx((1.5, 200.0))
        assert (state["binning"], state["spec"]["shape"]) == (2, [12, 16])
        (header,) = camera.call("snap", timeout_s=LONG_S)
        assert header["exposure_ns"] == 1_500_000


def test_a_snap_sets_the_exposure_for_good_and_an_option_that_is_changed_goes_before_it():
    with parfocal.open_rig(
        {"name": "set", "services": {"camera": {"kind": "camera", "settings": CAMERA}}}
    ) as lab:
        lab["camera"].snap(exposure_ms=2.5)
        lab["camera"].set_binning(2)
        lab.restart("camera")
        assert lab["camera"].exposure_ms() == pytest.approx(2.5)
        lab.change_settings({"camera": {"options.exposure_ms": 3.0}}, restart=True)
        assert lab["camera"].exposure_ms() == pytest.approx(3.0)
        assert lab["camera"].binning() == 2


def test_what_a_class_marks_is_set_again_and_nothing_else(rig, monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parent)
    bench = rig(camera={"device": "gadgets:HomeMadeCamera"})
    bench.client("camera").call("set_gain", 2.5, timeout_s=LONG_S)
    killed(bench, "camera")
    assert bench.client("camera").call("state", timeout_s=LONG_S)["gain"] == 2.5
