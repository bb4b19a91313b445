"""Layers, components and annotations, without a process."""

import numpy as np
import pytest

from parfocal.core.errors import BadInputError, ViewerError
from parfocal.viewers.actions import Clicked, Drawn, Selected
from parfocal.viewers.annotations import (
    Labels,
    Points,
    Shapes,
    Tracks,
    arrays_of,
    made_of,
    nbytes_of,
    settings_of,
)
from parfocal.viewers.content import Content
from parfocal.viewers.display import Display
from parfocal.viewers.drawing import label_picture, number_colours, track_lines
from parfocal.viewers.marking import dragged, erased, with_mark
from parfocal.viewers.panes import PaneTable
from parfocal.viewers.rasters import draw


@pytest.fixture
def panes():
    return PaneTable(Display())


@pytest.fixture
def content(panes):
    return Content(panes, 100_000)


def plane(value=1, shape=(8, 10), dtype=np.uint8):
    return np.full(shape, value, dtype)


def fill(content, wells=("A", "B"), channels=("488", "561"), times=3, layer="cells"):
    for t in range(times):
        for well in wells:
            for channel in channels:
                content.show(layer, {"well": well, "channel": channel, "t": str(t)}, plane(t))


def test_components_split_and_join_what_is_shown(content, panes):
    fill(content)
    panes.choose("cells", {"gamma": 0.5})
    content.set_components("", {"channel": "layer"})
    assert [pane.name for pane in panes] == ["cells channel-488", "cells channel-561"]
    for pane in panes:
        assert (pane.stack.axes, pane.stack.shape) == (("well", "t"), (2, 3, 8, 10))
        assert pane.display.gamma == 0.5
        assert pane.index == {"well": "B", "t": "2"}
    content.set_components("cells", {"well": "layer"}, "centre")
    assert len(list(panes)) == 4
    assert panes["cells channel-488 well-A"].stack.padding == "centre"
    content.set_components("cells", {"well": "dimension", "channel": "dimension"})
    (pane,) = panes
    assert (pane.name, pane.stack.axes) == ("cells", ("well", "channel", "t"))
    assert (pane.display.gamma, pane.stack.planes) == (0.5, 12)
    fill(content, layer="more")
    assert [pane.name for pane in panes][1:] == ["more channel-488", "more channel-561"]


@pytest.mark.parametrize(
    ("layer", "roles", "padding", "words"),
    [
        ("cels", {"t": "layer"}, "", "did you mean 'cells'"),
        ("", {"t": "layers"}, "", "'dimension' or a 'layer', not 'layers'"),
        ("", {"t": "layer"}, "middle", "'corner' or 'centre', not 'middle'"),
    ],
)
def test_components_that_cannot_be_are_refused(content, panes, layer, roles, padding, words):
    fill(content)
    with pytest.raises(BadInputError, match=words):
        content.set_components(layer, roles, padding)
    assert [pane.name for pane in panes] == ["cells"]


def test_components_that_would_mix_colours_and_grey_change_nothing(content, panes):
    content.set_components("", {"channel": "layer"})
    content.show("a", {"channel": "grey"}, plane())
    content.show("a", {"channel": "rgb"}, plane(1, (8, 10, 3)))
    with pytest.raises(BadInputError, match="grey or in colours"):
        content.set_components("", {"channel": "dimension"})
    assert [pane.name for pane in panes] == ["a channel-grey", "a channel-rgb"]
    content.show("a", {"channel": "third"}, plane())
    assert len(list(panes)) == 3


def test_a_missing_plane_is_blank_and_says_so(content, panes):
    for index in ({"well": "A", "t": "0"}, {"well": "A", "t": "1"}, {"well": "B", "t": "0"}):
        content.show("plate", index, plane(7))
    content.select("plate", {"well": "B", "t": "1"})
    assert not panes["plate"].image.any()
    assert panes["plate"].image.shape == (8, 10)
    assert panes["plate"].caption == "well B, t 1, nothing was sent (3 images)"
    with pytest.raises(BadInputError, match="no image has well 'C', only A, B"):
        content.select("plate", {"well": "C"})
    with pytest.raises(BadInputError, match="component 'z'"):
        content.select("plate", {"z": "0"})


