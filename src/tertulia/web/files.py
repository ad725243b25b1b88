"""Files over HTTP (signalling reference 6.11): up as a stream, down by links that die with rooms.

    POST   /files/v1/sessions/MEETING/files          multipart: `metadata` (JSON), then `file`
    GET    /files/v1/sessions/MEETING/files/FILE     {"fileName", "presignedUrl"}
    DELETE /files/v1/sessions/MEETING/files/FILE
    GET    /files/v1/links/TOKEN                     the bytes

The first three take `Authorization: Bearer TOKEN`, a short-lived one that the page gets over XMPP.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

import msgspec
from aiohttp import BodyPartReader, MultipartReader, web
from aiohttp.http_exceptions import HttpProcessingError

from tertulia.errors import PeerError
from tertulia.storage.errors import StorageUnavailable
from tertulia.web.headers import valid_host
from tertulia.web.scanning import Clamd, ScannerUnavailable
from tertulia.xmpp.errors import (
    BadRequest,
    Conflict,
    Forbidden,
    ItemNotFound,
    NotAcceptable,
    NotAuthorized,
    PolicyViolation,
)

log = logging.getLogger("tertulia.web")

BASE = "/files/v1"
_METADATA_BYTES = 8 * 1024
_PIECE = 256 * 1024  # is written at once
_UPLOAD_S = 1800.0  # for the slowest line
_STATUS: dict[type[PeerError], int] = {
    BadRequest: 400,
    NotAuthorized: 401,
    Forbidden: 403,
    ItemNotFound: 404,
    Conflict: 409,
    PolicyViolation: 413,
    NotAcceptable: 415,
}
# Stock applications come from other origins; the token says who they are, no cookie does.
_ANY_ORIGIN = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Headers": "Authorization, Content-Type",
    "Access-Control-Allow-Methods": "GET, POST, DELETE, OPTIONS",
}
# Whatever it is, no browser shows it, runs it or guesses what it may be.
_HARMLESS = {
    "Content-Type": "application/octet-stream",
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "private, no-store",
    "Cross-Origin-Resource-Policy": "cross-origin",
}


class UploadInProgress(Protocol):
    @property
    def path(self) -> Path: ...

    def grow(self, more: int) -> None: ...

    def finish(self) -> None: ...

    def abandon(self) -> None: ...


class FileKeeper(Protocol):
    """Who may do what with which file; every method may raise PeerError."""

    def begin(self, token: str, meeting_id: str, file_id: str, name: str) -> UploadInProgress: ...

    def link(self, token: str, meeting_id: str, file_id: str) -> tuple[str, str]: ...

    def linked(self, token: str) -> tuple[Path, str]: ...

    def remove(self, token: str, meeting_id: str, file_id: str) -> None: ...


class Metadata(msgspec.Struct):
    """What is read of the metadata: the rest is the server's to know."""

    fileId: str
    fileName: str


_METADATA = msgspec.json.Decoder(Metadata)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def read_metadata(text: bytes) -> Metadata:
    """Raises: BadRequest."""
    try:
        return _METADATA.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise BadRequest("the metadata names fileId and fileName in JSON") from None


