"""Ramps, holds and turns on a clock that jumps: against the truth of the simulated magnet."""

from __future__ import annotations

import numpy as np
import pytest

from parfocal.analysis.force.force_service import ForceService
from parfocal.analysis.force.records import FORCE_DTYPE
from parfocal.core.errors import BadInputError, CancelledError
from parfocal.devices.context import DeviceContext
from parfocal.devices.simulated.forces import magnet_force_pn
from parfocal.devices.simulated.motors import SimulatedMagnet
from parfocal.devices.simulated.world import World
from parfocal.devices.stage import StageHost
from parfocal.ipc.lanes import CallContext, running_as
from parfocal.streams import open_stream
from parfocal.testing.clock import JumpClock
from parfocal.testing.local_rig import LocalRig

HEIGHTS = [0.0, 1e6, 2e6, 3e6, 4e6, 6e6]
FORCES = [magnet_force_pn(height) for height in HEIGHTS]


class Pulling(ForceService):
    """The service, for tests that call its methods within a call of their own."""

    def open(self, context):
        super().open(context)
        Pulling.newest = self


class Bench:
    """A magnet, and the service that pulls with it."""

    def __init__(self, folder, **magnet):
        self.clock = JumpClock(monotonic_ns=5_000_000_000)
        self.rig = LocalRig(folder, self.clock)
        options = {"device": "simulated-magnet", "options": magnet}
        self.magnet = self.rig.add("magnet", StageHost, options)
        settings = {"heights": HEIGHTS, "forces_pn": FORCES, "table_file": str(folder / "table.json")}
        self.force = self.rig.add("force", Pulling, settings)
        self.service = Pulling.newest
        self.world = World.of(DeviceContext(clock=self.clock, folder=folder))
        self.rows = open_stream(folder, "force").lossless("drop")

    def true_pn(self):
        """The force that the magnet of the world pulls with now."""
        now_ns = self.clock.monotonic_ns()
        return magnet_force_pn(self.world.position(SimulatedMagnet.THING, now_ns, SimulatedMagnet.HOME_NM))

    def call(self, kind, report):
        """A call whose progress goes to `report(fraction)`."""
        return kind(service="force", clock=self.clock, report=lambda _id, fraction, *_: report(fraction))

    def written(self):
        """All rows since the last look."""
        rows = self.rows.poll()
        return np.empty(0, FORCE_DTYPE) if rows is None else np.array(rows)


@pytest.fixture
def bench(tmp_path):
    bench = Bench(tmp_path)
    with bench.rig:
        yield bench
        bench.rows.close()


@pytest.mark.parametrize(("start", "stop", "rate"), [(1.0, 10.0, 0.5), (10.0, 1.0, 2.0), (2.0, 18.0, 5.0)])
def test_a_ramp_changes_the_true_force_at_the_rate_that_was_asked_for(bench, start, stop, rate):
    seen = []
    with running_as(bench.call(CallContext, lambda _: seen.append(bench.true_pn()))):
        done = bench.service.ramp(start, stop, rate)
    rows, true = bench.written(), np.array(seen)
    asked = rate if stop > start else -rate
    assert done.rate_pn_per_s == pytest.approx(asked, rel=0.02)
    slope = np.polyfit(rows["time_ns"] * 1e-9, true, 1)[0]
    assert slope == pytest.approx(asked, rel=0.02)
    assert np.abs(true - rows["asked_pn"]).max() < 0.02 * stop + 0.05 * rate
    assert true[-1] == pytest.approx(stop, rel=0.005)
    assert done.seconds == pytest.approx(abs(stop - start) / rate)
    assert len(rows) >= 15 * done.seconds


def test_a_hold_keeps_the_force_and_go_to_goes_there(bench):
    begun_ns = bench.clock.monotonic_ns()
    assert bench.force.call("hold", 5.0, 3.0).force_pn == pytest.approx(5.0, rel=1e-3)
    assert bench.clock.monotonic_ns() - begun_ns >= 3e9
    assert bench.true_pn() == pytest.approx(5.0, rel=0.005)
    bench.force.call("go_to", 0.5)
    reading = bench.force.call("force")
    assert (round(reading.force_pn, 3), reading.warning) == (0.5, "")


def test_the_magnet_turns_both_ways_and_counts(bench):
    assert bench.force.call("turn", 10.0).turns == 10.0
    assert bench.magnet.call("position", "rotation") == pytest.approx(10.0)
    begun_ns = bench.clock.monotonic_ns()
    bench.force.call("turn", -4.0, turns_per_s=1.0)
    assert bench.magnet.call("position", "rotation") == pytest.approx(6.0)
    assert bench.clock.monotonic_ns() - begun_ns >= 4e9
    assert bench.written()["turns"][-1] == -4.0
    assert bench.magnet.call("position") == SimulatedMagnet.HOME_NM, "a turn moves no height"


