"""What `parfocal track` is asked for, and whether it can be done: movie, beads, tables, camera."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from parfocal.analysis.beads.finding import find_in_movie
from parfocal.analysis.beads.fitting import beads_of, fitting_tables
from parfocal.analysis.beads.rois import RoiSet
from parfocal.core.errors import BadInputError, MovieError
from parfocal.core.frames import Sensor
from parfocal.formats import Movie, MovieFacts, MovieOptions, are_counts, file_of, open_movie
from parfocal.storage.recorded_run import is_run, open_run
from parfocal.tracking import BeadTracker, find_beads

if TYPE_CHECKING:
    from numpy.typing import NDArray

CAMERA = ("gain_e_per_adu", "offset_adu", "read_noise_e")
"""What may be told of a movie's camera."""


class TrackPlan(MovieOptions, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which movie, which of its images, which beads, which tables, which camera.

    What is not told of the camera (gain, offset, read noise) is taken from the movie, if it knows.
    `movie` may be the folder of a run, whose frames are taken: those of `stream`, where it recorded several.
    Without `rois` the beads are found in the first image. See `parfocal.formats.MovieOptions` for what may be
    chosen of a movie.
    """

    movie: Path
    stream: str = ""
    rois: Path | None = None
    roi_px: int = 64
    zlut: Path | None = None
    gain_e_per_adu: float | None = None
    offset_adu: float | None = None
    read_noise_e: float | None = None
    out: Path = Path("runs")
    workers: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        if not file_of(self.movie).exists():
            raise BadInputError(f"movie: there is nothing at {self.movie}")
        for name in ("rois", "zlut"):
            path = getattr(self, name)
            if path is not None and not path.exists():
                raise BadInputError(f"{name}: there is nothing at {path}")
        if self.roi_px % 2 or not 8 <= self.roi_px <= 256:
            raise BadInputError(f"roi_px must be even and from 8 to 256, not {self.roi_px}")
        if self.workers < 1:
            raise BadInputError(f"workers must be 1 or more, not {self.workers}")
        if self.stream and not is_run(self.movie):
            raise BadInputError(
                f"stream {self.stream!r}: {self.movie} is no recorded run, so it has no streams"
            )

    @property
    def file(self) -> Path:
        """Where the images are: the movie itself, or what a run recorded of a stream."""
        if not is_run(self.movie):
            return self.movie
        return open_run(self.movie).one_stream("frames", self.stream)


def check_inputs(plan: TrackPlan) -> MovieFacts:
    """Open the movie, the regions and the tables before anything is started; return what the movie is.

    Raises
    ------
    BadInputError
        If one of them is something else, or does not fit the others.
    """
    with opened_movie(plan) as movie:
        facts = movie.facts
    height, width = facts.shape
    rois = RoiSet(roi_px=plan.roi_px, width_px=width, height_px=height)
    if plan.rois is not None:
        rois = rois.loaded(plan.rois)
    if plan.zlut is not None:
        tables = fitting_tables(plan.zlut, rois)
        if plan.rois is not None:
            beads_of(tables, rois, plan.zlut)
    return facts


def opened_movie(plan: TrackPlan) -> Movie:
    """Open the movie; refuse one that cannot be tracked.

    Raises
    ------
    BadInputError
        If it cannot be read, or its pixels are no counts and no scale is given.
    """
    try:
        movie = open_movie(plan.file, plan)
    except MovieError as error:
        raise BadInputError(f"movie: cannot replay {error}") from error
    if not are_counts(movie.dtype):
        movie.close()
        raise BadInputError(
            f"movie: {plan.movie} holds {movie.dtype} values, and beads are tracked in counts of a camera: "
            "tell how many counts a unit is (--counts-per-unit, and --counts-at-zero for negative values)"
        )
    return movie


def sensor_of(plan: TrackPlan, stated: Sensor | None = None) -> Sensor:
    """Return what the counts mean: as the plan says, else as the movie told, else one electron a count."""
    given = {name: getattr(plan, name) for name in CAMERA}
    chosen = {name: value for name, value in given.items() if value is not None}
    return msgspec.structs.replace(stated or Sensor(), **chosen)


def find_in(plan: TrackPlan) -> list[tuple[float, float]]:
    """Return x and y of the free-standing beads in the first image that is not dark, best first.

    The images are read from the file: the camera has shown none yet, so that each is tracked and counted
    once, the first one as frame 0.
    """
    with ExitStack() as stack:
        movie = stack.enter_context(opened_movie(plan))
        sensor = sensor_of(plan, movie.facts.sensor)
        camera = {name: getattr(sensor, name) for name in CAMERA}
        tracker = stack.enter_context(BeadTracker(None, plan.roi_px, **camera))
        height, width = movie.shape
        rois = RoiSet(roi_px=plan.roi_px, width_px=width, height_px=height)
        find = partial(find_beads, min_distance_px=rois.apart_px, tracker=tracker)
        found = find_in_movie(partial(_readable, movie), len(movie), find)
    return rois.free_of(zip(found["x_px"].tolist(), found["y_px"].tolist(), strict=True), rois.apart_px)


def _readable(movie: Movie, index: int) -> NDArray[Any]:
    """Return an image, a dark one if it cannot be read: no bead is found in it."""
    try:
        return movie.read(index)
    except MovieError:
        return np.zeros(movie.shape, movie.dtype)
