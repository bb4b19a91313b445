"""Real cells, found and followed: nuclei that move, and cells that divide."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from parfocal.analysis.cells.divisions import DivisionLinker
from parfocal.analysis.cells.linking import NearestLinker
from parfocal.analysis.cells.measure import places
from parfocal.analysis.cells.segment import otsu

DATA = Path(__file__).parent / "data"
EDGE_PX = 4


def test_nuclei_that_stay_in_view_are_found_and_linked_over_all_time_points():
    linker, seen = NearestLinker(search_px=8), []
    images = np.load(DATA / "nuclei-3t.npz")["nuclei"]
    for image in images:
        found = places(otsu(image, min_area_px=10))
        numbers = linker.link(found).tolist()
        seen.append(dict(zip(numbers, zip(found["y_px"], found["x_px"], strict=True), strict=True)))
    inside = range(EDGE_PX, images.shape[-1] - EDGE_PX)
    staying = {number for number, place in seen[0].items() if all(int(at) in inside for at in place)}
    assert len(staying) > 80
    linked = staying & set(seen[1]) & set(seen[2])
    assert len(linked) >= 0.95 * len(staying)


def test_each_cell_is_linked_to_that_which_it_was_or_divided_from():
    """The truth is the overlap: a cell lies over the one before that it comes from, for it moves little."""
    linker, right, judged = DivisionLinker(), 0, 0
    before: dict[int, int] = {}
    labels = np.load(DATA / "cells-tracked-small.npz")["labels"].astype(np.int32)
    for t, image in enumerate(labels):
        cells = places(image)
        numbers = linker.link(cells).tolist()
        for label, number, parent in zip(cells["label"], numbers, linker.parents, strict=True):
            under = labels[t - 1][image == label] if t else np.empty(0, np.int32)
            if (under > 0).any():
                judged += 1
                origin = int(np.bincount(under[under > 0]).argmax())
                right += before.get(number, before.get(int(parent))) == origin
        before = dict(zip(numbers, cells["label"].tolist(), strict=True))
    assert judged > 80
    assert right >= 0.98 * judged
