"""One board, many programs: the behaviours of a shared instrument, with real processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import parfocal
from parfocal.core.errors import (
    BadArgumentsError,
    CancelledError,
    CommandError,
    CommandFailedError,
    DeadlineError,
    ServiceUnavailableError,
    StartError,
)
from parfocal.devices.redpitaya.link import TcpLink
from parfocal.devices.redpitaya.redpitaya import RedPitaya
from parfocal.devices.redpitaya.simulated.faults import KINDS
from parfocal.devices.redpitaya.simulated.plant import Plant
from parfocal.devices.redpitaya.simulated.server import SimulatedRedPitaya

ACTORS = Path(__file__).with_name("actors.py")
WAIT_S = 60.0


class Ears:
    """Keeps the board's events."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, dict[str, Any]]] = []
        self._news = threading.Condition()

    def __call__(self, event: Any) -> None:
        with self._news:
            self.heard.append((event.topic, event.payload))
            self._news.notify_all()

    def wait(self, topic: str, **wanted: Any) -> None:
        def found() -> bool:
            return any(heard == topic and wanted.items() <= payload.items() for heard, payload in self.heard)

        with self._news:
            assert self._news.wait_for(found, WAIT_S), f"no {topic} {wanted} among {self.heard}"


@pytest.fixture
def share() -> Iterator[Callable[..., parfocal.rig.rig.Rig]]:
    """Start a rig for a board at a port."""
    opened: list[Any] = []

    def share(port: int, name: str = "redpitaya", **settings: Any) -> Any:
        changes = {"board.address": f"tcp://127.0.0.1:{port}"}
        changes |= {f"board.{key}": value for key, value in settings.items()}
        rig = parfocal.open_rig("redpitaya", name=name, changes=changes)
        opened.append(rig)
        return rig

    yield share
    for rig in opened:
        rig.close()


@pytest.fixture
def rig(device, share):
    return share(device.port)


@pytest.fixture
def board(rig):
    return rig["board"]


