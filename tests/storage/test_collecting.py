"""Collections of what services give to a record, by threads that ask at the same moment."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from parfocal.storage.collecting import Collector

LONG_S = 60.0
SHORT_S = 0.1
"""Long enough for a thread that does not wait, as it should, to do what it should not."""


def test_one_collection_follows_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inside, another, may_end = threading.Event(), threading.Event(), threading.Event()

    def names(_: Any) -> tuple[str, ...]:
        (another if inside.is_set() else inside).set()
        assert may_end.wait(LONG_S)
        return ()

    monkeypatch.setattr(Collector, "_names", names)
    collector = Collector("bench", "recorder", lambda _: None)  # type: ignore[arg-type, return-value]
    threads = [
        threading.Thread(target=lambda: collector.collect(tmp_path, at_end=True), daemon=True)
        for _ in range(2)
    ]
    threads[0].start()
    assert inside.wait(LONG_S)
    threads[1].start()
    assert not another.wait(SHORT_S)
    may_end.set()
    for thread in threads:
        thread.join(LONG_S)
    assert another.is_set()
