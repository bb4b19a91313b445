"""Several movies, tracked at once: the same rows as one by one; one that fails costs no other."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from parfocal.core.errors import BadInputError
from parfocal.rig.offline.track_movies import track_movies
from parfocal.rig.track_plan import TrackPlan

from .movies import assert_as_alone, begin_tracking, child_of
from .recorded import PATIENCE_S


@pytest.mark.slow
def test_a_process_that_is_killed_begins_its_movie_again(movies: Path, tmp_path: Path) -> None:
    with begin_tracking(movies, tmp_path / "out", "--workers", "2") as process:
        child_of(process.pid).kill()
        out, _ = process.communicate(timeout=2 * PATIENCE_S)
    told = json.loads(out.splitlines()[-1])
    assert process.returncode == 1
    assert sorted(one["tries"] for one in told["movies"]) == [0, 1, 1, 2]
    assert_as_alone(movies, told, tmp_path)


def test_nothing_that_can_be_tracked_is_refused_before_anything_begins(movies: Path, tmp_path: Path) -> None:
    def plan(movie: Path) -> TrackPlan:
        return TrackPlan(movie=movie, out=tmp_path)

    with pytest.raises(BadInputError, match="there is nothing at none"):
        track_movies([Path("none.tif"), Path("neither.tif")], plan, tmp_path)
    with pytest.raises(BadInputError, match="workers must be 1 or more, not 0"):
        track_movies([movies / "a.tif"], plan, tmp_path, workers=0)
