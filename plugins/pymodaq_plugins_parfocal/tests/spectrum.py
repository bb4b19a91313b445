"""What a trace of a sine shows."""

from __future__ import annotations

import numpy as np


def frequency_hz(trace) -> float:
    """Return the strongest frequency of a trace."""
    volts, time = trace.data[0], trace.get_axis_from_index(0)[0].get_data()
    spectrum = np.abs(np.fft.rfft(volts * np.hanning(len(volts))))
    return float(np.fft.rfftfreq(len(volts), time[1] - time[0])[spectrum.argmax()])
