"""One board, many programs, and everything that can go wrong in the middle of their calls."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from parfocal.core.errors import CommandFailedError, ServiceUnavailableError
from parfocal.devices.redpitaya.simulated.faults import KINDS
from parfocal.devices.redpitaya.simulated.plant import Plant
from parfocal.devices.redpitaya.simulated.server import SimulatedRedPitaya

from .sharing import WAIT_S, again, notices_of, told, until

OUTPUT_ROUTES = {0x40300004 + 0x10000 * slot for slot in (0, 1, 2, 5, 6, 7, 8, 9)}


@pytest.mark.skipif(os.name == "nt", reason="kills with SIGKILL")
def test_the_host_is_killed_in_the_middle_of_calls(rig, board, writes):
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
    writes.clear()
    os.kill(rig.status().services["board"].pid, signal.SIGKILL)
    for call in (waiting, behind, lease):
        assert isinstance(call.exception(timeout_s=WAIT_S), ServiceUnavailableError)
    restored = again(lambda: board.asg_get(channel="asg0"))
    assert (restored.frequency_hz, restored.amplitude_v) == (made.frequency_hz, 0.5)
    assert restored.running
    routed = [(address, word) for address, (word, *_) in writes if address in OUTPUT_ROUTES]
    assert {address for address, word in routed[: len(OUTPUT_ROUTES)] if word == 0} == OUTPUT_ROUTES
    assert any(word for _, word in routed[len(OUTPUT_ROUTES) :])
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
        board, notices = rig["board"], notices_of(rig)
        board.asg_setup(channel="asg0", waveform="dc", offset_v=0.25, output="out1")
        waiting = board.submit("scope_acquire", trigger_source="ch1_positive_edge", threshold_v=0.9)
        first.kill()
        # Refused, or reset if it was killed just when the client came back: the board is named in any case.
        with pytest.raises(CommandFailedError, match=f"tcp://127.0.0.1:{port}"):
            waiting.result(timeout_s=WAIT_S)
        notices.wait("board", connected=False)
        second, _ = simulate(port)
        try:
            notices.wait("board", connected=True, restarted=True)
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
    "calls",
    [4_000, pytest.param(1_000_000, marks=[pytest.mark.slow, pytest.mark.soak, pytest.mark.timeout(3600)])],
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
    assert rig.status().services["board"].restarts == 0, "no fault of the line ends the host"
    os.kill(rig.status().services["board"].pid, signal.SIGKILL)
    answers = [told(program) for program in programs]
    assert [(found["right"], found["crossed"]) for found in answers] == [(2000, [])] * 2
    assert sum(found["failed"] for found in answers) > 0
    assert rig.status().services["board"].restarts >= 1  # a line that is slow just then costs another one
    assert rig["board"].scope_acquire(decimation=1, timeout_s=WAIT_S).sequence > 0
