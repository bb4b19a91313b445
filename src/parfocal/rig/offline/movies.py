"""What became of many movies that were tracked, each by itself, in one summary."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from parfocal.core.errors import BadInputError
from parfocal.rig.summary import Summary
from parfocal.rig.track_plan import TrackPlan


class MovieResult(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=False):
    """What became of one movie.

    Attributes
    ----------
    movie : str
        Where it lies.
    outcome, reason : str
        Those of its run; "failed", and why, of one that had none.
    run : str
        The folder of its record; "" if there is none.
    summary : Summary or None
        As ``parfocal track`` of this movie alone tells it.
    tries : int
        How often it was begun: again if its process was killed.
    """

    movie: str
    outcome: str
    reason: str = ""
    run: str = ""
    summary: Summary | None = None
    tries: int = 1


class MoviesSummary(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=False):
    """What many movies came to: the last line that ``--json`` prints.

    Attributes
    ----------
    outcome, reason : str
        "complete" if that of each is; else the worst one, and how many there are of each.
    movies : tuple of MovieResult
        In the order in which they were named.
    left : tuple of str
        Records in the folder that belong to no result: of movies that were begun again.
    took_s : float
        For all of them.
    """

    outcome: str
    reason: str
    movies: tuple[MovieResult, ...]
    left: tuple[str, ...] = ()
    took_s: float = 0.0


def result_of(movie: str, summary: Summary, tries: int = 1) -> MovieResult:
    """Return what became of a movie that has a record."""
    return MovieResult(
        movie=movie,
        outcome=summary.outcome,
        reason=summary.reason,
        run=summary.run,
        summary=summary,
        tries=tries,
    )


def summary_of(
    results: Sequence[MovieResult], left: Sequence[str] = (), took_s: float = 0.0
) -> MoviesSummary:
    """Return the summary of many movies.

    Examples
    --------
    >>> one, two = MovieResult(movie="a", outcome="complete"), MovieResult(movie="b", outcome="failed")
    >>> summary_of([one, one]).outcome, summary_of([one, two]).outcome, summary_of([one, two]).reason
    ('complete', 'failed', '1 complete, 1 failed of 2 movies')
    """
    counts = Counter(result.outcome.partition(":")[0] for result in results)
    worst = next(word for word in (*_WORST, *counts) if word in counts)
    lost = next((one.outcome for one in results if one.outcome.startswith(worst)), worst)
    told = ", ".join(f"{count} {word}" for word, count in counts.items())
    return MoviesSummary(
        outcome=worst if counts[worst] > 1 else lost,
        reason="" if worst == "complete" else f"{told} of {len(results)} movies",
        movies=tuple(results),
        left=tuple(left),
        took_s=round(took_s, 3),
    )


_WORST = ("cancelled", "failed", "unknown", "incomplete", "finished early", "complete")


def plans_of(movies: Sequence[Path], make: Callable[[Path], TrackPlan]) -> list[TrackPlan | MovieResult]:
    """Return the plan of each movie, or why it can't be tracked.

    Raises
    ------
    BadInputError
        If none can.
    """
    found: list[TrackPlan | MovieResult] = []
    errors = []
    for movie in movies:
        try:
            found.append(make(movie))
        except BadInputError as error:
            errors.append(error)
            found.append(MovieResult(movie=str(movie), outcome="failed", reason=str(error), tries=0))
    if len(errors) == len(found):
        raise errors[0]
    return found
