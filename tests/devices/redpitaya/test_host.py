"""One board, many programs: the behaviours of a shared instrument, with real processes."""

from __future__ import annotations

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
from parfocal.devices.redpitaya.iq import Sweep
from parfocal.devices.redpitaya.link import TcpLink
from parfocal.devices.redpitaya.pid import Settling
from parfocal.devices.redpitaya.redpitaya import RedPitaya

from .sharing import WAIT_S, again, notices_of, told, until


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


def test_what_cannot_be_done_is_refused_before_the_board_is_touched(board, writes):
    before = list(writes)
    for error, said, command, arguments in (
        (CommandFailedError, "derivative", "pid_configure", {"p": -1.0, "d": 1.0}),
        (CommandFailedError, "reaches", "asg_setup", {"amplitude_v": 0.8, "offset_v": 0.5}),
        (BadArgumentsError, "input must be 'in1'", "scope_acquire", {"decimation": 8, "input": "inn1"}),
        (BadArgumentsError, "waveform must be 'sin'", "asg_setup", {"waveform": "sine"}),
        (BadArgumentsError, "output must be 'out1'", "pid_configure", {"output": "out3"}),
        (CommandFailedError, "outside of", "iq_setup", {"frequency_hz": 1e3, "amplitude_v": 7.0}),
        (BadArgumentsError, "asg2", "asg_setup", {"channel": "asg2"}),
        (BadArgumentsError, "setpoint", "pid_configure", {"setpoint": 1.0}),
    ):
        with pytest.raises(error, match=said):
            board.submit(command, **arguments).result(timeout_s=WAIT_S)
    assert writes == before


def test_a_board_has_one_owner_until_that_is_stopped(rig, board, device, share):
    board.asg_setup(channel="asg0", waveform="dc", offset_v=0.5, output="out1")
    owner = f"redpitaya/board \\(process {rig.status().services['board'].pid}\\)"
    elsewhere = {"board.address": f"tcp://LOCALHOST:{device.port}"}
    with pytest.raises(StartError, match=owner):
        parfocal.open_rig("redpitaya", name="second", changes=elsewhere)
    rig.end("board")
    until(lambda: rig.status().services["board"].state == "exited")
    with parfocal.open_rig("redpitaya", name="second", changes=elsewhere) as second:
        assert second["board"].sampler_read(signal="out1") == 0.0
    with pytest.raises(ServiceUnavailableError):
        board.sampler_read()


def test_a_board_that_is_not_there_is_told_at_the_start():
    with pytest.raises(StartError, match="no monitor_server answers"):
        parfocal.open_rig("redpitaya", changes={"board.address": "tcp://127.0.0.1:1"})


def test_a_waiting_scope_keeps_nobody_waiting_and_can_be_cancelled(device, board):
    waiting = board.submit("scope_acquire", trigger_source="ch1_positive_edge", threshold_v=0.9)
    behind = [board.submit("scope_acquire", timeout_s=0.2) for _ in range(3)]
    assert board.sampler_read(signal="in1", timeout_s=WAIT_S) == pytest.approx(0.0, abs=1e-3)
    assert board.pid_set_setpoint(0.5, timeout_s=WAIT_S) == 0.5
    for call in behind:
        assert isinstance(call.exception(timeout_s=WAIT_S), DeadlineError)
    until(lambda: is_armed(device))
    assert waiting.cancel("enough") == "running"
    with pytest.raises(CancelledError, match="enough"):
        waiting.result(timeout_s=WAIT_S)
    assert not is_armed(device)
    assert board.scope_acquire(trigger_source="immediately", timeout_s=WAIT_S).sequence == 1


def is_armed(device):
    return bool(device.board.read(0x40100000, 1)[0] & 1)


def test_a_call_is_followed_and_its_result_fetched_by_another_program(rig, board):
    board.iq_setup(iq="iq0", frequency_hz=2e4, amplitude_v=0.2, output="out1", input="in1")
    frequencies = [1e4, 2e4, 3e4, 4e4, 5e4]
    with parfocal.attach("redpitaya") as other:
        swept = other["board"].submit("iq_sweep", frequencies_hz=frequencies, averaging_s=0.4)
        until(lambda: swept.progress is not None)
        followed, received = board.attach_call(swept.id), []
        followed.on_progress(lambda progress: received.append(progress))
        curve = followed.result(timeout_s=WAIT_S)
        assert isinstance(curve, Sweep)
        assert curve.frequency_hz == pytest.approx(frequencies, rel=1e-3)
        until(lambda: bool(received) and received[-1].fraction == 1.0)
        assert len(received[-1].data["frequency_hz"]) == 5
        taken = other["board"].submit("scope_acquire", decimation=1)
        trace = taken.result(timeout_s=WAIT_S)
    fetched = board.attach_call(taken.id).result(timeout_s=WAIT_S)
    assert (fetched.sequence, fetched.trigger_tick) == (trace.sequence, trace.trigger_tick)
    assert np.array_equal(fetched.volts, trace.volts)


