"""Folders of images: their order, their gaps, and what in them is something else."""

import json

import numpy as np
import pytest
import tifffile
from PIL import Image

from parfocal.core.errors import MovieError
from parfocal.formats import MovieOptions, open_movie

IMAGES = (np.arange(30 * 6 * 8, dtype=np.uint16) * 3).reshape(30, 6, 8)


def read(path, **options):
    with open_movie(path, MovieOptions(**options)) as movie:
        return np.stack([movie.read(index) for index in range(len(movie))]), movie.facts


def fill(folder, names):
    folder.mkdir(exist_ok=True)
    for image, name in zip(IMAGES, names, strict=False):
        if name.endswith(".jpg"):
            Image.fromarray((image % 200).astype(np.uint8)).save(folder / name)
        elif name.endswith(".png"):
            Image.fromarray(image).save(folder / name)
        else:
            tifffile.imwrite(folder / name, image)
    return folder


@pytest.mark.parametrize(
    "names",
    [
        ["f8.png", "f9.png", "f10.png", "f11.png"],
        ["t0.5s.tif", "t1s.tif", "t1.5s.tif", "t10s.tif"],
        ["z-1.9.tif", "z-1.95.tif", "z-2.0.tif", "z-10.25.tif"],
        ["run2_f1.png", "run2_f2.png", "run2_f10.png"],
    ],
)
def test_numbers_in_names_count_as_numbers(names, tmp_path):
    np.testing.assert_array_equal(read(fill(tmp_path, names))[0], IMAGES[: len(names)])


def test_gaps_in_the_numbering_are_told_and_take_their_time(tmp_path):
    images, facts = read(fill(tmp_path, ["f01.png", "f02.png", "f05.png"]), frame_rate_hz=10)
    np.testing.assert_array_equal(images, IMAGES[:3])
    assert any("numbers missing between f01.png and f05.png: 3-4" in remark for remark in facts.remarks)
    with open_movie(tmp_path, MovieOptions(frame_rate_hz=10)) as movie:
        np.testing.assert_allclose(movie.times_s, [0, 0.1, 0.4])


def test_numbers_that_are_no_numbering_leave_no_gaps_and_are_told(tmp_path):
    _, facts = read(fill(tmp_path, ["120001.png", "120307.png", "121556.png"]))
    assert facts.images == 3
    assert [remark.partition(" than")[0] for remark in facts.remarks] == [
        "more numbers are missing between 120001.png and 121556.png"
    ]


def test_hidden_files_previews_and_another_format_are_left_out_and_told(tmp_path):
    fill(tmp_path, [f"m{n}.tif" for n in range(5)])
    fill(tmp_path, [f"m{n}.jpg" for n in range(5)])
    fill(tmp_path, ["preview.png"])
    (tmp_path / "._m0.tif").write_bytes(b"\0\5\x16\7 Mac OS X")
    (tmp_path / "notes.txt").write_text("no image")
    images, facts = read(tmp_path)
    np.testing.assert_array_equal(images, IMAGES[:5])
    assert facts.unread == ("5 files m#.jpg", "1 file preview.png")


def test_two_movies_in_a_folder_are_refused_by_name(tmp_path):
    fill(tmp_path, [f"{word}{n}.tif" for word in ("dark", "light") for n in range(3)])
    with pytest.raises(MovieError, match=r"2 movies of 3 images, dark#\.tif, light#\.tif"):
        open_movie(tmp_path)


def test_files_of_several_pages_follow_one_another(tmp_path):
    for number in range(3):
        tifffile.imwrite(
            tmp_path / f"part{number}.tif", IMAGES[number * 4 : number * 4 + 4], photometric="minisblack"
        )
    np.testing.assert_array_equal(read(tmp_path)[0], IMAGES[:12])


def test_a_stack_in_a_folder_keeps_its_axes(tmp_path):
    tifffile.imwrite(tmp_path / "m.ome.tif", IMAGES[:12].reshape(6, 2, 6, 8), metadata={"axes": "TCYX"})
    fill(tmp_path, ["preview.png"])
    images, facts = read(tmp_path, channel=1)
    np.testing.assert_array_equal(images, IMAGES[1:12:2])
    assert facts.unread[1:] == ("file preview.png",)


def test_stacks_that_would_be_mixed_up_are_refused(tmp_path):
    for number in range(2):
        stack = IMAGES[:12].reshape(6, 2, 6, 8)
        tifffile.imwrite(tmp_path / f"m{number}.tif", stack, imagej=True, metadata={"axes": "TCYX"})
    with pytest.raises(
        MovieError, match=r"stacks with axes of their own \(m0\.tif: 'tc' of \(6, 2\)\); give one"
    ):
        open_movie(tmp_path)


def test_a_file_of_another_shape_is_named_at_once(tmp_path):
    fill(tmp_path, ["a1.png", "a2.png"])
    Image.fromarray(IMAGES[0, 1:]).save(tmp_path / "a3.png")
    with pytest.raises(MovieError, match=r"a3\.png.*\(5, 8\).*\(6, 8\)"):
        open_movie(tmp_path)


