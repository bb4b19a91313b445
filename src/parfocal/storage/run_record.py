"""The record of a run while it is recorded: the manifest as it stands, here and on the disk. Any thread."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from parfocal.core.files import sync_file
from parfocal.storage.manifest import write_manifest
from parfocal.storage.outcome import RECORDING

if TYPE_CHECKING:
    from parfocal.storage.folder import RunFolder
    from parfocal.storage.manifest import Manifest, StreamRecord


class RunRecord:
    """Keeps the manifest, and replaces the one on the disk with each change.

    Parameters
    ----------
    folder : RunFolder
        Of the run.
    manifest : Manifest
        To begin with; `write` brings it to the disk.
    """

    def __init__(self, folder: RunFolder, manifest: Manifest) -> None:
        self._folder = folder
        self._manifest = manifest
        self._final: Manifest | None = None
        self._lock = threading.Lock()

    @property
    def manifest(self) -> Manifest:
        """The record as it stands."""
        return self._manifest

    @property
    def is_open(self) -> bool:
        """Whether the run is still recorded."""
        return self._manifest.outcome == RECORDING

    @property
    def unclosed(self) -> bool:
        """Whether the run has ended, and its record on the disk does not say so yet."""
        return self._final is not None

    def change(self, **changes: Any) -> None:
        """Replace fields, here and on the disk; raises what `write_manifest` raises, and keeps them then."""
        self.update(lambda manifest: msgspec.structs.replace(manifest, **changes))

    def change_stream(self, name: str, **changes: Any) -> None:
        """Replace fields of what the record holds of one stream, as `change` does."""

        def changed(manifest: Manifest) -> Manifest:
            record: StreamRecord = msgspec.structs.replace(manifest.streams[name], **changes)
            return msgspec.structs.replace(manifest, streams={**manifest.streams, name: record})

        self.update(changed)

    def add_error(self, line: str) -> None:
        """Add a line to the errors, as `change` does."""
        self.update(lambda manifest: msgspec.structs.replace(manifest, errors=(*manifest.errors, line)))

    def update(self, how: Callable[[Manifest], Manifest]) -> None:
        """Replace the manifest by what `how` makes of it, as `change` does."""
        with self._lock:
            self._manifest = how(self._manifest)
            if self._final is not None:  # what was decided waits for the disk, and keeps the change, too
                self._final = how(self._final)
            write_manifest(self._folder.path, self._manifest if self._final is None else self._final)

    def close(self, how: Callable[[Manifest], Manifest]) -> None:
        """Write the final manifest, which `how` makes of the one that there is: no change comes between.

        While the disk does not take it, the run is `unclosed` and has failed.
        """
        with self._lock:
            self._final = how(self._manifest)
            self._write_final(self._final)

    def close_again(self) -> bool:
        """Write the final manifest of a run that is `unclosed`; return whether it is on the disk."""
        with self._lock:
            return self._final is None or self._write_final(self._final)

    def _write_final(self, final: Manifest) -> bool:
        try:
            sync_file(self._folder.path.parent)
            write_manifest(self._folder.path, final)
        except Exception as error:  # noqa: BLE001 (the border of the record: told in it, and tried again)
            if self._manifest.outcome == RECORDING:  # the first time
                final = _with_error(final, f"the record could not be closed: {type(error).__name__}: {error}")
            self._manifest, self._final = msgspec.structs.replace(final, outcome="failed"), final
            return False
        self._manifest, self._final = final, None
        return True


def _with_error(manifest: Manifest, line: str) -> Manifest:
    reason = manifest.reason or line
    return msgspec.structs.replace(manifest, errors=(*manifest.errors, line), reason=reason)
