"""Cells are measured, keep their numbers, and are lit where it was asked for."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parfocal.analysis.cells import choosing, linking, masks
from parfocal.analysis.cells.divisions import DivisionLinker
from parfocal.analysis.cells.linking import NearestLinker
from parfocal.analysis.cells.measure import measure, places
from parfocal.core.errors import BadInputError

DATA = Path(__file__).parent / "data"


def spots_and_links(kind: str) -> tuple[list[dict[int, tuple[float, float]]], set[tuple[int, int]]]:
    """Return the spots of each frame by their number, as (x, y), and the reference's links."""
    frames: list[dict[int, tuple[float, float]]] = [{} for _ in range(50)]
    links = set()
    with (DATA / f"tracks-reference-{kind}.csv").open() as file:
        for row in csv.DictReader(file):
            ends = []
            for end in ("source", "target"):
                number = int(row[f"spot_{end}_id"])
                ends.append(number)
                place = float(row[f"{end}_position_x"]), float(row[f"{end}_position_y"])
                frames[int(row[f"{end}_frame"])][number] = place
            links.add((ends[0], ends[1]))
    return frames, links


def linked(frames: list[dict[int, tuple[float, float]]], linker: NearestLinker | DivisionLinker):
    """Return the links that a linker makes, as pairs of spots, through divisions too."""
    links, before = set(), {}
    for frame in frames:
        where = np.array(list(frame.values()), dtype=float).reshape(-1, 2)
        numbers = linker.link({"x_px": where[:, 0], "y_px": where[:, 1]}).tolist()
        parents = getattr(linker, "parents", numbers)
        for spot, number, parent in zip(frame, numbers, parents, strict=True):
            known = number if number in before else int(parent)
            if known in before:
                links.add((before[known], spot))
        before = dict(zip(numbers, frame, strict=True))
    return links


@pytest.mark.parametrize("linker", [NearestLinker(15, memory=0), DivisionLinker(15, 1e-3)])
def test_links_are_those_of_another_program(linker):
    frames, reference = spots_and_links("plain")
    assert linked(frames, linker) == reference


@given(st.integers(0, 10_000), st.integers(0, 40), st.integers(0, 40))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_cells_without_a_choice_are_linked_as_if_all_were_weighed_together(seed, before, after):
    random = np.random.default_rng(seed)
    old, new = random.uniform(0, 100, (before, 2)), random.uniform(0, 100, (after, 2))
    found = linking._nearest(old, new, 7.0)
    whole = linking._best_together(old, new, 7.0) if before and after else np.full(after, -1)
    assert found.tolist() == whole.tolist()


@pytest.mark.parametrize("gone", [0, 1])
@pytest.mark.parametrize("new", [0, 1, 4])
def test_links_are_the_same_whether_divisions_are_looked_for_at_once_or_only_where_needed(gone, new):
    random = np.random.default_rng(3)
    before = random.uniform(0, 120, (30, 2))
    after = np.concatenate([before[gone:] + random.normal(0, 1, (30 - gone, 2)), before[:new] + 2.5])
    linker = DivisionLinker(9.0, 9.0)
    for places_px in (before, after):
        linker.link({"y_px": places_px[:, 0], "x_px": places_px[:, 1]})
    found = {(int(old), place) for place, old in enumerate(parents_or_selves(linker)) if old >= 0}
    edges = DivisionLinker(9.0, 9.0)._dividing.predict([before, after]).edges()
    assert found == {(int(old), int(place)) for (_, old), (_, place) in edges}


def parents_or_selves(linker: DivisionLinker) -> list[int]:
    """Return which cell of the first time point each one of the second follows; -1 for none."""
    numbers = linker.state()["numbers"]
    return [n if n < 30 else p for n, p in zip(numbers.tolist(), linker.parents.tolist(), strict=True)]


def test_divisions_are_those_of_another_program_but_for_one_far_away():
    frames, reference = spots_and_links("splitting")
    found = linked(frames, DivisionLinker(15, 15))
    assert found <= reference
    assert len(reference - found) == 1


