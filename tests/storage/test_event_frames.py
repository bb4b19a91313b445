"""Frames of events on the disk: what foreign readers see, how a record grows, what a crash leaves."""

import shutil
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import yaozarrs
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

from parfocal.core.errors import BadInputError
from parfocal.core.event_layout import EventLayout, PositionLayout
from parfocal.core.frames import FrameSpec, Sensor
from parfocal.storage import EventFrameSink, read_headers
from parfocal.storage.event_documents import image_paths
from parfocal.storage.numbering import Numbering
from parfocal.storage.opening import path_of
from parfocal.storage.requests import StreamRequest
from parfocal.streams import HEADER_DTYPE, FrameBatch

SPEC = FrameSpec(shape=(4, 6), dtype="uint16", pixel_size_um=0.5, sensor=Sensor(bit_depth=12))
PLACES = (
    PositionLayout(name="left", x_um=-300.0, y_um=20.0, z_um=5.0),
    PositionLayout(name="right", x_um=300.0, y_um=0.0, z_um=7.5),
)
LAYOUT = EventLayout(
    axes="tpcz",
    sizes=(3, 2, 2, 2),
    positions=PLACES,
    channels=("nucleus", "erk"),
    z_step_um=2.0,
    z_first_um=-3.0,
    interval_s=10.0,
)


def frames(events: list[int], *, first: int = 0, dtype: str = SPEC.dtype) -> FrameBatch:
    """Return a frame for each event, whose pixels are the number of its event, plus one."""
    headers = np.zeros(len(events), HEADER_DTYPE)
    headers["event"] = events
    headers["frame"] = np.arange(first, first + len(events))
    headers["time_ns"] = 10**9 * (headers["frame"] + 1)
    pixels = np.broadcast_to(headers["event"][:, None, None] + 1, (len(events), *SPEC.shape))
    return FrameBatch(pixels.astype(dtype), headers)


def everything(folder: Path) -> dict[tuple[str, tuple[int, ...]], int]:
    """Return the pixel value at each index of each image, as a foreign reader finds it."""
    found = {}
    for path in images_of(folder):
        pixels = zarr.open_array(folder / path / "0", mode="r")[..., 0, 0]
        for place in np.ndindex(pixels.shape):
            found[path, place] = int(pixels[place])
    return found


def images_of(folder: Path) -> list[str]:
    """Return the paths of all images, as the format's own documents tell them."""
    ome = yaozarrs.validate_zarr_store(str(folder)).ome_metadata()
    if hasattr(ome, "plate"):
        wells = {well.path: zarr.open_group(folder / well.path, mode="r") for well in ome.plate.wells}
        return [
            f"{path}/{image['path']}"
            for path, well in wells.items()
            for image in well.attrs["ome"]["well"]["images"]
        ]
    return list(zarr.open_group(folder / "OME", mode="r").attrs["ome"]["series"])


def image_of(folder: Path, path: str) -> Any:
    return yaozarrs.validate_zarr_store(str(folder / path)).ome_metadata()


def test_a_foreign_reader_finds_positions_steps_and_channels(tmp_path: Path) -> None:
    sink = EventFrameSink.create(tmp_path / "f.ome.zarr", SPEC, LAYOUT)
    sink.append(frames(list(range(24))), 0)
    sink.close()
    assert images_of(sink.folder) == ["0", "1"]
    for number, place in enumerate(PLACES):
        image = image_of(sink.folder, str(number))
        shown = image.multiscales[0]
        assert shown.name == place.name
        assert [(axis.name, axis.unit) for axis in shown.axes] == [
            ("t", "second"), ("c", None), ("z", "micrometer"), ("y", "micrometer"), ("x", "micrometer"),
        ]  # fmt: skip
        scale, translation = shown.datasets[0].coordinateTransformations
        assert scale.scale == [10.0, 1.0, 2.0, 0.5, 0.5]
        assert translation.translation == [0.0, 0.0, place.z_um - 3.0, place.y_um, place.x_um]
        assert [channel.label for channel in image.omero.channels] == ["nucleus", "erk"]
        assert image.omero.channels[0].window.end == 4095
    for (path, (t, c, z)), value in everything(sink.folder).items():
        assert value == LAYOUT.number_of({"t": t, "p": int(path), "c": c, "z": z}) + 1


