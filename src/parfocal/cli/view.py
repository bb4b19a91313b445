"""``parfocal view`` and ``parfocal viewers``: look at something, and at the viewers that run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter
from rich.table import Table

from parfocal.cli.output import console, print_json
from parfocal.core.clock import SYSTEM_CLOCK, poll_until
from parfocal.core.errors import BadInputError
from parfocal.viewers import close_viewer, list_viewers, open_viewer

_STEP_S = 0.2


def view(
    source: str,
    *,
    viewer: str = "live",
    name: str = "main",
    persist: bool = False,
    theme: Literal["dark", "light", "red"] = "dark",
    screenshot: Path | None = None,
    seconds: float = 2.0,
    channel: str = "",
) -> None:
    """Show a live stream, a run, a file of images or a recorded run in a viewer, a process of its own.

    Nothing that happens to the viewer is felt by what it shows. Without --persist or --screenshot this
    command lasts as long as the window; Ctrl-C closes it. A rig is started if none of that name runs, its
    camera begins to expose, and it ends with this command.

    Parameters
    ----------
    source
        RIG/STREAM (such as tweezers/camera or lab.toml/camera), RIG/RUN of a rig that runs, or a rig with one
        camera; a file or folder of images, or the folder of a run.
    viewer
        "live": a light window; "napari": one of napari; "headless": none (for servers and tests); or a
        kind of an installed package.
    name
        Of the viewer: whoever gives the same name shares it.
    persist
        Leave the viewer open when this command ends, at once; any later program finds it by its name.
    theme
        Colours of a window that is opened.
    screenshot
        Write what the window shows to this PNG file, and end.
    seconds
        How long to wait before the screenshot.
    channel
        Of the rig: its light is on while the window is open.

    Examples
    --------
    parfocal view tweezers/camera

    parfocal view microscope --channel nucleus

    parfocal view optogenetics/run1

    parfocal view movie.tif --viewer headless --screenshot picture.png --seconds 1
    """
    from parfocal.rig.viewing import shown

    if not seconds >= 0:
        raise BadInputError(f"seconds must not be negative, not {seconds}")
    window = open_viewer(name, viewer, persist=persist, theme=theme)
    try:
        with shown(source, window, channel) as what:
            window.wait_ready()
            if screenshot is not None:
                SYSTEM_CLOCK.sleep(seconds)
                window.save_picture(screenshot)
                console().print(f"{what} in {screenshot}")
            elif persist:
                console().print(f"{what} in viewer {name!r}; close it with `parfocal viewers close {name}`")
            else:
                console().print(f"{what} in viewer {name!r}; close its window, or press Ctrl-C")
                poll_until(lambda: window.state == "exited", float("inf"), every_s=_STEP_S)
    finally:
        if persist:
            window.leave()
        else:
            window.close()


def viewers(*, json: bool = False) -> None:
    """List the viewers that run, whoever opened them.

    Parameters
    ----------
    json
        Print them as one JSON line.

    Examples
    --------
    parfocal viewers
    """
    found = list_viewers()
    if json:
        print_json({"viewers": found})
        return
    if not found:
        console().print("no viewer is running; open one with `parfocal view`")
        return
    table = Table(
        "viewer", "kind", "state", "process", "queued", "outlives its opener", box=None, pad_edge=False
    )
    for info in found:
        kept = "yes" if info.persist else "no"
        table.add_row(info.name, info.kind, info.state, str(info.pid), str(info.queued), kept)
    console().print(table)


def close(
    names: Annotated[list[str], Parameter(name="names", consume_multiple=True)], *, force: bool = False
) -> None:
    """Close viewers by name: asked first, then ended. That very process, or none.

    Parameters
    ----------
    names
        Of the viewers.
    force
        End them at once.

    Examples
    --------
    parfocal viewers close main
    """
    for name in names:
        close_viewer(name, force=force)
        console().print(f"viewer {name!r} is closed")
