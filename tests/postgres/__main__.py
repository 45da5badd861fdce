"""`python -m tests.postgres COMMAND...` runs the command with DATABASE_URL naming a throw-away PostgreSQL.

Exits as the command does. Where PostgreSQL is missing it says so and exits 0, or 1 when BROADSHEET_REQUIRE
names `postgres`.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys

from tests.postgres import Missing, cluster


def main(command: list[str]) -> int:
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.default_int_handler)
    try:
        with cluster() as url:
            print("== The tests on PostgreSQL", flush=True)  # noqa: T201
            return _run(command, url)
    except Missing as missing:
        print(f"== {missing} The tests were not run on PostgreSQL.", flush=True)  # noqa: T201
        return 1 if "postgres" in os.environ.get("BROADSHEET_REQUIRE", "").replace(",", " ").split() else 0
    except KeyboardInterrupt:
        return 130


def _run(command: list[str], url: str) -> int:
    running = subprocess.Popen(command, env={**os.environ, "DATABASE_URL": url})
    try:
        return running.wait()
    except KeyboardInterrupt:
        # A Ctrl-C has reached the command too; a SIGTERM has not.
        running.send_signal(signal.SIGINT)
        running.wait(10)
        raise
    finally:
        running.kill()
        running.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