@pytest.fixture
def actor() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start one of the programs in actors.py."""
    started: list[subprocess.Popen[str]] = []

    def start(role: str, *numbers: int) -> subprocess.Popen[str]:
        command = [sys.executable, str(ACTORS), role, "redpitaya", *map(str, numbers)]
        started.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def told(process: subprocess.Popen[str]) -> dict[str, Any]:
    """Return the next line that a program prints."""
    assert process.stdout is not None
    facts: dict[str, Any] = json.loads(process.stdout.readline())
    return facts


def events_of(rig: Any) -> Ears:
    ears = Ears()
    rig.subscribe(ears)
    return ears


def until(look: Callable[[], bool]) -> None:
    end = time.monotonic() + WAIT_S
    while not look():
        assert time.monotonic() < end
        time.sleep(0.02)


def again(call: Callable[[], Any]) -> Any:
    """Call until the service, or its board, is back."""
    end = time.monotonic() + WAIT_S
    while True:
        try:
            return call()
        except (ServiceUnavailableError, CommandFailedError):
            assert time.monotonic() < end
            time.sleep(0.05)


def test_the_face(rig):
    with parfocal.attach("redpitaya") as joined:
        board = joined["board"]
        made = board.asg_setup(
            channel="asg0", waveform="sin", frequency_hz=1e3, amplitude_v=0.5, output="out1"
        )
        assert made.frequency_hz == pytest.approx(1e3, rel=1e-4)
        assert made.frequency_hz != 1e3
        call = board.submit("scope_acquire", decimation=64, trigger_source="immediately", input="in1")
        trace = call.result(timeout_s=WAIT_S)
        assert trace.volts.dtype == np.float32
        assert np.ptp(trace.volts) == pytest.approx(1.0, abs=0.01)
        assert np.diff(trace.time_s) == pytest.approx(64 * 8e-9)
        later = board.scope_acquire()
        assert (later.decimation, later.inputs, later.sequence) == (64, ("in1",), trace.sequence + 1)
        assert later.triggered_at_s > trace.triggered_at_s
        assert board.scope_set_decimation(8) == 8
        assert board.scope_acquire().decimation == 8
        trigger = board.scope_set_trigger("ch1_positive_edge", threshold_v=0.1)
        assert trigger["threshold_v"] == pytest.approx(0.1, abs=1e-3)
        assert board.scope_acquire(input2="out1").volts2 is not None
        assert board.pid_set_setpoint(0.1, pid="pid1") == board.pid_get_setpoint(pid="pid1")
        assert board.slow_set(dac=2, volts=0.9) == pytest.approx(0.9, abs=1e-3)
        assert board.pin_setup(bank="P", pin=3, direction="out", on=True) in (True, False)
        board.led_set(led=1, on=True)
        assert board.identity()["gateware"] == 1
        assert board.ping() < WAIT_S
        assert board.state()["asg0"]["amplitude_v"] == 0.5
        assert board.known(module="scope")["decimation"] == 8
        board.outputs_off()
        assert not board.asg_get(channel="asg0").running


def test_what_cannot_be_done_is_refused_before_the_bus_is_touched(device, board):
    until(lambda: device.monitor.transactions > 0)
    for error, said, command, arguments in (
        (CommandFailedError, "derivative", "pid_configure", {"d": 1.0}),
        (CommandFailedError, "reaches", "asg_setup", {"amplitude_v": 0.8, "offset_v": 0.5}),
        (CommandFailedError, "did you mean", "scope_acquire", {"input": "inn1"}),
        (BadArgumentsError, "asg2", "asg_setup", {"channel": "asg2"}),
        (BadArgumentsError, "setpoint", "pid_configure", {"setpoint": 1.0}),
    ):
        with pytest.raises(error, match=said):
            board.submit(command, **arguments).result(timeout_s=WAIT_S)


def test_one_owner_for_a_board(rig, device, share):
    with pytest.raises(StartError, match=r"redpitaya/board \(process \d+\)"):
        parfocal.open_rig(
            "redpitaya", name="second", changes={"board.address": f"tcp://LOCALHOST:{device.port}"}
        )


def test_a_board_that_is_not_there_is_told_at_the_start():
    with pytest.raises(StartError, match="no monitor_server answers"):
        parfocal.open_rig("redpitaya", changes={"board.address": "tcp://127.0.0.1:1"})


def test_a_waiting_scope_keeps_nobody_waiting_and_can_be_cancelled(board):
    waiting = board.submit("scope_acquire", trigger_source="ch1_positive_edge", threshold_v=0.9)
    behind = [board.submit("scope_acquire", timeout_s=0.2) for _ in range(3)]
    assert board.sampler_read(signal="in1", timeout_s=WAIT_S) == pytest.approx(0.0, abs=1e-3)
    assert board.pid_set_setpoint(0.5, timeout_s=WAIT_S) == 0.5
    for call in behind:
        assert isinstance(call.exception(timeout_s=WAIT_S), DeadlineError)
    assert waiting.cancel("enough") == "running"
    with pytest.raises(CancelledError, match="enough"):
        waiting.result(timeout_s=WAIT_S)
    assert board.scope_acquire(trigger_source="immediately", timeout_s=WAIT_S).sequence == 1


def test_a_set_by_one_is_heard_by_all(rig):
    with parfocal.attach("redpitaya") as other:
        ears = events_of(other)
        until(lambda: rig["board"].pid_set_setpoint(0.1) and any(t == "pid0" for t, _ in ears.heard))
        quantised = rig["board"].pid_set_setpoint(0.2)
        ears.wait("pid0", setpoint_v=quantised)


def test_traces_go_on_in_a_stream_while_others_take_their_own(rig, board):
    board.asg_setup(channel="asg0", frequency_hz=1e4, amplitude_v=0.5, output="out1")
    endless = board.submit("scope_stream", decimation=8, input="in1", input2="asg0")
    with rig.stream("board").latest() as reader:
        frame = reader.read(timeout_s=WAIT_S)
        assert frame.data.shape == (2, 16384)
        assert np.ptp(frame.data, axis=1) == pytest.approx([1.0, 1.0], abs=0.02)
        single = board.scope_acquire(decimation=64, input="in1", timeout_s=WAIT_S)
        assert single.decimation == 64
        later = reader.read(timeout_s=WAIT_S)
        while later.header.frame <= single.sequence:
            later = reader.read(timeout_s=WAIT_S)
        assert later.header.exposure_ns == 16384 * 8 * 8
        assert later.header.time_ns > frame.header.time_ns
    assert endless.cancel() == "running"
    assert isinstance(endless.exception(timeout_s=WAIT_S), CancelledError)
    never = board.submit("scope_stream", trigger_source="ch1_positive_edge", threshold_v=0.95)
    assert board.scope_acquire(trigger_source="immediately", timeout_s=WAIT_S).sequence > single.sequence
    never.cancel()
    assert board.scope_stream(count=2, decimation=1) == 2


def test_a_lease_ends_with_its_call(rig, board):
    ears = events_of(rig)
    with pytest.raises(DeadlineError):
        board.output_lease(module="asg1", timeout_s=0.1)
    held = board.submit("output_lease", module="asg0")
    until(lambda: held.progress is not None)
    board.asg_setup(channel="asg0", waveform="dc", offset_v=0.5, output="out1")
    held.cancel("done")
    assert isinstance(held.exception(timeout_s=WAIT_S), CancelledError)
    ears.wait("asg0", on=False)
    assert board.sampler_read(signal="out1") == 0.0


def test_the_output_of_a_killed_client_goes_off(rig, board, actor):
    client = actor("lease")
    assert told(client)["held"]
    assert board.sampler_read(signal="out1") == pytest.approx(0.5, abs=0.01)
    client.kill()
    until(lambda: board.sampler_read(signal="out1") == 0.0)
    assert not board.asg_get(channel="asg0").running
    assert board.scope_stream(count=1, timeout_s=WAIT_S) == 1  # nobody else's goes on


def test_an_output_that_could_not_be_switched_off_is_when_the_board_is_back(device, share):
    board = share(device.port, timeout_s=0.2)["board"]
    held = board.submit("output_lease", module="asg0")
    until(lambda: held.progress is not None)
    board.asg_setup(channel="asg0", waveform="dc", offset_v=0.5, output="out1")
    device.inject_fault("refuse", count=-1)
    held.cancel("done")
    assert isinstance(held.exception(timeout_s=WAIT_S), CommandError)
    device.monitor.faults.clear()
    until(lambda: again(lambda: board.sampler_read(signal="out1")) == 0.0)


@pytest.mark.skipif(os.name == "nt", reason="kills with SIGKILL")
def test_the_host_is_killed_in_the_middle_of_calls(rig, board):
    made = board.asg_setup(channel="asg0", frequency_hz=2e3, amplitude_v=0.25, output="out1")
    board.asg_set_amplitude(0.5, channel="asg0")
    board.asg_setup(channel="asg1", amplitude_v=0.5, cycles_per_burst=3, output="out2")
    board.pid_configure(pid="pid0", setpoint_v=0.3, p=-0.25)
    lease = board.submit("output_lease", module="iq0")
    until(lambda: lease.progress is not None)
    board.iq_setup(iq="iq0", amplitude_v=0.5, output="out2")
    before = [board.scope_acquire(decimation=1).sequence for _ in range(3)][-1]
    waiting = board.submit("scope_acquire", trigger_source="ch1_positive_edge", threshold_v=0.9)
    behind = board.submit("scope_acquire")
    os.kill(rig.status().services["board"].pid, signal.SIGKILL)
    for call in (waiting, behind, lease):
        assert isinstance(call.exception(timeout_s=WAIT_S), ServiceUnavailableError)
    restored = again(lambda: board.asg_get(channel="asg0"))
    assert (restored.frequency_hz, restored.amplitude_v) == (made.frequency_hz, 0.5)
    assert restored.running
    assert not board.asg_get(channel="asg1").running
    assert board.pid_get(pid="pid0").p == -0.25
    assert board.iq_get(iq="iq0").output == "off"
    trace = board.scope_acquire(input="in1", decimation=64, trigger_source="immediately")
    assert np.ptp(trace.volts) == pytest.approx(1.0, abs=0.01)
    assert trace.sequence > before


def test_the_boards_server_is_killed_in_the_middle_of_calls(share):
    def simulate(port: int) -> tuple[subprocess.Popen[str], dict[str, Any]]:
        words = [sys.executable, "-m", "parfocal", "sim", "redpitaya", "--port", str(port), "--json"]
        process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
        return process, told(process)

    first, facts = simulate(0)
    port = int(facts["address"].rpartition(":")[2])
    try:
        rig = share(port)
        board, ears = rig["board"], events_of(rig)
        board.asg_setup(channel="asg0", waveform="dc", offset_v=0.25, output="out1")
        waiting = board.submit("scope_acquire", trigger_source="ch1_positive_edge", threshold_v=0.9)
        first.kill()
        with pytest.raises(CommandFailedError, match="no monitor_server answers"):
            waiting.result(timeout_s=WAIT_S)
        ears.wait("board", connected=False)
        second, _ = simulate(port)
        try:
            ears.wait("board", connected=True, restarted=True)
            assert board.sampler_read(signal="in1") == pytest.approx(0.25, abs=0.01)
            trace = board.scope_acquire(trigger_source="immediately", input="in1", decimation=1)
            assert trace.volts.mean() == pytest.approx(0.25, abs=0.01)
            rig.close()
        finally:
            second.kill()
            second.communicate()
    finally:
        first.kill()
        first.communicate()


def test_every_fault_of_the_line_ends_in_an_answer(device, share):
    rig = share(device.port, timeout_s=0.2)
    board = rig["board"]
    for kind in KINDS.keys() - {"die"}:
        device.inject_fault(kind, after=3, delay_s=0.5)
        device.inject_fault(kind, after=2, letter="w", delay_s=0.5)
        for k in range(8):
            for command, arguments in (
                ("pid_set_setpoint", {"setpoint_v": k / 16}),
                ("sampler_read", {"signal": "in1"}),
                ("scope_acquire", {"input": "in1", "decimation": 1}),
            ):
                call = board.submit(command, **arguments)
                assert isinstance(call.exception(timeout_s=WAIT_S), CommandFailedError | None), kind
        device.monitor.faults.clear()
        wanted = again(lambda: board.pid_set_setpoint(0.25))
        assert again(board.pid_get_setpoint) == wanted
        assert again(lambda: board.scope_acquire(decimation=1)).sequence > 0
    assert rig.status().services["board"].restarts == 0


def test_four_programs_at_once(share, actor):
    wire = Plant(gain=0.5, corner_hz=3e4)
    held = Plant(
        source="out2", gain=0.8, corner_hz=2e4, offset_v=0.1, disturbance_v=0.05, disturbance_hz=10.0
    )
    with SimulatedRedPitaya(in1=wire, in2=held) as device:
        rig = share(device.port)
        playing = actor("generate", 20)
        told(playing)
        seeing, locking, finding = actor("scope", 10), actor("lock", 30), actor("analyse", 5)
        found = told(finding)
        transfer = np.array(found["real"]) + 1j * np.array(found["imag"])
        wanted = np.array([wire.transfer(frequency) for frequency in found["frequency_hz"]])
        assert np.abs(transfer / wanted - 1).max() < 0.01
        amplitude = 0.25 * abs(wire.transfer(1e3))
        sines = told(seeing)
        assert sines["amplitudes_v"] == pytest.approx([amplitude] * 10, rel=0.02)
        assert sines["frequencies_hz"] == pytest.approx([1e3] * 10, rel=0.002)
        assert told(locking)["held_v"][5:] == pytest.approx([0.2] * 25, abs=0.02)
        for process in (playing, seeing, locking, finding):
            assert process.wait(WAIT_S) == 0
        rig.close()


@pytest.mark.parametrize(
    "calls", [4_000, pytest.param(1_000_000, marks=[pytest.mark.slow, pytest.mark.timeout(3600)])]
)
def test_no_reply_is_ever_anothers(rig, actor, calls):
    processes = [actor("hammer", calls // 16, place) for place in range(4)]
    for process in processes:
        assert told(process)["ready"]
    for process in processes:
        assert told(process) == {"right": calls // 4, "failed": 0, "crossed": []}


@pytest.mark.skipif(os.name == "nt", reason="kills with SIGKILL")
def test_chaos_in_the_middle_of_calls(device, share, actor):
    """While programs ask: a client is killed, every fault of the line strikes, the host is killed."""
    rig = share(device.port, timeout_s=0.2)
    programs = [actor("hammer", 500, place) for place in range(3)]
    for program in programs:
        assert told(program)["ready"]
    programs.pop().kill()
    for number, kind in enumerate(sorted(KINDS.keys() - {"die"}) * 2):
        device.inject_fault(kind, after=20 + 17 * number, delay_s=0.3)
    until(lambda: not device.monitor.faults)
    os.kill(rig.status().services["board"].pid, signal.SIGKILL)
    answers = [told(program) for program in programs]
    assert [(found["right"], found["crossed"]) for found in answers] == [(2000, [])] * 2
    assert sum(found["failed"] for found in answers) > 0
    assert rig.status().services["board"].restarts == 1
    assert rig["board"].scope_acquire(decimation=1, timeout_s=WAIT_S).sequence > 0


def test_an_abandoned_call_does_not_break_the_next(board):
    for _ in range(20):
        with pytest.raises(CommandError):
            board.iq_get_measurement(averaging_s=0.5, timeout_s=0.001)
    assert board.iq_get_measurement(averaging_s=0.001, timeout_s=WAIT_S).averages == 125_000


def test_the_board_is_silent_after_the_rig(device, share):
    rig = share(device.port)
    rig["board"].asg_setup(channel="asg0", waveform="dc", offset_v=0.5, output="out1")
    rig.close()
    pitaya = RedPitaya(TcpLink("127.0.0.1", device.port))
    assert pitaya.sampler.read("out1") == 0.0
    pitaya.close()
