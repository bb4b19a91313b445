"""Measures a transfer function, one frequency after the other, until the answer is lost in the noise.

``parfocal script run red_pitaya_loop.py --rig board.toml``, where the rig file has a table ``[runs]``
"""

import math

FIRST_HZ, LAST_HZ, PER_DECADE = 1e3, 1e6, 5
AMPLITUDE_V, LEAST_V = 0.1, 1e-4


def main(lab):
    board = lab["board"]
    board.iq_setup(frequency_hz=FIRST_HZ, amplitude_v=AMPLITUDE_V, input="in1", output="out1")
    count = round(math.log10(LAST_HZ / FIRST_HZ) * PER_DECADE) + 1
    measured = []
    for number in range(count):
        frequency_hz = FIRST_HZ * 10 ** (number / PER_DECADE)
        lab.step(f"{frequency_hz:.0f} Hz", number + 1, count)
        answer = board.iq_get_measurement(frequency_hz=frequency_hz, averaging_s=0.02, settling_s=0.02)
        measured_v = math.hypot(answer.i_v, answer.q_v)
        measured.append((frequency_hz, measured_v / answer.amplitude_v))
        lab.log(f"{frequency_hz:.0f} Hz: gain {measured_v / answer.amplitude_v:.4f}")
        if measured_v < LEAST_V:
            lab.log("the rest is noise")
            break
    board.iq_off()
    lab.log(f"{len(measured)} frequencies were measured")
