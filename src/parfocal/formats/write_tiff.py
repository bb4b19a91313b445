"""A movie as an OME-TIFF, for programs that read nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from parfocal.core.errors import AlreadyExistsError

if TYPE_CHECKING:
    from pathlib import Path

    from parfocal.formats.movie import Movie


def write_tiff(movie: Movie, path: Path) -> None:
    """Write all images of a movie, one page each, with their times and the size of a pixel, uncompressed.

    Takes the memory of one image. The file gets its name when it is whole.

    Parameters
    ----------
    movie : Movie
        What to write.
    path : Path
        Where to; must not be there.

    Raises
    ------
    AlreadyExistsError
        If there is something at `path`.
    MovieError
        If an image cannot be read; then nothing is left.
    """
    import tifffile

    if path.exists():
        raise AlreadyExistsError(f"{path} exists; name another folder, or move it away")
    part = path.with_name(path.name + ".part")
    big = len(movie) * movie.read(0).nbytes > 3_900_000_000
    try:
        with tifffile.TiffWriter(part, ome=True, bigtiff=big) as tiff:
            tiff.write(
                (movie.read(index) for index in range(len(movie))),
                shape=(len(movie), *movie.shape),
                dtype=movie.dtype,
                photometric="minisblack",
                metadata=_metadata(movie),
            )
        part.rename(path)
    finally:
        part.unlink(missing_ok=True)


def _metadata(movie: Movie) -> dict[str, Any]:
    """Return what OME has words for."""
    facts, metadata = movie.facts, dict[str, Any](axes="TYX")
    if facts.pixel_size_um is not None:
        for axis in "XY":
            metadata[f"PhysicalSize{axis}"] = facts.pixel_size_um
            metadata[f"PhysicalSize{axis}Unit"] = "µm"
    if movie.times_s is not None and facts.frame_rate_hz is not None:
        metadata |= {"TimeIncrement": 1 / facts.frame_rate_hz, "TimeIncrementUnit": "s"}
        times = movie.times_s.tolist()
        metadata["Plane"] = {"DeltaT": times, "DeltaTUnit": ["s"] * len(times)}
    return metadata
