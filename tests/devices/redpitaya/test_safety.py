"""Off means off: nothing comes on by itself afterwards, and every way out ends with outputs at 0 V."""

from __future__ import annotations

import os
import signal
import threading
from contextlib import closing
from pathlib import Path

import pytest

from parfocal.core.clock import SYSTEM_CLOCK
from parfocal.core.errors import CommandError, CommandFailedError
from parfocal.devices.redpitaya.declared import Declared
from parfocal.devices.redpitaya.link import TcpLink
from parfocal.devices.redpitaya.redpitaya import RedPitaya
from parfocal.devices.redpitaya.shared import SharedBoard
from parfocal.devices.redpitaya.simulated.server import SimulatedRedPitaya
from parfocal.devices.redpitaya.watch import Watch

from .sharing import WAIT_S, again, until

ASG0_OUTPUT = 0x40380004


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
    board = share(device.port, timeout_s=0.2)["board"]
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
    Declared(declared_file(), owner=os.getpid()).update("pid0", {"of another version": 1})
    os.kill(rig.status().services["board"].pid, signal.SIGKILL)
    until(restarted(rig, 2))
    rig.close()
    assert routed(device) == 0


def test_what_is_under_way_at_the_end_switches_nothing_on_afterwards(share):
    """On a line so slow that there is no time for a second silence."""
    with SimulatedRedPitaya(latency_s=0.05) as device:
        rig = share(device.port)
        before = device.monitor.transactions
        rig["board"].submit("asg_setup", channel="asg0", waveform="dc", offset_v=0.5, output="out1")
        until(lambda: device.monitor.transactions >= before + 12)
        rig.close()
        assert routed(device) == 0


def test_a_watch_that_cannot_go_on_says_so(device, link, tmp_path):
    failed, has_failed = [], threading.Event()

    def fail(error):
        failed.append(error)
        has_failed.set()

    def tell(news):
        raise OSError("nobody to tell")

    board = SharedBoard(RedPitaya(link), Declared(tmp_path / "declared", 1), lambda name, news: None)
    with closing(Watch(board, tell, fail, SYSTEM_CLOCK)):
        device.inject_fault("refuse", count=-1)
        assert has_failed.wait(WAIT_S)
    assert str(failed) == "[OSError('nobody to tell')]"


def test_a_glitch_where_the_scope_is_stopped_keeps_nothing_on(device, tmp_path):
    with closing(TcpLink("127.0.0.1", device.port, timeout_s=0.2)) as link:
        board = SharedBoard(RedPitaya(link), Declared(tmp_path / "declared", 1), lambda name, news: None)
        board.modules["asg0"].setup("dc", offset_v=0.5, output="out1")
        device.inject_fault("drop", letter="w")
        board.silence_all()
        assert routed(device) == 0
