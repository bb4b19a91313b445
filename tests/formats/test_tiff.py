"""TIFF in all its kinds: every image is read, or what is not is told."""

import subprocess
import sys

import numpy as np
import pytest
import tifffile

from parfocal.core.errors import MovieError
from parfocal.formats import MovieOptions, open_movie

STACK = (np.arange(12 * 10 * 14, dtype=np.uint16) * 37 % 4096).reshape(12, 10, 14)


def read(path, **options):
    with open_movie(path, MovieOptions(**options)) as movie:
        return np.stack([movie.read(index) for index in range(len(movie))]), movie.facts


def test_a_movie_written_page_by_page_is_read_whole(tmp_path):
    with tifffile.TiffWriter(tmp_path / "m.tif") as tiff:
        for image in STACK:
            tiff.write(image, photometric="minisblack")
    images, facts = read(tmp_path / "m.tif")
    np.testing.assert_array_equal(images, STACK)
    assert (facts.images, facts.unread) == (12, ())


def test_thousands_of_pages_written_one_by_one_are_read_whole(tmp_path):
    with tifffile.TiffWriter(tmp_path / "m.tif") as tiff:
        for number in range(1200):
            tiff.write(np.full((4, 4), number, np.uint16), photometric="minisblack")
    images, facts = read(tmp_path / "m.tif")
    assert facts.images == 1200
    assert images[:, 0, 0].tolist() == list(range(1200))
    with tifffile.TiffWriter(tmp_path / "m.tif", append=True) as tiff:
        tiff.write(np.zeros((5, 4), np.uint16), photometric="minisblack")
    with pytest.raises(MovieError, match="differ in shape"):
        open_movie(tmp_path / "m.tif")


@pytest.mark.parametrize("contiguous", [True, False])
def test_a_movie_written_in_blocks_is_read_whole(contiguous, tmp_path):
    with tifffile.TiffWriter(tmp_path / "m.tif") as tiff:
        for start in range(0, 12, 3):
            tiff.write(STACK[start : start + 3], photometric="minisblack", contiguous=contiguous)
    np.testing.assert_array_equal(read(tmp_path / "m.tif")[0], STACK)


def test_pages_without_any_metadata_are_read_whole(tmp_path):
    with tifffile.TiffWriter(tmp_path / "m.tif") as tiff:
        for image in STACK:
            tiff.write(image, photometric="minisblack", metadata=None)
    np.testing.assert_array_equal(read(tmp_path / "m.tif")[0], STACK)


def test_unequal_series_are_refused_by_name(tmp_path):
    with tifffile.TiffWriter(tmp_path / "m.tif") as tiff:
        tiff.write(STACK[:3], photometric="minisblack")
        tiff.write(STACK[3:, :5], photometric="minisblack")
    with pytest.raises(
        MovieError, match=r"m\.tif.*\(3, 10, 14\) uint16: series 0; \(9, 5, 14\) uint16: series 1"
    ):
        open_movie(tmp_path / "m.tif")


@pytest.fixture
def positions(tmp_path):
    with tifffile.TiffWriter(tmp_path / "m.ome.tif", ome=True) as tiff:
        for name, part in (("left", STACK[:6]), ("right", STACK[6:])):
            tiff.write(part, metadata={"axes": "TYX", "Name": name}, photometric="minisblack")
    return tmp_path / "m.ome.tif"


def test_positions_are_chosen_and_the_others_told(positions):
    images, facts = read(positions)
    np.testing.assert_array_equal(images, STACK[:6])
    assert facts.unread == ("1 of 2 positions: read is position 0 (left), --position chooses",)
    np.testing.assert_array_equal(read(positions, position=1)[0], STACK[6:])
    images, facts = read(positions, position="all")
    np.testing.assert_array_equal(images, STACK)
    assert facts.unread == ()
    with pytest.raises(MovieError, match=r"2 positions, no position 2"):
        read(positions, position=2)


