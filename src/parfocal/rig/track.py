"""``parfocal track``: the beads of a movie, through the same camera, tracker and recorder as a live one."""

from __future__ import annotations

import os
import re
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from parfocal.analysis.beads.finding import find_in_movie
from parfocal.analysis.beads.fitting import beads_of, fitting_tables
from parfocal.analysis.beads.rois import RoiSet
from parfocal.core.errors import BadInputError, MovieError
from parfocal.core.frames import FrameSpec
from parfocal.formats import Movie, MovieFacts, MovieOptions, are_counts, file_of, open_movie
from parfocal.rig.config import RigConfig, load_config, with_changes
from parfocal.rig.measurement import Progress, measure
from parfocal.rig.opening import load_source, open_rig
from parfocal.rig.recorded import RecordedRun, is_run
from parfocal.rig.results import summarise, uselessness
from parfocal.rig.ring_size import MOST_SLOTS, free_shared_bytes, slots_for
from parfocal.storage.folder import check_place
from parfocal.storage.recorder_settings import LEAST_FREE_MB, MB
from parfocal.tracking import BeadTracker, find_beads

if TYPE_CHECKING:
    from collections.abc import Callable

    from parfocal.rig.rig import Rig
    from parfocal.rig.summary import Summary


class TrackPlan(MovieOptions, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which movie, which of its images, which beads, which tables, which camera.

    `movie` may be the folder of a run, whose frames are taken: those of `stream`, where it recorded several.
    Without `rois` the beads are found in the first image. See `parfocal.formats.MovieOptions` for what may be
    chosen of a movie.
    """

    movie: Path
    stream: str = ""
    rois: Path | None = None
    roi_px: int = 64
    zlut: Path | None = None
    gain_e_per_adu: float = 1.0
    offset_adu: float = 0.0
    read_noise_e: float = 0.0
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
        return RecordedRun.open(self.movie).one_stream("frames", self.stream)


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


def track_config(plan: TrackPlan, slots: int = MOST_SLOTS) -> RigConfig:
    """Return the built-in replay rig for a movie, under a name of its own; `slots` frames fit in its ring."""
    changes: dict[str, Any] = {
        "camera.options.path": str(plan.file.absolute()),
        "camera.slots": slots,
        "tracker.roi_px": plan.roi_px,
        "tracker.workers": plan.workers,
        "tracker.gain_e_per_adu": plan.gain_e_per_adu,
        "tracker.offset_adu": plan.offset_adu,
        "tracker.read_noise_e": plan.read_noise_e,
        "recorder.folder": str(plan.out.absolute()),
    }
    chosen = {name: value for name, value in plan.movie_options().items() if value is not None}
    changes |= {f"camera.options.{name}": value for name, value in chosen.items()}
    config = with_changes(load_source("replay"), changes)
    return load_config(config.model_copy(update={"name": f"track-{os.getpid()}"}))


def run_track(plan: TrackPlan, tell: Callable[[Progress], None]) -> Summary:
    """Find or load the beads, track every image of the movie, and draw what was found."""
    facts = check_inputs(plan)
    check_place(plan.out, int(LEAST_FREE_MB * MB), remedy="name another folder with --out")
    spec = FrameSpec(shape=facts.shape, dtype=facts.dtype, pixel_size_um=facts.pixel_size_um)
    config = track_config(plan, slots_for(spec, plan.workers, free_shared_bytes()))
    doubt = RecordedRun.open(plan.movie).doubt if is_run(plan.movie) else ""
    notes = (*notes_on(facts), *filter(None, (doubt,)))
    tell(Progress(phase="starting", fraction=0.0, text=plan.movie.name, notes=notes))
    with open_rig(config) as rig:
        beads = choose_beads(rig, plan, tell)
        done = measure(
            rig,
            frames=facts.images,
            plan={**msgspec.to_builtins(plan, enc_hook=str), "source": msgspec.to_builtins(facts)},
            tell=tell,
            name=run_name(file_of(plan.movie)),
            judge=partial(uselessness, beads=beads),
        )
        status = rig.status()
    pixel_size_nm = None if spec.pixel_size_um is None else spec.pixel_size_um * 1e3
    summary = summarise(
        done, status, beads, title=plan.movie.name, pixel_size_nm=pixel_size_nm,
        seconds=facts.frame_rate_hz is not None,
    )  # fmt: skip
    unmeasured = {"p50": float("nan"), "p99": float("nan")}  # its exposures ended long ago
    return msgspec.structs.replace(summary, latency_ms=unmeasured, movie=facts)


def notes_on(facts: MovieFacts) -> tuple[str, ...]:
    """Return what should be known of a movie before its rows are used, a line each."""
    about = f"movie: {facts.format}, {facts.images} image{'' if facts.images == 1 else 's'}"
    if facts.frame_rate_hz is not None:
        times = f"times: {facts.frame_rate_hz:g} images a second ({facts.times_from})"
    else:
        times = "times: untold, rows carry the number of the image alone; --fps tells"
    if facts.pixel_size_um is not None:
        size = f"pixel size: {facts.pixel_size_um:g} um ({facts.pixel_size_from})"
    else:
        size = "pixel size: untold, rows are in pixels; --pixel-size-um tells"
    unread = [f"left unread: {words}" for words in facts.unread]
    return (about, *([times] if facts.images > 1 else []), size, *unread, *facts.remarks)


def run_name(movie: Path) -> str:
    """Return the name of a run after its movie; `parfocal.storage.folder.safe_name` makes it safe.

    Examples
    --------
    >>> run_name(Path("/data/bead [3] 100%.ome.tif")), run_name(Path("runs/2026-03-01T14-05-09_beads"))
    ('bead [3] 100%', 'beads')
    """
    stem = movie.name.partition(".ome.")[0].removesuffix(movie.suffix)
    return re.sub(r"^\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d_?", "", stem)


def choose_beads(rig: Rig, plan: TrackPlan, tell: Callable[[Progress], None]) -> int:
    """Load the beads, or find them in an early image; return how many there are."""
    tell(Progress(phase="finding beads", fraction=0.0))
    tracker = rig["tracker"]
    if plan.rois is None:
        tracker.add_rois(find_in(plan), timeout_s=30.0)
    else:
        tracker.load_rois(path=str(plan.rois.absolute()), timeout_s=30.0)
    if plan.zlut is not None:
        tracker.load_tables(path=str(plan.zlut.absolute()), timeout_s=30.0)
    return len(tracker.list_rois().rois)


def find_in(plan: TrackPlan) -> list[tuple[float, float]]:
    """Return x and y of the free-standing beads in the first image that is not dark, best first.

    The images are read from the file: the camera has shown none yet, so that each is tracked and counted
    once, the first one as frame 0.
    """
    camera = {name: getattr(plan, name) for name in ("gain_e_per_adu", "offset_adu", "read_noise_e")}
    with opened_movie(plan) as movie, BeadTracker(None, plan.roi_px, **camera) as tracker:
        height, width = movie.shape
        rois = RoiSet(roi_px=plan.roi_px, width_px=width, height_px=height)
        find = partial(find_beads, min_distance_px=rois.apart_px, tracker=tracker)
        found = find_in_movie(movie.read, len(movie), find)
    return rois.free_of(zip(found["x_px"].tolist(), found["y_px"].tolist(), strict=True), rois.apart_px)
