"""Off means off: nothing comes on by itself afterwards, and every way out ends with outputs at 0 V."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest

import parfocal
from parfocal.core.clock import SYSTEM_CLOCK
from parfocal.core.errors import CommandError, CommandFailedError, DeviceError
from parfocal.devices.redpitaya.declared import DeclaredSettings
from parfocal.devices.redpitaya.health import HealthCheck
from parfocal.devices.redpitaya.host import RedPitayaHost
from parfocal.devices.redpitaya.link import TcpLink
from parfocal.devices.redpitaya.redpitaya import RedPitaya
from parfocal.devices.redpitaya.settings import RedPitayaConfig
from parfocal.devices.redpitaya.shared import SharedBoard
from parfocal.processes import ServiceContext

from .sharing import WAIT_S, again, until

ASG0_OUTPUT = 0x40380004
ASG0_BURST_DELAY = 0x40200020


def routed(device):
    """Where the board itself sends asg0: 0 for nowhere."""
    return int(device.board.read(ASG0_OUTPUT, 1)[0])


def declared_file():
    (path,) = Path(os.environ["PARFOCAL_RUNTIME_DIR"]).rglob("board.declared")
    return path


def restarted(rig, count):
    return lambda: rig.status().services["board"].restarts >= count


@pytest.mark.skipif(os.name == "nt", reason="kills with SIGKILL")
def test_off_is_off_where_nothing_can_be_kept(device, rig, board):
    board.asg_setup(channel="asg0", waveform="dc", offset_v=0.5, output="out1")
    path = declared_file()
    path.unlink()
    path.mkdir()
    board.asg_off(channel="asg0")
    assert routed(device) == 0
    lease = board.submit("output_lease", module="asg0")
    until(lambda: lease.progress is not None)
    board.asg_setup(channel="asg0", waveform="dc", offset_v=0.5, output="out1")
    lease.cancel()
    assert isinstance(lease.exception(timeout_s=WAIT_S), CommandError)
    assert routed(device) == 0
    board.asg_setup(channel="asg0", waveform="dc", offset_v=0.5, output="out1")
    os.kill(rig.status().services["board"].pid, signal.SIGKILL)
    until(restarted(rig, 1))
    assert again(lambda: board.asg_get(channel="asg0")).output == "off"


def test_a_small_change_does_not_undo_an_off_that_is_due(device, share):
    """The line was down when all was switched off; when it is back, a loop goes on to set offsets."""
    board = share(device.port)["board"]
    board.asg_setup(channel="asg0", waveform="dc", offset_v=0.5, output="out1")
    device.inject_fault("refuse", count=-1)
    with pytest.raises(CommandFailedError):
        board.outputs_off()
    device.monitor.faults.clear()
    again(lambda: board.asg_set_offset(0.25, channel="asg0"))
    assert routed(device) == 0


@pytest.mark.skipif(os.name == "nt", reason="kills with SIGKILL")
def test_a_host_that_fails_in_the_middle_of_restoring_leaves_nothing_on(device, rig, board):
    board.asg_setup(channel="asg0", waveform="dc", offset_v=0.5, output="out1")
    DeclaredSettings(declared_file(), owner=os.getpid()).update("pid0", {"of another version": 1})
    os.kill(rig.status().services["board"].pid, signal.SIGKILL)
    until(restarted(rig, 2))
    rig.close()
    assert routed(device) == 0


def test_what_is_under_way_at_the_end_switches_nothing_on_afterwards(device, tmp_path, monkeypatch):
    host, context = (
        RedPitayaHost(RedPitayaConfig(address=f"tcp://127.0.0.1:{device.port}", timeout_s=WAIT_S)),
        at_work(tmp_path),
    )
    host.open(context)
    failed, under_way, write = [], threading.Event(), device.board.write

    def slowly_from_there(address, values):
        write(address, values)
        if address == ASG0_BURST_DELAY:
            device.inject_fault("delay", delay_s=0.1, count=-1)
            under_way.set()

    def set_up():
        try:
            host.asg_setup(channel="asg0", waveform="dc", offset_v=0.5, output="out1")
        except DeviceError as error:
            failed.append(str(error))

    monkeypatch.setattr(device.board, "write", slowly_from_there)
    thread = threading.Thread(target=set_up)
    thread.start()
    assert under_way.wait(WAIT_S)
    context.stopping.set()
    host.make_safe()
    device.monitor.faults.clear()
    thread.join()
    host.close()
    assert routed(device) == 0
    assert "kept for switching off" in failed[0]


def test_a_board_that_was_made_safe_in_between_can_be_used_again(device, tmp_path):
    """As when a service on which its outputs depend is lost, or the one who leased them all."""
    host = RedPitayaHost(RedPitayaConfig(address=f"tcp://127.0.0.1:{device.port}", timeout_s=WAIT_S))
    host.open(at_work(tmp_path))
    try:
        for module in ("asg0", "asg1"):
            host.asg_setup(channel=module, waveform="dc", offset_v=0.5, output="both")
        host.make_output_safe("asg1")
        assert host.sampler_read("out1") == pytest.approx(0.5, abs=1e-3)
        host.make_safe()
        assert host.sampler_read("out1") == 0.0
        assert host.board.declared.modules().keys() == {"scope"}
        host.asg_setup(channel="asg0", waveform="dc", offset_v=0.25, output="out1")
        assert host.sampler_read("out1") == pytest.approx(0.25, abs=1e-3)
    finally:
        host.close()
    assert set(host.outputs) == {"asg0", "asg1", "pid0", "pid1", "pid2", "iq0", "iq1", "iq2", "slow", "hk"}


def at_work(folder):
    """What a host is given in its process."""
    return ServiceContext(
        rig="redpitaya",
        service="board",
        streams=folder,
        folder=folder,
        log=logging.getLogger("board"),
        publish=lambda topic, payload: None,
        wake=lambda: None,
        leave=lambda reason: None,
        fail=lambda error: None,
        end=lambda reason: None,
        stopping=threading.Event(),
        stop_reason=str,
        clock=SYSTEM_CLOCK,
        change_settings=lambda changes: changes,
    )


def test_a_watch_that_cannot_go_on_says_so(device, link, tmp_path):
    failed, has_failed = [], threading.Event()

    def fail(error):
        failed.append(error)
        has_failed.set()

    def tell(news):
        raise OSError("nobody to tell")

    board = SharedBoard(RedPitaya(link), DeclaredSettings(tmp_path / "declared", 1), lambda name, news: None)
    with closing(HealthCheck(board, tell, fail, SYSTEM_CLOCK, threading.Event())):
        device.inject_fault("refuse", count=-1)
        assert has_failed.wait(WAIT_S)
    assert str(failed) == "[OSError('nobody to tell')]"


def test_a_glitch_where_the_scope_is_stopped_keeps_nothing_on(device, tmp_path):
    with closing(TcpLink("127.0.0.1", device.port, timeout_s=1.0)) as link:
        board = SharedBoard(
            RedPitaya(link), DeclaredSettings(tmp_path / "declared", 1), lambda name, news: None
        )
        board.modules["asg0"].setup("dc", offset_v=0.5, output="out1")
        device.inject_fault("drop", letter="w")
        board.silence_all()
        assert routed(device) == 0


@pytest.mark.skipif(os.name == "nt", reason="kills with SIGKILL")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "stopped"])
def test_outputs_go_off_with_the_service_on_which_they_depend_and_can_be_used_again(device, number):
    address = {"address": f"tcp://127.0.0.1:{device.port}", "timeout_s": WAIT_S}
    services = {
        "pilot": {"kind": "stage", "settings": {"device": "simulated-stage"}},
        "board": {"kind": "redpitaya", "settings": address, "safe_when_lost": ["pilot"]},
    }
    with parfocal.open_rig({"name": "piloted", "services": services}) as rig:
        board = rig["board"]
        board.asg_setup(channel="asg0", waveform="dc", offset_v=0.5, output="out1")
        assert routed(device) == 1
        os.kill(rig.status().services["pilot"].pid, number)
        until(lambda: routed(device) == 0)
        until(lambda: board.known(module="asg0") == {})
        until(restarted_pilot(rig))

        def is_used_again():  # one that was hung, then killed, is lost twice
            playing = board.asg_setup(channel="asg0", waveform="dc", offset_v=0.25, output="out1")
            return playing.running and routed(device) == 1

        until(is_used_again)
    assert routed(device) == 0


def restarted_pilot(rig):
    return lambda: rig.status().services["pilot"].restarts >= 1


@pytest.mark.skipif(os.name == "nt", reason="kills with SIGKILL")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "stopped"])
def test_an_output_bound_to_a_program_goes_off_with_it_and_no_other(device, rig, board, number):
    """Whatever the program did last: its receiver's answers are what counts."""
    for module in ("asg0", "asg1"):
        board.asg_setup(channel=module, waveform="dc", offset_v=0.25, output="out1")
    words = [sys.executable, str(Path(__file__).with_name("bound.py")), str(declared_file().parent), "asg0"]
    with subprocess.Popen([*words, "1.5"], stdout=subprocess.PIPE, text=True) as program:
        try:
            assert program.stdout.readline() == "1\n"
            for _ in range(10):  # it lives for more than its lease's period, and the output stays
                board.iq_get_measurement(averaging_s=0.2)
                assert routed(device) == 1
            program.send_signal(number)
            until(lambda: routed(device) == 0)
        finally:
            program.kill()
    until(lambda: board.known(module="asg0") == {})
    assert board.sampler_read(signal="out1") == pytest.approx(0.25, abs=1e-3)
