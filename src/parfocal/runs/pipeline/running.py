"""Runs the steps of a pipeline on the images of one time point and position, in whichever process it is."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from parfocal.core.errors import BadInputError, kind_and_text
from parfocal.core.modulation import FULL, PackedMask
from parfocal.runs.pipeline.messages import AnalysisJob, Columns, Found, LinkState, StepError
from parfocal.runs.pipeline.step import ResolvedStep, link_state, resolve
from parfocal.tracking.labelled import LabelPixels

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from parfocal.runs.pipeline.pipeline import Pipeline

Images = Mapping[str, "NDArray[Any]"]
_NAME = re.compile(r"\w+")
_PIXELS = {"image", "images", "labels"}
_HIGHEST_LABEL = np.iinfo(np.int32).max
_OWN = ("number", "t", "p", "y_um", "x_um")
"""Columns of the rows of cells that no step may give."""


class StepFailedError(Exception):
    """A step raised, or returned what it may not; `step` is its name, the cause what was raised."""

    def __init__(self, step: str, cause: BaseException) -> None:
        super().__init__(step)
        self.step, self.cause = step, cause

    def told(self) -> StepError:
        """Return it as a message."""
        kind, message = kind_and_text(self.cause)
        return StepError(step=self.step, type=kind, message=message)


class PipelineRunner:
    """The steps of one pipeline, imported and checked. One thread.

    Parameters
    ----------
    pipeline : Pipeline
        Its steps.
    failed : callable
        Called with each error of a step, beside what is returned.

    Raises
    ------
    BadInputError, ConfigError
        If a step can't be imported, or is not what it has to be.
    """

    def __init__(
        self, pipeline: Pipeline, failed: Callable[[StepFailedError], object] = lambda _: None
    ) -> None:
        self._failed = failed
        self._steps = {name: resolve(name, step) for name, step in pipeline.steps()}
        linker = self._steps.get("track")
        self._new_link = None if linker is None else link_state(linker.owner.state())

    def run(
        self, job: AnalysisJob, images: Images, references: Images, labels: NDArray[Any], mask: NDArray[Any]
    ) -> Found:
        """Run the steps on the images of a job.

        Parameters
        ----------
        job : AnalysisJob
            What they belong to, and what is remembered of their position.
        images, references : dict of str to ndarray
            By channel; the first of the images is segmented.
        labels, mask : ndarray, shape (y, x)
            Are filled with what is found: int32 and uint8.

        Returns
        -------
        Found
            As far as the steps got.
        """
        work = _Work(job, images, labels, mask, self._steps)
        try:
            work.segment()
            work.measure()
            work.link(self._new_link)
            work.refer(references)
            work.decide()
        except StepFailedError as error:
            self._failed(error)
            return work.found(error.told())
        return work.found(None)


class _Work:
    """One job on its way through the steps."""

    def __init__(
        self,
        job: AnalysisJob,
        images: Images,
        labels: NDArray[Any],
        mask: NDArray[Any],
        steps: Mapping[str, ResolvedStep],
    ) -> None:
        image = next(iter(images.values()))
        self._job, self._steps = job, steps
        self._labels, self._mask = labels, mask
        self._has_labels = self._has_mask = False
        self._packed: PackedMask | None = None
        self._columns: Columns = {}
        self._link, self._reference = job.link, job.reference
        self._known: dict[str, Any] = {
            "image": image,
            "images": images,
            "shape": image.shape,
            "t": job.t,
            "p": job.p,
            "time_points": job.time_points,
            "position": job.position,
            "well": job.well,
            "metadata": job.metadata,
            "picked": job.picked,
            "columns": self._columns,
        }

    def found(self, error: StepError | None) -> Found:
        """Return what there is so far."""
        return Found(
            columns=self._columns,
            has_labels=self._has_labels,
            has_mask=self._has_mask,
            packed=self._packed,
            link=self._link,
            reference=self._reference,
            error=error,
        )

    def segment(self) -> None:
        """Fill in the labels, and where each cell is."""
        with _named("segment"):
            found = np.asarray(self._call("segment"))
            if found.shape != self._labels.shape or found.dtype.kind not in "iub":
                raise BadInputError(
                    f"labels must be whole numbers of the shape {self._labels.shape}, not {_told(found)}"
                )
            _check_fit(found)
            self._labels[:] = found
            self._pixels = LabelPixels(self._labels)
            self._has_labels = True
            self._known["labels"] = self._labels
            self._columns |= self._pixels.places()

    def measure(self) -> None:
        """Add the features of the cells."""
        if "features" in self._steps:
            with _named("features"):
                self._columns |= self._checked(self._call("features"))

    def link(self, new: LinkState | None) -> None:
        """Add the number that stays with each cell, and what it divided from if the linker knows."""
        linker = self._steps.get("track")
        if linker is None:
            return
        with _named("track"):
            linker.owner.resume(link_state(new if self._job.link is None else self._job.link))
            particles = self._checked({"particle": self._call("track")})["particle"]
            if particles.dtype.kind not in "iu":
                raise BadInputError(f"particles must be whole numbers, not {_told(particles)}")
            _check_apart(particles)
            self._columns["particle"] = particles.astype(np.int64)
            parents = getattr(linker.owner, "parents", None)
            if parents is not None:
                self._columns |= self._checked({"parent": parents})
            self._link = link_state(linker.owner.state())
            if self._job.is_deferred:
                numbers = self._given_later(linker)
                for name in {"particle", "parent"} & set(self._columns):
                    self._columns[name] = _renumbered(self._columns[name], self._job.highest, numbers)

    def _given_later(self, linker: ResolvedStep) -> dict[int, int]:
        """Return the numbers that cells of a deferred image got later, by those that they would have got now.

        The linker goes on to the next time point that was analysed in time, which it knows by its columns.
        """
        job = self._job
        if job.later is None or _PIXELS & set(linker.needs):
            return {}
        numbers = np.asarray(self._call("track", columns=job.later)).tolist()
        given = job.later["particle"].tolist()
        return {new: old for new, old in zip(numbers, given, strict=True) if min(new, old) > job.highest}

    def refer(self, references: Images) -> None:
        """Add what was measured in reference images, now or at an earlier time point, by particle."""
        if "features_ref" not in self._steps:
            return
        with _named("features_ref"):
            if references:
                measured = self._checked(self._call("features_ref", images=references))
                now = {"particle": self._columns["particle"], **measured}
                known = now["particle"] >= 0
                self._reference = _with_rows(
                    self._reference, {name: values[known] for name, values in now.items()}
                )
            if self._reference is not None:
                self._columns |= _by_particle(self._reference, self._columns["particle"])

    def decide(self) -> None:
        """Choose cells, and fill in the mask."""
        if "stimulate" not in self._steps:
            return
        with _named("choose"):
            chosen = np.ones(self._columns["label"].size, dtype=bool)
            if "choose" in self._steps:
                chosen = self._checked({"chosen": self._call("choose")})["chosen"]
                if chosen.dtype.kind == "f":  # NaN, of which nobody can tell, would be chosen
                    raise BadInputError(f"which cells are chosen is bool, not {chosen.dtype}")
                chosen = chosen.astype(bool)
            self._known["chosen"] = self._columns["chosen"] = chosen
        with _named("stimulate"):
            mask = np.asarray(self._call("stimulate"))
            if mask.shape != self._mask.shape or mask.dtype not in (np.bool_, np.uint8):
                raise BadInputError(
                    f"a mask must be bool or uint8 of the shape {self._mask.shape}, not {_told(mask)}"
                )
            self._packed = PackedMask.of(mask)
            np.multiply(mask, np.uint8(FULL if mask.dtype == np.bool_ else 1), out=self._mask)
            self._has_mask = True
            self._columns["lit"] = self._pixels.mean(self._mask) / 255.0

    def _call(self, name: str, **other: Any) -> Any:
        step, known = self._steps[name], {**self._known, **other}
        return step.run(**{need: known[need] for need in step.needs})

    def _checked(self, given: Any) -> Columns:
        """Return columns as arrays, each with a value for each cell."""
        if not isinstance(given, Mapping):
            raise BadInputError(f"expected columns, name -> values, got {type(given).__name__}")
        count = self._columns["label"].size
        columns: Columns = {}
        for name, values in given.items():
            if not _NAME.fullmatch(str(name)) or name in _OWN:
                raise BadInputError(f"a column can't be called {name!r}; take letters, digits and _")
            column = np.asarray(values)
            if column.shape != (count,) or column.dtype.kind not in "iufb":
                raise BadInputError(
                    f"column {name!r} needs one number for each of the {count} cells, not {_told(column)}"
                )
            columns[str(name)] = column
        if "label" in columns and not np.array_equal(columns["label"], self._columns["label"]):
            raise BadInputError("the columns tell of other cells than the labels, or in another order")
        return columns


@contextmanager
def _named(step: str) -> Iterator[None]:
    """Have what a step raises tell which one it was."""
    try:
        yield
    except BaseException as error:  # the border to code of others
        raise StepFailedError(step, error) from error


def _check_fit(labels: NDArray[Any]) -> None:
    """Refuse labels that are other ones as int32; whether those that fit are below 0 `LabelPixels` looks."""
    if labels.dtype == bool or np.iinfo(labels.dtype).max <= _HIGHEST_LABEL or not labels.size:
        return
    lowest, highest = labels.min(), labels.max()
    if lowest < 0:
        raise BadInputError(f"labels must be 0 or more, not {lowest}")
    if highest > _HIGHEST_LABEL:
        raise BadInputError(f"labels must be {_HIGHEST_LABEL} or less, not {highest}")


def _check_apart(particles: NDArray[Any]) -> None:
    """Refuse numbers of which one stands for several cells of an image; those below 0 are of nobody known."""
    numbers, counts = np.unique(particles[particles >= 0], return_counts=True)
    if (twice := numbers[counts > 1]).size:
        cells = counts[counts > 1][0]
        raise BadInputError(
            f"a particle is one cell: number {twice[0]} is given to {cells} cells of the same image"
        )


def _renumbered(particles: NDArray[np.int64], highest: int, numbers: Mapping[int, int]) -> NDArray[np.int64]:
    """Return numbers of particles, in which those above `highest` are others: by `numbers`, else -1.

    Examples
    --------
    >>> _renumbered(np.array([4, 7, 8]), 5, {7: 9})
    array([ 4,  9, -1])
    """
    renumbered = [one if one <= highest else numbers.get(one, -1) for one in particles.tolist()]
    return np.array(renumbered, dtype=np.int64)


def _with_rows(table: Columns | None, rows: Columns) -> Columns:
    """Return a table by "particle" with rows added, in place of those of the same particles."""
    if table is None or set(table) != set(rows):
        return rows
    kept = ~np.isin(table["particle"], rows["particle"])
    return {name: np.concatenate([table[name][kept], rows[name]]) for name in rows}


def _by_particle(table: Columns, particles: NDArray[np.int64]) -> Columns:
    """Return the columns of a table for these particles; NaN for those that it does not have."""
    place_of = {number: place for place, number in enumerate(table["particle"].tolist())}
    places_there = np.array([place_of.get(number, -1) for number in particles.tolist()], dtype=np.int64)
    columns: Columns = {}
    for name, values in table.items():
        if name != "particle":
            extended = np.append(values.astype(np.float64), np.nan)
            columns[name] = extended[places_there]
    return columns


def _told(array: NDArray[Any]) -> str:
    return f"{array.dtype} of the shape {array.shape}"
