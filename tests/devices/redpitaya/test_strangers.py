"""Published clients, unmodified, take the simulated board for a real one. Opt-in: see strangers/README.md."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from parfocal.devices.redpitaya.simulated.plant import Plant
from parfocal.devices.redpitaya.simulated.server import SimulatedRedPitaya

PYTHON = os.environ.get("PARFOCAL_STRANGERS_PYTHON", "")
SESSIONS = Path(__file__).parent / "strangers"
PLANT = Plant(gain=0.8, corner_hz=50e3, delay_s=1e-6, noise_v=1e-3)

pytestmark = [
    pytest.mark.strangers,
    pytest.mark.skipif(
        not PYTHON, reason="PARFOCAL_STRANGERS_PYTHON names no environment with pyrpl and pymeasure"
    ),
]


def run(session: str, port: int) -> dict:
    # qtpy, which the collection of our windows imports here, writes down a binding that they do not have.
    theirs = {name: value for name, value in os.environ.items() if name != "QT_API"}
    command = [PYTHON, str(SESSIONS / session), str(port)]
    done = subprocess.run(command, env=theirs, capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def sine_in(time_s, volts, near_hz: float) -> tuple[float, float]:
    """Return amplitude and frequency of a sine: the frequency by what its phase turns from half to half."""

    def tone(part: slice) -> complex:
        window = np.hanning(len(time_s[part]))
        turning = np.exp(-2j * np.pi * near_hz * time_s[part])
        return np.sum(window * turning * (volts[part] - np.mean(volts))) / window.sum()

    middle = len(volts) // 2
    turn = np.angle(tone(slice(middle, None)) / tone(slice(0, middle))) / (2 * np.pi)
    return 2 * abs(tone(slice(None))), near_hz + turn / (time_s[middle] - time_s[0])


def test_pyrpl():
    with SimulatedRedPitaya(in1=PLANT) as device:
        found = run("pyrpl_session.py", device.port)
        assert device.monitor.transactions > 100
    waves = {name: np.array(values) for name, values in found["waves"].items()}
    assert waves["frequencies"] == pytest.approx([1e3, 5e3], abs=0.1)
    assert np.diff(waves["time"]) == pytest.approx(64 * 8e-9)
    assert sine_in(waves["time"], waves["sine"], 1e3) == pytest.approx((0.5, 1e3), rel=2e-3)
    through = 0.5 * abs(PLANT.transfer(1e3))
    assert sine_in(waves["time"], waves["plant"], 1e3) == pytest.approx((through, 1e3), rel=2e-3)
    before, _, after = waves["sine"][[8191 - 16, 8191, 8191 + 16]]
    assert before < 0.1 < after
    before, _, after = waves["ramp"][[8191 - 16, 8191, 8191 + 16]]
    assert before > 0.15 > after
    assert np.ptp(waves["ramp"]) == pytest.approx(2 * 0.3, abs=0.01)
    limit = 0.25
    for (held, output, told), (setpoint, wanted) in zip(
        found["held"], ((0.2, 0.2), (-0.3, -0.3), (0.4, limit * PLANT.gain)), strict=True
    ):
        assert held == pytest.approx(wanted, abs=2e-3)
        assert output == pytest.approx(wanted / PLANT.gain, abs=3e-3)
        assert told == pytest.approx(setpoint, abs=2 / 8192)
    assert found["demodulated"]["frequency"] == pytest.approx(125e6 / 1024, abs=0.05)
    quadratures = np.array(found["demodulated"]["quadratures"])
    assert quadratures[:2] == pytest.approx(-quadratures[2:], abs=2e-3)
    assert np.hypot(*quadratures[:2]) == pytest.approx(0.4 / 2, abs=2e-3)
    for frequency, real, imag in found["transfer"]:
        true = PLANT.transfer(frequency)
        assert abs(complex(real, imag) - true) < max(0.01 * abs(true), 3e-4)
    assert found["dac2"] == pytest.approx(1.0, abs=1e-3)
    assert found["led"] == 5
    assert any("monitor_server" in command for command in found["typed"])


def test_pymeasure():
    with SimulatedRedPitaya(port=None, scpi_port=0, in1=PLANT) as device:
        found = run("pymeasure_session.py", device.scpi_port)
    assert found["id"].startswith("REDPITAYA")
    assert found["length"] == len(found["triggered"]) == 16384
    assert found["settings"] == [64, False, "VOLTS"]
    assert found["level"] == pytest.approx(0.1, abs=2 / 8192)
    volts = np.array(found["triggered"])
    assert volts[8189] < 0.1 < volts[8193]
    assert 0 <= found["position"] < 16384
    through = 0.5 * abs(PLANT.transfer(1e3))
    assert sine_in(np.arange(16384) * 64 * 8e-9, volts, 1e3) == pytest.approx((through, 1e3), rel=2e-3)
    assert len(found["now"]) == 100
    assert found["pins"] == [False, True, True, False]
    assert found["gain"] == "HV"