def test_wells_make_a_plate(tmp_path: Path) -> None:
    wells = tuple(PositionLayout(name=f"f{n}", well=well) for n, well in enumerate(("B3", "a12", "B03")))
    layout = EventLayout(axes="tp", sizes=(2, 3), positions=wells)
    sink = EventFrameSink.create(tmp_path / "f.ome.zarr", SPEC, layout)
    sink.append(frames(list(range(6))), 0)
    sink.close()
    plate = yaozarrs.validate_zarr_store(str(sink.folder)).ome_metadata().plate
    assert [row.name for row in plate.rows] == ["A", "B"]
    assert [column.name for column in plate.columns] == ["3", "12"]
    assert [(well.path, well.rowIndex, well.columnIndex) for well in plate.wells] == [
        ("B/3", 1, 0),
        ("A/12", 0, 1),
    ]
    assert plate.field_count == 2
    assert images_of(sink.folder) == ["B/3/0", "B/3/1", "A/12/0"]
    assert [everything(sink.folder)[path, (1,)] for path in image_paths(layout)] == [4, 5, 6]
    with pytest.raises(BadInputError, match="all of them or none"):
        sink.extend(EventLayout(axes="tp", sizes=(2, 4), positions=(*wells, PositionLayout())), 6)


def test_positions_and_channels_are_added_while_it_is_written(tmp_path: Path) -> None:
    sink = EventFrameSink.create(tmp_path / "f.ome.zarr", SPEC, EventLayout(axes="tpcz", sizes=(2, 1, 1, 1)))
    sink.append(frames([0, 1]), 0)
    grown = EventLayout(axes="tpcz", sizes=(4, 2, 2, 3))
    sink.extend(grown, 2)
    assert images_of(sink.folder) == ["0", "1"]
    at = grown.number_of({"t": 2, "p": 1, "c": 1, "z": 2})
    sink.append(frames([at], first=2), 2)
    sink.close()
    found = {key: value for key, value in everything(sink.folder).items() if value}
    assert found == {("0", (0, 0, 0)): 1, ("0", (1, 0, 0)): 2, ("1", (2, 1, 2)): at + 1}
    assert read_headers(sink.folder / "1")["frame"].shape == (3, 2, 3)
    assert read_headers(sink.folder / "0")["frame"][:, 0, 0].tolist() == [0, 1, -1]


@pytest.mark.parametrize(
    ("later", "told"),
    [
        ({"axes": "ptcz", "sizes": (2, 3, 2, 2)}, "goes on with the axes 'tpcz'"),
        ({"sizes": (3, 2, 1, 2), "channels": ("nucleus",)}, "c can grow, and is 2 long"),
        ({"channels": ("erk", "nucleus")}, "channel 0 of the run is 'nucleus'"),
        ({"positions": PLACES[::-1]}, "position 0 of the run is"),
    ],
)
def test_what_is_stored_keeps_its_place(later: dict[str, Any], told: str, tmp_path: Path) -> None:
    fields = {name: getattr(LAYOUT, name) for name in LAYOUT.__struct_fields__}
    sink = EventFrameSink.create(tmp_path / "f.ome.zarr", SPEC, LAYOUT)
    with pytest.raises(BadInputError, match=told):
        sink.extend(EventLayout(**{**fields, **later}), 0)
    assert sink.events == LAYOUT
    sink.abandon()


def test_an_event_beyond_the_plan_is_refused(tmp_path: Path) -> None:
    sink = EventFrameSink.create(tmp_path / "f.ome.zarr", SPEC, EventLayout(axes="pt", sizes=(2, 3)))
    with pytest.raises(BadInputError, match="p goes from 0 to 1"):
        sink.append(frames([6]), 0)
    sink.abandon()


def test_a_frame_whose_shape_was_not_told_before_a_crash_is_found(tmp_path: Path) -> None:
    sink = EventFrameSink.create(tmp_path / "f.ome.zarr", SPEC, LAYOUT)
    sink.append(frames([0]), 0)
    before = {path: path.read_bytes() for path in sink.folder.rglob("zarr.json")}
    sink.append(frames([16, 3], first=1), 1)
    sink.abandon()
    for path, content in before.items():
        path.write_bytes(content)
    resumed = EventFrameSink.resume(sink.folder)
    assert (resumed.count().stored, resumed.next_sequence) == (3, 3)
    resumed.close()
    assert everything(sink.folder)["0", (2, 0, 0)] == 17


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[EventLayout], list[list[int]], list[bool]]:
    """Return layouts that grow, events of each in any order with repeats and none, and where it crashes."""
    layouts, sizes = [], [draw(st.integers(1, 3)) for _ in "tpcz"]
    for _ in range(draw(st.integers(1, 3))):
        layouts.append(EventLayout(axes="tpcz", sizes=tuple(sizes)))
        sizes = [size + draw(st.integers(0, 1)) for size in sizes]
    events = [draw(st.lists(st.integers(-1, int(np.prod(one.sizes)) + 2), max_size=12)) for one in layouts]
    return layouts, events, [draw(st.booleans()) for _ in layouts]


