"""The kinds of viewers, and where the images that wait for one lie."""

from __future__ import annotations

from parfocal.processes import directory
from parfocal.processes.loading import VIEWERS, plugins
from parfocal.streams import ImageFolder

KINDS: dict[str, str] = {
    "live": "parfocal.viewers.live.viewer:LiveViewer",
    "napari": "parfocal.viewers.napari.viewer:NapariViewer",
    "headless": "parfocal.viewers.headless:HeadlessViewer",
}
"""The classes of our viewers by their kind."""

WAITING_MB = 512
"""Images that wait for one viewer, of all who send, take no more."""


def viewer_kinds() -> dict[str, str]:
    """Return the classes of viewers by their kind: ours, and those of installed packages."""
    return {name: plugin.address for name, plugin in plugins(VIEWERS).items()} | KINDS


def images_for(name: str) -> ImageFolder:
    """Return the images that wait for a viewer."""
    return ImageFolder(directory.images_folder(name), WAITING_MB * 2**20)
