"""Commands for the video of the regions: begun, ended, and how far it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from parfocal.analysis.beads.roi_video import CORNER_DTYPE
from parfocal.analysis.beads.rows import TRACK_DTYPE
from parfocal.core.errors import BadInputError
from parfocal.ipc import command

if TYPE_CHECKING:
    from parfocal.analysis.beads.regions import Regions
    from parfocal.analysis.beads.roi_video import RoiVideo


class VideoCommands:
    """Small frames of each region, in a stream that can be watched and recorded."""

    regions: Regions
    video: RoiVideo

    @command(lane="video", effect="changes")
    def start_roi_video(self, beads: tuple[int, ...] = ()) -> dict[str, Any]:
        """Cut the regions of `beads`, or of all there are, out of each frame; returns the streams' names.

        ``frames`` has them as (bead, y, x), in the order of ``beads``; ``corners`` is the stream of rows that
        tell where each lay. The beads stay the same until it is started anew: regions may move, and the
        picture of a bead that is removed is dark. It costs the camera nothing.
        """
        known = self.regions.assignment.rois.beads
        if unknown := [bead for bead in beads if bead not in known]:
            raise BadInputError(f"there are no beads {unknown}; there are {list(known)}")
        self.video.start(tuple(beads) or known)
        return {"frames": self.video.frames, "corners": self.video.corners, "beads": list(self.video.beads)}

    @command(lane="video", effect="changes")
    def stop_roi_video(self) -> None:
        """End it; if there is none, nothing happens."""
        self.video.stop()

    @command(lane="counts", effect="reads")
    def bytes_per_frame(self) -> dict[str, int]:
        """Return what all beads of a frame take on the disk, uncompressed: as rows, and as video."""
        rois = self.regions.assignment.rois
        beads, region = len(rois.rois), rois.roi_px**2 * self.video.pixel_bytes
        return {"tracks": beads * TRACK_DTYPE.itemsize, "roi_video": beads * (region + CORNER_DTYPE.itemsize)}

    @command(lane="counts", effect="reads")
    def roi_video(self) -> dict[str, Any]:
        """Return whether it is on, of which beads, how many frames it wrote and how many wait, its error."""
        video = self.video
        return {
            "on": video.is_on,
            "beads": list(video.beads),
            "written": video.written,
            "behind": video.behind(),
            "error": video.error,
        }
