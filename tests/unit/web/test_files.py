"""Files over HTTP: what comes back is what went in, and nobody gets more than the room allows."""

from __future__ import annotations

import asyncio
import json
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from xml.sax.saxutils import escape

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tests.unit.rooms.house import HOST, PLAZA, House, Someone

from tertulia.errors import PeerError
from tertulia.rooms.attendance import Attendance
from tertulia.rooms.files import FileLimits, FileSharing
from tertulia.rooms.files.shelf import harmless_name
from tertulia.rooms.metadata import RoomMetadata
from tertulia.rooms.rights import Permissions
from tertulia.web.attendance import AttendanceLists
from tertulia.web.files import BASE, Files, read_metadata
from tertulia.web.headers import check_host_and_secure
from tertulia.web.scanning import Clamd, ScannerUnavailable
from tertulia.xmpp.errors import BadRequest

ID = "0c6e0000-0000-4000-8000-000000000001"
EICAR = b"stands for something harmful"
LIMITS = FileLimits(file_bytes=1000, room_bytes=1500, files=3)


class Site:
    """A room with files, served without TLS."""

    def __init__(self, folder: Path, limits: FileLimits = LIMITS) -> None:
        self.folder = folder
        self.sharing = FileSharing(f"filesharing.{HOST}", folder, limits=limits)
        self.attendance = Attendance(f"attendance.{HOST}")
        metadata = RoomMetadata(f"metadata.{HOST}")
        self.house = House(metadata, self.sharing, self.attendance)
        self.sharing._persons = self.house.persons
        self.client: TestClient[Any, Any]

    @property
    def meeting(self) -> str:
        return self.house.main.meeting_id

    def bearer(self, who: Someone) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.sharing.token_for(who.jid)[0]}"}

    def url(self, file_id: str = "") -> str:
        return f"{BASE}/sessions/{self.meeting}/files" + (f"/{file_id}" if file_id else "")

    async def bring(
        self,
        who: Someone,
        content: bytes = b"minutes",
        name: str = "minutes.pdf",
        file_id: str = ID,
        headers: dict[str, str] | None = None,
    ) -> int:
        form = aiohttp.FormData()
        form.add_field("metadata", json.dumps({"fileId": file_id, "fileName": name}))
        form.add_field("file", content, filename="x")
        answer = await self.client.post(
            self.url(), data=form, headers=self.bearer(who) if headers is None else headers
        )
        return answer.status

    def say(self, who: Someone, kind: str, file_id: str = ID, **more: Any) -> None:
        child = (
            f"<file-sharing xmlns='http://jitsi.org/jitmeet' type='{kind}' fileId='{file_id}'>"
            + json.dumps({"fileId": file_id, **more})
        )
        self.house.send(who, f"<message to='filesharing.{HOST}'>{child}</file-sharing></message>")

    async def fetch(self, who: Someone, file_id: str = ID) -> tuple[int, str]:
        answer = await self.client.get(self.url(file_id), headers=self.bearer(who))
        if answer.status != 200:
            return answer.status, ""
        return 200, urlsplit((await answer.json())["presignedUrl"]).path


def files_in(folder: Path) -> list[str]:
    """The names of all files, at any depth."""
    return sorted(each.name for each in folder.rglob("*") if each.is_file())