def test_outside_of_what_was_measured_the_force_comes_with_a_warning(bench):
    bench.magnet.call("move_to", 8e6)
    reading = bench.force.call("force")
    assert "8e+06 nm is outside of 0 to 6e+06" in reading.warning
    assert reading.force_pn == pytest.approx(magnet_force_pn(8e6), rel=0.05)


@pytest.mark.parametrize(
    ("command", "arguments", "why"),
    [
        ("ramp", (1.0, 40.0, 0.5), r"force_pn = 40.0 is outside"),
        ("ramp", (1.0, 10.0, -0.5), "rate_pn_per_s must be positive"),
        ("ramp", (0.4, 10.0, 50.0), r"asks the magnet for .* is the most"),
        ("hold", (5.0, -1.0), "seconds must be 0 or more"),
        ("hold", (50.0, 1.0), "force_pn = 50.0 is outside"),
        ("turn", (5000.0,), "rotation cannot go to 5000.0 turn"),
        ("turn", (5.0, 100.0), "turns_per_s must be above 0 and at most 5"),
    ],
)
def test_what_the_magnet_can_not_do_is_refused_before_it_moves(bench, command, arguments, why):
    before = bench.magnet.call("positions")
    with pytest.raises(BadInputError, match=why):
        bench.force.call(command, *arguments)
    assert bench.magnet.call("positions") == before
    assert not len(bench.written())


def test_a_magnet_that_may_not_go_so_low_says_so(tmp_path):
    bench = Bench(tmp_path, low_nm=1e6)
    with bench.rig:
        with pytest.raises(BadInputError, match="its limits are"):
            bench.force.call("ramp", 1.0, 15.0, 0.5)
        bench.rows.close()


def test_cancelled_the_magnet_stands_still_where_it_is(bench):
    def stop_at_half(fraction):
        if fraction > 0.5:
            call.cancel("enough")

    call = bench.call(CallContext, stop_at_half)
    with running_as(call), pytest.raises(CancelledError):
        bench.service.ramp(1.0, 10.0, 0.5)
    assert bench.magnet.call("is_moving") is False
    assert 5.4 < bench.true_pn() < 5.8


@pytest.mark.parametrize("command", ["ramp", "hold", "go_to", "turn"])
def test_cancelled_on_its_way_the_magnet_does_not_go_on(bench, command):
    arguments = {"ramp": (1.0, 10.0, 0.5), "hold": (1.0, 5.0), "go_to": (1.0,), "turn": (5.0,)}[command]
    told = []

    class Moving:
        """A move that ends when it is cancelled."""

        def done(self):
            call.cancel("enough")
            return False

        def cancel(self, reason):
            told.append(reason)

    call = bench.call(CallContext, lambda _: None)
    bench.service._client.submit = lambda *_, **__: Moving()
    with running_as(call), pytest.raises(CancelledError):
        getattr(bench.service, command)(*arguments)
    assert told == ["the motion of the magnet has ended"]


def test_a_pause_holds_the_force_and_does_not_count(bench):
    service, waits = bench.service, []

    class Held(CallContext):
        def wait(self, seconds):
            super().wait(seconds)
            if service.paused():
                waits.append(bench.true_pn())
                if len(waits) == 100:
                    service.resume()

    def hold_at_half(fraction):
        if fraction > 0.5 and not waits:
            service.pause()

    begun_ns = bench.clock.monotonic_ns()
    with running_as(bench.call(Held, hold_at_half)):
        done = service.ramp(1.0, 10.0, 0.5)
    assert done.seconds == pytest.approx(18.0)
    assert bench.clock.monotonic_ns() - begun_ns > 22e9, "100 waits of 50 ms more"
    assert max(waits) - min(waits) < 1e-6
    assert done.force_pn == pytest.approx(10.0, rel=1e-3)


def test_a_table_that_was_measured_is_kept_and_goes_before_that_of_the_rig_file(bench, tmp_path):
    facts = bench.force.call("set_table", [0.0, 1e6, 2e6], [10.0, 5.0, 2.5])
    assert (facts.unit, facts.range, round(facts.spread, 2)) == ("nm", (0.0, 2e6), 0.0)
    settings = bench.service.settings.model_dump(mode="json")
    again = bench.rig.add("again", ForceService, settings)
    assert again.call("table").heights == (0.0, 1e6, 2e6)


def test_without_a_table_it_says_how_to_give_one(tmp_path):
    bench = Bench(tmp_path)
    bench.rows.close()
    with bench.rig:
        empty = bench.rig.add("other", ForceService, {"table_file": str(tmp_path / "no.json")})
        with pytest.raises(BadInputError, match="set_table, or import_table"):
            empty.call("force")
