"""A recorded run, brought to a viewer: its images, and over them cells, fired masks and tracks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from parfocal.viewers.run_join import as_particles

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from parfocal.storage.recorded_frames import RecordedFrame
    from parfocal.storage.recorded_run import RecordedRun
    from parfocal.viewers import Viewer

_TRACK = ("particle", "t", "y_px", "x_px")
_MASK_COLOUR = "#38b6ff"


def show_recorded(run: RecordedRun, layer: str, viewer: Viewer) -> str:
    """Send the images of a run of events, as far as the viewer takes them, and what was found in them.

    Named channels are panes side by side; positions, times and planes are sliders.

    Returns
    -------
    str
        What is shown, in a line for people.
    """
    frames = run.frames()
    sent = show_images(run, layer, viewer, frames)
    held = run.manifest.streams if sent else {}
    for show in [show for stream, show in _SHOWN.items() if stream in held]:
        show(run, layer, viewer)
    height, width = frames.shape[-2:]
    return f"{layer}: {sent} of {len(frames)} images, {width} x {height} px"


def show_images(run: RecordedRun, layer: str, viewer: Viewer, frames: Iterable[RecordedFrame]) -> int:
    """Send images of a run of events as far as the viewer takes them; return how many."""
    names, sent = _channels(run), 0
    for frame in frames:
        if viewer.show(frame.data, layer, _index(frame, names)).state.startswith("failed"):
            break
        sent += 1
        if sent == 1 and names:
            viewer.components(layer, channel="layer")
    return sent


def _show_labels(run: RecordedRun, layer: str, viewer: Viewer) -> None:
    """Draw the cells, called as their particles where the run has tracks."""
    tracks = run.tracks() if "tracks" in run.manifest.streams else None
    for frame in run.frames("labels"):
        labels, index = frame.data, frame.index
        if tracks is not None:
            mine = tracks[(tracks["t"] == index.get("t", 0)) & (tracks["p"] == index["p"])]
            labels = as_particles(
                labels, dict(zip(mine["label"].tolist(), mine["particle"].tolist(), strict=True))
            )
        viewer.show_labels(labels, layer, "labels", index, first=1 if tracks is None else 0)


def _show_tracks(run: RecordedRun, layer: str, viewer: Viewer) -> None:
    rows = run.tracks()
    for p in np.unique(rows["p"]).tolist():
        mine = rows[(rows["p"] == p) & (rows["particle"] >= 0)]
        places = np.stack([mine[name] for name in _TRACK], axis=1)
        viewer.show_tracks(places[np.isfinite(places).all(axis=1)], layer, "tracks", {"p": p})


def _show_masks(run: RecordedRun, layer: str, viewer: Viewer) -> None:
    """Draw each mask over the time point at which it was fired, which may be later than that of its image."""
    if not {"run_events", "stimulations"} <= set(run.manifest.streams):  # of other programs
        return
    events = run.events()
    made = {int(row["number"]): int(row["t"]) for row in events}
    stimuli = run.stimulations()
    for row in stimuli[stimuli["fired_ns"] > 0]:
        p, image_event = int(row["p"]), int(row["image_event"])
        for mask in run.frames("masks", t=made[image_event], p=p) if image_event in made else ():
            _show_mask(viewer, layer, mask.data, {"t": int(row["t"]), "p": p})


def _show_mask(viewer: Viewer, layer: str, mask: NDArray[Any], index: Mapping[str, int]) -> None:
    viewer.show_labels(
        mask != 0, layer, "fired mask", index, style="fill", colour=_MASK_COLOUR, pickable=False
    )


_SHOWN = {"labels": _show_labels, "tracks": _show_tracks, "masks": _show_masks}
"""What is sent of each stream of a run with a pipeline."""


def _channels(run: RecordedRun) -> tuple[str, ...]:
    layouts = [record.events for record in run.manifest.streams.values() if record.events is not None]
    return next((layout.channels for layout in layouts if layout.channels), ())


def _index(frame: RecordedFrame, channels: tuple[str, ...]) -> dict[str, Any]:
    index: dict[str, Any] = dict(frame.index)
    if channels and "c" in index:
        index["channel"] = channels[index.pop("c")]
    return index
