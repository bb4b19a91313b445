"""The actuators by themselves, in PyMoDAQ's harness."""

from __future__ import annotations

import os
import signal

import numpy as np
import pytest
from pymodaq.utils.data import DataActuator
from pymodaq.utils.plugin_testing import (
    grab_and_wait,
    move_abs_and_wait,
    move_home_and_wait,
    move_rel_and_wait,
)
from pymodaq_plugins_parfocal.daq_move_plugins.daq_move_ParfocalAsg import DAQ_Move_ParfocalAsg as Asg
from pymodaq_plugins_parfocal.daq_move_plugins.daq_move_ParfocalPid import DAQ_Move_ParfocalPid as Pid
from pymodaq_plugins_parfocal.daq_viewer_plugins.plugins_1D.daq_1Dviewer_ParfocalScope import (
    DAQ_1DViewer_ParfocalScope as Scope,
)
from spectrum import frequency_hz
from waiting import LONG_MS, until


def volts(value: float) -> DataActuator:
    return DataActuator("wanted", data=value, units="V")


def turn_to(actuator, axis: str) -> None:
    actuator.axis_name = axis


def test_what_the_generator_is_moved_to_is_what_the_scope_sees(board, plug):
    scope = plug(Scope, decimation=64)
    asg = plug(Asg, controller=scope.controller, own_setup=True)
    turn_to(asg, "asg0 amplitude")
    assert move_abs_and_wait(asg, 0.5, LONG_MS).value("V") == 0.5
    turn_to(asg, "asg0 frequency")
    for wanted in (2e4, 1e4):
        reached = move_abs_and_wait(asg, wanted, LONG_MS).value("Hz")
        assert reached == pytest.approx(wanted, abs=0.12)
        assert reached == board.asg_get(channel="asg0").frequency_hz
        trace = grab_and_wait(scope, timeout_ms=LONG_MS)[0]
        assert frequency_hz(trace) == pytest.approx(wanted, abs=150)
        assert np.ptp(trace.data[0]) == pytest.approx(1.0, abs=0.02)
    assert move_rel_and_wait(asg, 500.0, LONG_MS).value("Hz") == pytest.approx(10500, abs=0.3)
    assert move_home_and_wait(asg, LONG_MS).value("Hz") == pytest.approx(1e3, abs=0.12)


def test_what_was_set_up_from_here_goes_off_with_it_unless_that_is_not_wanted(board, plug):
    for off_at_end, left_v in ((True, 0.0), (False, 0.25)):
        asg = plug(Asg)
        for name, value in {"waveform": "dc", "offset_v": 0.25}.items():
            asg.settings.child("setup", name).setValue(value)
        asg.settings.child("off_at_end").setValue(off_at_end)
        asg.settings.child("own_setup").setValue(True)
        asg.commit_settings(asg.settings.child("own_setup"))
        until(lambda: board.sampler_read(signal="out1") == pytest.approx(0.25, abs=0.01))
        asg.close()
        until(lambda: board.sampler_read(signal="out1") == pytest.approx(left_v, abs=0.01))  # noqa: B023
    assert board.asg_get(channel="asg0").running


def test_a_lease_that_ends_with_the_boards_host_is_told(rig, plug):
    asg = plug(Asg, own_setup=True)
    os.kill(rig.status().services["board"].pid, signal.SIGKILL)
    until(lambda: any("asg0 is off" in text for _, text in asg.said))
    until(lambda: rig.status().services["board"].state == "ready")


def test_a_setpoint_is_moved_and_the_loop_follows(board, plug):
    pid = plug(Pid, own_setup=True)
    for name, value in {"input": "in2", "output": "out2", "i_hz": -3e3}.items():
        pid.settings.child("setup", name).setValue(value)
        pid.commit_settings(pid.settings.child("setup", name))
    turn_to(pid, "pid0 setpoint")
    assert move_abs_and_wait(pid, 0.2, LONG_MS).value("V") == pytest.approx(0.2, abs=1e-4)
    until(lambda: board.sampler_read(signal="in2", readings=20) == pytest.approx(0.2, abs=0.01))
    turn_to(pid, "pid2 setpoint")
    assert move_home_and_wait(pid, LONG_MS).value("V") == 0.0
    assert board.pid_get_setpoint(pid="pid0") == pytest.approx(0.2, abs=1e-4)


def test_what_others_set_is_shown_at_once(board, plug):
    asg = plug(Asg)
    turn_to(asg, "asg1 frequency")
    shown = []
    asg.emit_value = lambda value: shown.append(value.value())

    tried = iter(range(3000, 99999))  # the subscription may still be connecting when the first are set
    until(lambda: board.asg_set_frequency(next(tried), channel="asg1") and len(shown) > 5)
    made = board.asg_set_frequency(7e3, channel="asg1")
    until(lambda: made in shown)
    board.asg_set_frequency(9e3, channel="asg0")
    board.asg_off(channel="asg1")
    state = board.asg_get(channel="asg1")
    until(lambda: shown[-1] == state.frequency_hz)


def test_a_value_is_shown_at_once_and_put_right_when_the_board_has_said_it(board, plug):
    asg = plug(Asg)
    turn_to(asg, "asg0 amplitude")
    asg._subscription.close()  # deaf: only asking tells
    board.asg_set_amplitude(0.125, channel="asg0")
    shown = []
    asg.emit_value = lambda value: shown.append(value.value())
    until(lambda: asg.get_actuator_value() and 0.125 in shown)
    assert asg.get_actuator_value().value() == 0.125


def test_what_the_board_refuses_is_told_and_the_move_is_not_done(board, plug):
    asg, done = plug(Asg), []
    turn_to(asg, "asg0 amplitude")
    asg.move_done_signal.connect(done.append)
    asg.move_abs(volts(3.0))
    asg.poll_moving()
    until(lambda: any(command == "update_status" and "amplitude_v" in text for command, text in asg.said))
    assert not asg.poll_timer.isActive()
    assert not done
    assert move_abs_and_wait(asg, 0.25, LONG_MS).value() == 0.25


def test_bounds_and_scaling_are_kept(board, plug):
    asg = plug(Asg)
    turn_to(asg, "asg0 amplitude")
    asg.settings.child("bounds", "is_bounds").setValue(True)
    asg.settings.child("bounds", "max_bound").setValue(0.5)
    assert move_abs_and_wait(asg, 0.75, LONG_MS).value() == 0.5
    asg.settings.child("scaling", "use_scaling").setValue(True)
    asg.settings.child("scaling", "scaling").setValue(2.0)
    assert move_abs_and_wait(asg, 0.25, LONG_MS).value() == 0.25
    assert board.asg_get(channel="asg0").amplitude_v == 0.125


def test_stop_leaves_the_value_that_there_is(board, plug):
    asg, done = plug(Asg), []
    turn_to(asg, "asg0 amplitude")
    asg.move_done_signal.connect(done.append)
    asg.move_abs(volts(0.5))
    asg.stop_motion()
    until(lambda: done)


def test_a_move_arrives_whose_step_is_larger_than_pymodaqs_epsilon(rig_with_jumpers, plug):
    """With jumpers on HV a step of a setpoint is 2.4 mV."""
    board = rig_with_jumpers["board"]
    board.pid_configure(pid="pid0", input="in1")
    pid = plug(Pid, rig="jumpers")
    for wanted in (5.0012, 7.0034):
        reached = move_abs_and_wait(pid, wanted, LONG_MS).value("V")
        assert reached == board.pid_get_setpoint(pid="pid0") == pytest.approx(wanted, abs=1.3e-3)
