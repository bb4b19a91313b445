"""Zarr, NDTiff, HDF5 and videos."""

import json
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
import tensorstore

from parfocal.core.errors import MovieError
from parfocal.core.frames import FrameHeader, FrameSpec, Sensor
from parfocal.formats import MovieOptions, open_movie

DATA = Path(__file__).parent / "data"
STACK = (np.arange(12 * 32 * 48, dtype=np.uint16) * 37 % 4096).reshape(12, 32, 48)


def read(path, **options):
    with open_movie(path, MovieOptions(**options)) as movie:
        return np.stack([movie.read(index) for index in range(len(movie))]), movie.facts


def write_image(folder, data, axes="tyx"):
    """Write an OME-Zarr 0.4 image, as bioformats2raw does."""
    store = tensorstore.open(
        {"driver": "zarr", "kvstore": {"driver": "file", "path": str(folder / "0")}},
        create=True, dtype=data.dtype.name, shape=data.shape,
    ).result()  # fmt: skip
    store.write(data).result()
    image = {"axes": [{"name": axis} for axis in axes], "datasets": [{"path": "0"}]}
    (folder / ".zgroup").write_text('{"zarr_format": 2}')
    (folder / ".zattrs").write_text(json.dumps({"multiscales": [image]}))


@pytest.mark.parametrize("listed", [True, False])
def test_bioformats2raw_images_are_positions(listed, tmp_path):
    for number in (0, 1):
        write_image(tmp_path / "m.zarr" / str(number), STACK[6 * number : 6 * number + 6])
    (tmp_path / "m.zarr" / ".zattrs").write_text('{"bioformats2raw.layout": 3}')
    if listed:
        (tmp_path / "m.zarr" / "OME").mkdir()
        (tmp_path / "m.zarr" / "OME" / ".zattrs").write_text('{"series": ["0", "1"]}')
    images, facts = read(tmp_path / "m.zarr")
    np.testing.assert_array_equal(images, STACK[:6])
    assert facts.unread == ("1 of 2 positions: read is position 0 (0), --position chooses",)
    np.testing.assert_array_equal(read(tmp_path / "m.zarr", position=1)[0], STACK[6:])
    np.testing.assert_array_equal(read(tmp_path / "m.zarr", position="all")[0], STACK)


def test_bioformats2raw_images_of_unequal_shape_are_told(tmp_path):
    write_image(tmp_path / "m.zarr" / "0", STACK[:6])
    write_image(tmp_path / "m.zarr" / "1", STACK[6:, :5])
    (tmp_path / "m.zarr" / ".zattrs").write_text('{"bioformats2raw.layout": 3}')
    assert "(6, 5, 48) uint16: image 1" in read(tmp_path / "m.zarr")[1].unread[0]
    np.testing.assert_array_equal(read(tmp_path / "m.zarr", position=1)[0], STACK[6:, :5])


def test_a_plate_says_what_to_give(tmp_path):
    (tmp_path / "p.zarr").mkdir()
    (tmp_path / "p.zarr" / ".zattrs").write_text('{"plate": {}}')
    with pytest.raises(MovieError, match=r"a plate; give one of its images, such as p\.zarr/A/1/0"):
        open_movie(tmp_path / "p.zarr")


@pytest.mark.parametrize("name", ["bead [3] 100%.zarr", "Kügelchen #1.zarr"])
def test_a_zarr_may_have_any_name(name, tmp_path):
    write_image(tmp_path / name, STACK)
    np.testing.assert_array_equal(read(tmp_path / name)[0], STACK)


def test_our_own_recording_keeps_times_and_tells_its_gaps(tmp_path):
    from parfocal.storage import FrameSink
    from parfocal.streams import StreamWriter, open_stream

    sensor = Sensor(gain_e_per_adu=0.5, offset_adu=100.0, bit_depth=12)
    spec = FrameSpec(shape=(32, 48), dtype="uint16", pixel_size_um=0.13, sensor=sensor)
    numbers = [0, 1, 3, 4]
    with StreamWriter(tmp_path, "camera", spec, 8) as writer:
        with open_stream(tmp_path, "camera").lossless() as frames:
            for number in numbers:
                writer.write(STACK[number], FrameHeader(frame=number, time_ns=10**12 + 7_000_000 * number))
            batch = frames.read_many(len(numbers), timeout_s=30)
        with FrameSink.create(tmp_path / "frames.ome.zarr", spec) as sink:
            sink.append(batch, 0)
    images, facts = read(tmp_path / "frames.ome.zarr")
    np.testing.assert_array_equal(images, STACK[numbers])
    assert facts.remarks == ("1 of 5 images are not there: 2",)
    assert (facts.pixel_size_um, facts.times_from) == (0.13, "recorded exposure ends")
    assert facts.sensor == sensor
    with open_movie(tmp_path / "frames.ome.zarr") as movie:
        np.testing.assert_allclose(movie.times_s, [0, 0.007, 0.021, 0.028], atol=1e-6)


