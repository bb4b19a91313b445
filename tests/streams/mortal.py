"""Processes played in one: each has a number of its own, lives as long as a `Life` says so, and may be told
to die before its n-th store into a ring.
"""

import os
import socket
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import pytest

from parfocal.processes import identity
from parfocal.streams import segment


class KilledError(BaseException):
    """The actor died."""


@dataclass
class Life:
    """Who lives, who acts, and how many stores the acting one may still make."""

    living: set[int] = field(default_factory=set)
    acting: int = 0
    stores_left: int = -1
    opened: dict[int, list[socket.socket]] = field(default_factory=lambda: defaultdict(list))

    def enter(self, pid: int, stores: int = -1) -> None:
        self.living.add(pid)
        self.acting = pid
        self.stores_left = stores

    def open(self, end: socket.socket) -> None:
        """Note what the acting one has opened."""
        self.opened[self.acting].append(end)

    def die(self, pid: int) -> None:
        """Let it die; as the system does, close all that it had opened."""
        self.living.discard(pid)
        self.stores_left = -1
        for end in self.opened.pop(pid, ()):
            end.close()


class MortalWords:
    """The words of a ring, as one who may die sees them."""

    def __init__(self, words: memoryview, life: Life) -> None:
        self._words = words
        self._life = life

    def __getitem__(self, key: int | slice) -> int | memoryview:
        return self._words[key]

    def __setitem__(self, key: int, value: int) -> None:
        if self._life.stores_left == 0:
            raise KilledError
        self._life.stores_left -= 1
        self._words[key] = value


def play_by(life: Life, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `life` decide who lives and who acts."""

    class OwnedSocket(socket.socket):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            life.open(self)

    mark = identity.start_mark(os.getpid())
    monkeypatch.setattr(identity, "start_mark", lambda pid: mark if pid in life.living else "")
    monkeypatch.setattr(identity, "this_process", lambda: identity.Identity(life.acting, mark))
    monkeypatch.setattr(socket, "socket", OwnedSocket)
    monkeypatch.setattr(segment, "words_of", lambda control: MortalWords(control.cast("q"), life))