def test_what_a_person_chose_stays_until_the_newest_is_chosen(content, panes):
    for t in range(3):
        content.show("a", {"t": str(t)}, plane(t))
    content.act(Selected("a", {"t": "1"}))
    content.show("a", {"t": "3"}, plane(3))
    assert panes["a"].image[0, 0] == 1
    assert panes["a"].caption == "t 1 (4 images)"
    content.show("a", {"t": "1"}, plane(9))
    assert panes["a"].image[0, 0] == 9
    content.act(Selected("a", {"t": "3"}))
    content.show("a", {"t": "4"}, plane(4))
    content.select("a", {"t": "0"})  # a program's choice: what is sent next is shown
    content.show("a", {"t": "5"}, plane(5))
    assert panes["a"].image[0, 0] == 5


def test_annotations_lie_over_their_planes(content, panes):
    fill(content)
    content.annotate("cells", Labels("labels", plane(1), {"t": "1"}))
    content.annotate("cells", Points("everywhere", [(1, 2)]))
    content.annotate("cells", Points("here", [(1, 2)], {"well": "A", "t": "1"}))
    assert [one.name for one in panes["cells"].annotations] == ["everywhere"]
    content.select("cells", {"well": "A", "t": "1"})
    assert {one.name for one in panes["cells"].annotations} == {"labels", "everywhere", "here"}
    content.set_components("", {"well": "layer"})
    names = {pane.name: {one.name for one in pane.annotations} for pane in panes}
    assert names == {
        "cells well-A": {"labels", "everywhere", "here"},
        "cells well-B": {"labels", "everywhere"},
    }
    content.remove_annotation("cells", "everywhere")
    assert {one.name for one in panes["cells well-B"].annotations} == {"labels"}
    with pytest.raises(BadInputError, match="did you mean 'labels'"):
        content.remove_annotation("cells", "label")
    with pytest.raises(BadInputError, match="did you mean 'cells well-"):
        content.annotate("cells well-a", Points("p", []))


def test_everything_counts_against_the_budget_and_comes_back(content, panes):
    content.show("a", {}, plane())
    held = content.budget.used_bytes
    labels = Labels("labels", plane(3))
    content.annotate("a", labels)
    content.annotate("a", Labels("labels", plane(4)))  # in place of the other
    assert content.budget.used_bytes == held + nbytes_of(labels) == 80 + 320
    with pytest.raises(ViewerError, match="budget"):
        content.annotate("a", Labels("more", plane(1, (200, 200))))
    with pytest.raises(ViewerError, match="budget"):
        content.show("b", {}, plane(1, (400, 400)))
    assert [pane.name for pane in panes] == ["a"]
    content.remove("a")
    assert content.budget.used_bytes == 0
    assert list(panes) == []


def test_cells_are_picked_by_clicks_and_let_go(content, panes):
    content.show("a", {}, plane())
    cells = np.zeros((8, 10), np.int32)
    cells[2:4, 2:4], cells[6, 6] = 5, 9
    content.annotate("a", Labels("cells", cells))
    content.annotate("a", Labels("mask", plane(1), style="fill", pickable=False))
    for x_px, y_px in ((2.2, 3.4), (6, 6), (0, 0), (-3, 99)):
        content.act(Clicked("a", x_px, y_px))
    assert panes["a"].picked == (5, 9)
    assert content.pick("a", 3, 3) == (9,)


def test_what_a_person_draws_takes_the_place_of_what_was_sent(content, panes):
    content.show("a", {}, plane())
    content.annotate("a", Points("spots", [(1, 1)]))
    content.act(Drawn("a", Points("spots", [(2, 2), (3, 3)])))
    assert [one.count for one in panes["a"].annotations] == [2]


ANNOTATIONS = [
    Labels("a", plane(2), {"t": "1"}, "fill", "#010203", pickable=False),
    Points("b", [(1, 2), (3, 4)], {"well": "A"}, 3.0, "#ffffff", [0.5, 7]),
    Points("none", []),
    Shapes("c", ([(0, 0), (0, 5), (5, 5)], [(1, 1), (2, 2)]), {}, "#00ff00"),
    Shapes("none", ()),
    Tracks("d", [(1, 0, 2, 2), (1, 1, 3, 3), (2, 0, 6, 6)], {}, 7),
]


