"""What panels have of a rig, on a real one: requests, settings, frames and rows, and none of it waits."""

from __future__ import annotations

import os
import signal

import pytest

from parfocal.app.desktop.service_poll import ServicePoll
from parfocal.app.desktop.session import Session
from parfocal.core.clock import poll_until
from parfocal.rig.all_snapshots import AllSnapshots
from parfocal.viewers.qt.theme import THEMES

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture
def session():
    with AllSnapshots() as snapshots:
        made = Session("paneled", snapshots, THEMES["dark"])
        yield made
        made.close()


@pytest.fixture
def until(session):
    """Let the session deliver, as the window's timer does, until something is so."""

    def look(wanted):
        session.deliver()
        return wanted()

    return lambda wanted: poll_until(lambda: look(wanted), 60.0)


def test_a_rig_is_shown_asked_and_told_of_changes_of_others(session, until, request):
    assert session.snapshot().rig.state == "exited"
    assert session.ask("camera", "start").state in ("pending", "failed")
    rig = request.getfixturevalue("rig")
    assert until(lambda: session.snapshot().rig.state == "running")
    told = []
    done = session.ask("camera", "set_exposure_ms", exposure_ms=2.0).then(told.append)
    refused = session.ask("camera", "set_exposure_ms", exposure_ms=-2.0).then(told.append)
    assert until(lambda: set(told) == {done, refused})
    assert (done.state, done.result) == ("done", 2.0)
    assert refused.state == "failed"
    assert "-2" in refused.text
    assert until(lambda: not session.pending)
    assert until(lambda: session.commands("focus") is not None)
    assert "move_to" in {info.name for info in session.commands("focus")}
    assert until(lambda: (session.settings("focus") or {}).get("poll_s") == 0.01)
    rig["focus"].set_settings({"poll_s": 0.02})
    assert until(lambda: session.settings("focus")["poll_s"] == 0.02)


def test_what_is_asked_once_the_window_has_let_go_fails_and_opens_nothing(session):
    told = []
    session.ask("focus", "position").then(lambda _: session.close())
    session.ask("focus", "position").then(lambda _: told.append(session.ask("focus", "position")))
    assert poll_until(lambda: session.deliver() or not session.pending or session._closed, 60.0)
    late = session.ask("focus", "position")
    assert (late.state, told) == ("failed", [])
    assert "has let go of rig 'paneled'" in late.text


def test_a_notice_has_a_service_asked_at_once_however_rarely_it_is_asked(session, until, rig):
    assert until(lambda: session.snapshot().rig.state == "running")
    poll = ServicePoll(session, "camera", "is_running", every_s=3600.0)

    def value():
        poll.refresh()
        return poll.value

    assert until(lambda: value() is False)
    assert until(lambda: [rig["camera"].start(), rig["camera"].stop()] and session.notices("camera") > 0)
    rig["camera"].start()
    assert until(lambda: value() is True)
    rig["camera"].stop()
    assert until(lambda: value() is False)


def test_a_long_command_tells_how_far_it_is_and_is_cancelled(session, until, rig):
    assert until(lambda: session.snapshot().rig.state == "running")
    move = session.ask("focus", "move_to", position_nm=9_000.0)
    assert until(lambda: move.fraction is not None)
    assert move.state == "pending"
    move.cancel()
    assert until(lambda: move.state == "cancelled")
    assert "the motion was stopped" in move.text


def test_frames_are_shared_and_rows_come_once(session, until, rig):
    one, two, rows = session.frames("camera"), session.frames("camera"), session.rows("truth")
    assert one is two
    rig["camera"].start()
    assert until(lambda: one.newest is not None)
    first = one.newest
    assert first.data.shape == (48, 64)
    assert until(lambda: one.newest.header.frame > first.header.frame)
    assert until(lambda: one.spec is not None and one.status is not None)
    one.close()
    assert not two.closed
    two.close()
    assert two.closed
    again = session.frames("camera")
    assert again is not two
    again.close()
    seen = []
    assert until(lambda: (taken := rows.take()) is not None and seen.append(taken) is None)
    assert seen[0].dtype.names is not None
    rows.close()


def test_a_stopped_service_holds_nobody_up(session, until, rig):
    assert until(lambda: session.commands("focus") is not None)
    pid = rig.status().services["focus"].pid
    os.kill(pid, signal.SIGSTOP)
    try:
        silent = session.ask("focus", "position")
        lively = session.ask("camera", "exposure_ms")
        assert until(lambda: lively.state == "done")
        assert silent.state == "pending"
    finally:
        os.kill(pid, signal.SIGCONT)
    assert until(lambda: silent.state == "done")
