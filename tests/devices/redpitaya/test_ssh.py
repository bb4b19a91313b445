from __future__ import annotations

import os
import socket
import threading
from pathlib import Path

import numpy as np
import pytest

import parfocal
from parfocal.core.errors import ConfigError, DeviceError, StartError
from parfocal.devices.redpitaya.link import TcpLink
from parfocal.devices.redpitaya.simulated.faults import Fault
from parfocal.devices.redpitaya.simulated.monitor import MonitorServer
from parfocal.devices.redpitaya.simulated.server import SimulatedRedPitaya
from parfocal.devices.redpitaya.ssh import BoardShell, SshConfig

from .sharing import again, notices_of

paramiko = pytest.importorskip("paramiko", reason="the extra redpitaya is not installed")


class Door(paramiko.ServerInterface):
    def __init__(self, board):
        self.board = board

    def check_auth_password(self, username, password):
        right = username == "root" and password in ("root", "open sesame")
        return paramiko.AUTH_SUCCESSFUL if right else paramiko.AUTH_FAILED

    def get_allowed_auths(self, username):
        return "password"

    def check_channel_request(self, kind, chanid):
        return paramiko.OPEN_SUCCEEDED

    def check_channel_exec_request(self, channel, command):
        self.board.typed.append(command.decode())
        self.board.run(channel)
        return True


class SshBoard:
    """Logs root in, and "runs" one command: by `on_command`, or by failing."""

    def __init__(self, on_command=None):
        self.typed = []
        self.key = paramiko.ECDSAKey.generate()
        self._on_command = on_command
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._transports = []
        self._thread = threading.Thread(target=self._accept)
        self._thread.start()

    def run(self, channel):
        if self._on_command:
            self._on_command()
        else:
            threading.Thread(target=self._fail, args=(channel,)).start()

    def logged_in(self):
        """Who is, once those that leave have left."""
        for transport in self._transports:
            transport.join(30)
        return sum(transport.is_active() for transport in self._transports)

    def close(self):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for transport in self._transports:
            transport.close()
        self._thread.join()

    def _fail(self, channel):
        # An answered request means that the exec was answered before it, as every real server does.
        channel.get_transport().global_request("are-you-there", wait=True)
        channel.sendall_stderr(b"monitor_server: not found")
        channel.send_exit_status(127)
        channel.close()

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            transport = paramiko.Transport(connection)
            transport.add_server_key(self.key)
            self._transports.append(transport)
            try:
                transport.start_server(server=Door(self))
            except (paramiko.SSHException, EOFError, OSError):
                continue


@pytest.fixture
def known(tmp_path):
    def known(board):
        path = tmp_path / "known_hosts"
        path.write_text(f"[127.0.0.1]:{board.port} {board.key.get_name()} {board.key.get_base64()}\n")
        return path

    return known


def as_root(board, password="root", **more):
    return SshConfig(port=board.port, password=password, **more)


def test_the_server_is_started_when_nobody_listens(known):
    with SimulatedRedPitaya() as probe:
        free_port = probe.port
    started = []

    def start():
        device = SimulatedRedPitaya(port=free_port)
        device.start()
        started.append(device)

    board = SshBoard(start)
    shell = BoardShell("127.0.0.1", as_root(board, known_hosts=known(board)), server_port=free_port)
    try:
        link = TcpLink("127.0.0.1", free_port, revive=shell.start_server)
        assert link.read(0x40000000, 1).tolist() == [1]
        assert board.typed == [f"killall monitor_server; exec /opt/pyrpl/monitor_server {free_port}"]
        link.close()
    finally:
        shell.close()
        board.close()
        for device in started:
            device.close()


def test_an_unknown_host_key_is_refused():
    board = SshBoard()
    shell = BoardShell("127.0.0.1", as_root(board))
    try:
        with pytest.raises(ConfigError, match=r"host key of 127\.0\.0\.1:\d+ is not known"):
            shell.start_server()
        assert board.typed == []
    finally:
        shell.close()
        board.close()


