"""Drivers for python-microscope, derived from those of its own simulators: what theirs do not do."""

import time
from pathlib import Path

import microscope
from microscope.abc import keep_acquiring
from microscope.simulators import (
    SimulatedCamera,
    SimulatedController,
    SimulatedFilterWheel,
    SimulatedLightSource,
    SimulatedStage,
)


class GlidingAxis(microscope.abc.StageAxis):
    """An axis that takes its time; `move_to` returns at once."""

    def __init__(self, limits, speed):
        self._limits, self._speed = limits, speed
        self._start = self._target = (limits.lower + limits.upper) / 2
        self._began = 0.0

    @property
    def limits(self):
        return self._limits

    @property
    def position(self):
        way, gone = self._target - self._start, self._speed * (time.monotonic() - self._began)
        return self._target if gone >= abs(way) else self._start + gone * (1 if way > 0 else -1)

    def move_to(self, pos):
        self._start, self._began = self.position, time.monotonic()
        self._target = min(max(pos, self._limits.lower), self._limits.upper)

    def move_by(self, delta):
        self.move_to(self.position + delta)


class GlidingStage(SimulatedStage):
    def __init__(self, limits: dict[str, microscope.AxisLimits], speed: float = 100.0, homes: bool = False):
        super().__init__(limits)
        self._axes = {name: GlidingAxis(each, speed) for name, each in limits.items()}
        self._homes = homes

    def may_move_on_enable(self):
        return self._homes


class WaitingStage(GlidingStage):
    """A stage whose `move_to` returns when it has arrived, as that of many drivers."""

    def move_to(self, position):
        super().move_to(position)
        while any(self.axes[name].position != target for name, target in position.items()):
            time.sleep(0.001)


class FileLaser(SimulatedLightSource):
    """A laser that goes on as it is when its program dies: whether it emits stands in a file."""

    def __init__(self, file: str, deaf: bool = False):
        super().__init__()
        self._file, self._deaf = Path(file), deaf

    def get_is_on(self):
        return self._file.exists() and self._file.read_text() == "on"

    def _do_enable(self):
        self._file.write_text("on")
        return True

    def _do_disable(self):
        if not self._deaf:
            self._file.write_text("off")

    def _do_get_power(self):
        return self._power if self.get_is_on() else 0.0


class InterruptedCamera(SimulatedCamera):
    """A camera whose exposure is broken off when something is set, as that of real drivers is."""

    losing = 0

    @keep_acquiring
    def set_exposure_time(self, value):
        self._triggered = 0
        super().set_exposure_time(value)

    def _do_trigger(self):
        if InterruptedCamera.losing > 0:
            InterruptedCamera.losing -= 1
            return
        super()._do_trigger()


class SlowCamera(SimulatedCamera):
    """A camera that takes a fifth of a second to be read out."""

    def _fetch_data(self):
        data = super()._fetch_data()
        if data is not None:
            time.sleep(0.2)
        return data


class UntriggeredCamera(SimulatedCamera):
    @property
    def trigger_type(self):
        return microscope.TriggerType.HIGH


class LazyLight(SimulatedLightSource):
    """A light that can't be enabled, which the library does not raise."""

    def _do_enable(self):
        raise microscope.DeviceError("the interlock is open")


def controller(power: float = 0.0):
    wheel = SimulatedFilterWheel(positions=3)
    return SimulatedController({"wheel": wheel, "light": SimulatedLightSource()})
