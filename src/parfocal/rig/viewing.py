"""Something to look at, brought to a viewer: a live stream of a rig, a file of images, a recorded run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from parfocal.core.errors import BadInputError
from parfocal.core.frames import FrameSpec
from parfocal.formats import file_of, open_movie
from parfocal.processes import directory
from parfocal.rig.opening import attach_or_open
from parfocal.storage.recorded_run import is_run, open_run

if TYPE_CHECKING:
    from parfocal.rig.rig import Rig
    from parfocal.viewers import Viewer

PLOTTED = (0, 1, 2)
"""Beads whose rows are plotted unless somebody chooses others."""
_TRACKS = "tracks"


@contextmanager
def shown(source: str, viewer: Viewer) -> Iterator[str]:
    """Show a source in a viewer; what had to be started for it runs until the block ends.

    Parameters
    ----------
    source : str
        ``RIG/STREAM``, a file or folder that `parfocal.formats` reads, or the folder of a run.
    viewer : Viewer
        Starting or ready.

    Yields
    ------
    str
        What is shown, in a line for people.

    Raises
    ------
    BadInputError
        If there is no such file, rig or stream; names the nearest.
    """
    path = Path(source)
    if file_of(path).exists():
        yield show_file(path, viewer)
        return
    name, slash, stream = source.rpartition("/")
    if not slash or not stream:
        raise BadInputError(
            f"there is no file {source!r}, and RIG/STREAM, such as tweezers/camera, is written with a slash"
        )
    runs = name in [record.rig for record in directory.rigs()]
    with attach_or_open(name) as rig, ExitStack() as stack:
        told = follow(rig, stream, viewer)
        if not runs and _is_camera(rig, stream):
            stack.enter_context(exposing(rig, stream))
            if "tracker" in rig:
                rig["tracker"].find_beads(timeout_s=60.0)
        yield told


def _is_camera(rig: Rig, service: str) -> bool:
    return service in rig and "is_running" in {info.name for info in rig[service].commands()}


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
    """Send the images of a file, or of the recorded frames of a run, as far as the viewer's budget goes."""
    if not is_run(path):
        return _show_movie(path, path, viewer)
    run = open_run(path)
    file = run.one_stream("frames")
    if all(record.events is None for record in run.manifest.streams.values()):
        return _show_movie(path, file, viewer)
    frames, sent = run.frames(), 0
    for frame in frames:
        if viewer.show(frame.data, path.name, frame.index).state.startswith("failed"):
            break
        sent += 1
    height, width = frames.shape[-2:]
    return f"{path.name}: {sent} of {len(frames)} images, {width} x {height} px"


def _show_movie(path: Path, file: Path, viewer: Viewer) -> str:
    sent = 0
    with open_movie(file) as movie:
        for index in range(len(movie)):
            ticket = viewer.show(movie.read(index), path.name, {"image": index})
            if ticket.state.startswith("failed"):
                break
            sent += 1
        return f"{path.name}: {sent} of {len(movie)} images, {movie.shape[1]} x {movie.shape[0]} px"


def follow(rig: Rig, stream: str, viewer: Viewer) -> str:
    """Follow a stream of a rig: frames, with their beads if the rig tracks any; or rows, in plots."""
    followed = rig.stream(stream)
    viewer.follow(followed)
    if isinstance(followed.spec, FrameSpec) and _TRACKS in rig.streams and "tracker" in rig:
        viewer.overlay_beads(rig.stream(_TRACKS))
        viewer.plot_beads(*PLOTTED)
    return f"{rig.name}/{stream}"
