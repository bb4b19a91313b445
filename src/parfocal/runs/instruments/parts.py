"""Who plays which part in a run: its services, each with what calls it. Made once, for one run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from parfocal.runs.instruments.camera_calls import CameraCalls
from parfocal.runs.instruments.hardware_sequence import HardwareSequences
from parfocal.runs.instruments.modulator_calls import ModulatorCalls
from parfocal.runs.instruments.run_light import RunLight
from parfocal.runs.instruments.service_calls import ServiceCalls
from parfocal.runs.instruments.stages import Stages

if TYPE_CHECKING:
    import logging

    from parfocal.core.clock import Clock
    from parfocal.runs.instruments.calling import InstrumentCalls
    from parfocal.runs.instruments.shared_instruments import SharedInstruments
    from parfocal.runs.settings import RunSettings


@dataclass(frozen=True, kw_only=True)
class InstrumentParts:
    """The parts, and which services play them.

    Attributes
    ----------
    settings : RunSettings
        The names of the services.
    calls : InstrumentCalls
        By which all of them are called.
    """

    settings: RunSettings
    calls: InstrumentCalls
    camera: CameraCalls
    sequences: HardwareSequences
    stages: Stages
    light: RunLight
    modulator: ModulatorCalls
    services: ServiceCalls


def instrument_parts(
    settings: RunSettings,
    calls: InstrumentCalls,
    use: SharedInstruments,
    clock: Clock,
    log: logging.Logger,
) -> InstrumentParts:
    """Return the parts of a run that shares `use`; nothing is called yet."""
    return InstrumentParts(
        settings=settings,
        calls=calls,
        camera=CameraCalls(calls, settings.camera),
        sequences=HardwareSequences(
            calls,
            settings.sequencer,
            settings.sequenced_z,
            settings.sequenced_xy,
            settings.sequenced_channels,
        ),
        stages=Stages(calls, settings.xy, settings.z),
        light=RunLight(calls, clock, settings.channels, settings.lights, settings.modulator, use),
        modulator=ModulatorCalls(calls, settings.modulator, use),
        services=ServiceCalls(calls, clock, log),
    )
