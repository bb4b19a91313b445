"""What the simulated board makes of its plants, against the differential equation."""

import numpy as np
import pytest
from scipy.signal import lfilter

from parfocal.devices.redpitaya.simulated.plant import Plant
from parfocal.devices.redpitaya.simulated.signals import Signals
from parfocal.devices.redpitaya.simulated.sources import Level, Player, Smoothing, Tone

TICKS = 1 << 16


def low_passed(values, tau_ticks):
    """A one-pole filter at every tick; the reference that is too slow to simulate with."""
    keep = np.exp(-1 / tau_ticks)
    return lfilter([1 - keep], [1, -keep], values)


def within_1_5_ticks(step, plant):
    """What a step's answer moves in 1.5 ticks: the filter answers in its tick, a table's edge lies in one."""
    return 1.5 * step / plant.tau_ticks


def player(step, shape="square", **more):
    turn = np.arange(16384) / 16384
    table = {"square": np.where(turn < 0.5, 4000.0, -4000.0), "sin": 4000 * np.sin(2 * np.pi * turn)}[shape]
    return Player(table=np.rint(table), start=0, phase=0, step=step, **more)


@pytest.mark.parametrize("turns", [2.5, 16, 250])
@pytest.mark.parametrize("shape", ["square", "sin"])
def test_a_table_through_a_low_pass_is_what_the_filter_makes_of_it(turns, shape):
    source = player(round(turns * 2**30 / TICKS), shape)
    ticks = np.arange(TICKS)
    plant = Plant(corner_hz=200e3)
    exact = low_passed(source.values(ticks, Smoothing()), plant.tau_ticks)
    got = source.values(ticks, Smoothing(plant.tau_ticks))
    settled = ticks > 20 * plant.tau_ticks
    assert np.abs(got - exact)[settled].max() < within_1_5_ticks(8000, plant)


def test_a_change_has_its_exact_transient_and_its_past():
    plant = Plant(gain=0.5, corner_hz=100e3, delay_s=2e-6)
    signals = Signals((plant, Plant(source="out2")))
    signals.change(0, 8, source=Level(0.0), outputs=1)
    signals.change(10_000, 8, source=Level(8000.0))
    signals.change(10_300, 8, source=Tone(4000.0, 2**32 // 500))
    signals.change(10_900, 8, source=Level(-2000.0))
    ticks = np.arange(5_000, 20_000)
    driven = np.zeros(len(ticks))
    for begin, source in (
        (10_000, Level(8000.0)),
        (10_300, Tone(4000.0, 2**32 // 500)),
        (10_900, Level(-2000.0)),
    ):
        later = ticks - plant.delay_ticks >= begin
        driven[later] = source.values(ticks[later] - plant.delay_ticks, Smoothing())
    exact = 0.5 * low_passed(driven, plant.tau_ticks)
    got = signals.slot(10, ticks)
    assert np.abs(got - exact).max() < within_1_5_ticks(0.5 * 10_000, plant)


def test_a_decimated_trace_is_the_full_one_every_so_often():
    signals = Signals((Plant(corner_hz=50e3), Plant()))
    signals.change(0, 8, source=player(2**30 // 3000), outputs=1)
    full = signals.slot(10, np.arange(TICKS))
    assert np.array_equal(signals.slot(10, np.arange(0, TICKS, 64)), full[::64])


def test_an_averaged_sample_is_the_mean_of_its_ticks():
    signals = Signals((Plant(), Plant()))
    signals.change(0, 8, source=player(2**30 // 3000, "sin"), outputs=1)
    full = signals.slot(10, np.arange(TICKS)).reshape(-1, 64)
    means = signals.slot(10, np.arange(63, TICKS, 64), average=64)
    assert np.abs(means - full.mean(axis=1)).max() <= 1.5


def test_bursts_begin_and_end_through_the_low_pass():
    step = 2**30 // 1000
    source = player(step, burst_ticks=3000, period_ticks=5000, bursts=2)
    ticks = np.arange(-2000, 14_000)
    plant = Plant(corner_hz=500e3)
    plain = source.values(ticks, Smoothing())
    exact = low_passed(plain - plain[0], plant.tau_ticks) + plain[0]
    got = source.values(ticks, Smoothing(plant.tau_ticks))
    assert np.abs(got - exact).max() < within_1_5_ticks(8000, plant)


def test_inputs_and_outputs_saturate():
    signals = Signals((Plant(gain=3.0), Plant()))
    signals.change(0, 8, source=Level(6000.0), outputs=1)
    signals.change(0, 9, source=Level(6000.0), outputs=1)
    at = np.array([100])
    assert signals.slot(12, at) == signals.slot(10, at) == 8191


def test_phases_are_exact_after_a_day():
    day = 86_400 * 125_000_000
    tone = Tone(8000.0, 2**32 // 1000 + 1)
    ticks = np.arange(day, day + 5000)
    assert np.array_equal(tone.values(ticks, Smoothing()), tone.values(ticks % 2**32, Smoothing())), (
        "the accumulator wraps at 2**32, so a tick counts modulo 2**32"
    )
