from contextlib import closing

import numpy as np
import pytest

from parfocal.core.errors import BadInputError, DeviceError, DeviceTimeoutError, UnconfirmedWriteError
from parfocal.devices.redpitaya.link import TcpLink
from parfocal.devices.redpitaya.redpitaya import RedPitaya
from parfocal.devices.redpitaya.waveforms import WAVEFORMS, table


@pytest.fixture
def board(build):
    return build()


def seen(board, clock, **settings):
    return board.scope.acquire(input="in1", averaging=False, wait=clock.sleep, **settings)


@pytest.mark.parametrize("waveform", [name for name in WAVEFORMS if name not in ("arbitrary", "noise")])
def test_the_scope_sees_what_the_table_says(board, clock, waveform):
    board.asgs[0].setup(waveform, frequency_hz=1e3, amplitude_v=0.5, offset_v=0.25, output="out1")
    trace = seen(board, clock, decimation=64, trigger_source="asg0")
    turn = (trace.time_s * board.asgs[0].state().frequency_hz) % 1
    wanted = 0.25 + 0.5 * table(waveform)[(turn * 16384).astype(int) % 16384]
    assert np.mean(np.abs(trace.volts - wanted) < 3e-3) > 0.999


def test_frequency_and_amplitude_are_those_read_back(board, clock):
    state = board.asgs[1].setup("sin", frequency_hz=12_345.6, amplitude_v=0.4, output="out1")
    trace = seen(board, clock, decimation=8)
    tone = np.exp(2j * np.pi * state.frequency_hz * trace.time_s)
    whole = int(0.001 * state.frequency_hz) / state.frequency_hz
    kept = trace.time_s < whole
    assert 2 * abs(np.mean(trace.volts[kept] / tone[kept])) == pytest.approx(0.4, rel=2e-3)
    assert state.frequency_hz == pytest.approx(12_345.6, abs=0.06)


def test_an_arbitrary_table(board, clock):
    samples = np.linspace(-1, 1, 16384) ** 3
    board.asgs[0].setup("arbitrary", samples=samples, frequency_hz=1e3, amplitude_v=1.0, output="out1")
    trace = seen(board, clock, decimation=8, trigger_source="asg0")
    start = int(np.flatnonzero(trace.time_s == 0)[0])
    turn = trace.volts[start : start + 8000]
    wanted = samples[(np.arange(8000) * 8 * 8e-9 * 1e3 * 16384).astype(int)]
    assert np.abs(turn - wanted).max() < 3e-3


def test_noise_is_white_and_as_large_as_asked_for(board, clock):
    board.asgs[0].setup("noise", amplitude_v=0.4, output="out1")
    volts = seen(board, clock, decimation=1).volts
    assert volts.std() == pytest.approx(0.1, rel=0.05)
    assert abs(np.corrcoef(volts[1:], volts[:-1])[0, 1]) < 0.05


def test_bursts_are_counted_out(board, clock):
    asg = board.asgs[0]
    settings = {
        "frequency_hz": 100e3,
        "amplitude_v": 0.5,
        "output": "out1",
        "cycles_per_burst": 3,
        "bursts": 4,
    }
    asg.setup("square", trigger_source="off", burst_delay_s=50e-6, phase_deg=180, **settings)
    waits = iter(range(100))

    def fire_once(seconds):
        clock.sleep(seconds)
        if next(waits) == 3:
            asg.trigger()

    trace = board.scope.acquire(
        input="in1",
        decimation=8,
        averaging=False,
        trigger_source="ch1_positive_edge",
        threshold_v=0.0,
        hysteresis_v=0.1,
        timeout_s=1.0,
        wait=fire_once,
    )
    high = trace.volts > 0
    assert np.count_nonzero(high[1:] & ~high[:-1]) == 4 * 3


def test_a_generator_that_waits_stays_silent(board, clock):
    board.asgs[0].setup("sin", frequency_hz=1e3, amplitude_v=0.5, output="out1", trigger_source="off")
    assert np.ptp(seen(board, clock, decimation=64).volts) == 0
    board.asgs[0].trigger()
    assert np.ptp(seen(board, clock, decimation=64).volts) > 0.9


@pytest.mark.parametrize("phase_deg", [0, 90, 200])
def test_a_burst_has_whole_periods_from_any_phase(board, clock, phase_deg):
    asg = board.asgs[0]
    state = asg.setup(
        "sin",
        frequency_hz=10e3,
        amplitude_v=0.5,
        phase_deg=phase_deg,
        output="out1",
        trigger_source="off",
        cycles_per_burst=5,
    )
    assert (state.phase_deg, state.bursts) == (pytest.approx(phase_deg, abs=0.02), 1)
    waits = iter(range(100))

    def fire(seconds):
        clock.sleep(seconds)
        if next(waits) == 3:
            asg.trigger()

    trace = board.scope.acquire(
        input="in1", decimation=8, averaging=False, trigger_source="asg0", timeout_s=1.0, wait=fire
    )
    begin = int(np.flatnonzero(trace.time_s == 0)[0]) + 1
    length = round(5 / 10e3 / (8 * 8e-9))
    turn = np.arange(length) * 8 * 8e-9 * 10e3
    wanted = 0.5 * np.sin(2 * np.pi * turn + np.deg2rad(phase_deg))
    assert np.abs(trace.volts[begin : begin + length] - wanted).max() < 6e-3
    assert np.ptp(trace.volts[begin + length + 2 :]) == 0


def test_a_trigger_starts_a_running_generator_again(board, clock):
    asg = board.asgs[0]
    asg.setup("sin", frequency_hz=10.0, amplitude_v=0.5, phase_deg=90, output="out1")
    clock.sleep(0.025)
    assert abs(board.sampler.read("in1")) < 0.1
    asg.trigger()
    assert board.sampler.read("in1") == pytest.approx(0.5, abs=0.01)


