"""A session with pyrpl, as its tutorial has it. Usage: pyrpl_session.py PORT."""

from __future__ import annotations

import json
import os
import sys
import time

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import numpy as np
from fake_shell import FakeShell
from pyrpl import RedPitaya


def see_two_waves(board):
    board.asg0.setup(
        waveform="sin",
        frequency=1e3,
        amplitude=0.5,
        offset=0.1,
        trigger_source="immediately",
        output_direct="out1",
    )
    board.asg1.setup(
        waveform="halframp", frequency=5e3, amplitude=0.3, trigger_source="immediately", output_direct="out2"
    )
    board.scope.setup(
        input1="in1",
        input2="asg0",
        trigger_source="ch2_positive_edge",
        threshold=0.1,
        hysteresis=0.01,
        average=False,
        rolling_mode=False,
        trigger_delay=0,
    )
    board.scope.decimation = 64
    plant, sine = board.scope.single()
    board.scope.setup(input1="out2", input2="in1", trigger_source="ch1_negative_edge", threshold=0.15)
    ramp, _ = board.scope.single()
    found = {
        "frequencies": [board.asg0.frequency, board.asg1.frequency],
        "time": board.scope.times.tolist(),
        "sine": sine.tolist(),
        "plant": plant.tolist(),
        "ramp": ramp.tolist(),
    }
    board.asg0.output_direct = board.asg1.output_direct = "off"
    return found


def hold_setpoints(board):
    """A loop that follows its setpoint, and one whose output ends at a limit."""
    board.pid0.setup(
        input="in1", output_direct="out1", setpoint=0.2, p=0, i=-1000, inputfilter=[0, 0, 0, 0], ival=0
    )
    held = {}
    for setpoint, limit in ((0.2, 1.0), (-0.3, 1.0), (0.4, 0.25)):
        board.pid0.setpoint, board.pid0.max_voltage = setpoint, limit
        time.sleep(0.2)
        held[setpoint] = [
            float(np.mean([board.sampler.in1 for _ in range(100)])),
            float(board.sampler.pid0),
            float(board.pid0.setpoint),
        ]
    board.pid0.i = 0
    board.pid0.output_direct = "off"
    board.pid0.max_voltage = 1.0
    return list(held.values())


def demodulate(board):
    """A signal of the generator, seen by a demodulator as a constant."""
    frequency = 125e6 / 1024  # both have it exactly
    board.asg0.setup(frequency=frequency, amplitude=0.4, trigger_source="immediately", output_direct="out1")
    board.iq1.setup(
        frequency=frequency,
        amplitude=0,
        input="asg0",
        output_direct="off",
        output_signal="quadrature",
        bandwidth=[1e3, 1e3],
        quadrature_factor=1,
        gain=0,
        acbandwidth=0,
    )
    time.sleep(0.01)
    found = []
    for phase in (0, 90, 180, 270):
        board.iq1.phase = phase
        time.sleep(0.01)
        found.append(float(np.mean([board.sampler.iq1 for _ in range(50)])))
    board.asg0.output_direct = "off"
    return {"frequency": board.iq1.frequency, "quadratures": found}


def measure_a_transfer_function(board):
    frequencies, transfer = board.iq0.na_trace(
        start=1e3,
        stop=1e6,
        points=7,
        rbw=1000,
        avg=5,
        amplitude=0.3,
        input="in1",
        output_direct="out1",
        acbandwidth=0,
        logscale=True,
    )
    return [[float(f), float(t.real), float(t.imag)] for f, t in zip(frequencies, transfer, strict=True)]


def main():
    shell = FakeShell()
    board = RedPitaya(
        config="",
        hostname="127.0.0.1",
        port=int(sys.argv[1]),
        sshport=shell.port,
        user="root",
        password="root",
        gui=False,
        silence_env=True,
    )
    found = {
        "typed": shell.commands,
        "waves": see_two_waves(board),
        "held": hold_setpoints(board),
        "demodulated": demodulate(board),
        "transfer": measure_a_transfer_function(board),
    }
    board.ams.dac2 = 1.0
    found["dac2"] = float(board.ams.dac2)
    board.hk.led = 5
    found["led"] = int(board.hk.led)
    board.end_all()
    print(json.dumps(found))


main()