@pytest.mark.parametrize("annotation", ANNOTATIONS, ids=lambda one: f"{one.kind} {one.name}")
def test_annotations_go_through_plain_values_and_are_painted(annotation):
    again = made_of(annotation.kind, arrays_of(annotation), settings_of(annotation))
    assert settings_of(again) == settings_of(annotation)
    for name, array in arrays_of(annotation).items():
        np.testing.assert_array_equal(arrays_of(again)[name], array)
    picture = np.zeros((8, 10, 3), np.uint8)
    draw(picture, again, {}, ())
    assert picture.any() == (annotation.count > 0)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Labels("a", np.zeros((2, 2))), "whole numbers"),
        (lambda: Labels("a", np.full((2, 2), 2**40)), "number the areas from 1 on"),
        (lambda: Labels("a", plane(), style="dots"), "'outline' or 'fill'"),
        (lambda: Labels("a", plane(), colour="red"), "#rrggbb"),
        (lambda: Points("a", [(1, 2, 3)]), r"points are \(n, 2\)"),
        (lambda: Points("a", [(1, 2)], values=[1, 2]), "values of shape"),
        (lambda: Points("a", [(1, 2)], size_px=0), "size_px"),
        (lambda: Shapes("a", ([(1, 2)],)), "two corners"),
        (lambda: Tracks("a", [(1, 2)]), r"tracks are \(n, 4\)"),
        (lambda: Tracks("a", [], tail=0), "tail"),
        (lambda: Tracks("a", [(1, 0, 2, 3), (1, 1, np.nan, 3)]), "row 1: leave out what has no place"),
        (lambda: Points("a", [(1, np.inf)]), "row 0: leave out"),
        (lambda: Shapes("a", ([(0, 0), (np.nan, 3)],)), "row 1: leave out"),
        (lambda: made_of("lables", {}, {}), "did you mean 'labels'"),
        (lambda: made_of("labels", {}, {"name": "a"}), "labels: "),
    ],
)
def test_annotations_that_cannot_be_are_refused(make, words):
    with pytest.raises(BadInputError, match=words):
        make()


def test_a_person_adds_moves_and_erases_marks_and_regions():
    one = with_mark([], (3.0, 4.0))
    two = with_mark([one], (30.0, 40.0))
    moved = dragged([two], (30.0, 41.0), (35.0, 50.0))
    assert moved.points.tolist() == [[3, 4], [35, 49]]
    box = dragged([moved], (10.0, 10.0), (20.0, 16.0))
    more = dragged([moved, box], (60.0, 60.0), (70.0, 70.0))
    assert more.count == 2
    shifted = dragged([moved, more], (15.0, 12.0), (16.0, 13.0))
    assert shifted.polygons[0].tolist() == [[11, 11], [11, 17], [21, 17], [21, 11]]
    assert erased([moved, shifted], (65.0, 65.0)).count == 1
    assert erased([moved, shifted], (3.0, 4.0)).points.tolist() == [[35, 49]]
    assert erased([moved, shifted], (99.0, 0.0)) is None


def test_picked_areas_stand_out_and_numbers_keep_their_colours():
    areas = np.zeros((9, 9), np.int32)
    areas[1:8, 1:8] = 3
    labels = Labels("cells", areas)
    plain, picked = label_picture(labels), label_picture(labels, (3,))
    assert plain[1, 1].tolist() == [*number_colours(3).tolist(), 255]
    assert plain[4, 4, 3] == 0 < picked[4, 4, 3]
    assert picked[1, 1].tolist() == [255] * 4
    assert len({tuple(colour) for colour in number_colours(np.arange(1, 30)).tolist()}) == 29


def test_tracks_end_at_the_time_point_that_is_shown():
    tracks = Tracks("tracks", [(2, t, t, 0) for t in range(9)] + [(1, 3, 0, 0), (1, 4, 0, 1)])
    assert len(track_lines(tracks, {}).ends) == 9
    assert len(track_lines(tracks, {"t": "3"}).ends) == 3
    assert len(track_lines(tracks, {"t": "start"}).ends) == 9
    assert len(track_lines(Tracks("none", []), {"t": "3"}).ends) == 0


def test_at_the_newest_time_point_of_a_place_a_pane_goes_on_with_that_place(content, panes):
    content.layers.expect("run", {"channel": "layer"})
    for t in range(2):
        for p in range(3):
            content.show("run", {"channel": "nucleus", "p": str(p), "t": str(t)}, plane(10 * t + p))
    name = "run channel-nucleus"
    content.show("run", {"channel": "nucleus", "p": "0", "t": "2"}, plane(20))
    content.act(Selected(name, {"p": "1", "t": "2"}))  # only the slider of p was moved: p 1 has no t 2 yet
    assert panes[name].index == {"p": "1", "t": "1"}
    content.show("run", {"channel": "nucleus", "p": "1", "t": "2"}, plane(21))
    content.show("run", {"channel": "nucleus", "p": "2", "t": "2"}, plane(22))
    assert panes[name].index == {"p": "1", "t": "2"}
    content.act(Selected(name, {"p": "1", "t": "0"}))
    content.show("run", {"channel": "nucleus", "p": "1", "t": "3"}, plane(31))
    assert panes[name].index == {"p": "1", "t": "0"}
    content.act(Selected(name, {}))
    content.show("run", {"channel": "nucleus", "p": "2", "t": "3"}, plane(32))
    assert panes[name].index == {"p": "2", "t": "3"}


