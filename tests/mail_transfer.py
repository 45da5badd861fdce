"""Debian's postfix on a high port of loopback, in a folder of its own: a real mail transfer agent.

Mail to alice@home.example is delivered into a Maildir. What is for anybody else there it accepts at first and
then reports back to the sender, as real servers do. Mail to bounces+…@back.example
is delivered into another Maildir. Nothing leaves the machine.
"""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Office:
    port: int
    home: Path
    back: Path

    def wait(self, folder: Path, many: int = 1, patience: float = 60) -> list[bytes]:
        """The mails in a Maildir, once there are so many."""
        until = time.monotonic() + patience
        while True:
            found = sorted((folder / "new").glob("*")) if (folder / "new").is_dir() else []
            if len(found) >= many or time.monotonic() > until:
                return [path.read_bytes() for path in found]
            time.sleep(0.1)


def find_postfix() -> str:
    """Why a postfix cannot be run here, "" where it can."""
    if not shutil.which("postfix") and not Path("/usr/sbin/postfix").exists():
        return "no postfix is installed here"
    return "" if os.geteuid() == 0 else "postfix has to be started by root"


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def running(folder: Path) -> Iterator[Office]:
    # Postfix's programs run as other users: every folder above theirs must let them through.
    port, owner = _free_port(), pwd.getpwnam("postfix")
    config, spool, boxes = folder / "config", folder / "spool", folder / "boxes"
    for each in (config, spool, boxes, folder / "data"):
        each.mkdir()
        each.chmod(0o755)
    os.chown(folder / "data", owner.pw_uid, owner.pw_gid)
    os.chown(boxes, owner.pw_uid, owner.pw_gid)
    (config / "boxes").write_text("/^bounces\\+.*@back\\.example$/ back/\n/^alice@home\\.example$/ home/\n")
    (config / "main.cf").write_text(
        "\n".join(
            [
                "compatibility_level = 3.6", f"queue_directory = {spool}", f"data_directory = {folder}/data",
                "command_directory = /usr/sbin", "daemon_directory = /usr/lib/postfix/sbin",
                "mail_owner = postfix", "setgid_group = postdrop", "myhostname = mx.home.example",
                "mydestination =", "inet_interfaces = 127.0.0.1", "inet_protocols = ipv4",
                "mynetworks = 127.0.0.0/8", "virtual_mailbox_domains = home.example, back.example",
                f"virtual_mailbox_maps = regexp:{config}/boxes", f"virtual_mailbox_base = {boxes}",
                f"virtual_uid_maps = static:{owner.pw_uid}", f"virtual_gid_maps = static:{owner.pw_gid}",
                "smtpd_reject_unlisted_recipient = no",
                "smtpd_recipient_restrictions = permit_mynetworks, reject",
                "alias_maps =", "alias_database =", "local_recipient_maps =",
                f"maillog_file = {folder}/log", f"maillog_file_prefixes = {folder}",
                "default_transport = error:nothing leaves this machine", "bounce_queue_lifetime = 1m",
                "smtpd_timeout = 30s", "disable_dns_lookups = yes",
            ]
        )
        + "\n"
    )  # fmt: skip
    master = Path("/usr/share/postfix/master.cf.dist").read_text()
    lines = []
    for line in master.splitlines():
        words = line.split()
        if line.startswith(("#", " ", "\t")) or len(words) < 8:
            continue
        if words[:2] == ["smtp", "inet"]:
            words[0] = f"127.0.0.1:{port}"
        words[4] = "n"
        lines.append(" ".join(words))
    if not any(line.startswith("postlog ") for line in lines):
        lines.append("postlog unix-dgram n - n - 1 postlogd")
    (config / "master.cf").write_text("\n".join(lines) + "\n")
    for each in config.iterdir():
        each.chmod(0o644)
    command = ["/usr/sbin/postfix", "-c", str(config)]
    started = subprocess.run(
        [*command, "start"], capture_output=True, text=True, check=False, timeout=90, umask=0o022
    )
    try:
        _until_it_listens(port, started.stderr + started.stdout)
        yield Office(port, boxes / "home", boxes / "back")
    finally:
        subprocess.run([*command, "stop"], capture_output=True, check=False, timeout=30)


def _until_it_listens(port: int, said: str) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"postfix did not start: {said}")