def test_host_keys_that_cannot_be_read_are_told_and_no_write_counts_as_half_done(tmp_path):
    """A link that was to start the server took that for a write of which nobody knows whether it arrived."""
    shell = BoardShell("127.0.0.1", SshConfig(password="root", known_hosts=tmp_path / "nowhere"))
    with SimulatedRedPitaya() as device:
        link = TcpLink("127.0.0.1", device.port, timeout_s=1.0, revive=shell.start_server)
    told = r"known_hosts .*nowhere can't be read: No such file"
    try:
        with pytest.raises(ConfigError, match=told):
            link.read(0x40000000, 1)
        with pytest.raises(ConfigError, match=told):
            link.write(0x40000030, np.array([1]))
    finally:
        link.close()


def test_a_wrong_password_and_a_missing_server_are_told(known):
    board = SshBoard()
    shell = BoardShell("127.0.0.1", as_root(board, known_hosts=known(board)))
    wrong = BoardShell("127.0.0.1", as_root(board, "toor", known_hosts=known(board)))
    try:
        with pytest.raises(DeviceError, match=r"cannot log in to root@127\.0\.0\.1"):
            wrong.start_server()
        with pytest.raises(DeviceError, match="monitor_server: not found"):
            shell.start_server()
    finally:
        wrong.close()
        shell.close()
        board.close()


class SoldBoard:
    """A board as it comes: its FPGA always runs; its server does when somebody started it, for one client."""

    def __init__(self):
        with SimulatedRedPitaya() as probe:
            self.port = probe.port
        self.device = SimulatedRedPitaya(port=None)
        self.device.start()
        self.shell = SshBoard(self.start_server)
        self.monitor = None

    def start_server(self):
        if self.monitor is not None:
            self.monitor.close()
        self.monitor = MonitorServer(self.device.board, port=self.port, exits=True)
        self.monitor.start()

    def close(self):
        self.shell.close()
        if self.monitor is not None:
            self.monitor.close()
        self.device.close()


@pytest.fixture
def sold():
    board = SoldBoard()
    yield board
    board.close()


def login(sold, known, **changes):
    ssh = {"port": sold.shell.port, "password": "root", "known_hosts": str(known(sold.shell))} | changes
    return {"board.address": f"tcp://127.0.0.1:{sold.port}", "board.ssh": ssh}


def test_a_host_starts_the_server_and_starts_it_again_when_it_ended(sold, known):
    with parfocal.open_rig("redpitaya", changes=login(sold, known, server="/opt/other server")) as rig:
        board = rig["board"]
        board.asg_setup(channel="asg0", waveform="dc", offset_v=0.25, output="out1")
        assert board.scope_acquire(input="in1", decimation=1).volts.mean() == pytest.approx(0.25, abs=0.01)
        start = f"killall monitor_server; exec '/opt/other server' {sold.port}"
        assert sold.shell.typed == [start]
        sold.monitor.faults.add(Fault(kind="die", letter="r"))
        assert board.sampler_read(signal="out1", timeout_s=60) == pytest.approx(0.25, abs=0.01)
        assert sold.shell.typed == [start, start]
        assert rig.status().services["board"].restarts == 0
    assert sold.shell.logged_in() == 0


def test_a_password_is_nowhere_to_be_read_and_outlives_a_restart(sold, known):
    changes = login(sold, known, password="open sesame")
    with parfocal.open_rig("redpitaya", changes=changes) as rig:
        settings = rig["board"].get_settings()
        assert settings["ssh"]["password"] == "*" * 10
        notices_of(rig).wait("settings", ssh=settings["ssh"])
        files = [path for path in Path(os.environ["PARFOCAL_RUNTIME_DIR"]).rglob("*") if path.is_file()]
        assert files
        assert not [path for path in files if b"sesame" in path.read_bytes()]
        before = len(sold.shell.typed)
        rig["rig"].restart(service="board")
        assert again(lambda: rig["board"].sampler_read(signal="out1")) == 0.0
        assert len(sold.shell.typed) > before


def test_a_host_that_cannot_log_in_says_why(sold, known):
    for changes, said in (
        ({"password": "toor"}, "cannot log in to root@"),
        ({"known_hosts": None}, "host key of .* is not known"),
        ({"pasword": "root"}, "pasword"),
    ):
        with pytest.raises((StartError, ConfigError), match=said):
            parfocal.open_rig("redpitaya", changes=login(sold, known, **changes))
    assert sold.shell.typed == []
