"""What a run asks of its camera, and what is done just before the end of an exposure."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from parfocal.core.errors import ServiceUnavailableError
from parfocal.core.frames import FrameHeader
from parfocal.runs.instruments.calling import InstrumentCalls
from parfocal.runs.instruments.camera_calls import CameraCalls
from parfocal.runs.instruments.exposing import EventExposure
from parfocal.runs.plans.event import Event


class LiveCamera:
    """Answers the calls of a run; exposes from the beginning."""

    def __init__(self):
        self.running = True

    def ask(self, service, command, *arguments, **options):
        assert service == "camera"
        if command in ("start", "stop"):
            self.running = command == "start"
        return {"is_running": self.running, "exposure_ms": 5.0}.get(command)


@pytest.mark.parametrize("others_stop", [False, True])
def test_a_live_sequence_goes_on_after_a_run_unless_others_stopped_the_camera(others_stop):
    live = LiveCamera()
    camera = CameraCalls(live, "camera")
    camera.open()
    assert not live.running
    if others_stop:
        camera.others_stopped_it()
    camera.go_on_live()
    assert live.running is not others_stop


class SlowCamera:
    """Answers the calls of a run; its exposure is over when `lasts_s` of waiting are."""

    def __init__(self, lasts_s):
        self.lasts_s, self.done = lasts_s, []

    def begin(self, service, command, *arguments, **options):
        self.done.append(f"{service}.{command}")
        return object()

    def ends_within(self, call, seconds):
        self.lasts_s -= max(0.0, seconds)
        return self.lasts_s <= 0

    def result(self, call):
        self.done.append("is over")
        return [FrameHeader(frame=0)]

    def rouse(self, services):
        self.done += [f"rouse {service}" for service in services]


def exposure_with(calls):
    """Return what exposes in a light that is on already, with two services that a stimulus needs."""
    light = SimpleNamespace(
        light_up=lambda: None,
        exposure_ms=lambda event: event.exposure_ms,
        renew=lambda: "",
        services=("channels", "modulator"),
        power=0.5,
        lit_within_s=None,
    )
    parts = SimpleNamespace(
        settings=SimpleNamespace(camera="camera"),
        calls=calls,
        camera=CameraCalls(calls, "camera"),
        stages=SimpleNamespace(position={}, renew=lambda: ""),
        light=light,
        modulator=SimpleNamespace(wait_blank=lambda: None),
        sequences=SimpleNamespace(limits=SimpleNamespace(frames=1)),
    )
    return EventExposure(parts, lambda event: event.number, lambda numbers: None)


IMAGE = Event(number=0, kind="image", channel="nucleus", exposure_ms=20.0)
STIMULUS = Event(number=1, kind="stimulus", channel="blue", exposure_ms=5.0)
ROUSED = ["rouse camera", "rouse channels", "rouse modulator"]


@pytest.mark.parametrize(
    ("following", "lasts_s", "roused"),
    [
        (STIMULUS, 0.02, ROUSED),
        (IMAGE, 0.02, []),
        (None, 0.02, []),
        (STIMULUS, 0.01, []),  # it has ended before, as what was aborted does
    ],
)
def test_what_a_stimulus_needs_is_roused_before_the_exposure_of_its_image_is_over(following, lasts_s, roused):
    calls = SlowCamera(lasts_s)
    exposure_with(calls).expose(IMAGE, following)
    assert calls.done == ["camera.snap", *roused, "is over"]


def test_what_a_stimulus_needs_is_roused_at_once_if_the_exposure_is_short():
    calls = SlowCamera(0.001)
    exposure_with(calls).expose(Event(number=0, kind="image", channel="nucleus", exposure_ms=1.0), STIMULUS)
    assert calls.done == ["camera.snap", *ROUSED, "is over"]


def test_who_is_not_there_is_not_waited_for_when_others_are_roused():
    asked = []

    class Client:
        def __init__(self, service):
            self.service = service

        def submit(self, command, *, timeout_s):
            asked.append((self.service, command))
            if self.service == "lost":
                raise ServiceUnavailableError("it is started again", service="lost")

    calls = InstrumentCalls(Client, None, answer_s=5.0, restart_s=5.0, on_lost=lambda _: None)
    calls.rouse(("lost", "there"))
    assert asked == [("lost", "ping"), ("there", "ping")]
