"""The events of a run, as its engine tells them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, overload

from parfocal.core.run_status import RunStatus

if TYPE_CHECKING:
    from parfocal.runs.watch import RunWatch

_PAGE = 500
"""Events that are asked for at once."""


class RunEvents(Sequence[dict[str, Any]]):
    """The events of a run, read from its engine when they are looked at, some hundred at a time.

    A script has none. Each is a dict: what `parfocal.runs.plans.event.Event` holds. What became of them
    stands in the run's record, ``parfocal.open_run(folder).events()``.
    """

    def __init__(self, run: str, watch: RunWatch) -> None:
        self._run = run
        self._watch = watch

    def __len__(self) -> int:
        status: RunStatus = self._watch.call("status", self._run, returns=RunStatus)
        return 0 if status.script else status.events_total

    @overload
    def __getitem__(self, item: int) -> dict[str, Any]: ...

    @overload
    def __getitem__(self, item: slice) -> list[dict[str, Any]]: ...

    def __getitem__(self, item: int | slice) -> dict[str, Any] | list[dict[str, Any]]:
        chosen = range(len(self))[item]
        if isinstance(chosen, int):
            return self._page(chosen, 1)[0]
        if not chosen:
            return []
        first, last = min(chosen), max(chosen)
        found = [
            event
            for start in range(first, last + 1, _PAGE)
            for event in self._page(start, min(_PAGE, last + 1 - start))
        ]
        return [found[number - first] for number in chosen]

    def __iter__(self) -> Iterator[dict[str, Any]]:
        start = 0
        while page := self._page(start, _PAGE):
            yield from page
            start += len(page)

    def _page(self, first: int, count: int) -> list[dict[str, Any]]:
        events: list[dict[str, Any]] = self._watch.call("events", self._run, first, count)
        return events
