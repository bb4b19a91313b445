"""MP4, AVI, MOV and other videos, through PyAV: the grey values that were coded, and their time stamps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from parfocal.core.errors import MovieError, reason_of
from parfocal.formats.contents import Contents, SourcedValue

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

VIDEO_SUFFIXES = (".mp4", ".avi", ".mov", ".mkv", ".m4v", ".wmv", ".webm")
_HINT = "known are MP4, AVI, MOV, MKV, WMV and WebM, as far as FFmpeg decodes them"
_LOSSLESS = ("rawvideo", "ffv1", "huffyuv", "ffvhuff", "png", "utvideo", "bmp")
_LUMA = ("yuv", "gray", "nv")
"""Pixel formats whose first plane is the brightness as it was coded; a conversion would stretch its range."""


class VideoReader:
    """The first video stream of a file; random access seeks to the key frame before an image.

    The images are listed from the packets, without being decoded.
    """

    def __init__(self, path: Path) -> None:
        try:
            import av
        except ImportError as error:
            raise MovieError(f"{path}: pip install 'parfocal[video]' (PyAV) reads it") from error
        self._errors = (av.FFmpegError, ValueError, OSError)
        try:
            self._container = av.open(str(path))
        except self._errors as error:
            why = reason_of(error)
            raise MovieError(f"{path}: it is no video that can be decoded ({why}); {_HINT}") from error
        try:
            self._list(path)
            self.contents = self._contents(path)
        except BaseException:
            self._container.close()
            raise

    def read_into(self, plane: int, out: NDArray[Any]) -> None:
        """Fill `out` with a plane."""
        try:
            image = self._image(plane)
        except self._errors as error:
            raise MovieError(str(error)) from error
        if image.shape != out.shape or image.dtype != out.dtype:
            raise MovieError(f"it is {image.dtype} {image.shape}, the first one {out.dtype} {out.shape}")
        np.copyto(out, image)

    def close(self) -> None:
        """Close the file."""
        self._container.close()

    def _list(self, path: Path) -> None:
        if not self._container.streams.video:
            raise MovieError(f"{path}: it holds no video")
        self._stream = self._container.streams.video[0]
        stamps = {
            packet.pts if packet.pts is not None else packet.dts
            for packet in self._container.demux(self._stream)
            if packet.size and not packet.is_discard
        }
        self._stamps = sorted(stamp for stamp in stamps if stamp is not None)
        if not self._stamps or None in stamps:
            raise MovieError(
                f"{path}: its images carry no time stamps, so that none can be found by its number"
            )
        self._frames: Any = None
        self._next = -1

    def _contents(self, path: Path) -> Contents:
        first = self._image(0)
        codec = self._stream.codec_context.name
        times = (np.array(self._stamps, np.float64) - self._stamps[0]) * float(self._stream.time_base or 1)
        rate = self._stream.average_rate
        others = len(self._container.streams.video) - 1
        return Contents(
            path=path,
            format=f"{path.suffix.removeprefix('.').upper()} video",
            axes="t",
            sizes=(len(self._stamps),),
            shape=(first.shape[0], first.shape[1]),
            dtype=first.dtype,
            interval_s=SourcedValue(1 / float(rate), "the video's frame rate") if rate else None,
            plane_times_s=times,
            plane_times_from="the video's time stamps",
            unread=(f"{others} other video streams",) if others else (),
            remarks=() if codec in _LOSSLESS else (f"compressed with loss ({codec})",),
        )

    def _image(self, number: int) -> NDArray[Any]:
        """Return an image, decoding on from where the last one was, or from the key frame before it."""
        wanted = self._stamps[number]
        if number != self._next or self._frames is None:
            self._container.seek(wanted, stream=self._stream, backward=True)
            self._frames = self._container.decode(self._stream)
        self._next = -1
        for frame in self._frames:
            stamp = frame.pts if frame.pts is not None else frame.dts
            if stamp == wanted:
                self._next = number + 1
                return _grey(frame)
            if stamp is not None and stamp > wanted:
                break
        self._frames = None
        raise ValueError("it cannot be decoded")


def _grey(frame: Any) -> NDArray[Any]:
    """Return the brightness of a frame as it was coded, or of equal colours; refuse colours."""
    name = frame.format.name
    if name.startswith(_LUMA):
        return _first_plane(frame)
    colours = frame.to_ndarray(format="rgb24")
    if not (colours == colours[..., :1]).all():
        raise ValueError(f"it is in colour ({name}); convert it to grey")
    grey: NDArray[Any] = colours[..., 0]
    return grey


def _first_plane(frame: Any) -> NDArray[Any]:
    plane, bits = frame.planes[0], frame.format.components[0].bits
    big = frame.format.name.endswith("be")
    dtype = np.dtype(np.uint8) if bits <= 8 else np.dtype(">u2" if big else "<u2")
    rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[: frame.height]
    image = rows[:, : frame.width * dtype.itemsize].copy().view(dtype)
    return image.astype(dtype.newbyteorder("="), copy=False)