def test_switching_off_overtakes_everything(device, board, writes):
    """What waits, what lasts and what changes an output just then: all is silent, and stays so."""
    waiting = board.submit("scope_acquire", trigger_source="ch1_positive_edge", threshold_v=0.9)
    lasting = board.submit("iq_get_measurement", averaging_s=8.0)
    board.pid_configure(pid="pid0", integrator_v=0.3, output="out2")
    until(lambda: is_armed(device))
    writes.clear()
    changing = board.submit("asg_setup", channel="asg0", waveform="dc", offset_v=0.5, output="out1")
    until(lambda: bool(writes))
    board.outputs_off(timeout_s=WAIT_S)
    assert not lasting.done()
    assert "stopped" in str(waiting.exception(timeout_s=WAIT_S))
    changing.result(timeout_s=WAIT_S)
    assert board.sampler_read(signal="out1") == board.sampler_read(signal="out2") == 0.0
    assert board.state()["asg0"] == {}
    lasting.cancel()


def test_off_is_done_when_the_board_is_back_if_it_could_not_be(device, share):
    board = share(device.port)["board"]
    board.asg_setup(channel="asg1", waveform="dc", offset_v=0.5, output="out2")
    device.inject_fault("refuse", count=-1)
    with pytest.raises(CommandFailedError):
        board.outputs_off()
    device.monitor.faults.clear()
    until(lambda: again(lambda: board.sampler_read(signal="out2")) == 0.0)


def test_a_loop_is_waited_for_with_progress_and_a_cancel(rig, board):
    never = board.submit("pid_wait_settled", pid="pid0", within_v=1e-3, for_s=0.05)
    late = board.submit("pid_wait_settled", pid="pid1", within_v=0.01, for_s=60.0)
    board.pid_configure(pid="pid0", input="in2", output="out2", setpoint_v=0.2)
    until(lambda: never.progress is not None and "pid0 is -0.2" in never.progress.text)
    assert board.pid_configure(pid="pid0", i_hz=-2e3, timeout_s=WAIT_S).i_hz < 0, "it was not in the way"
    settled = never.result(timeout_s=WAIT_S)
    assert isinstance(settled, Settling)
    assert settled.held_s >= 0.05
    assert abs(settled.deviation_v) <= 1e-3
    assert never.progress.fraction == 1.0
    until(lambda: late.progress is not None)
    assert late.cancel("enough") == "running"
    assert isinstance(late.exception(timeout_s=WAIT_S), CancelledError)
    with pytest.raises(DeadlineError):
        board.pid_wait_settled("pid0", 1e-3, 60.0, timeout_s=0.2)


def test_volts_are_the_same_for_whoever_asks(device, share):
    board = share(device.port, in1={"gain": 20.0, "offset_v": 0.5})["board"]
    board.asg_setup(channel="asg0", waveform="dc", offset_v=0.25, output="out1")
    assert board.sampler_read(signal="in1", readings=10) == pytest.approx(5.5, abs=0.01)
    assert board.scope_acquire(input="in1", decimation=1).volts.mean() == pytest.approx(5.5, abs=0.01)
    assert board.scope_set_trigger("ch1_positive_edge", threshold_v=6.0)["threshold_v"] == pytest.approx(
        6.0, abs=3e-3
    )
    assert board.pid_configure(setpoint_v=5.0, input="in1").setpoint_v == pytest.approx(5.0, abs=3e-3)


def test_a_set_by_one_is_heard_by_all(rig):
    with parfocal.attach("redpitaya") as other:
        notices = notices_of(other)
        quantised = rig["board"].pid_set_setpoint(0.2)
        notices.wait("pid0", setpoint_v=quantised)


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
    notices = notices_of(rig)
    with pytest.raises(DeadlineError):
        board.output_lease(module="asg1", timeout_s=0.1)
    held = board.submit("output_lease", module="asg0")
    until(lambda: held.progress is not None)
    board.asg_setup(channel="asg0", waveform="dc", offset_v=0.5, output="out1")
    held.cancel("done")
    assert isinstance(held.exception(timeout_s=WAIT_S), CancelledError)
    notices.wait("asg0", on=False)
    assert board.sampler_read(signal="out1") == 0.0


def test_the_output_of_a_killed_client_goes_off(rig, board, actor):
    client = actor("lease")
    assert told(client)["held"]
    assert board.sampler_read(signal="out1") == pytest.approx(0.5, abs=0.01)
    client.kill()
    until(lambda: not board.asg_get(channel="asg0").running)
    assert board.sampler_read(signal="out1") == 0.0
    assert board.scope_stream(count=1, timeout_s=WAIT_S) == 1  # nobody else's goes on


def test_an_output_that_could_not_be_switched_off_is_when_the_board_is_back(device, share):
    board = share(device.port)["board"]
    held = board.submit("output_lease", module="asg0")
    until(lambda: held.progress is not None)
    board.asg_setup(channel="asg0", waveform="dc", offset_v=0.5, output="out1")
    device.inject_fault("refuse", count=-1)
    held.cancel("done")
    assert isinstance(held.exception(timeout_s=WAIT_S), CommandError)
    device.monitor.faults.clear()
    until(lambda: again(lambda: board.sampler_read(signal="out1")) == 0.0)


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
