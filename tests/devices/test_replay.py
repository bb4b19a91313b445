import json

import numpy as np
import pytest
import tensorstore
import tifffile
from PIL import Image

from parfocal.core.errors import BadInputError, ConfigError, DeviceError
from parfocal.core.protocols import Camera
from parfocal.devices.context import DeviceContext
from parfocal.devices.registry import make_device
from parfocal.testing.clock import JumpClock

OPENED = []
MOVIE = (np.arange(5 * 6 * 8, dtype=np.uint16) * 7).reshape(5, 6, 8)


@pytest.fixture(autouse=True)
def cameras():
    """All cameras that a test opened; they are closed at its end."""
    OPENED.clear()
    yield
    while OPENED:
        OPENED.pop().close()


def opened(path, **settings):
    camera = make_device("replay", {"path": str(path), **settings}, DeviceContext(clock=JumpClock()), Camera)
    OPENED.append(camera)
    camera.open()
    return camera


def play(path, **settings):
    camera = opened(path, **settings)
    camera.start()
    frames, headers = [], []
    out = np.zeros(camera.spec.shape, camera.spec.dtype)
    while (header := camera.read_into(out, 100.0)) is not None:
        frames.append(out.copy())
        headers.append(header)
        if len(frames) == 100:
            break
    camera.close()
    return np.array(frames), headers


def zarr(path, data, axes="tyx", version=3, scale=None):
    driver = "zarr3" if version == 3 else "zarr"
    path.mkdir()
    store = tensorstore.open(
        {"driver": driver, "kvstore": {"driver": "file", "path": str(path / "0")}},
        create=True, dtype=data.dtype.name, shape=data.shape,
    ).result()  # fmt: skip
    store.write(data).result()
    units = {"t": "millisecond", "x": "nanometer", "y": "nanometer"}
    image = {
        "axes": [{"name": a, **({"unit": units[a]} if a in units else {})} for a in axes],
        "datasets": [
            {
                "path": "0",
                "coordinateTransformations": [{"type": "scale", "scale": scale or [1.0] * len(axes)}],
            }
        ],
    }
    if version == 3:
        document = {"zarr_format": 3, "node_type": "group", "attributes": {"ome": {"multiscales": [image]}}}
        (path / "zarr.json").write_text(json.dumps(document))
    else:
        (path / ".zgroup").write_text('{"zarr_format": 2}')
        (path / ".zattrs").write_text(json.dumps({"multiscales": [image]}))
    return path


def write(kind, path):
    match kind:
        case "multi-page":
            tifffile.imwrite(path / "m.tif", MOVIE, photometric="minisblack")
        case "compressed":
            tifffile.imwrite(path / "m.tif", MOVIE, photometric="minisblack", compression="zlib")
        case "big-endian":
            tifffile.imwrite(path / "m.tif", MOVIE, photometric="minisblack", byteorder=">")
        case "ImageJ":
            tifffile.imwrite(path / "m.tif", MOVIE, imagej=True, metadata={"axes": "TYX"})
        case "OME":
            tifffile.imwrite(path / "m.ome.tif", MOVIE, metadata={"axes": "TYX"}, photometric="minisblack")
        case "zarr3":
            return zarr(path / "m.zarr", MOVIE)
        case "zarr2":
            return zarr(path / "m.zarr", MOVIE, version=2)
        case "folder of TIFF" | "folder of PNG":
            (path / "f").mkdir()
            for n, image in enumerate(MOVIE):
                if kind.endswith("PNG"):
                    Image.fromarray(image).save(path / "f" / f"image{n + 8}.png")
                else:
                    tifffile.imwrite(path / "f" / f"image{n + 8}.tif", image)
            return path / "f"
    return next(path.iterdir())