def entries(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


@asynccontextmanager
async def site(
    folder: Path, limits: FileLimits = LIMITS, scanner: Clamd | None = None
) -> AsyncIterator[Site]:
    found = Site(folder, limits)
    app = web.Application(middlewares=[check_host_and_secure()])
    Files(found.sharing, scanner).add_to(app)
    AttendanceLists(found.attendance).add_to(app)
    async with TestClient(TestServer(app)) as client:
        found.client = client
        yield found


async def test_a_file_goes_round(tmp_path: Path) -> None:
    async with site(tmp_path) as here:
        ana, bea = here.house.enter("ana"), here.house.enter("bea")
        assert await here.bring(bea, b"the minutes", 'C:\\evil\\min"utes\u202e.pdf') == 200
        assert (await here.fetch(ana))[0] == 200  # whoever knows the id
        here.say(bea, "add", fileName="lie.pdf", fileSize=1, authorParticipantId="ana")

        told = ana.told("file-sharing")[-1]["file"]
        assert told["fileName"] == "minutes.pdf" and told["fileSize"] == 11
        assert told["authorParticipantId"] == "bea" and bea.told("file-sharing") == []
        late = here.house.enter("cleo")
        assert late.told("file-sharing")[-1]["files"] == {ID: told}

        status, path = await here.fetch(late)
        answer = await here.client.get(path)
        assert (status, await answer.read()) == (200, b"the minutes")
        assert answer.headers["Content-Disposition"].startswith("attachment;")
        assert answer.headers["Content-Type"] == "application/octet-stream"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "sandbox" in answer.headers["Content-Security-Policy"]

        # gone, and its link with it
        gone = await here.client.delete(here.url(ID), headers=here.bearer(ana))
        assert gone.status == 204
        assert bea.told("file-sharing")[-1] == {
            "type": "file-sharing",
            "event": "remove",
            "fileId": ID,
        }
        assert (await here.client.get(path)).status == 404
        assert files_in(tmp_path) == []


async def test_links_and_files_die_with_the_meeting(tmp_path: Path) -> None:
    async with site(tmp_path) as here:
        ana = here.house.enter("ana")
        await here.bring(ana)
        _, path = await here.fetch(ana)
        url, headers = here.url(ID), here.bearer(ana)
        here.house.leave(ana)
        here.house.focus_leaves(PLAZA)

        assert (await here.client.get(path)).status == 401
        assert (await here.client.get(url, headers=headers)).status == 401
        assert entries(tmp_path) == []


async def test_who_is_out_or_never_was_in_gets_nothing(tmp_path: Path) -> None:
    async with site(tmp_path) as here:
        ana, bea = here.house.enter("ana"), here.house.enter("bea")
        await here.bring(ana)
        headers = here.bearer(bea)
        here.house.leave(bea)

        for given_headers in (headers, {}, {"Authorization": "Bearer guessed"}):
            assert await here.bring(bea, headers=given_headers) == 401
            answer = await here.client.get(here.url(ID), headers=given_headers)
            assert answer.status == 401
            answer = await here.client.delete(here.url(ID), headers=given_headers)
            assert answer.status == 401
        with pytest.raises(PeerError):
            here.sharing.token_for(bea.jid)
        other = f"{BASE}/sessions/other/files/{ID}"
        assert (await here.client.get(other, headers=here.bearer(ana))).status == 401


async def test_a_token_and_a_link_end(tmp_path: Path) -> None:
    async with site(tmp_path) as here:
        ana = here.house.enter("ana")
        await here.bring(ana)
        headers = here.bearer(ana)
        _, path = await here.fetch(ana)
        now = here.house.time.clock()
        here.house.time.move_to(now + LIMITS.token_s)
        assert (await here.client.get(here.url(ID), headers=headers)).status == 401
        assert (await here.client.get(path)).status == 200
        here.house.time.move_to(now + LIMITS.link_s)
        assert (await here.client.get(path)).status == 401


async def test_only_those_who_may_bring_and_take_away(tmp_path: Path) -> None:
    async with site(tmp_path) as here:
        ana, bea, cleo = (here.house.enter(name) for name in ("ana", "bea", "cleo"))
        await here.bring(bea)
        here.say(cleo, "add")
        here.say(cleo, "remove")
        assert cleo.errors() == ["forbidden", "forbidden"]
        answer = await here.client.delete(here.url(ID), headers=here.bearer(cleo))
        assert answer.status == 403
        here.house.main.permissions = Permissions().changed({"files": "moderators"})
        assert await here.bring(bea, file_id="another-file") == 403
        here.say(bea, "add")
        assert bea.errors() == ["forbidden"]
        assert await here.bring(ana, file_id="another-file") == 200


async def test_sizes_types_and_ids_have_limits(tmp_path: Path) -> None:
    async with site(tmp_path) as here:
        ana = here.house.enter("ana")
        assert await here.bring(ana, b"x" * 1001) == 413
        assert await here.bring(ana, b"x" * 1000) == 200
        assert await here.bring(ana, b"x") == 409
        assert await here.bring(ana, b"x" * 501, file_id="second-file") == 413
        assert await here.bring(ana, b"x", "setup.EXE", "third-file") == 415
        for bad in ("", "../../etc", "a/b/c/d/e/f", "short", "x" * 65):
            assert await here.bring(ana, b"x", file_id=bad) == 400
        assert await here.bring(ana, b"x", " .. ", "fourth-file") == 400
        for number in range(2):
            assert await here.bring(ana, b"x", file_id=f"file-number-{number}") == 200
        assert await here.bring(ana, b"x", file_id="one-too-many") == 413
        assert here.sharing.used_bytes() == 1002
        assert len(files_in(tmp_path)) == 3


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    body=st.binary(max_size=400),
    shape=st.sampled_from(["raw", "metadata", "file", "parts"]),
    kind=st.sampled_from(["multipart/form-data; boundary=b", "multipart/x", "text/plain", ""]),
)
@example(body=b"\r\n\0\r\n\r\n", shape="parts", kind="multipart/form-data; boundary=b")
def test_any_body_is_refused_and_costs_nothing(
    tmp_path: Path, body: bytes, shape: str, kind: str
) -> None:
    """Fuzz row 10: the REST body."""
    metadata = json.dumps({"fileId": ID, "fileName": "a.pdf"}).encode()
    head = b'--b\r\nContent-Disposition: form-data; name="%s"\r\n\r\n'
    whole = {
        "raw": body,
        "metadata": head % b"metadata" + body + b"\r\n--b--\r\n",
        "file": head % b"metadata" + metadata + b"\r\n" + head % b"file" + body,
        "parts": head % b"metadata" + metadata + b"\r\n--b" + body,
    }[shape]

    async def run() -> None:
        async with site(tmp_path) as here:
            ana = here.house.enter("ana")
            headers = {**here.bearer(ana), "Content-Type": kind}
            answer = await here.client.post(here.url(), data=whole, headers=headers)
            assert answer.status in (200, 400, 409, 413)
            if answer.status != 200:
                assert here.sharing.used_bytes() == 0
                assert files_in(tmp_path) == []
            here.house.leave(ana)
            here.house.focus_leaves(PLAZA)

    asyncio.run(run())


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(JSON)
def test_any_json_about_a_file_is_refused(tmp_path: Path, value: Any) -> None:
    here = Site(tmp_path)
    ana = here.house.enter("ana")
    for text in (json.dumps(value), json.dumps({"fileId": value}), json.dumps({"x": value})):
        child = f"<file-sharing xmlns='http://jitsi.org/jitmeet' type='add'>{escape(text)}"
        message = f"<message to='filesharing.{HOST}'>{child}</file-sharing></message>"
        here.house.send(ana, message)
    here.say(ana, "remove", file_id="never-was-here")

    assert len(ana.errors()) == 4 and set(ana.errors()) <= {"bad-request", "item-not-found"}