def test_our_frames_of_events_are_read_by_position_and_channel(tmp_path):
    from parfocal.storage import EventFrameSink, EventLayout
    from parfocal.streams import StreamWriter, open_stream

    spec = FrameSpec(shape=(32, 48), dtype="uint16", pixel_size_um=0.13)
    events = [event for event in range(12) if event != 5]  # t 1, p 0, c 1 was lost
    with StreamWriter(tmp_path, "camera", spec, 16) as writer:
        with open_stream(tmp_path, "camera").lossless() as frames:
            for number, event in enumerate(events):
                header = FrameHeader(frame=number, time_ns=10**12 + 7_000_000 * event, event=event)
                writer.write(STACK[event], header)
            batch = frames.read_many(len(events), timeout_s=30)
        layout = EventLayout(axes="tpc", sizes=(3, 2, 2))
        sink = EventFrameSink.create(tmp_path / "frames.ome.zarr", spec, layout)
        sink.append(batch, 0)
        sink.close()
    images, facts = read(tmp_path / "frames.ome.zarr", position=1, channel=1)
    np.testing.assert_array_equal(images, STACK[3::4])
    assert facts.times_from == "recorded exposure ends"
    assert facts.frame_rate_hz == pytest.approx(1 / 0.028)
    images, facts = read(tmp_path / "frames.ome.zarr", channel=1)
    np.testing.assert_array_equal(images, STACK[[1, 9]])
    assert "1 of 3 images are not there: 1" in facts.remarks


def test_a_recording_that_goes_on_and_lies_in_wells_is_read_as_far_as_it_is(tmp_path):
    from parfocal.core.event_layout import PositionLayout
    from parfocal.storage import EventFrameSink, EventLayout
    from parfocal.streams import HEADER_DTYPE, FrameBatch

    spec = FrameSpec(shape=(32, 48), dtype="uint16", pixel_size_um=0.13)
    wells = tuple(PositionLayout(well=well) for well in ("B3", "A1"))
    layout = EventLayout(axes="tpcz", sizes=(3, 2, 2, 1), positions=wells, channels=("nucleus", "erk"))
    headers = np.zeros(6, HEADER_DTYPE)
    headers["event"] = headers["frame"] = range(6)
    sink = EventFrameSink.create(tmp_path / "frames.ome.zarr", spec, layout)
    sink.append(FrameBatch(STACK[:6], headers), 0)
    for closed in (False, True):
        images, facts = read(tmp_path / "frames.ome.zarr", position=0, channel="erk")
        np.testing.assert_array_equal(images, STACK[[1, 5]])
        images, facts = read(tmp_path / "frames.ome.zarr", position=1, channel="erk")
        np.testing.assert_array_equal(images, STACK[[3]])
        assert "1 of 2 images are not there: 1" in facts.remarks
        assert any("position 1 (A/1/0)" in told for told in facts.unread)
        if not closed:
            sink.close()


def test_the_fields_of_any_plate_are_positions(tmp_path):
    for path, attributes in {
        "": {"plate": {"wells": [{"path": "A/1"}, {"path": "B/2"}]}},
        "A/1": {"well": {"images": [{"path": "0"}, {"path": "1"}]}},
        "B/2": {"well": {"images": [{"path": "0"}]}},
    }.items():
        (tmp_path / "p.zarr" / path).mkdir(parents=True, exist_ok=True)
        (tmp_path / "p.zarr" / path / ".zattrs").write_text(json.dumps(attributes))
    for number, path in enumerate(("A/1/0", "A/1/1", "B/2/0")):
        write_image(tmp_path / "p.zarr" / path, STACK[4 * number : 4 * number + 4])
    images, facts = read(tmp_path / "p.zarr", position=2)
    np.testing.assert_array_equal(images, STACK[8:12])
    assert facts.unread == ("2 of 3 positions: read is position 2 (B/2/0), --position chooses",)


def test_ndtiff_is_read_with_its_channels_and_times():
    images, facts = read(DATA / "ndtiff-12bit")
    assert images.shape == (4, 64, 64)
    assert images.dtype == np.uint16
    assert 0 < images.max() < 4096
    assert facts.unread == ("1 of 2 channels: read is channel 0 (DAPI), --channel chooses",)
    assert (facts.format, facts.pixel_size_um, facts.sensor.bit_depth) == ("NDTiff", 1.0, 12)
    assert facts.times_from == "Micro-Manager ElapsedTime-ms"
    other, _ = read(DATA / "ndtiff-12bit", channel="FITC")
    both, _ = read(DATA / "ndtiff-12bit", channel="all")
    np.testing.assert_array_equal(both[0::2], images)
    np.testing.assert_array_equal(both[1::2], other)


def test_ndtiff_has_the_pixels_that_tifffile_reads():
    import tifffile

    file = next((DATA / "ndtiff-12bit").glob("*.tif"))
    with tifffile.TiffFile(file, is_ndtiff=False, is_micromanager=False) as tiff:
        pages = np.stack([page.asarray() for page in tiff.pages])
    np.testing.assert_array_equal(read(DATA / "ndtiff-12bit", channel="all")[0], pages)


