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


def see_a_sine(board):
    board.asg0.setup(
        waveform="sin",
        frequency=1e3,
        amplitude=0.5,
        offset=0.1,
        trigger_source="immediately",
        output_direct="out1",
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
    curves = board.scope.single()
    tone = np.exp(-2j * np.pi * board.asg0.frequency * board.scope.times)
    board.asg0.output_direct = "off"
    return {
        "frequency": board.asg0.frequency,
        "amplitude": 2 * abs(np.mean((curves[1] - 0.1) * tone)),
        "through_the_plant": 2 * abs(np.mean((curves[0] - np.mean(curves[0])) * tone)),
        "around_the_trigger": [float(value) for value in curves[1][8190:8193]],
    }


def hold_a_setpoint(board):
    board.pid0.setup(
        input="in1", output_direct="out1", setpoint=0.2, p=0, i=-1000, inputfilter=[0, 0, 0, 0], ival=0
    )
    time.sleep(0.3)
    held = float(np.mean([board.sampler.in1 for _ in range(100)]))
    board.pid0.i = 0
    board.pid0.output_direct = "off"
    return held


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
        "sine": see_a_sine(board),
        "held": hold_a_setpoint(board),
        "transfer": measure_a_transfer_function(board),
    }
    board.ams.dac2 = 1.0
    found["dac2"] = float(board.ams.dac2)
    board.hk.led = 5
    found["led"] = int(board.hk.led)
    board.end_all()
    print(json.dumps(found))


main()
