"""Measured times on the disk: read whole, or begun anew and told."""

import logging

import pytest

from parfocal.runs.forecast.device_times import AxisTimes, DeviceTimes
from parfocal.runs.forecast.measured_times import MeasuredTimes
from parfocal.runs.forecast.times_file import TimesFile

LOG = logging.getLogger("test times")
DECLARED = DeviceTimes(axes={"x": AxisTimes(speed_um_per_s=100)})


def measured():
    times = MeasuredTimes()
    for _ in range(5):
        times.saw_move({"x": 100.0}, 2.0, DECLARED)
        times.saw_switch("a", "b", 0.25, DECLARED)
    return times


def test_what_was_measured_is_read_by_the_next_process(tmp_path):
    path = tmp_path / "rig" / "runs.times.json"
    assert TimesFile(path, LOG).read().measurements() == {}
    TimesFile(path, LOG).keep(measured())
    again = TimesFile(path, LOG).read()
    assert again.over(DECLARED) == measured().over(DECLARED)
    assert again.slow_axes(DECLARED) == ("x moves at 0.5 of its declared speed",)


def test_a_file_is_written_only_for_what_is_new(tmp_path):
    path = tmp_path / "runs.times.json"
    file = TimesFile(path, LOG)
    times = measured()
    file.keep(times)
    path.unlink()
    file.keep(times)
    assert not path.exists()
    times.saw_next(0.1, DECLARED)
    file.keep(times)
    assert path.exists()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[1]",
        b'{"format": 2, "measured": {}}',
        b'{"format": 1, "measured": {"move x": [[1, "fast"]]}}',
    ],
)
def test_a_file_that_cannot_be_read_is_told_and_begun_anew(tmp_path, caplog, content):
    path = tmp_path / "runs.times.json"
    path.write_bytes(content)
    file = TimesFile(path, LOG)
    with caplog.at_level("WARNING"):
        assert file.read().measurements() == {}
    assert "cannot be read, and are begun anew" in caplog.text
    file.keep(measured())
    assert TimesFile(path, LOG).read().measurements() == measured().measurements()


def test_a_folder_that_takes_no_file_is_told(tmp_path, caplog):
    (tmp_path / "rig").write_text("no folder")
    with caplog.at_level("WARNING"):
        TimesFile(tmp_path / "rig" / "runs.times.json", LOG).keep(measured())
    assert "are not kept" in caplog.text