@settings(max_examples=25, deadline=None)
@given(history=histories(), size=st.integers(1, 5))
def test_each_event_has_its_first_frame_at_its_index_whatever_happens(
    history: tuple[list[EventLayout], list[list[int]], list[bool]], size: int
) -> None:
    layouts, events, crashes = history
    folder = Path(tempfile.mkdtemp(prefix="pf")) / "f.ome.zarr"
    wanted: dict[tuple[str, tuple[int, ...]], int] = {}
    sink = EventFrameSink.create(folder, SPEC, layouts[0])
    try:
        sequence = 0
        for layout, some, crashed in zip(layouts, events, crashes, strict=True):
            if layout is not layouts[0]:
                sink.extend(layout, sequence)
            for start in range(0, len(some), size):
                part = some[start : start + size]
                sink.append(frames(part, first=sequence), sequence)
                sequence += len(part)
                for event in part:
                    if event >= 0:
                        at = layout.index_of(event)
                        wanted.setdefault((str(at["p"]), (at["t"], at["c"], at["z"])), event + 1)
            if crashed:
                sink.abandon()
                sink = EventFrameSink.resume(folder)
                sink.append(frames(some[-1:], first=sequence - 1), sequence - 1) if some else None
        assert sink.count().stored == len(wanted)
        sink.close()
        found = {key: value for key, value in everything(folder).items() if value}
        assert found == wanted
    finally:
        sink.abandon()
        shutil.rmtree(folder.parent)


LABELS = FrameSpec(shape=(4, 6), dtype="int32", pixel_size_um=0.5)


def test_who_counts_while_frames_are_taken_counts_none_as_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink = EventFrameSink.create(tmp_path / "frames", SPEC, EventLayout(axes="t", sizes=(9,)))
    lost: list[int] = []
    place = Numbering.place

    def looked_at(numbering: Numbering, sequence: int, number: int) -> int:
        found = place(numbering, sequence, number)
        lost.append(sink.count().lost)
        return found

    monkeypatch.setattr(Numbering, "place", looked_at)
    sink.append(frames([0, 1, -1, 2]), 0)
    assert lost == [0] * 4
    sink.close()


def labels_of(events: EventLayout) -> EventLayout:
    """Return how labels of some images lie."""
    sizes = events.size("t"), events.size("p")
    return EventLayout(axes="tp", sizes=sizes, positions=events.positions, interval_s=10.0, label="cells")


@pytest.mark.parametrize("well", ["", "B2"], ids=["series", "plate"])
def test_a_foreign_reader_finds_labels_in_their_images(tmp_path: Path, well: str) -> None:
    places = tuple(PositionLayout(name=name, x_um=10.0, y_um=0.0, well=well) for name in ("left", "right"))
    events = EventLayout(
        axes="tpc", sizes=(2, 2, 1), positions=places, channels=("nucleus",), interval_s=10.0
    )
    images = EventFrameSink.create(tmp_path / "f.ome.zarr", SPEC, events)
    sink = EventFrameSink.create(tmp_path / "f.ome.zarr" / "cells", LABELS, labels_of(events))
    images.append(frames([0, 1, 2, 3]), 0)
    sink.append(frames([0, 3], dtype="int32"), 0)  # t 0 of the first position, t 1 of the second
    sink.abandon()
    sink = EventFrameSink.resume(tmp_path / "f.ome.zarr" / "cells")
    grown = EventLayout(axes="tpc", sizes=(2, 3, 1), positions=(*places, places[0]), channels=("nucleus",))
    images.extend(grown, 4)
    sink.extend(labels_of(grown), 2)
    sink.append(frames([5], first=2, dtype="int32"), 2)
    for each in (images, sink):
        each.close()

    found = {}
    for number, path in enumerate(images_of(images.folder)):
        listed = yaozarrs.validate_zarr_store(str(images.folder / path / "labels")).ome_metadata()
        assert listed.labels == ["cells"]
        shown = image_of(images.folder, f"{path}/labels/cells")
        assert shown.image_label.source.image == "../../"
        (image,) = shown.multiscales
        assert [axis.name for axis in image.axes] == ["t", "y", "x"]
        assert image.datasets[0].coordinateTransformations[0].scale == [10.0, 0.5, 0.5]
        pixels = zarr.open_array(images.folder / path / "labels" / "cells" / "0", mode="r")
        assert pixels.dtype == np.int32
        found[number] = pixels[:, 0, 0].tolist()
    assert found == {0: [1, 0], 1: [0, 4], 2: [0, 6]}
    assert read_headers(images.folder / images_of(images.folder)[1])["frame"].shape == (2, 1)


def test_labels_without_images_are_refused_before_anything_is_made(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="labels images"):
        path_of(
            StreamRequest(name="labels", events=labels_of(LAYOUT)),
            SimpleNamespace(name="labels", spec=LABELS),
            {},
        )
