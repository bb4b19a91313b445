"""When images were taken and how large their pixels are: what each kind of file tells, and who says so."""

from pathlib import Path

import numpy as np
import pytest
import tifffile

from parfocal.formats import MovieOptions, open_movie

DATA = Path(__file__).parent / "data"
STACK = np.arange(6 * 4 * 5, dtype=np.uint16).reshape(6, 4, 5)


def opened(path, **options):
    with open_movie(path, MovieOptions(**options)) as movie:
        return movie.facts, movie.times_s


def imagej(tmp_path, resolution=None, **metadata):
    path = tmp_path / "m.tif"
    tifffile.imwrite(path, STACK, imagej=True, metadata={"axes": "TYX", **metadata}, resolution=resolution)
    return path


@pytest.mark.parametrize(
    ("metadata", "interval_s"),
    [
        ({"finterval": 0.01}, 0.01),
        ({"finterval": 0.01, "tunit": "sec"}, 0.01),
        ({"finterval": 10.0, "tunit": "ms"}, 0.01),
        ({"finterval": 2.0, "tunit": "min"}, 120.0),
        ({"finterval": 250.0, "tunit": "\\u00B5s"}, 250e-6),
    ],
)
def test_imagej_intervals_have_units(metadata, interval_s, tmp_path):
    facts, times_s = opened(imagej(tmp_path, **metadata))
    np.testing.assert_allclose(times_s, np.arange(6) * interval_s)
    assert facts.times_from == "ImageJ finterval"
    assert facts.frame_rate_hz == pytest.approx(1 / interval_s)


def test_imagejs_playing_speed_is_no_time(tmp_path):
    facts, times_s = opened(imagej(tmp_path, fps=7.0))
    assert times_s is None
    assert (facts.frame_rate_hz, facts.times_from) == (None, "untold")


def test_a_given_rate_overrules_and_says_so(tmp_path):
    facts, times_s = opened(imagej(tmp_path, finterval=0.5), frame_rate_hz=100.0)
    np.testing.assert_allclose(times_s, np.arange(6) * 0.01)
    assert facts.times_from == "given frame rate"


@pytest.mark.parametrize(
    ("unit", "resolution", "size_um"),
    [
        ("um", (10.0, 10.0), 0.1),
        ("\\u00B5m", (4.0, 4.0), 0.25),
        ("micron", (4.0, 4.0), 0.25),
        ("nm", (0.01, 0.01), 0.1),
        ("pixel", (72.0, 72.0), None),
        ("inch", (72.0, 72.0), None),
    ],
)
def test_imagej_pixel_sizes_have_units(unit, resolution, size_um, tmp_path):
    facts, _ = opened(imagej(tmp_path, resolution=resolution, unit=unit))
    assert facts.pixel_size_um == (None if size_um is None else pytest.approx(size_um, rel=1e-4))
    assert facts.pixel_size_from == ("untold" if size_um is None else "ImageJ resolution")


@pytest.mark.parametrize("mu", ["\N{MICRO SIGN}m", "\N{GREEK SMALL LETTER MU}m", "um"])
def test_ome_sizes_are_read_with_either_mu(mu, tmp_path):
    xml = ome(f'PhysicalSizeX="0.11" PhysicalSizeXUnit="{mu}" TimeIncrement="4" TimeIncrementUnit="ms"')
    facts, times_s = opened(ome_tiff(tmp_path, xml))
    assert (facts.pixel_size_um, facts.pixel_size_from) == (0.11, "OME PhysicalSizeX")
    np.testing.assert_allclose(times_s, np.arange(6) * 4e-3)
    assert facts.times_from == "OME TimeIncrement"


