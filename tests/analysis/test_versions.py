from __future__ import annotations

import json
from pathlib import Path

import msgspec

from parfocal.analysis.beads.rois import RoiSet
from parfocal.analysis.beads.versions import RoiVersions

ROIS = RoiSet(roi_px=64, width_px=320, height_px=320)


def saved(versions: RoiVersions, path: Path) -> list[int]:
    versions.save(path)
    return [version["version"] for version in json.loads(path.read_text())["versions"]]


def test_no_version_is_forgotten_however_many_there_are(tmp_path: Path) -> None:
    versions, rois = RoiVersions(tmp_path / "regions", 1), ROIS.added([(100.0, 100.0)])
    for n in range(1500):
        versions.add(rois)
        versions.add(rois)  # a change of something else
        rois = rois.moved({0: (100.0 + n % 50, 100.0)})
    assert saved(versions, tmp_path / "saved") == list(range(1, 1501))
    assert RoiVersions(tmp_path / "regions", 1).newest == versions.newest


def test_versions_in_which_beads_move_take_little_room_and_are_saved_whole(tmp_path: Path) -> None:
    path = tmp_path / "regions"
    rois = ROIS.added([(40.0 + n % 16 * 16, 40.0 + n // 16 * 16) for n in range(200)])
    versions, whole = RoiVersions(path, 1), []
    for n in range(2500):
        if n == 1200:
            rois = rois.added([(200.0, 200.0)])
        elif n:
            rois = rois.moved({n % 200: (40.0 + n % 90, 60.0)})
        versions.add(rois)
        whole.append(rois)
        if n % 700 == 0:
            versions = RoiVersions(path, 1)  # of a tracker that was started again
            assert versions.newest == rois
    versions.save(tmp_path / "saved")
    told = json.loads((tmp_path / "saved").read_text())["versions"]
    assert [msgspec.convert(each, RoiSet) for each in told] == whole
    assert path.stat().st_size < 0.02 * (tmp_path / "saved").stat().st_size


def test_what_a_killed_tracker_wrote_in_part_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "regions"
    RoiVersions(path, 1).add(ROIS)
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"roi_px":64,"wid')
    versions = RoiVersions(path, 1)
    assert versions.newest == ROIS
    assert path.read_bytes() == whole
    versions.add(ROIS.added([(50.0, 50.0)]))
    assert saved(versions, tmp_path / "saved") == [0, 1]
    path.write_bytes(b"1")
    assert RoiVersions(path, 1).newest is None
    assert path.read_bytes() == b"1\n"
