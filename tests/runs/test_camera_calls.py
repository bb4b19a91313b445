"""What a run does with a live sequence that it found: it goes on afterwards, unless somebody ended it."""

from __future__ import annotations

import pytest

from parfocal.runs.instruments.camera_calls import CameraCalls


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
