"""A volt is a volt at the connector, whoever tells it: jumpers and calibrations are the same everywhere."""

import numpy as np
import pytest

from parfocal.core.errors import BadInputError, ConfigError
from parfocal.devices.redpitaya.redpitaya import RedPitaya
from parfocal.devices.redpitaya.settings import RedPitayaConfig
from parfocal.devices.redpitaya.simulated.board import SimulatedBoard
from parfocal.devices.redpitaya.trace import Calibration

HV = Calibration(20, 0.5)
PLAIN = Calibration()
INVERTED = Calibration(-2, 0.25)
SIGNAL = {"decimation": 8, "averaging": False}


def calibrated(clock, in1=HV, in2=PLAIN):
    return RedPitaya(SimulatedBoard(clock=clock), calibration=(in1, in2), clock=clock)


@pytest.mark.parametrize("calibration", [HV, INVERTED], ids=["HV", "inverted"])
def test_scope_sampler_and_iq_tell_the_same_volts(clock, calibration):
    board = calibrated(clock, in1=calibration)
    board.asgs[0].setup("dc", offset_v=0.25, output="out1")
    wanted = calibration.gain * 0.25 + calibration.offset_v
    trace = board.scope.acquire(input="in1", input2="asg0", decimation=1, wait=clock.sleep)
    assert trace.volts.mean() == pytest.approx(wanted, abs=1e-3)
    assert trace.volts2.mean() == pytest.approx(0.25, abs=1e-3)
    assert board.sampler.read("in1", readings=10) == pytest.approx(wanted, abs=1e-3)
    assert board.sampler.read("out1") == pytest.approx(0.25, abs=1e-3)
    board.iqs[0].setup(frequency_hz=1e4, amplitude_v=0.2, input="in1", output="out1")
    point = board.iqs[0].measure(averaging_s=0.01, wait=clock.sleep)
    assert point.i_v == pytest.approx(calibration.gain * 0.2, rel=0.01)
    assert point.transfer == pytest.approx(calibration.gain, rel=0.01)
    board.iqs[0].setup(frequency_hz=1e4, amplitude_v=0.2, input="iq0", output="out1")
    assert board.iqs[0].measure(averaging_s=0.01, wait=clock.sleep).i_v == pytest.approx(0.2, rel=0.01)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("calibration", [HV, INVERTED], ids=["HV", "inverted"])
def test_an_edge_crosses_the_threshold_in_volts_of_its_input(clock, calibration, sign):
    board = calibrated(clock, in1=calibration)
    board.asgs[0].setup("sin", frequency_hz=10e3, amplitude_v=0.5, output="out1")
    threshold_v = calibration.offset_v + 0.2 * abs(calibration.gain)
    edge = "positive" if sign > 0 else "negative"
    trace = board.scope.acquire(
        input="in1",
        trigger_source=f"ch1_{edge}_edge",
        threshold_v=threshold_v,
        hysteresis_v=0.02 * abs(calibration.gain),
        timeout_s=1.0,
        wait=clock.sleep,
        **SIGNAL,
    )
    at = int(np.flatnonzero(trace.time_s == 0)[0])
    assert sign * (trace.volts[at - 1] - threshold_v) <= 0 <= sign * (trace.volts[at] - threshold_v)
    assert sign * (trace.volts[at + 20] - trace.volts[at - 20]) > 0
    state = board.scope.state()
    step_v = abs(calibration.gain) / 8192
    assert state["threshold_v"] == pytest.approx(threshold_v, abs=step_v)
    assert state["hysteresis_v"] == pytest.approx(0.02 * abs(calibration.gain), abs=step_v)
    assert trace.trigger_source == f"ch1_{edge}_edge"


def test_a_threshold_stays_the_same_volts_when_the_channel_gets_another_input(clock):
    board = calibrated(clock)
    board.asgs[0].setup("sin", frequency_hz=10e3, amplitude_v=0.4, offset_v=0.5, output="both")
    settings = {"timeout_s": 1.0, "wait": clock.sleep, **SIGNAL}
    board.scope.set_trigger("ch1_positive_edge", threshold_v=0.75, hysteresis_v=0.05)
    high = board.scope.acquire(input="in2", **settings)
    assert high.volts[np.flatnonzero(high.time_s == 0)[0]] == pytest.approx(0.75, abs=0.01)
    with pytest.raises(BadInputError, match=r"threshold_v = 12.0 V is outside of -1 to 1 V"):
        board.scope.acquire(input="in2", threshold_v=12.0, **settings)
    volts = board.scope.acquire(input="in1", threshold_v=12.0, **settings)
    assert volts.volts[np.flatnonzero(volts.time_s == 0)[0]] == pytest.approx(12.0, abs=0.1)
    with pytest.raises(BadInputError, match=r"threshold_v = 12.0 V is outside of -1 to 1 V"):
        board.scope.acquire(input="in2", **settings)
    assert board.scope.acquire(input="in2", trigger_source="immediately", **settings).inputs == ("in2",)


def test_a_setpoint_is_in_the_volts_that_the_sampler_tells(clock):
    board = calibrated(clock, in2=Calibration(offset_v=0.25))
    state = board.pids[0].configure(setpoint_v=5.0, i_hz=-2e3, input="in1", output="both")
    assert state.setpoint_v == pytest.approx(5.0, abs=3e-3)
    clock.sleep(0.05)
    assert board.sampler.read("in1", readings=20) == pytest.approx(5.0, abs=0.02)
    assert board.pids[0].set_setpoint(0.6) == board.pids[0].setpoint() == pytest.approx(0.6, abs=3e-3)
    assert board.pids[0].configure(input="in2").setpoint_v == pytest.approx(0.6, abs=3e-3)
    clock.sleep(0.05)
    assert board.sampler.read("in2", readings=20) == pytest.approx(0.6, abs=3e-3)
    with pytest.raises(BadInputError, match=r"setpoint_v = 5.0 V is outside of -0.75 to 1.25 V"):
        board.pids[0].set_setpoint(5.0)


@pytest.mark.parametrize("gain", [0.0, float("nan"), float("inf")])
def test_an_input_without_a_usable_gain_is_refused(gain):
    with pytest.raises(BadInputError, match="gain = "):
        Calibration(gain)
    with pytest.raises((ConfigError, ValueError), match="gain = "):
        RedPitayaConfig(in1={"gain": gain})