def test_without_the_wrap_bit_each_turn_begins_at_the_start_phase(board):
    """As the gateware does it: so the client sets the bit, or frequencies would be wrong."""
    board.asgs[0].setup("halframp", frequency_hz=1e3, amplitude_v=0.5, phase_deg=180, output="out1")
    board.board.write_word(0x40200000, 1 << 6)
    board.board.write_word(0x40200000, 1)
    link = board.board.link
    tick = link.now() + np.arange(250_000)
    values = link.signals.slot(8, tick)
    jumps = np.flatnonzero(np.diff(values) < -1000)
    assert values.min() >= -1
    assert set(np.diff(jumps)) == {62_500}


def test_changes_of_one_do_not_start_the_other_again(board, clock):
    """Both share a control word; a finished burst of one must not begin again when the other is changed."""
    first, second = board.asgs
    first.setup("square", frequency_hz=1e3, amplitude_v=0.5, output="out1", cycles_per_burst=2)
    clock.sleep(0.1)
    second.setup("sin", frequency_hz=1e4, amplitude_v=0.1)
    second.trigger()
    second.off()
    clock.sleep(0.0005)
    volts = seen(board, clock, decimation=8).volts
    assert np.ptp(volts) == 0


@pytest.mark.parametrize("back_at_once", [True, False])
def test_a_trigger_cut_in_the_middle_is_never_given_again(device, back_at_once):
    """The board took it, its answer was lost; then the other generator changes their common word."""
    link = TcpLink("127.0.0.1", device.port, timeout_s=30.0)
    with closing(RedPitaya(link)) as board:
        first, second = board.asgs
        first.setup("sin", frequency_hz=1e5, amplitude_v=0.5, trigger_source="off", cycles_per_burst=5)
        link._socket.settimeout(0.8)  # for the answer that is lost; whatever else is slow is only slow
        device.inject_fault("drop", letter="w", after=2)
        if not back_at_once:
            device.inject_fault("refuse", after=4, count=-1)
        with pytest.raises(UnconfirmedWriteError):
            first.trigger()
        assert bool(device.monitor.faults) is not back_at_once
        device.monitor.faults.clear()

        def change_the_other(seconds):
            second.setup("sin", amplitude_v=0.1)
            second.off()

        with pytest.raises(DeviceTimeoutError):
            board.scope.acquire(decimation=1, trigger_source="asg0", timeout_s=0.2, wait=change_the_other)


def test_frequency_changes_without_a_jump(board, clock):
    asg = board.asgs[0]
    asg.setup("sin", frequency_hz=1e3, amplitude_v=0.5, output="out1")
    changed = {}

    def change_once(seconds):
        clock.sleep(seconds / 2)
        if not changed:
            changed[0] = asg.set_frequency(1.1e3)
        clock.sleep(seconds / 2)

    trace = board.scope.acquire(input="in1", decimation=64, averaging=False, wait=change_once)
    assert np.abs(np.diff(trace.volts)).max() < 2 * np.pi * 1.1e3 * 0.5 * 64 * 8e-9 * 1.6
    assert changed[0] == pytest.approx(1.1e3, abs=0.1)


def test_off_is_0_volts(board, clock):
    board.asgs[0].setup("dc", offset_v=0.7, output="out1")
    assert board.sampler.read("in1") == pytest.approx(0.7, abs=2e-4)
    board.asgs[0].off()
    assert board.sampler.read("in1") == 0
    assert board.sampler.read("asg0") == 0
    assert board.asgs[0].state().running is False


def test_a_trigger_of_a_silent_generator_is_refused(board):
    board.asgs[0].setup("sin", amplitude_v=0.5, trigger_source="off")
    board.asgs[0].trigger()
    board.asgs[0].off()
    with pytest.raises(DeviceError, match="asg0 is off, so a trigger starts nothing"):
        board.asgs[0].trigger()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"waveform": "sine"}, "did you mean 'sin'"),
        ({"frequency_hz": 100e6}, r"frequency_hz = 100000000.0 Hz is outside of 0 to 6.25e\+07 Hz"),
        ({"amplitude_v": 1.2}, "amplitude_v = 1.2 V"),
        ({"amplitude_v": 0.8, "offset_v": 0.5}, "reaches 1.3 V; the outputs end at 1 V"),
        ({"output": "out3"}, "output = 'out3'"),
        ({"trigger_source": "immediate"}, "did you mean 'immediately'"),
        ({"samples": np.zeros(16384)}, "samples belong to 'arbitrary'"),
        ({"waveform": "arbitrary"}, "samples belong to 'arbitrary'"),
        ({"waveform": "arbitrary", "samples": np.full(16384, 1.5)}, r"samples\[0\] = 1.5"),
        ({"waveform": "arbitrary", "samples": np.full(16384, np.nan)}, r"samples\[0\] = nan"),
        ({"bursts": 70_000}, "bursts = 70000 is outside of 1 to 65536"),
        ({"phase_deg": float("nan")}, "phase_deg = nan"),
        ({"burst_delay_s": float("inf")}, "burst_delay_s = inf"),
        ({"bursts": 2}, "without an end"),
        ({"bursts": 2, "cycles_per_burst": 1}, "at least 1e-06 s between them"),
    ],
)
def test_bad_input_touches_nothing(device, link, settings, message):
    board = RedPitaya(link)
    before = device.monitor.transactions
    with pytest.raises(BadInputError, match=message):
        board.asgs[0].setup(**settings)
    assert device.monitor.transactions == before


def test_there_are_two(board):
    with pytest.raises(BadInputError, match="asg0 to asg1"):
        type(board.asgs[0])(board.board, 2)
