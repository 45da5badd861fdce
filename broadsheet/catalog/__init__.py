"""Takes papers in: new, revised, withdrawn, merged. Every paper in the house came through `take_in`.

A batch is one transaction: find the papers that the records speak of, lay each record over what is
known, write what differs. Taking the same record in twice writes nothing the second time, so a run that
was cut off is simply run again.
"""

from broadsheet.catalog.batch import Taken
from broadsheet.catalog.fetching import Harvest, OnPage, fetch, fetch_due
from broadsheet.catalog.files import ImportReport, Progress, import_files
from broadsheet.catalog.freshness import Freshness, freshness
from broadsheet.catalog.looking_up import look_up
from broadsheet.catalog.taking import retire_builtin, take_in, take_in_batch, take_in_builtin

__all__ = [
    "Freshness",
    "Harvest",
    "ImportReport",
    "OnPage",
    "Progress",
    "Taken",
    "fetch",
    "fetch_due",
    "freshness",
    "import_files",
    "look_up",
    "retire_builtin",
    "take_in",
    "take_in_batch",
    "take_in_builtin",
]
