"""What the person who runs a Broadsheet asks of it: open and keep it up, check, back up, restore.

Beside it on this floor nothing; above it the commands and /health, which say what is found here.
"""

from broadsheet.operations.backups import backup as backup
from broadsheet.operations.backups import backup_due as backup_due
from broadsheet.operations.backups import restore as restore
from broadsheet.operations.checks import Check as Check
from broadsheet.operations.checks import Health as Health
from broadsheet.operations.checks import checks as checks
from broadsheet.operations.checks import health as health
from broadsheet.operations.checks import of_tables as of_tables
from broadsheet.operations.household import keep_up as keep_up
from broadsheet.operations.household import link_to as link_to
from broadsheet.operations.opening import in_plain_words as in_plain_words
from broadsheet.operations.opening import make_tables as make_tables
from broadsheet.operations.opening import open_up as open_up
from broadsheet.operations.opening import using_data as using_data
from broadsheet.operations.refusal import Refusal as Refusal
from broadsheet.operations.runs import recorded as recorded
from broadsheet.operations.server import end_with_parent as end_with_parent
from broadsheet.operations.server import serve as serve
from broadsheet.operations.stopping import Stop as Stop
from broadsheet.operations.working import work as work
