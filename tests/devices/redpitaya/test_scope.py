import numpy as np
import pytest

from parfocal.core.errors import BadInputError, CancelledError, DeviceError, DeviceTimeoutError
from parfocal.devices.redpitaya.memory_map import SCOPE
from parfocal.devices.redpitaya.redpitaya import RedPitaya
from parfocal.devices.redpitaya.simulated.plant import Plant
from parfocal.devices.redpitaya.trace import Calibration

EDGES = {
    "ch1_positive_edge": (1, 1),
    "ch1_negative_edge": (1, -1),
    "ch2_positive_edge": (2, 1),
    "ch2_negative_edge": (2, -1),
}


@pytest.fixture
def board(build):
    board = build()
    board.asgs[0].setup("sin", frequency_hz=10e3, amplitude_v=0.5, output="both")
    return board


def test_immediately_begins_with_the_trigger(board, clock):
    trace = board.scope.acquire(input="in1", decimation=64, averaging=False, wait=clock.sleep)
    assert trace.volts.shape == (16384,)
    assert trace.volts2 is None
    assert trace.inputs == ("in1",)
    assert trace.time_s[0] == 64 * 8e-9
    assert np.array_equal(trace.time_s, np.arange(1, 16385) * 64 * 8e-9)
    assert trace.volts.max() == pytest.approx(0.5, abs=2e-4)


@pytest.mark.parametrize("source", EDGES)
@pytest.mark.parametrize("decimation", [1, 8, 64])
def test_an_edge_lies_at_time_0(board, clock, source, decimation):
    trace = board.scope.acquire(
        input="in1",
        input2="in2",
        decimation=decimation,
        averaging=False,
        trigger_source=source,
        threshold_v=0.125,
        hysteresis_v=0.01,
        wait=clock.sleep,
    )
    channel, sign = EDGES[source]
    volts = trace.volts if channel == 1 else trace.volts2
    at = int(np.flatnonzero(trace.time_s == 0)[0])
    before, after = volts[at - 1], volts[at]
    assert sign * (before - 0.125) <= 0 <= sign * (after - 0.125)
    assert sign * (volts[at + 1] - before) > 0


def test_the_delay_moves_the_trace(board, clock):
    settings = {"input": "in1", "decimation": 64, "trigger_source": "ch1_positive_edge", "wait": clock.sleep}
    early = board.scope.acquire(trigger_delay_s=-2e-3, **settings)
    late = board.scope.acquire(trigger_delay_s=10e-3, **settings)
    assert early.time_s.mean() == pytest.approx(-2e-3, abs=1e-6)
    assert late.time_s.mean() == pytest.approx(10e-3, abs=1e-6)
    assert late.time_s[0] > 0
    for trace in (early, late):
        wave = 0.5 * np.sin(2 * np.pi * 10e3 * trace.time_s)
        assert np.corrcoef(wave, trace.volts)[0, 1] > 0.999


def test_the_generator_s_own_trigger_is_the_start_of_its_turn(board, clock):
    trace = board.scope.acquire(
        input="asg0", decimation=1, averaging=False, trigger_source="asg0", wait=clock.sleep
    )
    at = int(np.flatnonzero(trace.time_s == 0)[0])
    assert abs(trace.volts[at]) < 1e-3
    assert trace.volts[at + 100] > 0


def test_averaging_is_a_mean(build, clock):
    board = build(in1=Plant(gain=0, noise_v=0.05, offset_v=0.1))
    settings = {"input": "in1", "decimation": 1024, "wait": clock.sleep}
    rough = board.scope.acquire(averaging=False, **settings).volts
    smooth = board.scope.acquire(averaging=True, **settings).volts
    assert rough.std() == pytest.approx(0.05, rel=0.05)
    assert smooth.std() == pytest.approx(0.05 / 32, rel=0.05)
    assert smooth.mean() == pytest.approx(0.1, abs=1e-3)


def test_traces_are_numbered_and_dated(board, clock):
    traces = list(board.scope.traces(3, input="in1", decimation=8, wait=clock.sleep))
    assert [trace.sequence for trace in traces] == [1, 2, 3]
    ticks = [trace.trigger_tick for trace in traces]
    assert ticks == sorted(set(ticks))
    assert traces[0].triggered_at_s == ticks[0] * 8e-9
    assert abs(traces[2].triggered_ns - clock.now_ns) < 5e6


