import numpy as np
import pytest

from parfocal.core.errors import BadInputError
from parfocal.devices.redpitaya.redpitaya import RedPitaya
from parfocal.devices.redpitaya.simulated.plant import Plant


def test_the_setpoint_is_held_against_a_disturbance(build, clock):
    board = build(
        in1=Plant(gain=0.5, corner_hz=20e3, offset_v=0.1, disturbance_v=0.05, disturbance_hz=20, noise_v=1e-3)
    )
    free = board.scope.acquire(input="in1", decimation=1024, averaging=True, wait=clock.sleep).volts
    board.pids[0].configure(setpoint_v=0.2, i_hz=-2e3, input="in1", output="out1")
    clock.sleep(0.05)
    held = board.scope.acquire(input="in1", decimation=1024, averaging=True, wait=clock.sleep).volts
    assert np.ptp(free) > 0.08
    assert held.mean() == pytest.approx(0.2, abs=2e-3)
    assert np.ptp(held) < 0.02


def test_a_step_settles_with_the_loop_s_time_constant(build, clock):
    board = build()
    board.pids[1].configure(setpoint_v=0.0, i_hz=-100.0, input="in1", output="out1")
    stepped = {}

    def step_once(seconds):
        if not stepped:
            stepped[0] = board.pids[1].set_setpoint(0.5)
        clock.sleep(seconds)

    trace = board.scope.acquire(input="in1", decimation=64, averaging=False, wait=step_once)
    begin = trace.time_s[np.argmax(trace.volts > 0.005)]
    risen = trace.time_s[np.argmax(trace.volts > 0.5 * (1 - np.exp(-1)))]
    assert risen - begin == pytest.approx(1 / (2 * np.pi * 100), rel=0.03)


def test_the_proportional_gain_acts_without_memory(build, clock):
    board = build(in1=Plant(gain=0, offset_v=0.1))
    board.pids[2].configure(setpoint_v=0.05, p=3.0, i_hz=0.0, input="in1", output="out2")
    clock.sleep(0.01)
    assert board.sampler.read("in2") == pytest.approx(0.15, abs=2e-3)
    board.pids[2].configure(max_v=0.1)
    clock.sleep(0.01)
    assert board.sampler.read("in2") == pytest.approx(0.1, abs=1e-3)


def test_the_integrator_can_be_set_and_read(build, clock):
    board = build(in1=Plant(gain=0))
    state = board.pids[0].configure(integrator_v=-0.5, output="out2")
    assert state.integrator_v == pytest.approx(-0.5, abs=1e-3)
    clock.sleep(0.001)
    assert board.sampler.read("in2") == pytest.approx(-0.5, abs=1e-3)


def test_a_paused_controller_keeps_its_output(build, clock):
    board = build(in1=Plant(offset_v=0.2))
    board.pids[0].configure(setpoint_v=0.0, i_hz=-1e3, input="in1", output="out1")
    clock.sleep(0.05)
    assert board.pids[0].configure(paused=True).paused
    before = board.sampler.read("pid0")
    board.pids[0].set_setpoint(0.4)
    clock.sleep(0.05)
    assert board.sampler.read("pid0") == before == pytest.approx(-0.2, abs=2e-3)
    board.pids[0].configure(paused=False)
    clock.sleep(0.05)
    assert board.sampler.read("in1") == pytest.approx(0.4, abs=2e-3)


def test_the_input_filter_slows_the_loop_s_eye(build, clock):
    board = build()
    board.asgs[0].setup("square", frequency_hz=1e3, amplitude_v=0.5, output="out1")
    board.pids[0].configure(p=1.0, input="in1", input_filter_hz=[100.0])
    clock.sleep(0.05)
    volts = board.scope.acquire(input="pid0", decimation=64, averaging=False, wait=clock.sleep).volts
    assert np.ptp(volts) < 0.3


def test_a_pair_takes_the_other_s_input_for_its_setpoint(build, clock):
    board = build(in2=Plant(source="out2", gain=0, offset_v=0.3))
    board.pids[1].configure(input="in2")
    state = board.pids[0].configure(setpoint_v=-0.7, i_hz=-1e3, input="in1", output="out1", differential=True)
    clock.sleep(0.05)
    assert state.differential
    assert board.sampler.read("in1") == pytest.approx(0.3, abs=2e-3)
    with pytest.raises(BadInputError, match="pair"):
        board.pids[2].configure(differential=True)


