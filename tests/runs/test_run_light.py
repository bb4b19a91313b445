"""The light of a run: nothing is set while what was asked to be off may still be switched off."""

from __future__ import annotations

from typing import Any

from parfocal.core.channels import ChannelPreset, ChannelState
from parfocal.runs.instruments.run_light import RunLight
from parfocal.runs.plans.event import Event


class Calls:
    """Notes what the run asks of its services, and when a call that was not waited for has ended."""

    def __init__(self) -> None:
        self.log: list[str] = []

    def ask(self, service: str, command: str, *_: Any, **__: Any) -> Any:
        self.log.append(f"{service}.{command}")
        if command == "presets":
            return {"nucleus": ChannelPreset(light="excitation", power=0.5)}
        return ChannelState(name="nucleus", power=0.5)

    def tell(self, service: str, command: str) -> Any:
        log = self.log

        class Told:
            def done(self) -> bool:
                return False

            def exception(self, timeout_s: float | None = None) -> None:
                log.append(f"{service}.{command}")

        return Told()


def test_a_channel_is_set_after_all_lights_are_off() -> None:
    calls = Calls()
    light = RunLight(calls, "channels", ("excitation",))  # type: ignore[arg-type]
    light.learn()
    event = Event(number=0, kind="image", channel="nucleus")
    light.set(event)
    light.light_up()
    light.dark()
    light.set(event)
    assert calls.log[-3:] == ["channels.off", "excitation.off", "channels.set_channel"]
    light.dark()
    light.light_up()
    assert calls.log[-2:] == ["channels.off", "excitation.off"]