@given(st.binary(max_size=200))
def test_any_metadata_is_read_or_refused(text: bytes) -> None:
    try:
        found = read_metadata(text)
    except BadRequest:
        return
    assert isinstance(found.fileName, str)


@given(st.text(max_size=300))
def test_a_name_is_harmless_and_keeps_its_type(text: str) -> None:
    try:
        name = harmless_name(text, 120)
    except BadRequest:
        return
    assert 0 < len(name) <= 120 and not set(name) & set('<>:"/\\|?*\r\n\0\u202e')
    assert name == name.strip(". ") and harmless_name(name, 120) == name


async def test_files_survive_a_restart_and_others_are_swept(tmp_path: Path) -> None:
    async with site(tmp_path) as here:
        ana = here.house.enter("ana")
        await here.bring(ana)
        here.say(ana, "add")
        state = json.loads(json.dumps(here.sharing.dump(here.house.main)))
        after = Site(tmp_path)
        after.house.main.meeting_id = here.meeting
        after.sharing.load(after.house.main, state)
        (tmp_path / "a meeting of yesterday").mkdir()
        after.sharing.sweep()
        late = after.house.enter("bea")

        assert list(late.told("file-sharing")[-1]["files"]) == [ID]
        assert entries(tmp_path) == [here.meeting]
        state["files"] = {"../x": {**state["files"][ID], "id": "../x"}}
        with pytest.raises(Exception, match="id of a file"):
            after.sharing.load(after.house.main, state)