def test_values_are_quantised_and_read_back(build):
    board = build()
    state = board.pids[0].configure(p=0.1, i_hz=100.0, setpoint_v=0.3, min_v=-0.5, max_v=0.5)
    assert state.p == 410 / 4096
    assert state.i_hz == pytest.approx(100.0, abs=0.003)
    assert (state.setpoint_v, state.min_v, state.max_v) == (2458 / 8192, -0.5, 0.5)
    assert board.pids[0].set_setpoint(-0.1) == board.pids[0].setpoint() == -819 / 8192


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"d": 1.0}, "no derivative gain"),
        ({"p": 3000.0}, "p = 3000.0 is outside of -2048 to 2048"),
        ({"i_hz": 1e6}, "i_hz = 1000000.0 Hz is outside of"),
        ({"setpoint_v": 2.0}, "setpoint_v = 2.0 V"),
        ({"integrator_v": 5.0}, "integrator_v = 5.0 V is outside of -4 to 4 V"),
        ({"min_v": 0.5, "max_v": -0.5}, "min_v = 0.5 V is above max_v = -0.5 V"),
        ({"input_filter_hz": [float("nan")]}, "input_filter_hz = nan Hz"),
        ({"input": "in9"}, "input = 'in9'"),
        ({"p": 1.0, "output": "out9"}, "output = 'out9'"),
        ({"input_filter_hz": [1.0, 2.0, 3.0, 4.0, 5.0]}, "more than the 4 stages"),
    ],
)
def test_bad_input_touches_nothing(device, link, settings, message):
    board = RedPitaya(link)
    before = device.monitor.transactions
    with pytest.raises(BadInputError, match=message):
        board.pids[0].configure(**settings)
    assert device.monitor.transactions == before


def test_limits_that_no_output_can_keep_are_refused_beside_the_board_s_own(build):
    board = build()
    board.pids[0].configure(max_v=0.25)
    with pytest.raises(BadInputError, match=r"min_v = 0.5 V is above max_v = 0.25 V"):
        board.pids[0].configure(min_v=0.5)
    assert board.pids[0].state().min_v == -1.0


def test_a_loop_has_settled_once_it_stayed_near_its_setpoint(build, clock):
    board = build()
    board.pids[0].configure(setpoint_v=0.5, i_hz=-20.0, input="in1", output="out1")
    looks = list(board.pids[0].settle(0.01, 0.2, wait=clock.sleep))
    assert abs(looks[0].deviation_v) > 0.4
    assert [each.held_s for each in looks[:2]] == [0.0, 0.0]
    last = looks[-1]
    assert last.held_s >= 0.2 > looks[-2].held_s
    assert abs(last.deviation_v) <= 0.01
    assert last.deviation_v == next(each.deviation_v for each in looks if abs(each.deviation_v) <= 0.01)
    assert last.waited_s == pytest.approx(np.log(0.5 / 0.01) / (2 * np.pi * 20) + 0.2, rel=0.1)
    assert abs(board.sampler.read("in1") - 0.5) < 0.01


def test_an_instant_outside_begins_the_wait_anew(build, clock):
    board = build(in1=Plant(gain=0, offset_v=0.1))
    board.pids[0].configure(setpoint_v=0.1, input="in1")
    held = []
    for now in board.pids[0].settle(0.01, 0.1, wait=clock.sleep):
        held.append(now.held_s)
        if len(held) in (20, 21):
            board.pids[0].set_setpoint(0.3 if len(held) == 20 else 0.1)
    assert held[19] > 0.03
    assert held[20] == held[21] == 0.0
    assert now.waited_s > 0.13


def test_a_pair_has_settled_when_both_inputs_agree(build, clock):
    board = build(in2=Plant(source="out2", gain=0, offset_v=0.3))
    board.pids[1].configure(input="in2")
    board.pids[0].configure(setpoint_v=-0.7, i_hz=-1e3, input="in1", output="out1", differential=True)
    *_, last = board.pids[0].settle(0.01, 0.01, wait=clock.sleep)
    assert board.sampler.read("in1") == pytest.approx(0.3, abs=0.01)
    assert abs(last.deviation_v) <= 0.01


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0.0, 0.1), "within_v = 0.0 V must be positive"),
        ((float("nan"), 0.1), "within_v = nan V"),
        ((0.1, -1.0), "for_s = -1.0 s"),
        ((0.1, 0.1), "pid0 has no input that could settle"),
    ],
)
def test_what_cannot_settle_is_refused(build, arguments, message):
    board = build()
    board.pids[0].configure(input="off")
    with pytest.raises(BadInputError, match=message):
        board.pids[0].settle(*arguments)


def test_no_derivative_gain_may_be_said_too(build):
    assert build().pids[0].configure(d=0.0).p == 0


def test_off_lets_go(build, clock):
    board = build()
    board.pids[0].configure(setpoint_v=0.5, i_hz=-1e3, input="in1", output="out1")
    clock.sleep(0.05)
    board.pids[0].off()
    clock.sleep(0.001)
    assert board.sampler.read("in1") == 0
    assert board.pids[0].state().integrator_v == 0