class Files:
    """The handlers. Without a `scanner` nothing is looked into."""

    def __init__(self, keeper: FileKeeper, scanner: Clamd | None = None) -> None:
        self._keeper = keeper
        self._scanner = scanner

    def add_to(self, app: web.Application) -> None:
        folder = f"{BASE}/sessions/{{meeting}}/files"
        for method, path, handler in (
            ("POST", folder, self.upload),
            ("GET", f"{folder}/{{file}}", self.link),
            ("DELETE", f"{folder}/{{file}}", self.remove),
            ("GET", f"{BASE}/links/{{token}}", self.download),
        ):
            app.router.add_route(method, path, answering(handler))
        for path in (folder, f"{folder}/{{file}}"):
            app.router.add_route("OPTIONS", path, _preflight)

    async def upload(self, request: web.Request) -> web.StreamResponse:
        token, meeting = bearer(request), request.match_info["meeting"]
        if not request.content_type.startswith("multipart/"):
            raise BadRequest("a file comes as multipart/form-data")
        async with asyncio.timeout(_UPLOAD_S):
            parts = await request.multipart()
            described = await _part(parts, "metadata")
            metadata = read_metadata(await _all_of(described, _METADATA_BYTES))
            upload = self._keeper.begin(token, meeting, metadata.fileId, metadata.fileName)
            try:
                await _store(await _part(parts, "file"), upload)
                await self._scan(upload.path)
                upload.finish()
            except BaseException:
                upload.abandon()
                raise
        return web.json_response({"fileId": metadata.fileId})

    async def _scan(self, path: Path) -> None:
        if self._scanner is None:
            return
        finding = await self._scanner.finding(path)
        if finding:
            log.warning("A shared file was refused: finding=%s", finding)
            raise Harmful(finding)

    async def link(self, request: web.Request) -> web.StreamResponse:
        meeting, file = request.match_info["meeting"], request.match_info["file"]
        name, token = self._keeper.link(bearer(request), meeting, file)
        url = f"https://{valid_host(request)}{BASE}/links/{token}"
        return web.json_response({"fileName": name, "presignedUrl": url})

    async def remove(self, request: web.Request) -> web.StreamResponse:
        meeting, file = request.match_info["meeting"], request.match_info["file"]
        self._keeper.remove(bearer(request), meeting, file)
        return web.Response(status=204)

    async def download(self, request: web.Request) -> web.StreamResponse:
        path, name = self._keeper.linked(request.match_info["token"])
        return web.FileResponse(path, headers={**_HARMLESS, "Content-Disposition": as_file(name)})


class Harmful(PeerError):
    """The scanner found something."""


def answering(handler: Handler) -> Handler:
    """Refusals as HTTP answers, and leave for other origins to read them."""

    async def answer(request: web.Request) -> web.StreamResponse:
        try:
            response = await handler(request)
        except PeerError as error:
            status = 422 if isinstance(error, Harmful) else _STATUS.get(type(error), 403)
            response = _refused(status, str(error))
        except ScannerUnavailable as error:
            log.error("Files cannot be checked: %s", error)
            response = _refused(503, "files cannot be checked at the moment")
        except StorageUnavailable as error:
            log.error("Not read: %s", error)
            response = _refused(503, "the database is away at the moment")
        except TimeoutError:
            response = _refused(408, "that took too long")
        except OSError as error:
            log.error("Files cannot be kept: %s", error)
            response = _refused(503, "files cannot be kept at the moment")
        except (ValueError, HttpProcessingError):  # the multipart reader's: no body
            response = _refused(400, "the body is not as it should be")
        response.headers.update(_ANY_ORIGIN)
        return response

    return answer


def _refused(status: int, text: str) -> web.Response:
    # What is left of the body is not read: the connection ends with the answer.
    response = web.json_response({"error": text}, status=status)
    response.force_close()
    return response


async def _preflight(request: web.Request) -> web.StreamResponse:
    return web.Response(status=204, headers={**_ANY_ORIGIN, "Access-Control-Max-Age": "600"})


def bearer(request: web.Request) -> str:
    """Raises: NotAuthorized."""
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() != "bearer" or not token:
        raise NotAuthorized("a short-lived token is needed")
    return token.strip()


def as_file(name: str) -> str:
    """Content-Disposition that saves and never shows (RFC 6266)."""
    plain = "".join(c if c.isascii() and (c.isalnum() or c in " ._-") else "_" for c in name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


async def _part(parts: MultipartReader, name: str) -> BodyPartReader:
    part: Any = await parts.next()
    if not isinstance(part, BodyPartReader) or part.name != name:
        raise BadRequest("the parts are metadata, then file")
    return part


async def _all_of(part: BodyPartReader, most: int) -> bytes:
    found = bytearray()
    while chunk := await part.read_chunk():
        found += chunk
        if len(found) > most:
            raise BadRequest(f"the metadata is over {most} bytes")
    return bytes(found)


async def _store(part: BodyPartReader, upload: UploadInProgress) -> None:
    """Write what arrives, counted before it is written."""
    upload.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with upload.path.open("xb") as file:
        piece = bytearray()
        while chunk := await part.read_chunk(64 * 1024):
            upload.grow(len(chunk))
            piece += chunk
            if len(piece) >= _PIECE:
                await asyncio.to_thread(file.write, bytes(piece))
                piece.clear()
        await asyncio.to_thread(file.write, bytes(piece))
