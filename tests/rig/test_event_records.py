"""What exports and shows records does so with records of plans, too: series, plates, and holes in them."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tifffile

from parfocal.core.event_layout import EventLayout, PositionLayout
from parfocal.core.frames import FrameHeader, FrameSpec, RowSpec
from parfocal.rig.export import export_run
from parfocal.rig.viewing import show_file
from parfocal.storage import list_runs
from parfocal.storage.recording import Recording
from parfocal.storage.requests import RunRequest, Site, StreamRequest
from parfocal.storage.run_manifests import Ended
from parfocal.streams import StreamWriter

SPEC = FrameSpec(shape=(4, 6), dtype="uint16", pixel_size_um=0.5)
ROW = np.dtype([("number", "<i8")])


@pytest.fixture(params=["series", "plate"])
def run(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A closed run of 2 time points, 2 positions and 2 channels, without the frame of event 6."""
    wells = ("B3", "A1") if request.param == "plate" else ("", "")
    positions = tuple(PositionLayout(name=f"p{n}", well=well) for n, well in enumerate(wells))
    layout = EventLayout(axes="tpcz", sizes=(2, 2, 2, 1), positions=positions, channels=("a", "b"))
    streams = tmp_path / "streams"
    streams.mkdir()
    site = Site(streams=streams, rig="bench", service="recorder", on_error=print)
    with (
        StreamWriter(streams, "camera", SPEC, slots=16) as camera,
        StreamWriter(streams, "run_events", RowSpec.of(ROW)) as log,
    ):
        wanted = [StreamRequest(name="camera", events=layout), StreamRequest(name="run_events")]
        recording = Recording.begin(tmp_path / "runs", wanted, RunRequest(plan={"n": 8}), site)
        recording.start()
        for event in (0, 1, 2, 3, 4, 5, 7):
            camera.write(np.full(SPEC.shape, event + 1, SPEC.dtype), FrameHeader(frame=event, event=event))
            log.write_rows(np.array([(event,)], ROW))
        recording.finish(Ended(ending="complete", asked={"camera": 8}))
    return recording.folder.path


def test_it_is_exported_whole(run: Path) -> None:
    (tiff,) = export_run(run, "tiff", report=lambda _: None)
    with tifffile.TiffFile(tiff) as opened:
        assert [series.name for series in opened.series] == ["p0", "p1"]
        images = [series.asarray()[..., 0, 0] for series in opened.series]
        described = opened.ome_metadata
    assert [image.ravel().tolist() for image in images] == [[1, 2, 5, 6], [3, 4, 0, 8]]
    for told in ('Name="a"', 'Name="b"', 'SizeT="2"', 'SizeC="2"', 'PhysicalSizeX="0.5"'):
        assert told in described
    (rows,) = export_run(run, "csv", report=lambda _: None)
    assert rows.read_text().split() == ["number", "0", "1", "2", "3", "4", "5", "7"]


def test_it_is_shown_by_index(run: Path) -> None:
    shown: list[tuple[int, Any]] = []

    split: list[dict[str, str]] = []

    def show(image: Any, layer: str, index: dict[str, int]) -> SimpleNamespace:
        shown.append((int(image[0, 0]), index))
        return SimpleNamespace(state="waiting")

    def components(layer: str, **roles: str) -> None:
        split.append(roles)

    told = show_file(run, SimpleNamespace(show=show, components=components))  # type: ignore[arg-type]
    assert told == f"{run.name}: 7 of 7 images, 6 x 4 px"
    assert shown[-1] == (8, {"t": 1, "p": 1, "z": 0, "channel": "b"})
    assert split == [{"channel": "layer"}]


def test_it_is_listed_with_how_it_ended(run: Path) -> None:
    (listed,) = list_runs(run.parent)
    assert (listed.outcome, listed.stored) == ("incomplete: lost 1", {"camera": 7, "run_events": 7})
