"""Asks instruments what they are like, and how long they take; nothing is moved or lit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from parfocal.core.frames import FrameSpec
from parfocal.runs.acquisition_mode import parts_of
from parfocal.runs.disk_forecast import FRAMES, REGIONS, TRACKS
from parfocal.runs.forecast.device_times import DeviceTimes
from parfocal.runs.instruments.rig_facts import RigFacts, field_of_view_um
from parfocal.streams import open_stream

if TYPE_CHECKING:
    from pathlib import Path

    from parfocal.core.frames import StreamSpec
    from parfocal.runs.acquisition_mode import AcquisitionMode
    from parfocal.runs.instruments.parts import InstrumentParts
    from parfocal.runs.plans.service_call import ServiceCall

_CALLS_OF_FRAME = 3
"""What a frame takes beside its readout, in calls: it goes into the ring, is counted, and told."""


def learn_facts(
    parts: InstrumentParts,
    streams: Path,
    asked: tuple[ServiceCall, ...],
    mode: AcquisitionMode | None,
    *,
    folder: str,
    records: bool,
) -> RigFacts:
    """Return what the instruments are like.

    Parameters
    ----------
    parts : InstrumentParts
        Those of the run; they know from now on what they were asked.
    streams : Path
        Where the frames of the camera are.
    asked : tuple of ServiceCall
        What services are to carry out.
    mode : AcquisitionMode or None
        What an acquisition records; None: what the recorder's settings name.
    folder : str
        Where the record would be.
    records : bool
        Whether there would be one.
    """
    settings, calls = parts.settings, parts.calls
    parts.sequences.learn()
    spec = open_stream(streams, settings.camera).spec if settings.camera else None
    frames = spec if isinstance(spec, FrameSpec) else None
    return RigFacts(
        presets=parts.light.learn(),
        powers=parts.light.powers(),
        found=parts.stages.learn(),
        axes=parts.stages.limits,
        exposure_ms=parts.camera.learn() if settings.camera else None,
        frame="" if frames is None else f"{frames.shape} {frames.dtype}",
        frame_shape=() if frames is None else frames.shape,
        field_um=None if frames is None else field_of_view_um(frames),
        frame_bytes=0 if frames is None else frames.nbytes,
        frame_s=calls.declared_times(settings.camera).get("frame", 0.0) if settings.camera else 0.0,
        stored_bytes=_stored_bytes(parts, spec, mode) if records else {},
        disk_free_bytes=calls.ask(settings.recorder, "free_bytes", folder) if records else None,
        calibration=parts.modulator.learn(),
        masked_lights=parts.modulator.lights(),
        problems=parts.services.problems(asked),
    )


def declared_times(parts: InstrumentParts, camera_kept_as: str, *, with_calls: bool) -> DeviceTimes:
    """Return how long the instruments take, as they declare it.

    The measured times of the camera are kept as `camera_kept_as`; `with_calls` tries how long calls take.
    """
    camera = parts.settings.camera
    exposures_ms, of_camera = parts.light.exposures_ms, dict[str, float]()
    if camera:
        exposures_ms[""] = parts.camera.exposure_ms()
        of_camera = parts.calls.declared_times(camera)
    calls_s = parts.calls.round_trips_s(_reads(parts)) if with_calls else {}
    camera_s = calls_s.get(camera, 0.0)
    light = parts.light.times(calls_s)
    return DeviceTimes(
        axes=parts.stages.times(calls_s),
        switch_s=dict(light.switch_s),
        exposure_ms=exposures_ms,
        shade_s=light.shutter_s,
        light_s=light.shutter_s,
        before_s=camera_s,
        after_s=of_camera.get("readout", 0.0) + _CALLS_OF_FRAME * camera_s,
        frame_s=of_camera.get("frame", 0.0),
        kept_as={**parts.stages.kept_as, "light": light.kept_as, "camera": camera_kept_as},
    )


def _stored_bytes(
    parts: InstrumentParts, spec: StreamSpec | None, mode: AcquisitionMode | None
) -> dict[str, int]:
    """Return what the record holds of each frame of a camera that runs by itself."""
    settings, calls = parts.settings, parts.calls
    if not isinstance(spec, FrameSpec):
        return {}
    if mode is None:
        named = calls.ask(settings.recorder, "get_settings")["frames"] or ()
        is_named = settings.camera in ((named,) if isinstance(named, str) else named)
        return {FRAMES: spec.nbytes} if is_named else {}
    wanted = parts_of(mode)
    asks = settings.tracker and (wanted.tracks or wanted.roi_video)
    beads = calls.ask(settings.tracker, "bytes_per_frame") if asks else {}
    each = {
        FRAMES: spec.nbytes if wanted.video else 0,
        REGIONS: beads.get("roi_video", 0) if wanted.roi_video else 0,
        TRACKS: beads.get("tracks", 0) if wanted.tracks else 0,
    }
    return {name: size for name, size in each.items() if size}


def _reads(parts: InstrumentParts) -> dict[str, str]:
    """Return a command of each service by which a call to it may be tried."""
    settings = parts.settings
    reads = dict.fromkeys(filter(None, (settings.camera, settings.xy, settings.z)), "declared_limits")
    reads |= dict.fromkeys(parts.light.lamps, "power")
    return {**reads, **({settings.channels: "switch_times"} if settings.channels else {})}
