"""Light modulators written in Python, as a configuration of Micro-Manager may name them."""

import numpy as np
from pymmcore_plus.experimental.unicore import SLMDevice


class TellingSLM(SLMDevice):
    """Tells what it shows."""

    loaded = shown = np.zeros((6, 8), np.uint8)

    def shape(self):
        return (6, 8)

    def dtype(self):
        return np.uint8

    def set_image(self, pixels):
        self.loaded = pixels.copy()

    def get_image(self):
        return self.shown

    def display_image(self):
        self.shown = self.loaded

    def set_exposure(self, interval_ms):
        pass

    def get_exposure(self):
        return 0.0


class MuteSLM(TellingSLM):
    """Cannot tell what it shows, as those in C++ can't."""

    def get_image(self):
        raise NotImplementedError


class FailingSLM(TellingSLM):
    """Fails to show anything that is lit."""

    def display_image(self):
        if self.loaded.any():
            raise RuntimeError("no sync")
        super().display_image()


class StuckSLM(TellingSLM):
    """Shows nothing, whatever it is told, and says so."""

    def display_image(self):
        pass