def test_eight_hundred_positions_fill_the_budget_and_the_oldest_go_first(panes):
    content = Content(panes, 1000 * 80)
    content.layers.expect("run", {"channel": "layer"})
    for t in range(5):
        for p in range(800):
            index = {"p": str(p), "t": str(t), "channel": "nucleus"}
            content.make_room("run", 80)
            content.show("run", index, plane(t))
            if p == 0:
                content.make_room("run", 80)
                content.annotate("run", Points("spots", [(t, t)] * 5, {"p": str(p), "t": str(t)}))
    (pane,) = panes
    held = [(int(index["t"]), int(index["p"])) for index in pane.stack.indices()]
    assert held == sorted(held)
    assert (4, 0) in held
    assert len(held) + content.gone("run") == 4000
    assert content.budget.used_bytes <= 1000 * 80
    assert pane.caption.endswith(f"({len(held)} images; {content.gone('run')} gone to make room)")
    assert panes[pane.name].stack.shape[0] == 800


def test_a_pane_whose_plane_is_gone_shows_another_and_keeps_its_last(panes):
    content = Content(panes, 3 * 80)
    for t in range(3):
        content.show("a", {"t": str(t)}, plane(t))
    content.act(Selected("a", {"t": "0"}))
    content.make_room("a", 80)
    assert panes["a"].index == {"t": "2"}
    content.make_room("a", 100_000)
    assert panes["a"].stack.planes == 1
    assert content.gone("a") == 2


def test_a_cell_is_picked_in_all_panes_and_time_points_of_its_place(content, panes):
    content.layers.expect("run", {"channel": "layer"})
    for t in range(2):
        for p in range(2):
            for channel in ("a", "b"):
                content.show("run", {"channel": channel, "p": str(p), "t": str(t)}, plane())
            content.annotate("run", Labels("labels", plane(5 + p), {"p": str(p), "t": str(t)}))
    assert content.pick("run channel-a", 1, 1) == (6,)
    assert panes["run channel-b"].picked == (6,)
    content.select("run", {"p": "0"})
    assert panes["run channel-b"].picked == ()
    content.pick("run channel-b", 1, 1)
    content.select("run", {"p": "1", "t": "0"})
    assert panes["run channel-a"].picked == (6,)
    assert {tuple(place): picked for place, picked in content.picks("run").items()} == {
        (("p", "1"),): (6,),
        (("p", "0"),): (5,),
    }


def test_the_cell_that_is_counted_from_0_is_drawn_and_picked(content, panes):
    content.show("run", {"t": "0"}, plane())
    areas = np.zeros((8, 10), np.int32)
    areas[2:4, 2:4] = 1
    labels = Labels("labels", areas, first=0)
    content.annotate("run", labels)
    assert content.pick("run", 5, 5) == ()
    assert content.pick("run", 2, 2) == (0,)
    assert (label_picture(labels, (0,)) != label_picture(labels, (1,))).any()
    assert content.pick("run", 2, 2) == ()
    assert made_of("labels", arrays_of(labels), settings_of(labels)).picked_as(1) == 0


def test_layers_that_give_way_go_when_another_one_needs_their_room(content, panes):
    for layer in ("first", "second", "third"):
        content.show(layer, {"t": "0"}, plane(shape=(100, 300)))
        content.give_way(layer)
    content.give_way("second", gives=False)
    content.make_room("fourth", 30_000)
    content.show("fourth", {"t": "0"}, plane(shape=(100, 300)))
    assert [pane.name for pane in panes] == ["second", "third", "fourth"]
    content.remove("third")
    content.make_room("fifth", 60_000)
    with pytest.raises(ViewerError):
        content.show("fifth", {"t": "0"}, plane(shape=(200, 300)))
    assert [pane.name for pane in panes] == ["second", "fourth"]