# clamd, by a double that speaks its protocol: the real one needs signatures from the network.


@asynccontextmanager
async def clamd(verdict: Callable[[bytes], bytes]) -> AsyncIterator[str]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.readexactly(10) == b"zINSTREAM\0"
        content = b""
        while length := struct.unpack(">I", await reader.readexactly(4))[0]:
            content += await reader.readexactly(length)
        writer.write(verdict(content))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_what_the_scanner_finds_is_not_shared(tmp_path: Path) -> None:
    def verdict(content: bytes) -> bytes:
        return b"stream: Eicar FOUND\0" if EICAR in content else b"stream: OK\0"

    async with clamd(verdict) as address, site(tmp_path, scanner=Clamd(address)) as here:
        ana = here.house.enter("ana")
        assert await here.bring(ana, EICAR) == 422
        assert here.sharing.used_bytes() == 0
        assert await here.bring(ana, b"harmless") == 200


async def test_without_an_answer_of_the_scanner_no_file_is_taken(tmp_path: Path) -> None:
    async with (
        clamd(lambda content: b"stream: size limit ERROR\0") as address,
        site(tmp_path, scanner=Clamd(address)) as here,
    ):
        ana = here.house.enter("ana")
        assert await here.bring(ana) == 503
        assert here.sharing.used_bytes() == 0
    with pytest.raises(ScannerUnavailable):
        await Clamd(f"unix:{tmp_path}/nobody").finding(Path(__file__))


# The attendance list


async def test_moderators_fetch_the_attendance_list_during_and_after(tmp_path: Path) -> None:
    async with site(tmp_path) as here:
        ana, bea = here.house.enter("ana"), here.house.enter("bea")
        url = f"/attendance/v1/{here.meeting}.csv"
        with pytest.raises(PeerError):
            here.attendance.token_for(bea.jid)
        headers = {"Authorization": f"Bearer {here.attendance.token_for(ana.jid)[0]}"}
        assert (await here.client.get(url, headers=headers)).status == 404
        change = json.dumps({"key": "attendance", "data": True, "type": "room_metadata"})
        child = f"<room_metadata xmlns='http://jitsi.org/jitmeet'>{change}</room_metadata>"
        here.house.send(ana, f"<message to='metadata.{HOST}'>{child}</message>")

        during = await here.client.get(url, headers=headers)
        assert (await during.read()).startswith("\ufeff".encode())
        for who in (ana, bea):
            here.house.leave(who)
        here.house.focus_leaves(PLAZA)
        token = headers["Authorization"].partition(" ")[2]
        after = await here.client.get(f"{url}?token={token}")
        lines = (await after.read()).decode("utf-8-sig").splitlines()
        assert [line.split(",")[0] for line in lines] == ['"name"', '"ana"', '"bea"']
        assert after.headers["Content-Disposition"].startswith("attachment;")
        assert (await here.client.get(f"{url}?token=guessed")).status == 401
