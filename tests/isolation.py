"""Loaded before Django's settings (`-p tests.isolation`): tests see no data folder but their own.

pytest-django reads the settings before any conftest, and the settings read the environment once. So what
the person who runs the tests has set for their own Broadsheet is put aside here, earlier than that.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile

KEPT = {
    "BROADSHEET_REQUIRE",
    "BROADSHEET_DATA",
    "BROADSHEET_CHROMIUM",
    # How often a test repeats what chance decides.
    "BROADSHEET_KILLS",
    "BROADSHEET_FUZZ",
}

for _name in [name for name in os.environ if name.startswith("BROADSHEET_") and name not in KEPT]:
    del os.environ[_name]
# What follows the network by itself would ask it from every test that starts a worker.
os.environ["BROADSHEET_SOURCES"] = "none"
os.environ["BROADSHEET_HOME"] = tempfile.mkdtemp(prefix="broadsheet-tests-")
atexit.register(shutil.rmtree, os.environ["BROADSHEET_HOME"], ignore_errors=True)