@pytest.mark.parametrize(
    "kind",
    [
        "multi-page",
        "compressed",
        "big-endian",
        "ImageJ",
        "OME",
        "zarr3",
        "zarr2",
        "folder of TIFF",
        "folder of PNG",
    ],
)
def test_every_format_plays_all_its_images_in_order(kind, tmp_path):
    frames, headers = play(write(kind, tmp_path), rate="fastest")
    np.testing.assert_array_equal(frames, MOVIE)
    assert [header.frame for header in headers] == [0, 1, 2, 3, 4]


def test_one_image_is_a_series_of_one(tmp_path):
    Image.fromarray(MOVIE[0].astype(np.uint8)).save(tmp_path / "one.png")
    frames, _ = play(tmp_path / "one.png")
    assert frames.shape == (1, 6, 8)
    assert frames.dtype == np.uint8


def test_its_own_rate_and_pixel_size_from_ome_tiff(tmp_path):
    metadata = {"axes": "TYX", "PhysicalSizeX": 0.25, "TimeIncrement": 20.0, "TimeIncrementUnit": "ms"}
    tifffile.imwrite(tmp_path / "m.ome.tif", MOVIE, metadata=metadata, photometric="minisblack")
    assert opened(tmp_path / "m.ome.tif").spec.pixel_size_um == 0.25
    assert play(tmp_path / "m.ome.tif")[1][4].time_ns == 100_000_000


def test_its_own_rate_and_pixel_size_from_ome_zarr(tmp_path):
    path = zarr(tmp_path / "m.zarr", MOVIE, scale=[4.0, 65.0, 65.0])
    assert opened(path).spec.pixel_size_um == pytest.approx(0.065)
    assert play(path)[1][4].time_ns == 20_000_000


def test_a_given_rate_and_pixel_size_overrule(tmp_path):
    path = zarr(tmp_path / "m.zarr", MOVIE, scale=[4.0, 65.0, 65.0])
    assert opened(path, pixel_size_um=1.0).spec.pixel_size_um == 1.0
    assert play(path, rate=1000)[1][4].time_ns == 5_000_000


def test_channels_are_chosen_and_the_rest_runs(tmp_path):
    data = np.arange(2 * 3 * 2 * 4 * 5, dtype=np.uint16).reshape(2, 3, 2, 4, 5)
    tifffile.imwrite(tmp_path / "m.ome.tif", data, metadata={"axes": "TZCYX"}, photometric="minisblack")
    path = zarr(tmp_path / "m.zarr", data, axes="tzcyx")
    for movie in (tmp_path / "m.ome.tif", path):
        np.testing.assert_array_equal(
            play(movie, rate="fastest", channel=1)[0], data[:, :, 1].reshape(6, 4, 5)
        )
        with pytest.raises(DeviceError, match="no channel 2"):
            opened(movie, channel=2)


def test_it_plays_again_and_loops(tmp_path):
    tifffile.imwrite(tmp_path / "m.tif", MOVIE, photometric="minisblack")
    camera = opened(tmp_path / "m.tif", rate="fastest")
    out = np.zeros(camera.spec.shape, camera.spec.dtype)
    for first in (0, 2):
        camera.start(count=2)
        assert camera.read_into(out, 1.0).frame == first
        np.testing.assert_array_equal(out, MOVIE[0])
        camera.read_into(out, 1.0)
    looped, headers = play(tmp_path / "m.tif", rate="fastest", loop=True)
    np.testing.assert_array_equal(looped[5:10], MOVIE)
    assert headers[-1].frame == 99


def test_grey_saved_as_colour_is_grey(tmp_path):
    grey = MOVIE[0].astype(np.uint8)
    Image.fromarray(np.stack([grey] * 3, axis=2)).save(tmp_path / "g.png")
    np.testing.assert_array_equal(play(tmp_path / "g.png")[0][0], grey)


