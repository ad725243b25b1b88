"""Who may come in, open rooms and lead them: dialogues with a whole server that has accounts."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from joserfc import jwt
from joserfc.jwk import OctKey
from tests.conftest import RunningServer
from tests.protocol.backends import RemoteServer, Wire, client_session
from tests.protocol.test_focus_transcripts import FocusPerformance
from tests.protocol.transcript import FRAMING, Person, ask, bind, log_in

from tertulia.accounts.passwords import Account, keys_of
from tertulia.accounts.tables import Tables
from tertulia.rooms.kept import KeptRoom
from tertulia.rooms.rights import STOCK_NAMES
from tertulia.storage.opening import open_storage

HERE = Path(__file__).parent
EVERY = pytest.mark.parametrize("path", sorted(HERE.glob("accounts-*.txt")), ids=lambda p: p.stem)
SECRET = "0123456789abcdef0123456789abcdef"
PASSWORDS = {"ana": "correct horse", "bea": "battery staple", "cai": "never forgotten"}
# Every feature that a token can say something about, refused and granted.
SILENT, LOUD = (dict.fromkeys(STOCK_NAMES.values(), value) for value in (False, True))
_DEED = re.compile(r"(\w+) (comes with|connects with|logs in as) (\S+)")
_ASKED = re.compile(r"over HTTP(?: as (\w+))? > (.+)")
_ANSWERED = re.compile(r"over HTTP < ([0-9]{3}) (.+)")
SASL = "urn:ietf:params:xml:ns:xmpp-sasl"


class AccountsPerformance(FocusPerformance):
    """Besides the lines of all transcripts (guests log in at the domain of guests here):

    NAME comes with TOKEN      logged in with a token, one of those made below
    NAME connects with TOKEN   a fresh connection with it, to talk about the login itself
    NAME logs in as ACCOUNT    with its password
    over HTTP > JSON           a conference request without any connection
    over HTTP as TOKEN > JSON  the same, with a token
    over HTTP < STATUS JSON    its answer, which has at least these members
    """

    def __init__(self, backend: RemoteServer) -> None:
        super().__init__(backend)
        self._remote = backend
        self._answer = (0, "")
        self._guests = f"guest.{backend.host}"
        node = self._names["room"].partition("@")[0]
        self._names["node"] = node
        self._names["guests"] = self._guests
        self._names |= {
            f"plain.{name}": base64.b64encode(f"\0{name}\0{password}".encode()).decode()
            for name, password in {**PASSWORDS, "wrong": "x"}.items()
        }
        self._names["plain.ana.wrong"] = base64.b64encode(b"\0ana\0incorrect horse").decode()
        self._names["plain.cai.wrong"] = base64.b64encode(b"\0cai\0was it this one").decode()
        self._names["plain.nobody"] = base64.b64encode(b"\0nobody\0correct horse").decode()
        self._tokens = tokens(node)

    async def _step(self, text: str) -> None:
        deed = _DEED.fullmatch(text)
        if asked := _ASKED.fullmatch(text):
            token = self._tokens[asked[1]] if asked[1] else ""
            path = "/conference-request/v1?room=any"
            self._answer = await self._remote.post(path, self._filled(asked[2]), token)
        elif answered := _ANSWERED.fullmatch(text):
            status, body = self._answer
            assert status == int(answered[1]), body
            assert _has(json.loads(body), json.loads(self._filled(answered[2]))), body
        elif deed is None:
            await super()._step(text)
        elif deed[2] == "connects with":
            wire = await self._remote.connect(deed[1], token=self._tokens[deed[3]])
            self._people[deed[1]] = Person(wire)
        elif deed[2] == "comes with":
            wire = await self._remote.connect(deed[1], token=self._tokens[deed[3]])
            self._present(deed[1], wire, await log_in(wire, self._backend.host))
        else:
            wire = await self._backend.connect(deed[1])
            self._present(deed[1], wire, await self._with_password(wire, deed[3]))

    async def _person(self, name: str) -> Person:
        if name not in self._people:
            wire = await self._backend.connect(name)
            self._present(name, wire, await log_in(wire, self._guests))
        return self._people[name]

    def _present(self, name: str, wire: Wire, jid: str) -> None:
        bare = jid.partition("/")[0]
        self._people[name] = Person(wire, jid)
        self._names |= {name: jid, f"{name}.bare": bare, f"{name}.id": bare[:8]}

    async def _with_password(self, wire: Wire, account: str) -> str:
        opening = f"<open xmlns='{FRAMING}' to='{self._backend.host}' version='1.0'/>"
        plain = self._names[f"plain.{account}"]
        await ask(wire, opening, 2)
        answer = await ask(wire, f"<auth xmlns='{SASL}' mechanism='PLAIN'>{plain}</auth>", 1)
        assert "<success" in answer, answer
        await ask(wire, opening, 2)
        return await bind(wire)


def _has(found: Any, wanted: Any) -> bool:
    """Whether all that is wanted is there."""
    if isinstance(wanted, dict):
        return all(name in found and _has(found[name], value) for name, value in wanted.items())
    return bool(found == wanted)


def tokens(node: str) -> dict[str, str]:
    now = int(time.time())
    good = {"iss": "app", "aud": "jitsi", "exp": now + 600, "room": node}

    def signed(secret: str = SECRET, **claims: Any) -> str:
        return jwt.encode({"alg": "HS256"}, {**good, **claims}, OctKey.import_key(secret))

    def user(**about: Any) -> dict[str, Any]:
        return {"user": {"id": "7", "name": "Dora", **about}, "group": "choir"}

    def unsigned(part: dict[str, Any]) -> str:
        return base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")

    return {
        "leads": signed(context=user()),
        "speaks": signed(context=user(moderator=False)),
        "may-nothing": signed(context={**user(moderator=False), "features": SILENT}),
        "may-all": signed(context={**user(moderator=False), "features": LOUD}),
        "leads-by-list": signed(context={**user(), "features": SILENT}),
        "flips": signed(context={**user(id="8", moderator=False), "features": {"flip": True}}),
        "elsewhere": signed(room="patio"),
        "everywhere": signed(room="*", context=user()),
        "expired": signed(exp=now - 60),
        "early": signed(nbf=now + 60),
        "issuer": signed(iss="another"),
        "secret": signed(secret=SECRET[::-1]),
        "none": f"{unsigned({'alg': 'none'})}.{unsigned(good)}.",
        "nonsense": "nonsense",
    }


def command(data: Path, *arguments: str, typed: str = "") -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tertulia", *arguments, "--data", str(data)],
        input=typed,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


async def keep(data: Path) -> None:
    """What `tertulia user add` and `tertulia room add` would do, faster."""
    opened = await open_storage("", data)
    tables = Tables(opened.database, "localhost")
    for name, password in PASSWORDS.items():
        keys = keys_of(password, iterations=4096)
        await tables.accounts.add(Account(name=name, display_name=name, keys=keys))
    for name, room in {
        "hall": KeptRoom(owner="ana@localhost", lobby=True),
        "locked": KeptRoom(owner="ana@localhost", password="sesame", may_open="everybody"),
        "members": KeptRoom(members_only=True, may_open="everybody"),
    }.items():
        await tables.rooms.add(name, room, 0)
    await opened.database.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RemoteServer]:
    """`tertulia serve` where accounts and tokens open rooms and guests wait."""
    data = tmp_path_factory.mktemp("accounts")
    await keep(data)
    (data / "token.secret").write_text(SECRET + "\n")
    settings = {
        "access.open": "accounts",
        "tokens.issuers": "app",
        "tokens.secret_file": str(data / "token.secret"),
        "limits.wrong_passwords": "3",
    }
    given = [each for key, value in settings.items() for each in ("--set", f"{key}={value}")]
    server = await RunningServer.start(data, given)
    try:
        async with client_session() as http:
            url = f"wss://127.0.0.1:{server.port}/xmpp-websocket"
            yield RemoteServer(http, url, server.host)
    finally:
        await server.stop()


@EVERY
@pytest.mark.asyncio(loop_scope="module")
async def test_the_running_server_follows(path: Path, site: RemoteServer) -> None:
    await AccountsPerformance(site).run(path)


@pytest.mark.asyncio(loop_scope="module")
async def test_why_a_token_is_refused_can_be_read_by_stock_clients(site: RemoteServer) -> None:
    # They look for exactly this text in the frame (signalling reference 1.5).
    wire = await site.connect("dora", token=tokens("plaza")["expired"])
    await ask(wire, f"<open xmlns='{FRAMING}' to='{site.host}' version='1.0'/>", 2)

    answer = await ask(wire, f"<auth xmlns='{SASL}' mechanism='ANONYMOUS'/>", 1)

    assert answer.endswith("<not-allowed/><text>the token has expired</text></failure>")
    await wire.drop()


@pytest.mark.asyncio(loop_scope="module")
async def test_an_account_made_while_the_server_runs_can_log_in(
    site: RemoteServer, tmp_path_factory: pytest.TempPathFactory
) -> None:
    data = max(tmp_path_factory.getbasetemp().glob("accounts*"))
    arguments = ("user", "add", "eva", "--password-stdin")
    await asyncio.to_thread(command, data, *arguments, typed="late but here\n")
    plain = base64.b64encode(b"\0eva\0late but here").decode()

    answer = ""
    async with asyncio.timeout(30):
        while "<success" not in answer:  # within a second or two
            wire = await site.connect("eva")
            await ask(wire, f"<open xmlns='{FRAMING}' to='{site.host}' version='1.0'/>", 2)
            answer = await ask(wire, f"<auth xmlns='{SASL}' mechanism='PLAIN'>{plain}</auth>", 1)
            await wire.drop()
            assert "<success" in answer or "not-authorized" in answer or "temporary" in answer
            await asyncio.sleep(0.7)
