from __future__ import annotations

from pymodaq.utils.plugin_testing import PluginPackageChecks


class TestPackage(PluginPackageChecks):
    """What PyMoDAQ asks of every package of plugins."""

    package_name = "pymodaq_plugins_parfocal"
    fail_on = "warning"
    strict_imports = True
