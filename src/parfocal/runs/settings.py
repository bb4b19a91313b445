"""The settings of a run service: which service of the rig plays which part in a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

from parfocal.core.errors import BadInputError
from parfocal.core.run_status import FailurePolicy
from parfocal.runs.conditions.interlocks import interlocks_from_data, interlocks_to_data

SERVICE = "runs"
"""The service of a rig that carries out its runs."""


class RunSettings(BaseModel):
    """Which services a run uses, and by which rules.

    Parameters
    ----------
    camera, xy, z, channels, modulator, recorder, tracker : str
        Names of services; "" for a rig without one.
    tracks : str
        The stream of rows that the tracker writes.
    lights : list of str
        Lights that are leased to a run, and dark after it.
    folder : Path or None
        Where runs go; None for the recorder's own folder.
    on_failure : str
        What an event that failed does: "stop" ends the run, "go on" declares the event dropped, "pause" has a
        person look.
    rest : dict
        Where axes of `xy` and `z` go at the end of a run; those not named go back to where they were found.
    need_usable_rows : bool
        Whether a run has failed if not one row of the tracker is of use: of a rig that is there to track.
    sequencer : str
        The camera, if it takes sequences of frames whose instruments time one another; "" if not.
    sequenced_z, sequenced_xy : str or None
        What it calls the stages `z` and `xy`, which it may step from frame to frame; None: it may not.
    sequenced_channels : str or None
        What it calls the channels, which it may change from frame to frame; None: it may not.
    undecided : dict
        Parts that several services could play, with their names: the rig file has to name one.
    answer_s : float
        How long an instrument may take to answer, beside what was asked of it.
    restart_s : float
        How long an instrument that ended may take to come back before the run fails.
    keep_times : bool
        Whether what the devices took in runs is kept when the rig has ended, for the predictions of its next
        runs; not of a rig that is started once and never again.
    stored_frames : str
        "module:object" of a function ``(folder, stream, header)`` that returns the pixels of a frame of the
        record, for images that had left the stream before they could be analysed; "" for none.
    history : str
        "module:object" of a function ``(folder, most_bytes, after_ns)`` that yields the frames of the record,
        for viewers that come late; "" for none.
    interlocks : list of dict
        Conditions that have to hold as long as any run goes on: those of the rig file's ``[[interlocks]]``.
    stored_events : str
        "module:object" of a function ``(folder, stream)`` that tells which events of a record have a frame,
        and a row in its log, for runs that are recovered; "" for none.
    script_process : str
        The module that serves a script in a process of its own; "" for a rig that runs none.
    real_time_workers : bool
        Whether the workers of pipelines go before all other programs, too, once they are warm: for steps that
        take some milliseconds. Only where the rig file has "runs" in ``real_time``.
    keep_awake : bool
        Whether processors are kept awake while a run goes on, so that none has to wake up for a stimulus:
        idle ones burn as much power then as those at work. See `parfocal.processes.awake`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    camera: str = ""
    xy: str = ""
    z: str = ""
    channels: str = ""
    modulator: str = ""
    lights: tuple[str, ...] = ()
    recorder: str = ""
    tracker: str = ""
    tracks: str = "tracks"
    folder: Path | None = None
    on_failure: FailurePolicy = "stop"
    rest: dict[str, float] = {}
    need_usable_rows: bool = False
    sequencer: str = ""
    sequenced_z: str | None = None
    sequenced_xy: str | None = None
    sequenced_channels: str | None = None
    undecided: dict[str, tuple[str, ...]] = {}
    answer_s: Annotated[float, Field(gt=0)] = 5.0
    restart_s: Annotated[float, Field(gt=0)] = 15.0
    keep_times: bool = True
    stored_frames: str = ""
    history: str = ""
    interlocks: tuple[dict[str, Any], ...] = ()
    stored_events: str = ""
    script_process: str = ""
    real_time_workers: bool = False
    keep_awake: bool = False

    @field_validator("interlocks", mode="before")
    @classmethod
    def _interlocks_are_known(cls, interlocks: Any) -> Any:
        """Refuse what is no interlock, as the plan's own are refused."""
        return tuple(interlocks_to_data(interlocks_from_data(interlocks)))

    def service(self, part: str, purpose: str) -> str:
        """Return the service that plays a part, such as "camera", which is needed for `purpose`.

        Raises
        ------
        BadInputError
            If there is none, or nobody has said which; tells what to write into the rig file.

        Examples
        --------
        >>> two = RunSettings(undecided={"camera": ("left", "right")})
        >>> two.service("camera", "exposures")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
            ...
        parfocal.core.errors.BadInputError: exposures need a camera, and the rig has several ...
        """
        name: str = getattr(self, part)
        if name:
            return name
        names = self.undecided.get(part, ())
        told = f"has several that could be it: {', '.join(names)}" if names else "has none"
        remedy = f'name one in the rig file: [runs] {part} = "{(*names, "SERVICE")[0]}"'
        raise BadInputError(f"{purpose} need a {part}, and the rig {told}; {remedy}")
