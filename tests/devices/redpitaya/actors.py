"""Programs that share a board: ``python actors.py ROLE RIG [NUMBERS]``; each prints JSON lines."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections import deque

import numpy as np

import parfocal
from parfocal.core.errors import ServiceUnavailableError


def tell(**facts: object) -> None:
    print(json.dumps(facts), flush=True)


STEP_HZ = 125e6 / 2**30
SETPOINTS_V = {"pid0": 0.125, "pid1": 0.25, "pid2": 0.375}
LINE_ERRORS = {"DeviceError", "DeviceTimeoutError", "UnconfirmedWriteError"}


def question(board, number: int):
    """Ask for what no other question's reply answers; return the call, and what tells the right reply."""
    kind, pid = number % 16, f"pid{number % 3}"
    if kind < 2:
        wanted = number * STEP_HZ
        call = board.submit("asg_set_frequency", frequency_hz=wanted, channel=f"asg{kind}")
        return call, lambda value: abs(value - wanted) < STEP_HZ / 4
    if kind == 2:
        return board.submit("pid_get_setpoint", pid=pid), lambda value: value == SETPOINTS_V[pid]
    if kind < 7:
        return board.submit("known", module=pid), lambda value: value["setpoint_v"] == SETPOINTS_V[pid]
    if kind == 7:
        return board.submit("sampler_read", signal=f"s{number}x"), lambda error: f"'s{number}x'" in error
    return board.submit("asg_get", channel=f"a{number}x"), lambda error: f"a{number}x" in error


def hammer(board, count: int, place: int) -> None:
    """Ask from four threads, eight questions at a time; tell how many replies were another's.

    A call that the line or the end of the host made fail is counted, and asked again.
    """
    for pid, setpoint_v in SETPOINTS_V.items():
        while is_lost(board.submit("pid_set_setpoint", setpoint_v=setpoint_v, pid=pid).exception(60)):
            time.sleep(0.01)
    tell(ready=True)
    right, failed, crossed = [0] * 4, [0] * 4, []

    def ask(thread: int) -> None:
        first = (4 * place + thread) * count
        left = deque(range(first, first + count))
        while left:
            numbers = [left.popleft() for _ in range(min(8, len(left)))]
            for number, (call, is_right) in [(number, question(board, number)) for number in numbers]:
                error = call.exception(60)
                if is_lost(error):
                    failed[thread] += 1
                    left.append(number)
                    time.sleep(0.01)
                elif is_right(str(error) if error else call.result()):
                    right[thread] += 1
                else:
                    crossed.append(f"{call!r}: {error or call.result()}")

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    tell(right=sum(right), failed=sum(failed), crossed=crossed[:3])


def is_lost(error) -> bool:
    """Whether a call failed for the line, or with the host."""
    return isinstance(error, ServiceUnavailableError) or getattr(error, "remote_type", "") in LINE_ERRORS


def lease(board) -> None:
    """Hold a generator's output, playing, and have traces streamed, until killed."""
    call = board.submit("output_lease", module="asg0")
    held = threading.Event()
    call.on_progress(lambda _: held.set())
    if call.progress is None:
        held.wait(30)
    board.asg_setup(channel="asg0", waveform="dc", offset_v=0.5, output="out1")
    streamed = board.submit("scope_stream", decimation=1)
    streaming = threading.Event()
    streamed.on_progress(lambda _: streaming.set())
    streaming.wait(30)
    tell(held=True)
    call.result()


def scope(board, count: int) -> None:
    """See the generator's 1 kHz: amplitudes and frequencies of some traces."""
    amplitudes_v, frequencies_hz = [], []
    for _ in range(count):
        trace = board.scope_acquire(input="in1", decimation=64, averaging=True)
        halves = [tone(trace.time_s[half], trace.volts[half]) for half in (slice(0, 8192), slice(8192, None))]
        amplitudes_v.append(2 * abs(tone(trace.time_s, trace.volts)))
        turn = np.angle(halves[1] / halves[0]) / (2 * np.pi)
        frequencies_hz.append(1e3 + turn / (8192 * 64 * 8e-9))
    tell(amplitudes_v=amplitudes_v, frequencies_hz=frequencies_hz)


def tone(time_s, volts) -> complex:
    """What a signal has at 1 kHz."""
    window = np.hanning(len(volts))
    return np.sum(window * np.exp(-2j * np.pi * 1e3 * time_s) * volts) / window.sum()


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
    role, rig_name, *numbers = sys.argv[1:]
    with parfocal.attach(rig_name) as rig:
        globals()[role](rig["board"], *map(int, numbers))
