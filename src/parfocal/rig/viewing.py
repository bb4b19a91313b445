"""Something to look at, brought to a viewer: a live stream of a rig, a file of images, a recorded run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from parfocal.core.errors import BadInputError
from parfocal.core.frames import FrameSpec
from parfocal.formats import file_of, open_movie
from parfocal.processes import directory
from parfocal.rig.job import FIRST_START, JobProgress
from parfocal.rig.named_rigs import named_rigs
from parfocal.rig.opening import attach_or_open, open_rig
from parfocal.rig.recorded_view import show_recorded
from parfocal.runs.settings import SERVICE as RUNS
from parfocal.storage.foreign.run import has_labels
from parfocal.storage.recorded_run import is_run, open_run
from parfocal.viewers import Viewer, open_viewer
from parfocal.viewers.client import check_display

if TYPE_CHECKING:
    from parfocal.rig.config import RigConfig
    from parfocal.rig.rig import Rig
    from parfocal.runs.handle import RunHandle

PLOTTED = (0, 1, 2)
"""Beads whose rows are plotted unless somebody chooses others."""
_TRACKS = "tracks"


@contextmanager
def shown(source: str, viewer: Viewer, channel: str = "") -> Iterator[str]:
    """Show a source in a viewer; what had to be started for it runs until the block ends.

    Parameters
    ----------
    source : str
        ``RIG/STREAM``, ``RIG/RUN`` of a rig that runs, or a rig with one camera; a file or folder that
        `parfocal.formats` reads, or the folder of a run.
    viewer : Viewer
        Starting or ready.
    channel : str
        Of the rig: it is lit while the block lasts, and dark after it. "" leaves the light as it is.

    Yields
    ------
    str
        What is shown, in a line for people.

    Raises
    ------
    BadInputError
        If there is no such file, rig, stream or channel; names the nearest.
    """
    path = Path(source)
    running = [record.rig for record in directory.rigs()]
    is_rig = source in running or source in named_rigs()
    if file_of(path).exists() and not is_rig:
        if channel:
            raise BadInputError(f"{source} is a file: only a rig has a light for channel {channel!r}")
        yield show_file(path, viewer)
        return
    name, slash, stream = (source, "/", "") if is_rig else source.rpartition("/")
    if not slash or not (stream or is_rig):
        raise BadInputError(
            f"there is no file {source!r}, and RIG/STREAM, such as tweezers/camera, is written with a slash"
        )
    runs = name in running
    with attach_or_open(name) as rig, ExitStack() as stack:
        if runs and stream not in rig.streams and RUNS in rig and stream in rig.runs:
            yield show_run(rig.runs[stream], viewer)
            return
        stream = stream or _only_camera(rig)
        stated = follow(rig, stream, viewer)
        if channel:
            stack.enter_context(_lit(rig, channel))
        if not runs and _is_camera(rig, stream):
            stack.enter_context(exposing(rig, stream))
            if "tracker" in rig:
                rig["tracker"].find_beads(timeout_s=60.0)
        yield stated


def _is_camera(rig: Rig, service: str) -> bool:
    return _offers(rig, service, "is_running")


def _offers(rig: Rig, service: str, command: str) -> bool:
    return service in rig and command in {info.name for info in rig[service].commands()}


def _only_camera(rig: Rig) -> str:
    """Return the stream of the rig's camera; `BadInputError` if it has none, or several."""
    cameras = [stream for stream in rig.streams if _is_camera(rig, stream)]
    if len(cameras) != 1:
        stated = ", ".join(f"{rig.name}/{stream}" for stream in (cameras or rig.streams))
        raise BadInputError(f"rig {rig.name!r} has {len(cameras)} cameras; say which stream: {stated}")
    return cameras[0]


@contextmanager
def _lit(rig: Rig, channel: str) -> Iterator[None]:
    """Have a channel's light on in the block; it goes off as well when this program is gone."""
    service = next((name for name in rig if _offers(rig, name, "set_channel")), None)
    if service is None:
        raise BadInputError(f"rig {rig.name!r} has no channels; its light is as its own commands set it")
    with rig[service].lease("light"):
        rig[service].set_channel(channel)
        yield


@contextmanager
def exposing(rig: Rig, camera: str) -> Iterator[None]:
    """Have a camera expose in the block; one that was not exposing before stops again."""
    began = not rig[camera].is_running()
    if began:
        rig[camera].start()
    try:
        yield
    finally:
        if began:
            rig[camera].stop()


def show_file(path: Path, viewer: Viewer) -> str:
    """Send the images of a file, or of a run with what was found in them, as far as the viewer's budget goes.

    An OME-Zarr of another program that has labels is shown as a run is.
    """
    if has_labels(path):
        return show_recorded(open_run(path), path.name, viewer)
    if not is_run(path):
        return _show_movie(path, path, viewer)
    run = open_run(path)
    file = run.one_stream("frames")
    if all(record.events is None for record in run.manifest.streams.values()):
        return _show_movie(path, file, viewer)
    return show_recorded(run, path.name, viewer)


def show_run(handle: RunHandle, viewer: Viewer) -> str:
    """Follow a run, from what is recorded of it on; one that has ended is shown as recorded."""
    status = handle.status()
    if status.ended and status.folder:
        return show_file(Path(status.folder), viewer)
    viewer.follow(handle)
    return f"run {handle.name} of {handle.rig}"


def _show_movie(path: Path, file: Path, viewer: Viewer) -> str:
    sent = 0
    with open_movie(file) as movie:
        for index in range(len(movie)):
            ticket = viewer.show(movie.read(index), path.name, {"image": index})
            if ticket.state.startswith("failed"):
                break
            sent += 1
        return f"{path.name}: {sent} of {len(movie)} images, {movie.shape[1]} x {movie.shape[0]} px"


@contextmanager
def live_window(rig: str, what: str) -> Iterator[Viewer]:
    """Open a live viewer that lasts as long as the block; it starts while the rig does."""
    check_display("live", "leave out --view")
    viewer = open_viewer(rig, "live", title=f"parfocal: {what}")
    try:
        yield viewer
    finally:
        viewer.close()


@contextmanager
def watched_rig(
    config: RigConfig, what: str, report: Callable[[JobProgress], None], *, view: bool
) -> Iterator[tuple[Rig, Viewer | None]]:
    """Run the rig of a job for the block; with `view` a live viewer beside it, for the job to use."""
    text = f"{len(config.services)} services"
    with ExitStack() as stack:
        viewer = stack.enter_context(live_window(config.name, what)) if view else None
        report(JobProgress(phase="starting", fraction=0.0, text=text, notes=(FIRST_START,)))
        yield stack.enter_context(open_rig(config)), viewer


def follow(rig: Rig, stream: str, viewer: Viewer) -> str:
    """Follow a stream of a rig: frames, with their beads if the rig tracks any; or rows, in plots."""
    followed = rig.stream(stream)
    viewer.follow(followed)
    if isinstance(followed.spec, FrameSpec) and _TRACKS in rig.streams and "tracker" in rig:
        viewer.overlay_beads(rig.stream(_TRACKS))
        viewer.plot_beads(*PLOTTED)
    return f"{rig.name}/{stream}"