def test_ome_times_of_planes_count_more_than_an_increment(tmp_path):
    planes = "".join(
        f'<Plane TheT="{t}" TheC="0" TheZ="0" DeltaT="{100 + 21 * t + t * t}" DeltaTUnit="ms"/>'
        for t in range(6)
    )
    xml = ome('TimeIncrement="20" TimeIncrementUnit="ms" SignificantBits="12"', planes)
    facts, times_s = opened(ome_tiff(tmp_path, xml))
    np.testing.assert_allclose(times_s, [0.021 * t + 0.001 * t * t for t in range(6)])
    assert facts.times_from == "OME DeltaT"
    assert facts.sensor.saturates_at == 4095


@pytest.mark.parametrize("times", [[0, 0, 0, 0, 0, 0], [0, 1, 2, 3, 3, 4], [5, 4, 3, 2, 1, 0], [0, 1, 2]])
def test_times_of_planes_that_cannot_be_are_not_taken(times, tmp_path):
    planes = "".join(f'<Plane TheT="{t}" TheC="0" TheZ="0" DeltaT="{s}"/>' for t, s in enumerate(times))
    facts, times_s = opened(ome_tiff(tmp_path, ome("", planes)))
    assert times_s is None
    assert facts.times_from == "untold"


def test_times_of_z_stacks_are_those_of_their_planes_or_untold(tmp_path):
    tifffile.imwrite(
        tmp_path / "m.tif",
        STACK.reshape(3, 2, 4, 5),
        imagej=True,
        metadata={"axes": "TZYX", "finterval": 0.5},
    )
    assert opened(tmp_path / "m.tif")[1] is None
    np.testing.assert_allclose(opened(tmp_path / "m.tif", plane=1)[1], [0, 0.5, 1])


def test_micromanagers_ome_is_read(tmp_path):
    xml = (DATA / "mmstack.ome.xml").read_text(encoding="utf-8")
    data = np.arange(30 * 256 * 256, dtype=np.uint16).reshape(30, 256, 256)
    path = tmp_path / "image_stack_tpzc_50tp_2p_5z_3c_512k_1_MMStack_2-Pos000_000.ome.tif"
    tifffile.imwrite(path, data, description=xml.encode(), metadata=None, photometric="minisblack")
    with open_movie(path, MovieOptions(channel="DAPI")) as movie:
        assert len(movie) == 10
        assert (movie.facts.axes, movie.facts.sizes) == ("tz", (2, 5))
        np.testing.assert_array_equal(movie.read(6), data[3 * 6 + 1])
        assert (movie.facts.pixel_size_um, movie.facts.times_from) == (2.0, "OME DeltaT")
        assert movie.times_s[1] == pytest.approx(0.321 - 0.172)


def test_micromanagers_elapsed_times_count_where_ome_tells_none(tmp_path):
    import json

    path = tmp_path / "m.tif"
    with tifffile.TiffWriter(path) as tiff:
        for number, image in enumerate(STACK):
            text = json.dumps({"ElapsedTime-ms": 40 + 15.5 * number, "PixelSizeUm": 0.108}).encode() + b"\0"
            tiff.write(
                image, photometric="minisblack", metadata=None, extratags=[(51123, 2, len(text), text, True)]
            )
    facts, times_s = opened(path)
    np.testing.assert_allclose(times_s, np.arange(6) * 0.0155)
    assert facts.times_from == "Micro-Manager ElapsedTime-ms"
    assert (facts.pixel_size_um, facts.pixel_size_from) == (0.108, "Micro-Manager PixelSizeUm")


def ome(attributes, planes=""):
    return (
        '<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">'
        '<Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYZCT" SizeX="5" SizeY="4" SizeC="1" '
        f'SizeT="6" SizeZ="1" Type="uint16" {attributes}><TiffData IFD="0" PlaneCount="6"/>{planes}'
        "</Pixels></Image></OME>"
    )


def ome_tiff(tmp_path, xml):
    path = tmp_path / "m.ome.tif"
    tifffile.imwrite(path, STACK, description=xml.encode(), metadata=None, photometric="minisblack")
    return path
