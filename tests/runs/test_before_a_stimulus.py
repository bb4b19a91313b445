"""What a run asks of its instruments around the image before a stimulus, by the calls that it makes."""

from __future__ import annotations

import logging
from contextlib import ExitStack

import pytest

from parfocal.core.channels import ChannelState
from parfocal.core.clock import SYSTEM_CLOCK
from parfocal.core.frames import FrameHeader
from parfocal.ipc import Client, CommandTable, Server, command
from parfocal.runs.instruments.rig_instruments import RigInstruments
from parfocal.runs.plans.event import Event
from parfocal.runs.settings import RunSettings

IMAGE = Event(number=0, kind="image", channel="nucleus", exposure_ms=20.0)
STIMULUS = Event(number=1, kind="stimulus", channel="blue", exposure_ms=5.0)


class Camera:
    @command()
    def snap(
        self,
        count: int,
        event: int,
        exposure_ms: float | None,
        time_s: float | None,
        index: dict[str, int],
    ) -> list[FrameHeader]:
        SYSTEM_CLOCK.sleep(1e-3 * (exposure_ms or 0.0))
        return [FrameHeader(frame=0, event=event)]


class Channels:
    @command()
    def set_channel(
        self, name: str, exposure_ms: float | None, power: float | None, lit: bool, alone: bool
    ) -> ChannelState:
        return ChannelState(name=name, lit=lit)

    @command()
    def open_shutter(self) -> ChannelState:
        return ChannelState(lit=True)

    @command()
    def off(self) -> None:
        pass


@pytest.fixture
def asked(tmp_path):
    """Return instruments, and what is asked of their services."""
    told: list[str] = []

    class Listened(Client):
        def submit(self, command, /, *arguments, **options):
            told.append(f"{self.service}.{command}")
            return super().submit(command, *arguments, **options)

    with ExitStack() as stack:
        for name, service in (("camera", Camera()), ("channels", Channels())):
            stack.enter_context(Server(CommandTable.of(service), tmp_path, name))
        instruments = RigInstruments(
            RunSettings(camera="camera", channels="channels"),
            lambda name: Listened(tmp_path, name),
            lambda _: 0,
            tmp_path,
            SYSTEM_CLOCK,
            logging.getLogger("test"),
        )
        stack.callback(instruments.discard)
        instruments.place(IMAGE)
        told.clear()
        yield instruments, told


def test_what_a_stimulus_needs_is_roused_and_its_channel_is_set_as_soon_as_its_image_is_there(asked):
    instruments, told = asked
    instruments.expose(IMAGE, STIMULUS)
    roused = ["camera.ping", "channels.ping"]
    assert told == ["channels.open_shutter", "camera.snap", *roused, "channels.set_channel"]
    told.clear()
    instruments.place(STIMULUS)
    assert told == [], "it waits for what has begun"


def test_before_another_image_nobody_is_roused_and_its_channel_is_set_all_the_same(asked):
    instruments, told = asked
    instruments.expose(IMAGE, Event(number=1, kind="image", channel="green", exposure_ms=5.0))
    assert told == ["channels.open_shutter", "camera.snap", "channels.set_channel"]


def test_what_follows_at_another_place_is_begun_when_it_is_placed(asked):
    instruments, told = asked
    instruments.expose(IMAGE, Event(number=1, kind="image", channel="green", exposure_ms=5.0, x_um=3.0))
    assert told == ["channels.open_shutter", "camera.snap"]


def test_nothing_is_begun_for_what_follows_once_another_run_has_used_the_instruments(asked):
    instruments, told = asked
    instruments.use.last = object()
    instruments._go_on_to(STIMULUS)
    assert told == []