def test_an_ndtiff_index_that_was_cut_off_keeps_what_is_whole(tmp_path):
    folder = shutil.copytree(DATA / "ndtiff-12bit", tmp_path / "cut")
    index = folder / "NDTiff.index"
    index.write_bytes(index.read_bytes()[:-50])
    images, facts = read(folder, channel="FITC")
    assert len(images) == 3
    assert facts.remarks == ("1 of 4 images are not there: 3",)
    index.write_bytes(b"nonsense")
    with pytest.raises(MovieError, match="no index of an NDTiff"):
        open_movie(folder)


@pytest.fixture
def h5(tmp_path):
    with h5py.File(tmp_path / "m.h5", "w") as file:
        file["entry/data"] = STACK
        file["entry/data"].attrs["element_size_um"] = [1.0, 0.2, 0.2]
        file["dark"] = STACK[0]
        file["note"] = "text"
    return tmp_path / "m.h5"


def test_a_data_set_of_hdf5_is_named_behind_a_colon(h5):
    images, facts = read(f"{h5}:/entry/data")
    np.testing.assert_array_equal(images, STACK)
    assert (facts.format, facts.pixel_size_um, facts.unread) == ("HDF5", 0.2, ("data set /dark",))


def test_hdf5_says_which_data_sets_there_are(h5):
    with pytest.raises(MovieError, match=r"name one of its data sets, as m\.h5:/NAME.*/dark.*/entry/data"):
        open_movie(h5)
    with pytest.raises(MovieError, match=r"no images at /nowhere; there are: .*/entry/data"):
        open_movie(f"{h5}:/nowhere")


def test_one_data_set_needs_no_name(tmp_path):
    with h5py.File(tmp_path / "m.h5", "w") as file:
        file["data"] = STACK.reshape(3, 4, 32, 48)
        for dim, label in zip(file["data"].dims, "tzyx", strict=True):
            dim.label = label
    images, facts = read(tmp_path / "m.h5", plane=1)
    np.testing.assert_array_equal(images, STACK[1::4])
    assert facts.unread == ("3 of 4 planes: read is plane 1, --plane chooses",)


def write_video(path, codec, pixels, images, rate=50):
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate)
        stream.height, stream.width = images.shape[1:3]
        stream.pix_fmt = pixels
        for image in images:
            frame = av.VideoFrame(image.shape[1], image.shape[0], pixels)
            plane = frame.planes[0]
            rows = np.zeros((image.shape[0], plane.line_size), np.uint8)
            raw = image.view(np.uint8).reshape(image.shape[0], -1)
            rows[:, : raw.shape[1]] = raw
            plane.update(rows)
            for other in frame.planes[1:]:
                other.update(bytes([128]) * other.buffer_size)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(
    ("name", "codec", "pixels"),
    [
        ("m.avi", "rawvideo", "gray"),
        ("m.mkv", "ffv1", "gray"),
        ("m.mkv", "ffv1", "yuv420p"),
        ("m.avi", "ffv1", "gray16le"),
    ],
)
def test_a_lossless_video_has_its_counts_and_times(name, codec, pixels, tmp_path):
    stack = STACK if pixels == "gray16le" else (STACK % 256).astype(np.uint8)
    path = write_video(tmp_path / name, codec, pixels, stack)
    images, facts = read(path)
    np.testing.assert_array_equal(images, stack)
    assert facts.remarks == ()
    assert facts.frame_rate_hz == pytest.approx(50, rel=1e-2)
    assert facts.times_from == "the video's time stamps"


@pytest.mark.parametrize("name", ["m.mp4", "m.mov"])
def test_a_lossy_video_is_read_at_any_image_and_its_loss_told(name, tmp_path):
    smooth = np.linspace(30, 90, 48)[None, None, :] + 10 * np.arange(12)[:, None, None]
    stack = np.broadcast_to(smooth, (12, 32, 48)).astype(np.uint8).copy()
    path = write_video(tmp_path / name, "mpeg4", "yuv420p", stack)
    with open_movie(path) as movie:
        assert len(movie) == 12
        assert movie.facts.remarks == ("compressed with loss (mpeg4)",)
        for index in (0, 7, 3, 11, 10, 0):
            assert abs(movie.read(index).mean() - stack[index].mean()) < 4


def test_what_cannot_be_read_says_what_can(tmp_path):
    (tmp_path / "m.nd2").write_bytes(b"\xda\xce\xbe\x0a")
    with pytest.raises(MovieError, match=r"m\.nd2: save it as OME-TIFF.*known are \.tif"):
        open_movie(tmp_path / "m.nd2")
    (tmp_path / "m.mp4").write_bytes(b"no video")
    with pytest.raises(MovieError, match="no video that can be decoded"):
        open_movie(tmp_path / "m.mp4")
    (tmp_path / "m.h5").write_bytes(b"no HDF5")
    with pytest.raises(MovieError, match=r"m\.h5"):
        open_movie(tmp_path / "m.h5")
