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
    done = subprocess.run(
        [PYTHON, str(SESSIONS / session), str(port)], capture_output=True, text=True, timeout=110, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_pyrpl():
    with SimulatedRedPitaya(in1=PLANT) as device:
        found = run("pyrpl_session.py", device.port)
        assert device.monitor.transactions > 100
    sine = found["sine"]
    assert sine["frequency"] == pytest.approx(1e3, abs=0.1)
    assert sine["amplitude"] == pytest.approx(0.5, rel=0.05)
    assert sine["through_the_plant"] == pytest.approx(0.5 * abs(PLANT.transfer(1e3)), rel=0.05)
    before, at, after = sine["around_the_trigger"]
    assert before <= 0.1 + 2 / 8192
    assert after > at - 1e-4
    assert found["held"] == pytest.approx(0.2, abs=2e-3)
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
    tone = np.exp(-2j * np.pi * 1e3 * np.arange(16384) * 64 * 8e-9)
    assert 2 * abs(np.mean(volts * tone)) == pytest.approx(0.5 * abs(PLANT.transfer(1e3)), rel=0.05)
    assert len(found["now"]) == 100
    assert found["pins"] == [False, True, True, False]
    assert found["gain"] == "HV"