@pytest.mark.parametrize(
    ("kind", "make"),
    [("plain", lambda: NearestLinker(15, memory=1)), ("splitting", lambda: DivisionLinker(15, 15))],
)
def test_another_linker_goes_on_where_one_was(kind, make):
    """The numbers and parents are the same whether one object links all, or each time point has another."""
    frames, _ = spots_and_links(kind)
    whole, state = make(), make().state()
    for frame in frames:
        where = np.array(list(frame.values()), dtype=float).reshape(-1, 2)
        columns = {"x_px": where[:, 0], "y_px": where[:, 1]}
        successor = make()
        successor.resume(state)
        assert successor.link(columns).tolist() == whole.link(columns).tolist()
        assert np.array_equal(getattr(successor, "parents", 0), getattr(whole, "parents", 0))
        state = successor.state()
    assert all(isinstance(value, int | np.ndarray) for value in state.values())


def test_a_daughter_keeps_its_parent_and_the_state_does_not_grow():
    linker = DivisionLinker(10, 10)
    for y in ([20.0], [17.0, 23.5], [16.0, 24.5], [15.0, 25.5]):
        numbers = linker.link({"y_px": np.array(y), "x_px": np.full(len(y), 20.0)})
    assert (numbers.tolist(), linker.parents.tolist()) == ([1, 2], [0, 0])
    assert {len(value) for value in linker.state().values() if isinstance(value, np.ndarray)} == {2}


def test_the_state_of_another_linker_is_refused():
    with pytest.raises(BadInputError, match="goes on with places, numbers, parents, next_number, not with"):
        DivisionLinker(10, 10).resume(NearestLinker(10).state())


def test_a_cell_that_was_away_is_known_for_as_long_as_was_asked_for():
    def numbers(memory: int) -> list[int]:
        linker = NearestLinker(5, memory=memory)
        seen = [(10.0, 40.0), (40.0,), (11.0, 40.0)]
        steps = [linker.link({"y_px": np.array(y), "x_px": np.zeros(len(y))}) for y in seen]
        return steps[-1].tolist()

    assert numbers(memory=1) == [0, 1]
    assert numbers(memory=0) == [2, 1]


def test_time_points_without_a_cell_are_no_obstacle():
    for linker in (NearestLinker(5, memory=0), DivisionLinker(5, 5)):
        nothing = {"y_px": np.empty(0), "x_px": np.empty(0)}
        one = {"y_px": np.array([3.0]), "x_px": np.array([3.0])}
        steps = [linker.link(columns).tolist() for columns in (nothing, one, one, nothing, one)]
        assert steps == [[], [0], [0], [], [1]]


def test_two_positions_have_linkers_that_know_nothing_of_one_another():
    here, there = NearestLinker(5), NearestLinker(5)
    one = {"y_px": np.array([3.0]), "x_px": np.array([3.0])}
    two = {"y_px": np.array([50.0, 3.0]), "x_px": np.array([3.0, 3.0])}
    assert here.link(one).tolist() == [0]
    assert there.link(two).tolist() == [0, 1]
    assert here.link(two).tolist() == [1, 0]
    assert there.link(one).tolist() == [1]


def test_a_reporter_that_leaves_the_nucleus_raises_the_ratio():
    labels = np.zeros((40, 60), int)
    labels[10:18, 10:18], labels[10:18, 40:48] = 1, 5
    image = np.full(labels.shape, 100.0)
    image[labels == 1], image[labels == 5] = 200, 50
    columns = measure(labels, {"erk": image}, ring_px=3)
    assert columns["label"].tolist() == [1, 5]
    assert columns["area_px"].tolist() == [64, 64]
    assert columns["y_px"].tolist() == [13.5, 13.5]
    assert columns["ratio_erk"].tolist() == [0.5, 2.0]


def test_a_cell_without_a_ring_has_no_ratio():
    labels = np.ones((4, 4), int)
    assert np.isnan(measure(labels, {"erk": np.ones((4, 4))}, ring_px=2)["ratio_erk"]).all()


def test_no_cell_gives_columns_of_length_zero():
    columns = measure(np.zeros((5, 5), int), {"erk": np.ones((5, 5))}, ring_px=2)
    assert {name: column.shape for name, column in columns.items()} == dict.fromkeys(columns, (0,))
    assert "ratio_erk" in columns


def test_an_image_of_another_shape_is_refused():
    with pytest.raises(BadInputError, match=r"'erk' has the shape \(4, 4\), the labels \(5, 5\)"):
        measure(np.zeros((5, 5), int), {"erk": np.ones((4, 4))})


