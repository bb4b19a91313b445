"""``parfocal ramp``, ``hold`` and ``turn``: forces on the beads of a rig, as runs."""

from __future__ import annotations

from parfocal.cli.record_options import RECORDED, RecordOptions
from parfocal.rig.rig import Rig


def ramp(
    rig: str, start_pn: float, stop_pn: float, rate_pn_per_s: float, *, record: RecordOptions = RECORDED
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

    Examples
    --------
    parfocal ramp tweezers 1 10 0.5 --mode tracks+roi-video --name pull1
    """
    forces = {"start_pn": start_pn, "stop_pn": stop_pn, "rate_pn_per_s": rate_pn_per_s}
    return record.carry_out(rig, Rig.ramp_force, **forces)


def hold(rig: str, force_pn: float, seconds: float, *, record: RecordOptions = RECORDED) -> int:
    """Pull at the beads with one force for some seconds; all else is as for `parfocal ramp`.

    Parameters
    ----------
    rig
        As for `parfocal ramp`.
    force_pn
        The force, pN.
    seconds
        For how long, from when the magnet has arrived; pauses do not count.

    Examples
    --------
    parfocal hold tweezers 5 30
    """
    return record.carry_out(rig, Rig.hold_force, force_pn=force_pn, seconds=seconds)


def turn(
    rig: str, turns: float, *, turns_per_s: float | None = None, record: RecordOptions = RECORDED
) -> int:
    """Turn the magnet from where it stands; all else is as for `parfocal ramp`.

    Parameters
    ----------
    rig
        As for `parfocal ramp`.
    turns
        How far; negative ones go backwards.
    turns_per_s
        How fast; by default as fast as it can.

    Examples
    --------
    parfocal turn tweezers -- -10
    """
    return record.carry_out(rig, Rig.turn_magnet, turns=turns, turns_per_s=turns_per_s)