def test_positions_of_unequal_shape_are_chosen_too(tmp_path):
    with tifffile.TiffWriter(tmp_path / "m.ome.tif", ome=True) as tiff:
        tiff.write(STACK[:6], metadata={"axes": "TYX"}, photometric="minisblack")
        tiff.write(STACK[6:, :5], metadata={"axes": "TYX"}, photometric="minisblack")
    assert "(6, 5, 14) uint16: series 1" in read(tmp_path / "m.ome.tif")[1].unread[0]
    np.testing.assert_array_equal(read(tmp_path / "m.ome.tif", position=1)[0], STACK[6:, :5])
    with pytest.raises(MovieError, match="differ in shape"):
        read(tmp_path / "m.ome.tif", position="all")


def test_a_movie_that_imagej_calls_channels_is_told_and_can_be_run_through(tmp_path):
    tifffile.imwrite(tmp_path / "m.tif", STACK, imagej=True, metadata={"axes": "CYX"})
    images, facts = read(tmp_path / "m.tif")
    assert len(images) == 1
    assert facts.unread == ("11 of 12 channels: read is channel 0, --channel chooses",)
    np.testing.assert_array_equal(read(tmp_path / "m.tif", channel="all")[0], STACK)


def test_channels_have_names(tmp_path):
    metadata = {"axes": "TCYX", "Channel": {"Name": ["DAPI", "FITC"]}}
    tifffile.imwrite(tmp_path / "m.ome.tif", STACK.reshape(6, 2, 10, 14), metadata=metadata)
    images, facts = read(tmp_path / "m.ome.tif", channel="FITC")
    np.testing.assert_array_equal(images, STACK[1::2])
    assert facts.unread == ("1 of 2 channels: read is channel 1 (FITC), --channel chooses",)
    with pytest.raises(MovieError, match="no channel is called 'GFP': DAPI, FITC"):
        read(tmp_path / "m.ome.tif", channel="GFP")


def test_planes_are_run_through_or_chosen(tmp_path):
    stacks = STACK.reshape(4, 3, 10, 14)
    tifffile.imwrite(tmp_path / "m.tif", stacks, imagej=True, metadata={"axes": "TZYX"})
    images, facts = read(tmp_path / "m.tif")
    np.testing.assert_array_equal(images, STACK)
    assert (facts.axes, facts.sizes) == ("tz", (4, 3))
    images, facts = read(tmp_path / "m.tif", plane=2)
    np.testing.assert_array_equal(images, stacks[:, 2])
    assert facts.unread == ("2 of 3 planes: read is plane 2, --plane chooses",)


@pytest.mark.parametrize("compression", ["lzw", "zstd", "zlib", "packbits", "lzma"])
def test_compressed_images_have_their_counts(compression, tmp_path):
    tifffile.imwrite(tmp_path / "m.tif", STACK, compression=compression, photometric="minisblack")
    np.testing.assert_array_equal(read(tmp_path / "m.tif")[0], STACK)


def test_jpeg_is_read_and_its_loss_told(tmp_path):
    smooth = np.broadcast_to(np.linspace(20, 200, 64).astype(np.uint8), (3, 48, 64))
    tifffile.imwrite(tmp_path / "m.tif", smooth, compression="jpeg", photometric="minisblack")
    images, facts = read(tmp_path / "m.tif")
    assert np.abs(images.astype(int) - smooth).max() <= 3
    assert facts.remarks == ("compressed with loss (JPEG)",)


def test_twelve_bits_packed_have_their_counts(tmp_path):
    write_packed(tmp_path / "m.tif", STACK[:2])
    images, facts = read(tmp_path / "m.tif")
    np.testing.assert_array_equal(images, STACK[:2])
    assert facts.dtype == "uint16"


