"""``parfocal ramp``, ``hold`` and ``turn``: forces on the beads of a rig, as runs."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from parfocal.cli.run import carry_out
from parfocal.rig.pulls import PullOptions
from parfocal.rig.rig import Rig
from parfocal.runs.acquisition_mode import AcquisitionMode


def ramp(
    rig: str,
    start_pn: float,
    stop_pn: float,
    rate_pn_per_s: float,
    *,
    mode: AcquisitionMode = "tracks",
    out: Path | None = None,
    name: str = "",
    live: bool = False,
    force: bool = False,
    detach: bool = False,
    json: bool = False,
) -> int:
    """Change the force on the beads at a constant rate, while the camera runs and the mode is recorded.

    The magnet's table says where it has to be for which force. It is a run as any other: `parfocal pause`,
    `resume` and `cancel` steer it. Cancelled, by Ctrl-C too, the magnet stands still where it is.

    Parameters
    ----------
    rig
        A running rig; else a built-in one or a file, which is started, and ended again after the run.
    start_pn
        The force that it begins with, pN.
    stop_pn
        The force that it ends with.
    rate_pn_per_s
        By how much it changes in a second; positive up and down.
    mode
        What is recorded beside the rows of devices: tracks, tracks+roi-video, tracks+video, roi-video or
        video.
    out
        Folder for the run's own new folder; by default where the rig's recorder puts its runs.
    name
        Of the run, and of its folder.
    live
        It is seen, and nothing of it is stored.
    force
        Use instruments although another run, or another program, holds them; the record says so.
    detach
        Return when the run has begun. It goes on, and so does its rig, in the background.
    json
        Print the final status as one JSON object in the last line.

    Examples
    --------
    parfocal ramp tweezers 1 10 0.5 --mode tracks+roi-video --name pull1
    """
    start = partial(
        Rig.ramp_force,
        start_pn=start_pn,
        stop_pn=stop_pn,
        rate_pn_per_s=rate_pn_per_s,
        **_options(mode, out, name, live=live, force=force),
    )
    return carry_out(rig, start, detach=detach, json=json)


def hold(
    rig: str,
    force_pn: float,
    seconds: float,
    *,
    mode: AcquisitionMode = "tracks",
    out: Path | None = None,
    name: str = "",
    live: bool = False,
    force: bool = False,
    detach: bool = False,
    json: bool = False,
) -> int:
    """Pull at the beads with one force for some seconds; all else is as for `parfocal ramp`.

    Parameters
    ----------
    rig, mode, out, name, live, force, detach, json
        As for `parfocal ramp`.
    force_pn
        The force, pN.
    seconds
        For how long, from when the magnet has arrived; pauses do not count.

    Examples
    --------
    parfocal hold tweezers 5 30
    """
    options = _options(mode, out, name, live=live, force=force)
    start = partial(Rig.hold_force, force_pn=force_pn, seconds=seconds, **options)
    return carry_out(rig, start, detach=detach, json=json)


def turn(
    rig: str,
    turns: float,
    *,
    turns_per_s: float | None = None,
    mode: AcquisitionMode = "tracks",
    out: Path | None = None,
    name: str = "",
    live: bool = False,
    force: bool = False,
    detach: bool = False,
    json: bool = False,
) -> int:
    """Turn the magnet from where it stands; all else is as for `parfocal ramp`.

    Parameters
    ----------
    rig, mode, out, name, live, force, detach, json
        As for `parfocal ramp`.
    turns
        How far; negative ones go backwards.
    turns_per_s
        How fast; by default as fast as it can.

    Examples
    --------
    parfocal turn tweezers -- -10
    """
    options = _options(mode, out, name, live=live, force=force)
    start = partial(Rig.turn_magnet, turns=turns, turns_per_s=turns_per_s, **options)
    return carry_out(rig, start, detach=detach, json=json)


def _options(mode: AcquisitionMode, out: Path | None, name: str, *, live: bool, force: bool) -> PullOptions:
    folder = "" if out is None else out
    return {"mode": mode, "name": name, "folder": folder, "save": not live, "force": force}