def test_the_chosen_cells_alone_are_lit():
    labels = np.array([[1, 1, 0, 4], [0, 0, 0, 4]])
    columns = places(labels) | {"ratio": np.array([0.7, 1.3])}
    chosen = choosing.above(columns, "ratio", 1.0)
    assert masks.cells(labels, chosen).tolist() == [[False, False, False, True], [False, False, False, True]]
    assert masks.cells(labels).sum() == 4
    assert not masks.cells(labels, choosing.brightest(columns, "ratio", 0)).any()


def test_a_part_of_each_cell_is_lit_from_its_end():
    labels = np.zeros((30, 30), int)
    labels[5:25, 4:8] = 1  # upright
    labels[10:14, 12:28] = 2  # lying
    lit = masks.part_of_cells(labels, fraction=0.25)
    assert [(lit & (labels == label)).sum() for label in (1, 2)] == [20, 16]
    assert lit[5:10, 4:8].all(), "the upper end of one that stands"
    assert lit[10:14, 24:28].all(), "the right end of one that lies"
    below = masks.part_of_cells(labels, np.array([True, False]), fraction=0.25, angle=270)
    assert below[20:25, 4:8].all()
    assert below.sum() == 20


def test_a_line_moves_across_the_whole_field():
    for angle in (0, 30, 90):
        first, last = (masks.moving_line((40, 60), t, 5, width_px=6, angle=angle) for t in (0, 4))
        assert first.any()
        assert last.any()
        assert not (first & last).any()
        assert (first == last[::-1, ::-1]).all()


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: NearestLinker(0), "search_px"),
        (lambda: NearestLinker(5, memory=-1), "memory"),
        (lambda: DivisionLinker(5, 0), "division_px"),
        (lambda: choosing.above({"mean_erk": np.ones(1)}, "mean_erc", 1), "mean_erk"),
        (lambda: choosing.brightest({"mean_erk": np.ones(1)}, "mean_erk", -1), "count"),
        (lambda: choosing.every({"particle": np.ones(1)}, 0), "k must be"),
        (lambda: masks.cells(np.ones((2, 2), int), np.ones(3, bool)), r"1 cells, not bool of shape \(3,\)"),
        (lambda: masks.part_of_cells(np.ones((2, 2), int), fraction=0), "fraction"),
        (lambda: masks.line((4, 4), width_px=0), "width_px"),
        (lambda: masks.centre_circle((4, 4), -1), "diameter"),
        (lambda: masks.moving_line((4, 4), 5, 5, width_px=2), "0 to 4, not 5"),
        (lambda: masks.top_edge(np.ones((2, 2), int), width_px=0), "width_px"),
        (lambda: masks.line((4, 4), width_px=np.inf), "width_px must be above 0, not inf"),
        (lambda: masks.line((4, 4), width_px=2, angle=np.nan), "angle must be a finite number, not nan"),
        (lambda: masks.line((4, 4), width_px=2, at=np.inf), "at must be a finite number, not inf"),
        (lambda: masks.part_of_cells(np.ones((2, 2), int), angle=np.inf), "angle must be a finite number"),
        (lambda: measure(np.ones((2, 2), int), {}, ring_px=np.nan), "ring_px must be 0 or more, not nan"),
        (lambda: measure(np.ones((2, 2), int), {}, ring_px=2, gap_px=-1), "gap_px must be 0 or more, not -1"),
        (lambda: NearestLinker(np.inf), "search_px must be above 0, not inf"),
        (lambda: NearestLinker(5, memory=np.nan), "memory must be 0 or more, not nan"),
    ],
)
def test_wrong_values_are_named(call, named):
    with pytest.raises(BadInputError, match=named):
        call()


def test_what_close_cells_need_is_loaded_with_the_first_image():
    """Loaded with the first close cells, in the middle of a run, it would cost a stimulus its mask."""
    code = """
import sys
import numpy as np
from parfocal.analysis.cells.linking import NearestLinker

linker = NearestLinker(search_px=20)
linker.link({"y_px": np.array([1.0]), "x_px": np.array([1.0])})
loaded = set(sys.modules)
for shift in (0.0, 2.0):
    linker.link({"y_px": np.zeros(9), "x_px": 9 * np.arange(9.0) + shift})
print(sorted(set(sys.modules) - loaded), "trackpy" in loaded)
"""
    told = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=100, check=True
    )
    assert told.stdout.strip() == "[] True"