def write_packed(path, images):
    """Write a TIFF whose pixels are packed, two in three bytes, as many scientific cameras do."""
    import struct

    height, width = images.shape[1:]
    data = b""
    for a, b in images.reshape(-1, 2).tolist():
        data += bytes([a >> 4, (a & 15) << 4 | b >> 8, b & 255])
    size = len(data) // len(images)
    parts, at = [b"II*\0", struct.pack("<I", 8 + len(data)), data], 8 + len(data)
    for number in range(len(images)):
        tags = [(256, 4, width), (257, 4, height), (258, 3, 12), (259, 3, 1), (262, 3, 1),
                (273, 4, 8 + number * size), (277, 3, 1), (278, 4, height), (279, 4, size)]  # fmt: skip
        at += 2 + 12 * len(tags) + 4
        parts.append(struct.pack("<H", len(tags)))
        parts += [struct.pack("<HHII", code, kind, 1, value) for code, kind, value in tags]
        parts.append(struct.pack("<I", at if number + 1 < len(images) else 0))
    path.write_bytes(b"".join(parts))


def test_a_compression_that_cannot_be_decoded_names_what_to_install(tmp_path):
    tifffile.imwrite(tmp_path / "m.tif", STACK, compression="zstd", photometric="minisblack")
    code = (
        "import sys; sys.modules['imagecodecs'] = None\n"
        "from parfocal.core.errors import MovieError\nfrom parfocal.formats import open_movie\n"
        f"try: open_movie({str(tmp_path / 'm.tif')!r})\nexcept MovieError as error: print(error)"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "compressed (ZSTD): pip install 'parfocal[tiff]'" in told


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_a_file_that_is_cut_while_it_is_read_names_the_image(compression, tmp_path):
    path = tmp_path / "m.tif"
    noise = np.random.default_rng(0).integers(0, 4096, (12, 100, 140), dtype=np.uint16)
    with tifffile.TiffWriter(path) as tiff:
        for image in noise:
            tiff.write(image, compression=compression, photometric="minisblack")
    with open_movie(path) as movie:
        with path.open("r+b") as file:
            file.truncate(path.stat().st_size // 2)
        np.testing.assert_array_equal(movie.read(2), noise[2])
        with pytest.raises(MovieError, match=r"m\.tif: image 11 cannot be read"):
            movie.read(11)
        np.testing.assert_array_equal(movie.read(3), noise[3])


@pytest.mark.parametrize("bigtiff", [False, True])
@pytest.mark.parametrize("share", [0.3, 0.5, 0.7])
def test_a_file_that_was_cut_before_says_so(share, bigtiff, tmp_path):
    folder = tmp_path / "m"
    folder.mkdir()
    for name in ("m1.tif", "m2.tif"):
        with tifffile.TiffWriter(folder / name, bigtiff=bigtiff) as tiff:
            for number in range(12):
                tiff.write(np.full((64, 64), number, np.uint16), photometric="minisblack")
    assert read(folder / "m1.tif")[1].remarks == read(folder)[1].remarks == ()
    with (folder / "m2.tif").open("r+b") as file:
        file.truncate(int((folder / "m1.tif").stat().st_size * share))
    with open_movie(folder / "m2.tif") as movie:
        assert movie.facts.remarks == ("m2.tif names more images than it holds: was it cut?",)
        assert 0 < len(movie) < 12
    with open_movie(folder) as movie:
        assert movie.facts.remarks == ("m2.tif names more images than it holds: was it cut?",)


def test_a_file_that_is_removed_while_it_is_read_is_read_on(tmp_path):
    tifffile.imwrite(tmp_path / "m.tif", STACK, photometric="minisblack")
    with open_movie(tmp_path / "m.tif") as movie:
        (tmp_path / "m.tif").unlink()
        np.testing.assert_array_equal(movie.read(11), STACK[11])


@pytest.mark.parametrize("name", ["bead [3] 100%.tif", "Kügelchen.tif", ".hidden.tif", "x" * 200 + ".tif"])
def test_any_name_will_do(name, tmp_path):
    tifffile.imwrite(tmp_path / name, STACK, photometric="minisblack")
    np.testing.assert_array_equal(read(tmp_path / name)[0], STACK)
