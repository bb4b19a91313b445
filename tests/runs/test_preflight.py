"""What a rig cannot do of a plan is told with the event that asks for it, before anything is touched."""

from __future__ import annotations

import msgspec
import pytest

from parfocal.core.channels import ChannelPreset
from parfocal.core.errors import BadInputError
from parfocal.runs import Sequence, acquire, call, combine, wait
from parfocal.runs.disk_forecast import disk_forecast
from parfocal.runs.forecasting import forecast_of
from parfocal.runs.instruments.rig_facts import RigFacts, changes
from parfocal.runs.plans.survey import survey
from parfocal.runs.preflight import preflight

FACTS = RigFacts(
    found={"x": 0.0, "y": 0.0, "z": 0.0},
    axes={"x": (-100.0, 100.0), "y": (-100.0, 100.0), "z": (0.0, 50.0)},
    presets={
        "nucleus": ChannelPreset(light="blue", power=0.5, exposure_ms=20.0),
        "dark": ChannelPreset(exposure_ms=20.0),
        "bright": ChannelPreset(light="weak", power=0.9),
    },
    exposure_ms=(0.1, 1000.0),
    powers={"weak": (0.0, 0.4)},
    frame_bytes=1000,
    frame_s=0.01,
    stored_bytes={"frames": 1000},
    disk_free_bytes=10_000,
)


def refused(plan, **changes):
    with pytest.raises(BadInputError) as caught:
        preflight(survey(plan.events(), FACTS.found), FACTS, **changes)
    return str(caught.value)


def one(channel="nucleus", **more):
    return Sequence(channels=[{"config": channel, **more}], stage_positions=[(0, 0, 1)])


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        (one("nucleas"), "event 0 (t=0, p=0, c=0, z=0): there is no channel 'nucleas'"),
        (one(exposure=5000), "exposure_ms 5000 is beyond the limits of the camera, 0.1 to 1000"),
        (one(power=1.5), "power 1.5 is beyond the limits of light 'blue', 0 to 1"),
        (one("bright"), "power 0.9 is beyond the limits of light 'weak', 0 to 0.4"),
        (one("dark", power=0.5), "channel 'dark' has no light; leave the power out"),
        (
            Sequence(channels=["nucleus"], stage_positions=[(0, 0, 1), (300, 0, 1)]),
            "event 1 (t=0, p=1, c=0, z=0): x cannot go to 300 um; its limits are -100 to 100 um",
        ),
        (Sequence(stage_positions=[(0, 0, 1)], metadata={"phase": "early"}), "phase 'early' and no phase_id"),
        (Sequence(time_plan={"interval": 1, "loops": 50}), "50 frames are 1 MB before compression"),
        (acquire(41), "too few even if they shrink to 1 / 4 of that"),
        (acquire(seconds=0.5), "50 frames are 1 MB before compression, and 1 MB are free"),
        (call("force", "hold", exposing=True, expected_s=0.5), "50 frames are 1 MB before compression"),
        (wait(5), "the plan has no frames"),
    ],
)
def test_what_the_rig_cannot_do_is_named_with_its_event(plan, said):
    assert said in refused(plan)


def test_what_the_rig_can_do_passes():
    numbered = Sequence(
        channels=["nucleus", "dark"],
        stage_positions=[(-100, 100, 50), (100, -100, 0)],
        metadata={"phase": "early", "phase_id": 0},
    )
    for plan in (numbered, one(exposure=0.1, power=0), acquire(10), combine(one(), wait(5), axis="t")):
        preflight(survey(plan.events(), FACTS.found), FACTS)
    preflight(survey(wait(5).events(), {}), FACTS, appended=True)


def test_frames_that_may_fit_when_they_are_compressed_are_warned_of_and_not_refused():
    for frames, said in (
        (8, ""),
        (9, "90 % of the free disk"),
        (40, "400 % of the free disk, before compression"),
    ):
        wanted = survey(acquire(frames).events(), {})
        preflight(wanted, FACTS)
        warnings = forecast_of(wanted, FACTS, 1.0, disk_forecast(wanted, FACTS)).warnings
        assert said in "".join(warnings)
        assert bool(said) == bool(warnings)


def test_each_part_of_a_record_is_told_and_an_endless_one_by_its_rate():
    stored = {"video of the regions": 2_000_000, "tracks": 1_000_000}
    facts = msgspec.structs.replace(FACTS, stored_bytes=stored, disk_free_bytes=10**9)
    wanted = survey(acquire(seconds=1).events(), {})
    preflight(wanted, facts)
    forecast = forecast_of(wanted, facts, 1.0, disk_forecast(wanted, facts))
    assert forecast.disk_parts == {"video of the regions": 200_000_000, "tracks": 100_000_000}
    assert forecast.disk_bytes == 300_000_000
    endless = survey(acquire().events(), {})
    told = forecast_of(endless, facts, 1.0, disk_forecast(endless, facts)).warnings
    assert told == (
        "the camera runs until somebody ends it: it takes up to 300 MB of disk a second, and what is free "
        "lasts for 0:04",
    )
    with pytest.raises(BadInputError, match=r"video of the regions 4 GB, tracks 2 GB"):
        preflight(survey(acquire(seconds=20).events(), {}), facts)


def test_both_ends_of_an_axis_are_looked_at_and_the_stage_that_stands_there():
    plan = Sequence(stage_positions=[(0, 0, 60), (0, 0, 5), (0, 0, -1)])
    assert "event 2 (t=0, p=2, c=0, z=0): z cannot go to -1 um" in refused(plan)
    assert "event 0 (t=0, p=0, c=0, z=0): z cannot go to 60 um" in refused(plan)
    with pytest.raises(BadInputError, match="z cannot go to 60 um"):
        preflight(survey(plan.events(), {"z": 60.0}), FACTS)


def test_axes_and_channels_that_no_service_has_are_named():
    bare = RigFacts(axes={"z": (0.0, 1.0)})
    with pytest.raises(BadInputError) as caught:
        preflight(survey(one().events(), {}), bare)
    assert "it moves x, and no stage of the rig's runs has it" in str(caught.value)
    assert "channel 'nucleus': the runs of this rig have no service of channels" in str(caught.value)


def test_many_problems_are_told_in_part():
    channels = [{"config": f"c{number}"} for number in range(9)]
    said = refused(Sequence(channels=channels))
    assert said.count("there is no channel") == 5
    assert said.endswith("; and 4 more")


def test_what_changed_since_is_told_if_the_plan_depends_on_it():
    wanted = survey(one().events(), FACTS.found)
    weaker = {**(FACTS.presets or {}), "nucleus": ChannelPreset(light="blue", power=0.1, exposure_ms=20.0)}
    moved = RigFacts(found={"x": 30.0, "y": 0.4, "z": 0.0}, presets=weaker, frame="(8, 8) uint8")
    said = changes(FACTS, moved, wanted, frozenset("xy"))
    assert [text.split(",")[0] for text in said] == [
        "x stood at 0 um",
        "the camera's frames were none",
        "channel 'nucleus' was light blue",
    ]
    assert changes(FACTS, FACTS, wanted, frozenset("xyz")) == ()
    gone = RigFacts(found={"y": 0.0}, presets={})
    assert changes(FACTS, gone, wanted, frozenset("x")) == (
        "x stood at 0 um, and no stage has it now",
        "channel 'nucleus' is gone",
    )
