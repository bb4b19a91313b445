"""Files that people have, read as frames: TIFF, OME-Zarr, image folders, NDTiff, HDF5, NumPy, videos.

::

    open_movie(path, options) ─── Movie ─── PlaneReader   one for each format: what is in the file, its planes
                                    │
                                    └────── MovieOptions  which channel, position and plane; times and sizes

A `Movie` is for whoever shows, browses, plays or tracks it: its images by index, when each was taken, how
large a pixel is, who says so, and what of the file it leaves unread.
"""

from __future__ import annotations

from parfocal.formats.contents import Contents, PlaneReader
from parfocal.formats.counts import are_counts
from parfocal.formats.movie import Movie, MovieFacts
from parfocal.formats.opening import (
    FILE_SUFFIXES,
    FOREIGN_SUFFIXES,
    ZARR_FILES,
    file_of,
    known_formats,
    open_movie,
)
from parfocal.formats.options import MovieOptions
from parfocal.formats.parts import ImagePart, parts_of
from parfocal.formats.unreadable import Unreadable

__all__ = [
    "FILE_SUFFIXES",
    "FOREIGN_SUFFIXES",
    "ZARR_FILES",
    "Contents",
    "ImagePart",
    "Movie",
    "MovieFacts",
    "MovieOptions",
    "PlaneReader",
    "Unreadable",
    "are_counts",
    "file_of",
    "known_formats",
    "open_movie",
    "parts_of",
]
