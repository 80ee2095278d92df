"""A real Postfix on loopback with a configuration of its own below a temporary folder, and the mail servers behind it.

Postfix needs root. Where it is not installed a test is skipped at home; in CI, as root, it is installed first.
"""

import asyncio
import os
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.lmtp import LMTP
from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.alone import alone
from tests.peers.npm import free_port

LIFE_S = 8
"""After so long Postfix gives up what it could not deliver."""
MAIN = """
compatibility_level = 3.6
queue_directory = {folder}/spool
data_directory = {folder}/data
maillog_file = {folder}/mail.log
maillog_file_prefixes = {folder}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = mx.gw.test
mydestination =
alias_maps =
alias_database =
local_recipient_maps =
local_transport = error:5.1.1 no local users here
mynetworks = 127.0.0.0/8
smtpd_relay_restrictions = permit_mynetworks, reject
relay_domains = ok.test, bounces.gw.test, hard.test, soft.test, content.test
transport_maps = inline:{{ {{ok.test=lmtp:inet:[127.0.0.1]:{inbox}}} {{bounces.gw.test=lmtp:inet:[127.0.0.1]:{bounces}}}
 {{hard.test=smtp:[127.0.0.1]:{far}}} {{soft.test=smtp:[127.0.0.1]:{far}}} {{content.test=smtp:[127.0.0.1]:{far}}} }}
smtp_dns_support_level = disabled
smtp_host_lookup = native
lmtp_host_lookup = native
smtpd_tls_security_level = none
queue_run_delay = 1s
minimal_backoff_time = 1s
maximal_backoff_time = 2s
maximal_queue_lifetime = {life}s
bounce_queue_lifetime = {life}s
notify_classes =
recipient_delimiter = +
"""
MASTER = """
127.0.0.1:{port} inet n - n - - smtpd
pickup    unix  n - n 60 1 pickup
cleanup   unix  n - n - 0 cleanup
qmgr      unix  n - n 300 1 qmgr
rewrite   unix  - - n - - trivial-rewrite
bounce    unix  - - n - 0 bounce
defer     unix  - - n - 0 bounce
trace     unix  - - n - 0 bounce
flush     unix  n - n 1000? 0 flush
proxymap  unix  - - n - - proxymap
smtp      unix  - - n - - smtp
lmtp      unix  - - n - - lmtp
error     unix  - - n - - error
retry     unix  - - n - - error
anvil     unix  - - n - 1 anvil
scache    unix  - - n - 1 scache
postlog   unix-dgram n - n - 1 postlogd
"""


class Far:
    """The mail servers behind: `inbox` is what arrived, `asked` every address that Postfix tried."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.inbox: list[str] = []
        self.asked: list[str] = []

    async def handle_RCPT(
        self, server: Any, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:  # fmt: skip
        self.asked.append(address)
        if address.endswith("@hard.test"):
            return "550 5.1.1 no such user"
        if address.endswith("@soft.test"):
            return "451 4.7.1 not now"
        envelope.rcpt_tos.append(address)
        return "250 ok"

    async def handle_DATA(self, server: Any, session: Session, envelope: Envelope) -> str:
        if envelope.rcpt_tos[0].endswith("@content.test"):
            return "554 5.7.1 we do not like what it says"
        self.inbox += envelope.rcpt_tos
        return "250 ok"


@asynccontextmanager
async def postfix(bounces: int) -> AsyncIterator[Far]:
    """Runs it until the end of the block; bounces go to an LMTP server on port `bounces`."""
    _installed()
    far, ports = Far(free_port()), [free_port(), free_port()]
    folder = _folder(port=far.port, inbox=ports[0], far=ports[1], bounces=bounces, life=LIFE_S)
    loop = asyncio.get_running_loop()
    servers = [
        await loop.create_server(lambda: LMTP(far, enable_SMTPUTF8=True), "127.0.0.1", ports[0]),
        await loop.create_server(lambda: SMTP(far, enable_SMTPUTF8=True), "127.0.0.1", ports[1]),
    ]
    try:
        await _postfix(folder, "start")
        yield far
    finally:
        await _postfix(folder, "stop")
        for server in servers:
            server.close()
        shutil.rmtree(folder, ignore_errors=True)


def _folder(**ports: int) -> Path:
    """A folder that Postfix can live in, with its configuration."""
    folder = Path(tempfile.mkdtemp(prefix="gateway-postfix-"))
    folder.chmod(0o755)
    for name in ("etc", "spool", "data"):
        (folder / name).mkdir()
    shutil.chown(folder / "data", "postfix")
    (folder / "etc" / "main.cf").write_text(MAIN.format(folder=folder, **ports))
    (folder / "etc" / "master.cf").write_text(MASTER.format(**ports))
    return folder


async def _postfix(folder: Path, order: str) -> None:
    process = await asyncio.create_subprocess_exec(
        "postfix", "-c", str(folder / "etc"), order, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    _, said = await process.communicate()
    assert process.returncode == 0, said.decode()


def _installed() -> None:
    """Sees to it that there is a Postfix, or says why not."""
    if os.geteuid() != 0:
        pytest.skip("Postfix needs root")
    if os.environ.get("CI"):
        try:
            with alone("apt"):
                if shutil.which("postfix") is None:
                    _install()
        except (OSError, subprocess.SubprocessError) as error:
            said = getattr(error, "stderr", None) or b""
            pytest.fail(f"apt-get could not install Postfix: {error} {said.decode(errors='replace')[-500:]}")
    if shutil.which("postfix") is None:
        pytest.skip("Postfix is not installed (apt-get install postfix)")


def _install() -> None:
    """Raises OSError, or subprocess.SubprocessError with what apt-get said."""
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    choice = b"postfix postfix/main_mailer_type select No configuration\n"
    subprocess.run(["debconf-set-selections"], input=choice, check=True, capture_output=True, timeout=60)
    for order in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", "postfix"]):
        subprocess.run(["apt-get", *order], check=True, capture_output=True, timeout=300, env=environment)
