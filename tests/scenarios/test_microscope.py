"""The built-in microscope in its processes: channels, events, and the dark after a kill."""

import os
import signal
import subprocess
import sys

import numpy as np
import pytest

import parfocal
from parfocal.core.clock import SYSTEM_CLOCK, poll_until
from parfocal.core.errors import CommandError
from parfocal.viewers import list_viewers

pytestmark = [pytest.mark.timeout(300), pytest.mark.usefixtures("shared_roots")]
PATIENCE_S = 60.0
DARK_WITHIN_S = 30.0


@pytest.fixture(scope="module")
def shared_rig(shared_roots):
    with parfocal.open_rig("microscope") as rig:
        yield rig


@pytest.fixture
def rig(shared_rig):
    """The rig of all these tests, dark before and after each."""
    yield shared_rig
    for light in ("excitation", "stimulation"):
        shared_rig[light].off(timeout_s=PATIENCE_S)
        is_open = shared_rig[light].shutter_is_open
        assert poll_until(lambda closing=is_open: not closing(timeout_s=PATIENCE_S), PATIENCE_S)


def all_ready(rig):
    return all(service.state == "ready" for service in rig.status().services.values())


def pid(rig, service):
    return rig.status().services[service].pid


def image(rig, frames, **asked):
    """Take an image, as a copy."""
    (header,) = rig["camera"].snap(**asked, timeout_s=PATIENCE_S)
    while (frame := frames.read(timeout_s=PATIENCE_S)).header.frame != header.frame:
        pass
    return frame.data.copy()


def dark_after(rig, since_ns):
    """Wait until it is dark; return how long that took, seconds, by the sample's own record."""
    assert poll_until(lambda: rig["world"].light() == {}, PATIENCE_S)
    log = [change for change in rig["world"].light_log() if change.level == 0.0]
    return (log[-1].time_ns - since_ns) * 1e-9


def test_no_frame_after_a_change_of_channel_is_dark_or_of_the_channel_before(rig):
    with rig.stream("camera").lossless() as frames:
        for _ in range(5):
            seen = {}
            for name in ("nucleus", "stimulation", "cytoplasm"):
                assert rig["channels"].set_channel(name, timeout_s=PATIENCE_S).lit
                seen[name] = [image(rig, frames, event=1, time_s=0.0) for _ in range(2)]
            for first, second in seen.values():
                assert np.array_equal(first, second)
            assert abs(seen["stimulation"][0].mean() - 300.0) < 5.0
            assert seen["nucleus"][0].max() > 1500
            assert len({images[0].tobytes() for images in seen.values()}) == 3


def test_an_event_is_the_same_image_from_another_process_of_the_camera(rig):
    rig["channels"].set_channel("nucleus", timeout_s=PATIENCE_S)
    with rig.stream("camera").lossless(follow=True) as frames:
        before, killed = image(rig, frames, event=17, time_s=4.5), pid(rig, "camera")
        os.kill(killed, signal.SIGKILL)
        assert poll_until(lambda: rig["world"].light() == {}, PATIENCE_S)  # not later, when it is lit again
        assert poll_until(lambda: pid(rig, "camera") != killed, PATIENCE_S)
        assert poll_until(lambda: all_ready(rig), PATIENCE_S)
        rig["channels"].set_channel("nucleus", timeout_s=PATIENCE_S)
        assert np.array_equal(before, image(rig, frames, event=17, time_s=4.5))
        assert not np.array_equal(before, image(rig, frames, event=18, time_s=4.5))


@pytest.mark.slow
def test_it_gets_dark_when_a_light_or_who_steers_it_is_lost(rig):
    for lost in ("excitation", "camera", "channels"):
        for how in (signal.SIGKILL, signal.SIGSTOP):
            rig["channels"].set_channel("nucleus", timeout_s=PATIENCE_S)
            assert rig["world"].light() == {"excitation": 0.5}
            lost_pid, since_ns = pid(rig, lost), SYSTEM_CLOCK.monotonic_ns()
            os.kill(lost_pid, how)
            assert dark_after(rig, since_ns) < DARK_WITHIN_S
            assert poll_until(lambda gone=lost_pid, name=lost: pid(rig, name) != gone, PATIENCE_S)
            assert poll_until(lambda: all_ready(rig), PATIENCE_S)


def test_faults_are_told_and_what_comes_after_them_is_right(rig):
    lost = rig["camera"].counts()["lost"]
    rig["excitation"].inject_fault("stuck shutter", timeout_s=PATIENCE_S)
    with pytest.raises(CommandError, match="stuck closed"):
        rig["channels"].set_channel("nucleus", timeout_s=PATIENCE_S)
    assert rig["world"].light() == {}
    rig["excitation"].inject_fault("free", timeout_s=PATIENCE_S)
    assert rig["channels"].set_channel("nucleus", timeout_s=PATIENCE_S).lit
    rig["camera"].inject_fault("lost", timeout_s=PATIENCE_S)
    with pytest.raises(CommandError):
        rig["camera"].snap(event=5, timeout_s=PATIENCE_S)
    assert rig["camera"].snap(event=6, timeout_s=PATIENCE_S)[0].event == 6
    rig["camera"].inject_fault("late", {"seconds": 0.3}, timeout_s=PATIENCE_S)
    assert rig["camera"].snap(event=7, timeout_s=PATIENCE_S)[0].event == 7
    assert rig["camera"].counts()["lost"] == lost + 1


def test_a_view_of_a_channel_has_its_light_on_as_long_as_it_lasts(rig):
    command = [sys.executable, "-m", "parfocal", "view", "microscope", "--channel", "cytoplasm"]
    viewing = subprocess.Popen([*command, "--viewer", "headless"])
    try:
        assert poll_until(lambda: rig["world"].light() == {"excitation": 0.5}, PATIENCE_S)
        viewing.send_signal(signal.SIGINT)
        viewing.wait(PATIENCE_S)
    finally:
        viewing.kill()
        viewing.wait()
    assert poll_until(lambda: rig["world"].light() == {}, PATIENCE_S)
    assert poll_until(lambda: not list_viewers(), PATIENCE_S)


def test_the_stages_are_where_the_image_is_taken(rig):
    rig["channels"].set_channel("nucleus", timeout_s=PATIENCE_S)
    with rig.stream("camera").lossless() as frames:
        at_home = image(rig, frames, event=1, time_s=0.0)
        rig["xy"].move({"x": 300.0, "y": -100.0}, timeout_s=PATIENCE_S)
        rig["z"].move({"z": 20.0}, timeout_s=PATIENCE_S)
        elsewhere = image(rig, frames, event=1, time_s=0.0)
        assert elsewhere.std() < 0.9 * at_home.std()
        rig["xy"].move({"x": 0.0, "y": 0.0}, timeout_s=PATIENCE_S)
        rig["z"].move({"z": 0.0}, timeout_s=PATIENCE_S)
        assert np.array_equal(at_home, image(rig, frames, event=1, time_s=0.0))
