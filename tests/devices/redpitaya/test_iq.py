import numpy as np
import pytest

from parfocal.core.errors import BadInputError, CancelledError
from parfocal.devices.redpitaya.redpitaya import RedPitaya
from parfocal.devices.redpitaya.simulated.plant import Plant

FREQUENCIES = np.geomspace(100, 10e6, 11)


@pytest.mark.parametrize(
    "plant",
    [
        Plant(),
        Plant(gain=-0.5),
        Plant(gain=0.8, corner_hz=50e3, delay_s=1e-6),
        Plant(gain=0.8, corner_hz=5e3, noise_v=1e-3, offset_v=0.1),
    ],
    ids=["wire", "inverting", "low-pass", "noisy"],
)
def test_a_sweep_finds_the_plant_s_transfer_function(build, clock, plant):
    board = build(in1=plant)
    board.iqs[0].setup(frequency_hz=1e3, amplitude_v=0.9, input="in1", output="out1")
    for point in board.iqs[0].sweep(FREQUENCIES, averaging_s=0.1, wait=clock.sleep):
        true = plant.transfer(point.frequency_hz)
        assert abs(point.transfer - true) < max(0.01 * abs(true), 2e-4)


def test_points_come_one_by_one(build, clock):
    board = build()
    board.iqs[1].setup(frequency_hz=1e3, amplitude_v=0.5, output="out1")
    points = board.iqs[1].sweep([1e3, 2e3, 4e3], averaging_s=1.0, wait=clock.sleep)
    before = clock.now_ns
    assert next(points).frequency_hz == pytest.approx(1e3, abs=0.1)
    assert 1e9 < clock.now_ns - before < 1.5e9
    assert [round(point.frequency_hz) for point in points] == [2000, 4000]


def test_in_phase_and_quadrature_are_volts(build, clock):
    board = build()
    board.iqs[0].setup(frequency_hz=10e3, amplitude_v=0.4, phase_deg=90, input="in1", output="out1")
    point = board.iqs[0].measure(averaging_s=0.01, wait=clock.sleep)
    assert (point.i_v, abs(point.q_v)) == pytest.approx((0, 0.4), abs=1e-3)
    assert board.iqs[0].state().phase_deg == pytest.approx(90)


def test_another_signal_is_averaged_out(build, clock):
    board = build()
    board.asgs[0].setup("sin", frequency_hz=33e3, amplitude_v=0.5, output="out1")
    board.iqs[0].setup(frequency_hz=10e3, amplitude_v=0.1, input="in1", output="out1")
    point = board.iqs[0].measure(averaging_s=0.05, wait=clock.sleep)
    assert abs(point.transfer - 1) < 0.01


def test_a_lock_in_on_a_generator(build, clock):
    board = build()
    frequency_hz = board.asgs[0].setup("sin", frequency_hz=1e4, amplitude_v=0.3, output="out1").frequency_hz
    board.iqs[2].setup(frequency_hz=frequency_hz, input="in1")
    point = board.iqs[2].measure(averaging_s=0.005, wait=clock.sleep)
    assert abs(complex(point.i_v, point.q_v)) == pytest.approx(0.3, rel=0.01)
    assert np.isnan(point.transfer)


def test_the_ac_filter_takes_low_frequencies_away(build, clock):
    board = build()
    state = board.iqs[0].setup(frequency_hz=1e3, amplitude_v=0.5, output="out1", acbandwidth_hz=1e4)
    low = next(board.iqs[0].sweep([state.acbandwidth_hz], wait=clock.sleep))
    assert abs(low.transfer) == pytest.approx(1 / np.sqrt(2), rel=0.02)


def test_a_quadrature_is_a_signal(build, clock):
    board = build()
    board.iqs[2].setup(
        frequency_hz=1e5, amplitude_v=0.0, input="in1", output_signal="quadrature", bandwidth_hz=1e3
    )
    frequency_hz = board.iqs[2].state().frequency_hz
    board.asgs[0].setup("sin", frequency_hz=frequency_hz, amplitude_v=0.8, output="out1")
    clock.sleep(0.01)
    in_phase, other = board.sampler.read("iq2"), board.sampler.read("iq2_2")
    assert np.hypot(in_phase, other) == pytest.approx(0.4, rel=0.02)


def test_a_measurement_can_be_cancelled(build, clock):
    board = build()
    board.iqs[0].setup(frequency_hz=1e3, amplitude_v=0.5, output="out1")

    def cancelled(seconds):
        raise CancelledError("enough")

    with pytest.raises(CancelledError):
        board.iqs[0].measure(averaging_s=10.0, wait=cancelled)


def test_off_is_silent(build, clock):
    board = build()
    board.iqs[0].setup(frequency_hz=1e6, amplitude_v=1.0, output="both")
    assert np.ptp(board.scope.acquire(input="in2", decimation=1, wait=clock.sleep).volts) > 1.9
    board.iqs[0].off()
    assert board.iqs[0].state().on is False
    assert np.ptp(board.scope.acquire(input="in2", decimation=1, wait=clock.sleep).volts) == 0


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"frequency_hz": 63e6}, "frequency_hz = 63000000.0 Hz is outside of 0 to"),
        ({"frequency_hz": 1e3, "amplitude_v": 1.1}, "amplitude_v = 1.1 V is outside of 0 to 1 V"),
        ({"frequency_hz": 1e3, "bandwidth_hz": (1.0, 2.0, 3.0)}, "more than the 2 stages"),
        ({"frequency_hz": 1e3, "bandwidth_hz": 1e-3}, "bandwidth_hz = 0.001 Hz"),
        ({"frequency_hz": 1e3, "acbandwidth_hz": -5.0}, "acbandwidth_hz = -5.0 Hz is negative"),
        ({"frequency_hz": 1e3, "acbandwidth_hz": float("nan")}, "acbandwidth_hz = nan Hz"),
        ({"frequency_hz": 1e3, "bandwidth_hz": [float("nan")]}, "bandwidth_hz = nan Hz"),
        ({"frequency_hz": 1e3, "phase_deg": float("inf")}, "phase_deg = inf"),
        ({"frequency_hz": 1e3, "output_signal": "quadratur"}, "did you mean 'quadrature'"),
    ],
)
def test_bad_input_touches_nothing(device, link, settings, message):
    board = RedPitaya(link)
    before = device.monitor.transactions
    with pytest.raises(BadInputError, match=message):
        board.iqs[0].setup(**settings)
    assert device.monitor.transactions == before


def test_a_bad_frequency_or_time_stops_a_sweep_before_its_first_point(device, link):
    board = RedPitaya(link)
    before = device.monitor.transactions
    with pytest.raises(BadInputError, match="frequency_hz"):
        board.iqs[0].sweep([1e3, 1e9])
    with pytest.raises(BadInputError, match="frequencies_hz is empty"):
        board.iqs[0].sweep([])
    with pytest.raises(BadInputError, match=r"averaging_s = 100\.0 s is outside of 8e-09 to 34\.3"):
        board.iqs[0].measure(averaging_s=100.0)
    with pytest.raises(BadInputError, match="settling_s = nan s"):
        board.iqs[0].measure(settling_s=float("nan"))
    assert device.monitor.transactions == before