def test_what_cannot_be_played_is_told(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "movie.avi").write_bytes(b"RIFF")
    (tmp_path / "broken.tif").write_bytes(b"II*\0 this is no TIFF")
    (tmp_path / "broken.png").write_bytes(b"no picture")
    (tmp_path / "plain.zarr").mkdir()
    (tmp_path / "plain.zarr" / "zarr.json").write_text('{"node_type": "group", "attributes": {}}')
    colour = np.zeros((4, 4, 3), np.uint8)
    colour[0, 0, 0] = 1
    Image.fromarray(colour).save(tmp_path / "colour.png")
    tifffile.imwrite(tmp_path / "colour.tif", colour, photometric="rgb")
    tifffile.imwrite(tmp_path / "complex.tif", MOVIE.astype(np.complex64))
    with tifffile.TiffWriter(tmp_path / "ragged.tif") as tiff:
        tiff.write(MOVIE[0], metadata=None)
        tiff.write(MOVIE[0, 1:], metadata=None)
    expected = {
        "nowhere.tif": "does not exist",
        "empty": "no images",
        "movie.avi": "known are",
        "broken.tif": "broken.tif",
        "broken.png": "broken.png",
        "plain.zarr": "multiscales",
        "colour.png": "not one grey image",
        "colour.tif": "colour image",
        "complex.tif": "complex64",
        "ragged.tif": r"differ.*\(5, 8\).*\(6, 8\)",
    }
    for name, message in expected.items():
        with pytest.raises(DeviceError, match=message):
            opened(tmp_path / name)


def test_a_ragged_folder_names_the_file(tmp_path):
    Image.fromarray(MOVIE[0]).save(tmp_path / "a.png")
    Image.fromarray(MOVIE[0, 1:]).save(tmp_path / "b.png")
    with pytest.raises(DeviceError, match=r"b\.png.*\(5, 8\).*\(6, 8\)"):
        play(tmp_path, rate="fastest")


def test_a_file_that_vanishes_is_told(tmp_path):
    for name in ("a.png", "b.png"):
        Image.fromarray(MOVIE[0]).save(tmp_path / name)
    camera = opened(tmp_path, rate="fastest")
    camera.start()
    (tmp_path / "b.png").unlink()
    out = np.zeros((6, 8), np.uint16)
    camera.read_into(out, 1.0)
    with pytest.raises(DeviceError, match=r"b\.png"):
        camera.read_into(out, 1.0)


def test_wrong_settings_are_refused(tmp_path):
    for wrong in ({"rate": "slow"}, {"paht": "x"}, {"path": 3}):
        with pytest.raises(ConfigError):
            make_device("replay", {"path": "x", **wrong}, DeviceContext(), Camera)
    with pytest.raises(BadInputError, match="rate"):
        make_device("replay", {"path": "x", "rate": 0.0}, DeviceContext(), Camera)
    with pytest.raises(ConfigError, match="did you mean 'replay'"):
        make_device("repaly", {}, DeviceContext(), Camera)
    with pytest.raises(ConfigError, match="no Camera: it lacks"):
        make_device("simulated-focus", {}, DeviceContext(), Camera)


def test_for_an_event_it_shows_the_image_at_its_place(tmp_path):
    data = np.arange(3 * 2 * 6 * 8, dtype=np.uint16).reshape(3, 2, 6, 8)
    tifffile.imwrite(tmp_path / "a.ome.tif", data, metadata={"axes": "TCYX"})
    camera = opened(tmp_path / "a.ome.tif", channel="all", rate="fastest")
    out = np.zeros(camera.spec.shape, camera.spec.dtype)
    for event, (t, c) in enumerate([(2, 0), (0, 1), (0, 0), (2, 1), (1, 1)]):
        camera.next_event(event, None, {"t": t, "p": 0, "c": c, "z": 0})
        camera.start(count=1)
        assert camera.read_into(out, 1.0).frame == event
        assert (out == data[t, c]).all()
    camera.start(count=1)
    camera.read_into(out, 1.0)
    assert (out == data[0, 0]).all(), "it counts for the next sequence alone"
    with pytest.raises(BadInputError, match="no image at t = 3: 3 along t can be read"):
        camera.next_event(9, None, {"t": 3})
    with pytest.raises(BadInputError, match="no image at p = 1: one along p"):
        camera.next_event(9, None, {"p": 1})
