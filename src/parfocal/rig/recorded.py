"""The frames and rows of a recorded run, found through its manifest."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from parfocal.core.errors import BadInputError, nearest
from parfocal.storage import Manifest, read_manifest

if TYPE_CHECKING:
    pass

MANIFEST = "manifest.json"
_KINDS = {"frames": ("frames", "events"), "rows": ("rows",)}


class RecordedRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run's folder and what its manifest says of it."""

    folder: Path
    manifest: Manifest

    @classmethod
    def open(cls, folder: Path) -> RecordedRun:
        """Read the manifest of the run in a folder.

        Raises
        ------
        BadInputError
            If there is no run.
        """
        return cls(folder=folder, manifest=read_manifest(folder))

    def streams(self, kind: str) -> dict[str, Path]:
        """Return where the streams of a kind ("frames" or "rows") lie, by name; events have frames, too."""
        return {
            name: self.folder / record.path
            for name, record in self.manifest.streams.items()
            if record.kind in _KINDS[kind]
        }

    def one_stream(self, kind: str, stream: str = "") -> Path:
        """Return where a stream of a kind lies: the one that is named, or the only one.

        Raises
        ------
        BadInputError
            If the run has none, or several and none is named, or none of that name.
        """
        found = self.streams(kind)
        if stream:
            if stream not in found:
                raise BadInputError(
                    f"{self.folder} has no {kind} of a stream {stream!r}; {nearest(stream, found)}"
                )
            return found[stream]
        if len(found) != 1:
            held = ", ".join(self.manifest.streams) or "nothing"
            told = (
                f"frames of {', '.join(found)}: choose with --stream" if found else f"no {kind}, but {held}"
            )
            raise BadInputError(f"the run {self.folder} holds {told}")
        return next(iter(found.values()))

    @property
    def doubt(self) -> str:
        """What whoever uses its data should know of how it ended; "" if it is complete."""
        outcome = self.manifest.seen
        reason = f" ({self.manifest.reason})" if self.manifest.reason else ""
        return "" if outcome == "complete" else f"the run it comes from is {outcome!r}{reason}"


def is_run(path: Path) -> bool:
    """Whether a folder is that of a recorded run."""
    return (path / MANIFEST).is_file()
