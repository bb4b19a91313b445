"""The built-in optogenetics microscope in its processes: calibrated, lit as asked, dark after a kill."""

import os
import signal

import numpy as np
import psutil
import pytest

import parfocal
from parfocal.core.clock import SYSTEM_CLOCK, poll_until
from parfocal.core.errors import CancelledError, CommandError, RunFailedError
from parfocal.core.modulation import BLANK, mask_hash, pack_mask
from parfocal.devices.simulated.optogenetics.lit_region import intersection_over_union
from parfocal.runs import Pipeline, Sequence

pytestmark = pytest.mark.timeout(300)
PATIENCE_S = 60.0
LONG_S = 120.0
DARK_WITHIN_S = 30.0
"""On a machine that may be busy with something else: nobody else switches off what is on in these tests."""
STIMULUS_S = 15.0
"""How long a stimulus lasts: its light is off long before."""


@pytest.fixture
def rig(tmp_path):
    with parfocal.open_rig("optogenetics", changes={"recorder.folder": str(tmp_path / "runs")}) as rig:
        yield rig


def all_ready(rig):
    return all(service.state == "ready" for service in rig.status().services.values())


def is_dark(rig):
    return rig["world"].light() == {}


def is_blank(rig):
    return rig["world"].lit_pixels() == {"dmd": 0}