def test_a_file_that_vanishes_is_one_image(tmp_path):
    with open_movie(fill(tmp_path, ["a1.png", "a2.png", "a3.png"])) as movie:
        (tmp_path / "a2.png").unlink()
        with pytest.raises(MovieError, match=r"image 1 cannot be read.*a2\.png"):
            movie.read(1)
        np.testing.assert_array_equal(movie.read(2), IMAGES[2])


def test_the_folder_above_says_where_the_images_are(tmp_path):
    fill(tmp_path / "Pos0", ["a1.png", "a2.png"])
    with pytest.raises(MovieError, match="holds no images; its folder Pos0 does"):
        open_movie(tmp_path)


@pytest.mark.parametrize("kind", ["binary", "text"])
def test_a_pgm_keeps_its_counts(kind, tmp_path):
    counts = np.array([[0, 7, 4095], [1, 2, 300]])
    head = b"# a comment\n3 2\n4095\n"
    if kind == "binary":
        (tmp_path / "a.pgm").write_bytes(b"P5\n" + head + counts.astype(">u2").tobytes())
    else:
        (tmp_path / "a.pgm").write_bytes(b"P2\n" + head + b"0 7 4095\n1 2 300\n")
    images, facts = read(tmp_path / "a.pgm")
    assert images[0].tolist() == counts.tolist()
    assert facts.dtype == "uint16"


def test_a_pgm_that_is_cut_is_told(tmp_path):
    (tmp_path / "a.pgm").write_bytes(b"P5\n3 2\n255\n" + bytes(5))
    with pytest.raises(MovieError, match="5 of its 6 pixels are there"):
        open_movie(tmp_path / "a.pgm")


@pytest.mark.parametrize("bits", [2, 4])
def test_a_png_of_few_bits_keeps_its_counts(bits, tmp_path):
    counts = np.arange(2**bits, dtype=np.uint8).reshape(2, -1)
    write_png(tmp_path / "a.png", counts, bits)
    assert read(tmp_path / "a.png")[0][0].tolist() == counts.tolist()


def write_png(path, counts, bits):
    import struct
    import zlib

    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    height, width = counts.shape
    rows = b""
    for row in counts.tolist():
        packed = int("".join(f"{value:0{bits}b}" for value in row).ljust(-(-width * bits // 8) * 8, "0"), 2)
        rows += b"\0" + packed.to_bytes(-(-width * bits // 8), "big")
    head = struct.pack(">IIBBBBB", width, height, bits, 0, 0, 0, 0)
    parts = (chunk(b"IHDR", head), chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b""))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(parts))


@pytest.fixture
def micromanager(tmp_path):
    """A folder of single-plane OME files as Micro-Manager writes it: each file names all the others."""
    names = {
        (t, c): f"img_channel{c:03d}_position000_time{t:09d}_z000.ome.tif" for t in range(3) for c in range(2)
    }
    planes = "".join(
        f'<TiffData FirstC="{c}" FirstT="{t}" FirstZ="0" IFD="0" PlaneCount="1">'
        f'<UUID FileName="{name}">urn:uuid:{t}{c}</UUID></TiffData>'
        for (t, c), name in names.items()
    )
    xml = (
        '<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" '
        'UUID="urn:uuid:00"><Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYCZT" SizeX="8" '
        f'SizeY="6" SizeC="2" SizeT="3" SizeZ="1" Type="uint16">{planes}</Pixels></Image></OME>'
    )
    metadata = {"Summary": {"Interval_ms": 0}}
    for (t, c), name in names.items():
        tifffile.imwrite(tmp_path / name, IMAGES[2 * t + c], description=xml, metadata=None)
        metadata[f"Metadata-Default/{name}"] = {"ElapsedTime-ms": 1000 + 20.5 * t + c, "PixelSizeUm": 0.65}
    (tmp_path / "metadata.txt").write_text(json.dumps(metadata))
    return tmp_path


def test_micromanagers_single_planes_are_read_with_their_times(micromanager):
    images, facts = read(micromanager, channel=1)
    np.testing.assert_array_equal(images, IMAGES[1:6:2])
    assert facts.unread == ("1 of 2 channels: read is channel 1, --channel chooses",)
    assert (facts.pixel_size_um, facts.pixel_size_from) == (0.65, "Micro-Manager PixelSizeUm")
    assert facts.times_from == "Micro-Manager ElapsedTime-ms"
    with open_movie(micromanager) as movie:
        np.testing.assert_allclose(movie.times_s, [0, 0.0205, 0.041])


def test_a_single_plane_that_is_missing_is_told(micromanager):
    (micromanager / "img_channel001_position000_time000000001_z000.ome.tif").unlink()
    images, facts = read(micromanager, channel=1)
    np.testing.assert_array_equal(images, IMAGES[[1, 5]])
    assert "1 of 3 images are not there: 1" in facts.remarks
    with open_movie(micromanager, MovieOptions(channel=1)) as movie:
        np.testing.assert_allclose(movie.times_s, [0, 0.041])
