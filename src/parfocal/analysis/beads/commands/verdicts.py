"""Commands for verdicts: which beads are good, lost, stuck or held by two tethers, and by which measure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from parfocal.analysis.beads.verdicts import BeadVerdict
from parfocal.core.errors import BadInputError
from parfocal.ipc import command

if TYPE_CHECKING:
    from parfocal.analysis.beads.regions import Regions
    from parfocal.analysis.beads.verdict_feed import VerdictFeed


class VerdictCommands:
    """What beads are good for, by how they moved in the last seconds."""

    regions: Regions
    verdict_feed: VerdictFeed

    @command(lane="counts", effect="reads")
    def verdicts(self) -> list[BeadVerdict]:
        """Return for each bead whether it is good, lost, stuck or a double tether, since when and why.

        They go by the rows of the last seconds (`verdict_window_s` in the settings), once a second, and stay
        as they are while the camera stands still. "not judged" before there are rows enough.
        """
        if not self.verdict_feed.possible:
            raise BadInputError(
                "beads are judged by their motion in nm, and the camera does not say how large its pixels are"
            )
        return self.verdict_feed.verdicts(self.regions.assignment.rois.beads)

    @command(lane="counts", effect="changes")
    def expect_tethers(
        self,
        force_pn: float,
        contour_nm: float,
        radius_nm: float,
        exposure_ms: float = 0.0,
        field_along: Literal["x", "y"] = "y",
    ) -> str:
        """Judge beads by the motion that theory expects on such a tether at this force, not by each other.

        `exposure_ms` is the camera's, 0 for a flash; the magnetic field points along one axis of the image.
        It holds for that force alone: say so anew, or `expect_alike`, when it changes. Returns the motion.
        """
        from parfocal.analysis.beads.tether_motion import expected_motion

        expected = expected_motion(
            force_pn, contour_nm, radius_nm, exposure_ms=exposure_ms, field_along=field_along
        )
        self.verdict_feed.expect(expected)
        return f"{expected.xx**0.5:.1f} nm RMS along x, {expected.yy**0.5:.1f} nm along y: {expected.source}"

    @command(lane="counts", effect="changes")
    def expect_alike(self) -> None:
        """Judge beads by the median of those that move, as at first."""
        self.verdict_feed.expect(None)