def discs(seed):
    """Return a mask in camera pixels, of the size of some cells."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:512, :512]
    return np.any([np.hypot(x - px, y - py) < 16 for px, py in rng.uniform(40, 470, (20, 2))], axis=0)


def show(rig, mask):
    return rig["modulator"].show_mask(pack_mask(mask), mask.shape, mask_hash(mask), timeout_s=PATIENCE_S)


def test_calibrated_beside_a_live_view_masks_light_what_they_say(rig):
    modulator, camera = rig["modulator"], rig["camera"]
    with pytest.raises(CommandError, match="not calibrated"):
        show(rig, discs(1))
    camera.set_exposure_ms(8.0, timeout_s=PATIENCE_S)
    camera.start(timeout_s=PATIENCE_S)
    found = modulator.calibrate(timeout_s=LONG_S)
    assert camera.is_running()
    assert camera.exposure_ms() == 8.0
    assert is_dark(rig)
    assert is_blank(rig)
    assert found.residual_px < 0.5
    assert found.spots >= 12
    assert modulator.calibration() == found
    camera.stop(timeout_s=PATIENCE_S)
    rig["channels"].set_channel("stimulation", timeout_s=PATIENCE_S)
    for seed in range(3):
        shown = show(rig, discs(seed))
        assert modulator.shown() == shown
        assert shown.hash == mask_hash(discs(seed))
        camera.snap(event=seed, time_s=float(seed), timeout_s=PATIENCE_S)
        lit = camera.lit_region(seed)
        assert intersection_over_union(discs(seed), 0.0, 0.0, lit.pixel_size_um, lit) > 0.92
    modulator.blank(timeout_s=PATIENCE_S)
    assert modulator.shown().hash == BLANK


def test_a_calibration_that_is_ended_or_fails_leaves_all_dark(rig):
    modulator = rig["modulator"]
    call = modulator.submit("calibrate", timeout_s=LONG_S)
    assert poll_until(lambda: not is_blank(rig), PATIENCE_S)
    with pytest.raises(CommandError, match="is being calibrated"):
        modulator.show_all(timeout_s=PATIENCE_S)
    call.cancel("enough")
    with pytest.raises(CancelledError):
        call.result(PATIENCE_S)
    assert poll_until(lambda: is_dark(rig) and is_blank(rig), PATIENCE_S)
    call = modulator.submit("calibrate", timeout_s=LONG_S)
    assert poll_until(lambda: not is_blank(rig), PATIENCE_S)
    modulator.blank(timeout_s=PATIENCE_S)
    with pytest.raises(CommandError, match="blanked"):
        call.result(PATIENCE_S)
    assert poll_until(lambda: is_dark(rig) and is_blank(rig), PATIENCE_S)
    with pytest.raises(CommandError, match="none of 36 spots was seen"):
        modulator.calibrate(1e-6, timeout_s=LONG_S)
    assert poll_until(lambda: is_dark(rig) and is_blank(rig), PATIENCE_S)
    modulator.inject_fault("dead", timeout_s=PATIENCE_S)
    with pytest.raises(CommandError, match="did not take the mask"):
        modulator.calibrate(timeout_s=LONG_S)
    assert poll_until(lambda: is_dark(rig), PATIENCE_S)
    assert modulator.calibration() is None


@pytest.mark.slow
def test_it_gets_dark_when_the_modulator_is_lost_and_blank_when_who_steers_it_is(rig):
    for how in (signal.SIGKILL, signal.SIGSTOP):
        rig["channels"].set_channel("stimulation", timeout_s=PATIENCE_S)
        rig["modulator"].show_all(timeout_s=PATIENCE_S)
        assert not is_dark(rig)
        lost = rig.status().services["modulator"].pid
        since_ns = SYSTEM_CLOCK.monotonic_ns()
        os.kill(lost, how)
        assert poll_until(lambda: is_dark(rig), PATIENCE_S)
        log = [change for change in rig["world"].light_log(since_ns) if change.level == 0.0]
        assert (log[-1].time_ns - since_ns) * 1e-9 < DARK_WITHIN_S
        assert poll_until(lambda gone=lost: rig.status().services["modulator"].pid != gone, PATIENCE_S)
        assert poll_until(lambda: all_ready(rig), PATIENCE_S)
        assert is_blank(rig)
    rig["modulator"].show_all(timeout_s=PATIENCE_S)
    os.kill(rig.status().services["runs"].pid, signal.SIGKILL)
    assert poll_until(lambda: is_blank(rig), PATIENCE_S)


def stimulated_run(rig):
    """Return a run in the middle of a long stimulus, through all mirrors."""
    stimulus = {"stim_channels": ["stimulation"], "stim_frames": [0], "stim_exposure": 1000.0 * STIMULUS_S}
    plan = Sequence(time_plan={"interval": 0, "loops": 2}, channels=["nucleus"], **stimulus)
    handle = rig.run(plan)
    assert poll_until(
        lambda: "stimulation" in rig["world"].light() and rig["camera"].is_running() and not is_blank(rig),
        PATIENCE_S,
    )
    return handle


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "stopped"])
@pytest.mark.parametrize("service", ["runs", "modulator", "stimulation", "camera"])
def test_a_stimulus_is_dark_long_before_its_end_and_is_not_fired_again(rig, service, how):
    handle = stimulated_run(rig)
    lost = rig.status().services[service].pid
    since_ns = SYSTEM_CLOCK.monotonic_ns()
    os.kill(lost, how)
    assert poll_until(lambda: is_dark(rig), PATIENCE_S)
    log = [change for change in rig["world"].light_log(since_ns) if change.light == "stimulation"]
    assert log[-1].level == 0.0
    assert (log[-1].time_ns - since_ns) * 1e-9 < STIMULUS_S - 5.0
    if service == "runs":
        with pytest.raises(RunFailedError, match="died at event"):
            handle.wait(LONG_S)
    else:
        status = handle.wait(LONG_S)
        assert status.stimulations.unsure == 1
        assert status.stimulations.fired == 0
        assert status.events_acquired == 2
        assert status.outcome == "incomplete: lost 1"
    assert poll_until(lambda: all_ready(rig), PATIENCE_S)
    later = rig["world"].light_log(log[-1].time_ns)
    assert not [change for change in later if change.light == "stimulation" and change.level]
    assert poll_until(lambda: is_blank(rig), PATIENCE_S)


LOOP = Pipeline(
    segment="parfocal.analysis.cells.segment:otsu",
    stimulate="parfocal.analysis.cells.masks:cells",
    deadline_s=1.0,
    late="hold",
)
LONGEST_LIGHT_S = 8.0
"""Less than a worker that stands still is waited for, which is 10 s."""


def worker_of(rig):
    """Return the process that runs the steps of the pipeline."""
    engine = psutil.Process(rig.status().services["runs"].pid)
    (worker,) = [one for one in engine.children() if "parfocal.runs.pipeline.worker" in one.cmdline()]
    return worker.pid


def longest_light_s(log):
    """Return how long any light was on without a break, of a log that begins and ends in the dark."""
    on_since, longest_ns = {}, 0
    for change in log:
        if change.level > 0.0:
            on_since.setdefault(change.light, change.time_ns)
        elif change.light in on_since:
            longest_ns = max(longest_ns, change.time_ns - on_since.pop(change.light))
    assert not on_since
    return longest_ns * 1e-9


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "stopped"])
def test_no_light_stays_on_while_a_worker_of_the_pipeline_that_is_lost_is_waited_for(rig, how):
    rig["modulator"].calibrate(timeout_s=LONG_S)
    stimulus = {"stim_channels": ["stimulation"], "stim_frames": "all", "stim_exposure": 5.0}
    plan = Sequence(time_plan={"interval": 0.1, "loops": 10_000}, channels=["nucleus"], **stimulus)
    assert is_dark(rig)
    since_ns = SYSTEM_CLOCK.monotonic_ns()
    handle = rig.run(plan, pipeline=LOOP)
    assert poll_until(lambda: handle.status().stimulations.fired >= 2, LONG_S)
    os.kill(worker_of(rig), how)
    assert poll_until(lambda: handle.status().errors.count > 0, LONG_S)
    fired = handle.status().stimulations.fired
    assert poll_until(lambda: handle.status().stimulations.fired >= fired + 2, LONG_S)
    handle.cancel("seen")
    status = handle.wait(LONG_S)
    assert (status.outcome, status.stimulations.unsure) == ("cancelled", 0)
    assert is_dark(rig)
    assert longest_light_s(rig["world"].light_log(since_ns)) < LONGEST_LIGHT_S


def test_a_dead_modulator_ends_a_run_in_the_dark_with_its_name(rig):
    rig["modulator"].inject_fault("dead", timeout_s=PATIENCE_S)
    stimulus = {"stim_channels": ["stimulation"], "stim_frames": "all", "stim_exposure": 5.0}
    plan = Sequence(time_plan={"interval": 0, "loops": 2}, channels=["nucleus"], **stimulus)
    with pytest.raises(RunFailedError, match="did not take the mask: it shows nothing"):
        rig.run(plan).wait(PATIENCE_S)
    assert is_dark(rig)
    assert is_blank(rig)
    levels = {change.level for change in rig["world"].light_log() if change.light == "stimulation"}
    assert levels <= {0.0}