@pytest.mark.parametrize("decimation", [1, 8, 64, 8192])
def test_an_old_trace_cannot_pass_for_a_new_one(board, clock, decimation):
    """Somebody resets the scope while it waits: what lies in its buffer is refused."""
    board.scope.acquire(input="in1", decimation=8, wait=clock.sleep)
    hits = iter(range(100))

    def meddle(seconds):
        clock.sleep(seconds)
        if next(hits) == 3:
            board.board.write_word(SCOPE, 2)

    with pytest.raises(DeviceError, match="old samples were not taken"):
        board.scope.acquire(
            input="in1",
            trigger_source="ch1_positive_edge",
            threshold_v=0.9,
            decimation=decimation,
            wait=meddle,
        )


def test_stop_fails_the_acquisition_under_way(board, clock):
    def stop(seconds):
        clock.sleep(seconds)
        board.scope.stop()

    with pytest.raises(DeviceError, match="stopped"):
        board.scope.acquire(input="in1", decimation=1024, wait=stop)


def test_no_trigger_is_a_timeout_that_disarms(board, clock):
    with pytest.raises(DeviceTimeoutError, match=r"no trigger \(ch1_positive_edge, threshold 0.8"):
        board.scope.acquire(
            input="in1",
            decimation=8,
            trigger_source="ch1_positive_edge",
            threshold_v=0.8,
            timeout_s=0.1,
            wait=clock.sleep,
        )
    assert board.board.read_word(SCOPE) == 0


def test_one_acquisition_at_a_time(board, clock):
    def another(seconds):
        clock.sleep(seconds)
        with pytest.raises(DeviceError, match="another trace"):
            board.scope.acquire(input="in1")

    board.scope.acquire(input="in1", decimation=64, wait=another)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"decimation": 3}, "decimation = 3 is no power of two"),
        ({"input": "in3"}, "input = 'in3'"),
        ({"trigger_source": "ch3"}, "trigger_source = 'ch3'"),
        ({"trigger_source": "off"}, "never triggers"),
        ({"threshold_v": 2.0}, "threshold_v = 2.0 V is outside of -1 to 1 V"),
        ({"hysteresis_v": -0.1}, "hysteresis_v = -0.1 V"),
        ({"trigger_delay_s": 1e-3}, "such a trace begins with its trigger; leave the delay out"),
        ({"trigger_source": "asg0", "trigger_delay_s": float("nan")}, "trigger_delay_s = nan s"),
        (
            {"trigger_source": "asg0", "decimation": 1, "trigger_delay_s": -1.0},
            r"trigger_delay_s = -1.0 s is outside of -6.5528e-05",
        ),
    ],
)
def test_bad_input_touches_nothing(device, link, settings, message):
    board = RedPitaya(link)
    before = device.monitor.transactions
    with pytest.raises(BadInputError, match=message):
        board.scope.acquire(**settings)
    assert device.monitor.transactions == before


def test_settings_are_read_back(board):
    assert board.scope.set_decimation(256) == 256
    assert board.scope.set_averaging(False) is False
    trigger = board.scope.set_trigger("asg1", threshold_v=0.1, hysteresis_v=0.05)
    assert trigger == ("asg1", 819 / 8192, 410 / 8192)
    state = board.scope.state()
    assert (state["decimation"], state["averaging"], state["trigger_source"]) == (256, False, "asg1")


def test_calibration_makes_volts(build, clock):
    board = build(in1=Plant(gain=0, offset_v=0.25))
    calibrated = RedPitaya(board.board.link, calibration=(Calibration(20, 0.5), Calibration()), clock=clock)
    trace = calibrated.scope.acquire(input="in1", input2="in1", decimation=1, wait=clock.sleep)
    assert trace.volts.mean() == pytest.approx(20 * 0.25 + 0.5, abs=1e-3)


def test_a_cancel_ends_the_wait_and_disarms(board, clock):
    """How soon it is heard is the benchmark's figure."""
    armed = []

    def cancelled(seconds, /):
        armed.append(board.board.read_word(SCOPE) & 1)
        raise CancelledError("cancelled", phase="running")

    with pytest.raises(CancelledError):
        board.scope.acquire(input="in1", decimation=65536, wait=cancelled)
    assert armed == [1]
    assert board.board.read_word(SCOPE) == 0
