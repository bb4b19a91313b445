"""What services want of the processors: checked before any is started where not every user may have it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from parfocal.processes.awake import check_awake
from parfocal.processes.priority import check_real_time, ordinary_priority, take_for_process
from parfocal.processes.processors import any_processor, take_processors

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from parfocal.processes.spec import ServiceSpec


def check_permitted(specs: Sequence[ServiceSpec]) -> None:
    """Check that services may have real-time priority, and keep processors awake, as they want to.

    Raises
    ------
    ConfigError
        If they may not; names them, and tells what to do.
    """
    check_real_time(specs)
    check_awake(specs)


def take_permitted(spec: ServiceSpec) -> None:
    """Have this process, all of its threads, go first and keep to its processors, as its service wants to.

    Raises
    ------
    OSError
        If it may not go first, which was checked before it was started.
    """
    if spec.real_time:
        take_for_process()
    take_processors(spec.processors)


@contextmanager
def nothing_taken() -> Iterator[None]:
    """Have what this thread starts meanwhile be of ordinary priority, and work on all processors."""
    with ordinary_priority(), any_processor():
        yield
