"""The record of what a pipeline found in the images of another record, which stay where they are."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from parfocal.core.errors import BadInputError
from parfocal.core.files import way_to
from parfocal.storage.manifest import FILE_NAME, read_manifest
from parfocal.storage.recorded_run import MADE_OF_IMAGES, RecordedRun, open_run

if TYPE_CHECKING:
    from parfocal.storage.manifest import Manifest
    from parfocal.storage.recorded_frames import Choice, RecordedFrames

REPROCESS = "reprocess"
"""What the plan of such a record says that it is."""


class ReprocessedRun(RecordedRun):
    """What was found in the images of a record, and these images, read where they lie. Made by `open_run`.

    Its files do not hold these: ``manifest`` has their stream as the other record tells of it, with the way
    there. If that record is not there, ``manifest.missing`` says so.
    """

    @property
    def source(self) -> RecordedRun:
        """The record with the images; `BadInputError` if it is not where it was."""
        asked = read_manifest(self.folder).plan["source"]
        folder = Path(os.path.normpath(self.folder.absolute() / asked["folder"]))
        try:
            run = open_run(folder)
        except BadInputError as error:
            raise BadInputError(
                f"{self.folder} was made of the images of the record {asked['run']!r}, which is not at "
                f"{folder}: bring it back to there, or move both together"
            ) from error
        if isinstance(run, ReprocessedRun) or run.manifest.run != asked["run"]:
            raise BadInputError(
                f"{self.folder} was made of the images of the record {asked['run']!r}, and what lies at "
                f"{folder} is another one"
            )
        return run

    @property
    def manifest(self) -> Manifest:
        """The record, with the stream of the images as their own record tells of it."""
        own = read_manifest(self.folder)
        try:
            source = self.source
        except BadInputError as error:
            return replace(own, missing={**own.missing, "images": str(error)})
        asked = own.plan["source"]
        record = source.manifest.streams[asked["stream"]]
        way = way_to(source.folder / record.path, self.folder.absolute())
        warnings = own.warnings
        if asked["manifest_sha256"] not in ("", sha256_of(source.folder)):
            warnings = (*warnings, f"the record {asked['run']!r} has changed since its images were analysed")
        streams = {asked["stream"]: replace(record, path=way), **own.streams}
        return replace(own, streams=streams, warnings=warnings)

    def frames(
        self, stream: str = "", *, t: Choice = None, p: Choice = None, c: Choice = None, z: Choice = None
    ) -> RecordedFrames:
        """Return images of the other record, or what was made of them; as `RecordedRun.frames` does."""
        name = self._one(self.manifest, "frames", stream)
        frames = super().frames if name in MADE_OF_IMAGES else self.source.frames
        return frames(name, t=t, p=p, c=c, z=z)

    def image_folders(self, stream: str = "") -> tuple[Path, ...]:
        """Return where the images of a stream lie, one for each position; raises as `frames`."""
        name = self._one(self.manifest, "frames", stream)
        return super().image_folders(name) if name in MADE_OF_IMAGES else self.source.image_folders(name)

    def _one(self, manifest: Manifest, kind: str, stream: str) -> str:
        if kind == "frames" and stream not in MADE_OF_IMAGES and "images" in manifest.missing:
            raise BadInputError(manifest.missing["images"])
        return super()._one(manifest, kind, stream)


def sha256_of(folder: Path) -> str:
    """Return the SHA-256 of the manifest of a record; "" if it has none: another program has written it."""
    file = folder / FILE_NAME
    return hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else ""
