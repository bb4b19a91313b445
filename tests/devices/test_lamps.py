"""A lamp of a channel: what is set after it was asked to be off waits until it is."""

from __future__ import annotations

from typing import Any

from parfocal.devices.lamps import Lamp


class OffCall:
    """A call of `off` that ends when it is waited for."""

    def __init__(self, log: list[str]) -> None:
        self._log, self._done = log, False

    def done(self) -> bool:
        return self._done

    def exception(self, timeout_s: float) -> None:
        assert timeout_s > 0
        self._done = True
        self._log.append("off")


class LightService:
    """Notes in which order it is called; `off` is on its way until somebody waits for it."""

    def __init__(self, *, has_shutter: bool) -> None:
        self.log: list[str] = []
        self._has_shutter = has_shutter

    def has_shutter(self, **_: Any) -> bool:
        return self._has_shutter

    def submit(self, command: str, **_: Any) -> OffCall:
        assert command == "off"
        return OffCall(self.log)

    def __getattr__(self, command: str) -> Any:
        return lambda *_, **__: self.log.append(command)


def lamp_of(service: LightService) -> Lamp:
    return Lamp("excitation", lambda _: service)


def test_a_power_is_set_after_the_lamp_is_off() -> None:
    service = LightService(has_shutter=True)
    lamp = lamp_of(service)
    lamp.off()
    lamp.off()
    lamp.set_power(0.5)
    lamp.set_lit(True)
    assert service.log == ["off", "off", "set_power", "open_shutter"]


def test_a_lamp_without_a_shutter_is_lit_after_it_is_off() -> None:
    service = LightService(has_shutter=False)
    lamp = lamp_of(service)
    lamp.set_power(0.5)
    lamp.off()
    lamp.set_lit(True)
    assert service.log == ["off", "set_power"]
