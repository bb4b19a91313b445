"""The values that a condition can ask for. Frozen data; who looks at them is in `sources`."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from parfocal.core.errors import BadInputError
from parfocal.runs.conditions.condition import Comparison, Told
from parfocal.runs.plans.fields import number

Take = Literal["newest", "mean", "fraction", "count"]
"""What is made of rows: the newest value, the mean, the part of them within limits, or their number."""


class Reading(Comparison, frozen=True, kw_only=True, omit_defaults=True, tag="reading"):
    """What a command of a service returns that only reads: a temperature, a door, a place.

    Attributes
    ----------
    service, command : str
        Who is asked, and what.
    arguments : dict
        Of the command, by name.
    field : str
        Which part of the result, such as "x", or "lamp.power"; "" for the result itself.

    Examples
    --------
    >>> Reading(service="incubator", command="temperature", above=36, unit="degC").words
    'incubator.temperature above 36 degC'
    """

    service: str
    command: str
    arguments: dict[str, Any] = msgspec.field(default_factory=dict)
    field: str = ""

    @property
    def default_title(self) -> str:
        """Service, command and part of the result."""
        return ".".join(filter(None, (self.service, self.command, self.field)))


class ServiceState(Comparison, frozen=True, kw_only=True, omit_defaults=True, tag="service"):
    """How a service's process is doing; "ready", unless something else is asked for.

    Examples
    --------
    >>> ServiceState(service="incubator").words
    'service incubator ready'
    """

    service: str

    @property
    def default_equals(self) -> Told | None:
        """Ready."""
        return "ready"

    @property
    def default_title(self) -> str:
        """The service."""
        return f"service {self.service}"


class Lock(Comparison, frozen=True, kw_only=True, omit_defaults=True, tag="lock"):
    """Whether a lock, such as one of the focus, is on and holds.

    Examples
    --------
    >>> Lock(service="z_lock").words
    'z_lock holds yes'
    """

    service: str

    @property
    def default_equals(self) -> Told | None:
        """It holds."""
        return True

    @property
    def default_title(self) -> str:
        """The service."""
        return f"{self.service} holds"


class FreeDisk(Comparison, frozen=True, kw_only=True, omit_defaults=True, tag="free_disk"):
    """How much a record may still take up, in GB: where the recorder of the rig writes, or in `folder`.

    Examples
    --------
    >>> FreeDisk(above=20).words
    'free disk above 20 GB'
    """

    folder: str = ""

    @property
    def default_title(self) -> str:
        """Of which folder, if one is named."""
        return f"free disk of {self.folder}" if self.folder else "free disk"

    @property
    def measured_in(self) -> str:
        """GB."""
        return "GB"


class Lag(Comparison, frozen=True, kw_only=True, omit_defaults=True, tag="lag"):
    """How late the last event of the run began to be exposed, in ms.

    Examples
    --------
    >>> Lag(below=500).words
    'lag below 500 ms'
    """

    @property
    def default_title(self) -> str:
        """What it is."""
        return "lag"

    @property
    def measured_in(self) -> str:
        """Milliseconds."""
        return "ms"


class Rows(Comparison, frozen=True, kw_only=True, omit_defaults=True, tag="rows"):
    """A number made of the newest rows of a stream: of cells, of beads, of what an instrument told.

    The rows of the newest image are meant where rows belong to images, which a column `number` or `frame`
    tells; else the newest row.

    Attributes
    ----------
    stream : str
        Its name; "tracks" has the cells that a pipeline found, or the beads of a tracker.
    column : str
        Which column; not needed to "count" without limits.
    take : "newest", "mean", "fraction" or "count"
        Value of the last row, mean, part of the rows within the limits of `each`, or number of those.
        Rows without a number there do not count.
    each_above, each_below : float or None
        The limits for each row of "fraction" and "count".
    p : int or None
        Only images of that position.

    Examples
    --------
    >>> Rows(stream="tracks", column="ratio", take="fraction", each_above=1.2, above=0.3, p=2).words
    'fraction of tracks with ratio above 1.2 at p=2 above 0.3'
    """

    stream: str
    column: str = ""
    take: Take = "newest"
    each_above: float | None = None
    each_below: float | None = None
    p: int | None = None

    def __post_init__(self) -> None:
        limited = self.each_above is not None or self.each_below is not None
        for field in ("each_above", "each_below"):
            if getattr(self, field) is not None:
                number(getattr(self, field), field)
        if self.take not in ("newest", "mean", "fraction", "count"):
            raise BadInputError(f"take must be newest, mean, fraction or count, not {self.take!r}")
        if not self.column and (self.take != "count" or limited):
            raise BadInputError(f"rows of {self.stream!r}: {self.take!r} needs a column")
        low, high = self.each_above, self.each_below
        if low is not None and high is not None and low >= high:
            raise BadInputError(
                f"rows of {self.stream!r}: no row is above {low:g} and below {high:g}; exchange them"
            )
        if (limited and self.take in ("newest", "mean")) or (self.take == "fraction" and not limited):
            raise BadInputError(
                f"rows of {self.stream!r}: each_above and each_below go with a fraction, which needs one of "
                "them, or with a count"
            )
        super().__post_init__()

    @property
    def default_title(self) -> str:
        """Stream, column, and what is made of it."""
        ends = (("above", self.each_above), ("below", self.each_below))
        limits = " and ".join(f"{word} {end:g}" for word, end in ends if end is not None)
        where = "" if self.p is None else f" at p={self.p}"
        if self.take in ("newest", "mean"):
            return f"{self.take} {self.column} of {self.stream}{where}"
        what = "fraction" if self.take == "fraction" else "number"
        return f"{what} of {self.stream}{f' with {self.column} {limits}' if limits else ''}{where}"


class OperatorAnswer(Comparison, frozen=True, kw_only=True, omit_defaults=True, tag="answer"):
    """What a person said to a question, which the run asks while the plan waits for it; yes by default.

    Examples
    --------
    >>> OperatorAnswer(question="is the sample in place?").words
    "'is the sample in place?' answered yes"
    """

    question: str

    def __post_init__(self) -> None:
        if not self.question.strip():
            raise BadInputError("a condition of 'answer' needs a question")
        if not isinstance(self.wanted, bool):
            raise BadInputError(f"an answer is true (yes) or false (no), not {self.wanted!r}")
        msgspec.structs.force_setattr(self, "stale_s", 1e9)  # it stays what was said
        super().__post_init__()

    @property
    def default_equals(self) -> Told | None:
        """Yes."""
        return True

    @property
    def default_title(self) -> str:
        """The question."""
        return f"{self.question!r} answered"
