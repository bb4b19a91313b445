"""A plan that uses what a laboratory has: what is run when nobody gives one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from parfocal.runs import Sequence, acquire

if TYPE_CHECKING:
    from parfocal.rig.config import RigConfig
    from parfocal.rig.rig import Rig
    from parfocal.runs.plans.plan import Plan

_TIME_POINTS, _INTERVAL_S = 25, 0.1
_SECONDS = 3.0
_STIM_EXPOSURE_MS = 200.0


def trial_plan(rig: Rig, config: RigConfig) -> Plan:
    """Return some seconds of images by one light, with stimuli by another, if there are channels."""
    name = next((name for name, service in config.services.items() if service.kind == "channels"), "")
    if not name:
        return acquire(seconds=_SECONDS)
    presets = rig[name].presets()
    image_light = next(iter(presets.values())).light
    imaged = [name for name, preset in presets.items() if preset.light == image_light]
    stimuli = [name for name, preset in presets.items() if preset.light != image_light]
    return Sequence(
        time_plan={"interval": _INTERVAL_S, "loops": _TIME_POINTS},
        channels=imaged[:2],
        stim_channels=stimuli[:1],
        stim_frames="every 3" if stimuli else [],
        stim_exposure=_STIM_EXPOSURE_MS,
    )
