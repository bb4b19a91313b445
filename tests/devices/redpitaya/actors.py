"""Programs that share a board with others: ``python actors.py ROLE RIG [NUMBER]``; each prints JSON lines."""

from __future__ import annotations

import json
import sys
import threading

import numpy as np

import parfocal
from parfocal.core.errors import CommandFailedError


def tell(**facts: object) -> None:
    print(json.dumps(facts), flush=True)


def hammer(board, count: int) -> None:
    """Ask from four threads for what only the right answer can name; tell how many answers were another's."""
    crossed = []

    def ask(thread: int) -> None:
        for k in range(count):
            name = f"nothing-{id(board)}-{thread}-{k}-"
            try:
                board.sampler_read(signal=name)
            except CommandFailedError as error:
                if name not in str(error):
                    crossed.append(str(error))
            else:
                crossed.append(f"{name} was answered by a value")

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    tell(calls=4 * count, crossed=crossed[:3])


def lease(board, _: int) -> None:
    """Hold a generator's output, playing, until killed."""
    call = board.submit("output_lease", module="asg0")
    held = threading.Event()
    call.on_progress(lambda _: held.set())
    if call.progress is None:
        held.wait(30)
    board.asg_setup(channel="asg0", waveform="dc", offset_v=0.5, output="out1")
    tell(held=True)
    call.result()


def scope(board, count: int) -> None:
    """See the generator's 1 kHz: amplitudes and frequencies of some traces."""
    sines = []
    for _ in range(count):
        trace = board.scope_acquire(input="in1", decimation=64, averaging=True)
        turns = np.exp(-2j * np.pi * 1e3 * trace.time_s)
        window = np.hanning(len(turns))
        sines.append(2 * abs(np.sum(window * turns * trace.volts) / window.sum()))
    tell(amplitudes_v=sines)


def lock(board, count: int) -> None:
    """Hold in2 at 0.2 V against a disturbance."""
    board.pid_configure(pid="pid0", input="in2", output="out2", setpoint_v=0.2, i_hz=-3e3, paused=False)
    held = [board.sampler_read(signal="in2", readings=20) for _ in range(count)]
    tell(held_v=held)


def analyse(board, count: int) -> None:
    """Find the plant's transfer function."""
    board.iq_setup(iq="iq0", frequency_hz=2e4, amplitude_v=0.2, output="out1", input="in1")
    frequencies = list(np.linspace(1e4, 6e4, count))
    curve = board.submit("iq_sweep", frequencies_hz=frequencies, averaging_s=0.02, settling_s=0.002)
    found = curve.result(timeout_s=60)
    tell(
        frequency_hz=found.frequency_hz.tolist(),
        real=found.transfer.real.tolist(),
        imag=found.transfer.imag.tolist(),
    )


def generate(board, count: int) -> None:
    """Play a sine on out1, changing its offset all the while."""
    board.asg_setup(channel="asg0", frequency_hz=1e3, amplitude_v=0.25, output="out1")
    tell(frequency_hz=board.asg_get(channel="asg0").frequency_hz)
    for k in range(count):
        board.asg_set_offset(0.01 * (k % 2), channel="asg0")


if __name__ == "__main__":
    role, rig_name, number = sys.argv[1:]
    with parfocal.attach(rig_name) as rig:
        globals()[role](rig["board"], int(number))
