"""``parfocal live`` and ``parfocal snap``: what the camera of a rig sees, without a run."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from parfocal.cli.output import console
from parfocal.cli.signals import interrupted_once
from parfocal.cli.which_rig import AnyRig, only_rig
from parfocal.core.clock import poll_until
from parfocal.core.errors import BadInputError
from parfocal.rig.opening import attach_or_open
from parfocal.viewers import open_viewer

_STEP_S = 0.2


def live(
    rig: AnyRig = None,
    *,
    camera: str = "camera",
    viewer: Literal["live", "napari", "headless"] = "live",
    theme: Literal["dark", "light", "red"] = "dark",
) -> None:
    """Expose and show what the camera sees, until Ctrl-C or the window is closed; nothing is recorded.

    A camera that was not exposing stops again.

    Parameters
    ----------
    camera
        Name of the camera's service.
    viewer
        A light window, one of napari, or none (for servers and tests).
    theme
        Colours of the window.

    Examples
    --------
    parfocal live tweezers
    """
    from parfocal.rig.viewing import exposing, follow

    with interrupted_once(), attach_or_open(only_rig(rig)) as running:
        window = open_viewer(f"{running.name}-live", viewer, theme=theme)
        try:
            stated = follow(running, camera, window)
            window.wait_ready()
            with exposing(running, camera):
                console().print(f"{stated} is exposing; close the window, or press Ctrl-C")
                poll_until(lambda: window.state == "exited", float("inf"), every_s=_STEP_S)
        finally:
            window.close()


def snap(rig: AnyRig = None, *, camera: str = "camera", out: Path | None = None) -> None:
    """Take one frame, tell what is in it, and write it to a file if you name one; nothing is recorded.

    Parameters
    ----------
    camera
        Name of the camera's service.
    out
        Where to write it: .png as it looks, contrast stretched; .tif with the camera's counts.

    Examples
    --------
    parfocal snap

    parfocal snap tweezers --out beads.png
    """
    from parfocal.rig.snap import snap_frame
    from parfocal.viewers.saving import save_image

    if out is not None and out.suffix.lower() not in (".png", ".tif", ".tiff"):
        raise BadInputError(f"--out {out}: name a file that ends in .png or .tif")
    if out is not None and not out.absolute().parent.is_dir():
        raise BadInputError(f"there is no folder {out.absolute().parent} for --out {out}")
    with attach_or_open(only_rig(rig)) as running:
        frame = snap_frame(running, camera)
        where = f"{running.name}/{camera}"
    if out is not None:
        save_image(frame.pixels, frame.pixel_size_um, out)
    console().print(f"{where} {frame.stated}" + ("" if out is None else f", in {out}"))
