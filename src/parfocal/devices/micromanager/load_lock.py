"""Lets many threads use a core at once, but none while its configuration is being loaded."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from parfocal.core.errors import DeviceTimeoutError

_WAITS_S = 60.0


class LoadLock:
    """Held by any number of threads that use what is loaded, or by the one that loads. Not reentrant."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._users = 0
        self._loads = False

    @property
    def is_loading(self) -> bool:
        """Whether something is being loaded, or is about to be."""
        return self._loads

    @contextmanager
    def using(self) -> Iterator[None]:
        """Use what is loaded; waits while something is being loaded."""
        with self._changed:
            if not self._changed.wait_for(lambda: not self._loads, _WAITS_S):
                raise DeviceTimeoutError(f"a configuration is being loaded for longer than {_WAITS_S:g} s")
            self._users += 1
        try:
            yield
        finally:
            with self._changed:
                self._users -= 1
                self._changed.notify_all()

    @contextmanager
    def loading(self) -> Iterator[None]:
        """Load something; waits until nobody uses what was loaded."""
        with self._changed:
            self._loads = True
            if not self._changed.wait_for(lambda: not self._users, _WAITS_S):
                self._loads = False
                self._changed.notify_all()
                raise DeviceTimeoutError(
                    f"devices are in use for longer than {_WAITS_S:g} s: halt them first"
                )
        try:
            yield
        finally:
            with self._changed:
                self._loads = False
                self._changed.notify_all()
