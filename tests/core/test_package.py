from __future__ import annotations

import parfocal


def test_the_package_lists_its_public_names() -> None:
    assert {"open_rig", "attach"} <= set(dir(parfocal))
    assert all(getattr(parfocal, name) for name in dir(parfocal))
