"""Signing in at the house's own provider: the two routes, and the talk with the provider.

`GET /sign-in?room=ROOM` sends the browser there; it comes back to `/sign-in/back` and goes on to
the room with a token of ours in the fragment, which no log and no Referer ever sees. After
`GET /sign-in?for=admin` it goes on to the pages for administrators instead, who have to be some.
"""

from __future__ import annotations

import asyncio
import html
import json
import logging
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from aiohttp import web

from tertulia.accounts.oidc import WELL_KNOWN, Person, Provider, SignInFailed, SignIns
from tertulia.web.headers import valid_host
from tertulia.web.outgoing import FetchFailed, FetchLimits, fetched
from tertulia.web.rooms import room_of

logger = logging.getLogger("tertulia.web")

PATH, BACK = "/sign-in", "/sign-in/back"
COOKIE = "__Host-tertulia-sign-in"
FOR_ADMINISTRATORS = f"{PATH}?for=admin"
_ADMINISTRATION = "/admin"  # stands for a room in what is pending; no room has a slash
_KNOWN_FOR_S = 3600.0  # what the provider says of itself; its keys are fetched for each sign-in

_SENTENCES = {
    "en": {
        "refused": "You were not signed in.",
        "expired": "This sign-in has expired.",
        "provider": "Signing in does not work at the moment. Tell those who run this site.",
        "again": "Try again",
    },
    "es": {
        "refused": "No se inició la sesión.",
        "expired": "Este inicio de sesión ha caducado.",
        "provider": "No se puede iniciar sesión en este momento. Avise a quien lleva este sitio.",
        "again": "Intentar de nuevo",
    },
    "fr": {
        "refused": "Vous n’avez pas été connecté.",
        "expired": "Cette connexion a expiré.",
        "provider": "La connexion ne fonctionne pas pour le moment. Prévenez qui gère ce site.",
        "again": "Réessayer",
    },
    "it": {
        "refused": "L’accesso non è avvenuto.",
        "expired": "Questo accesso è scaduto.",
        "provider": "L’accesso non funziona in questo momento. Avvisate chi gestisce il sito.",
        "again": "Riprova",
    },
}
_PAGE = (
    '<!doctype html><html lang="{language}"><meta charset="utf-8">'
    '<meta name="viewport" content="width=device-width"><title>{sentence}</title>'
    '<main role="alert"><h1>{sentence}</h1><p><a href="{again}">{word}</a></p></main></html>'
)


class SignIn:
    """The routes, with what is known of the provider."""

    def __init__(
        self,
        sign_ins: SignIns,
        token_for: Callable[[Person, float], str],
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """
        Args:
            token_for: makes the token of ours for somebody who has signed in, at a time.
            clock: seconds since the epoch.
        """
        self._sign_ins = sign_ins
        self._token_for = token_for
        self._clock = clock
        # Takes somebody who wants to administer, and says where the browser goes on.
        self.on_administrator: Callable[[web.Request, Person], web.Response] | None = None
        self._provider: Provider | None = None
        self._known_until = 0.0
        self._asking = asyncio.Lock()

    @property
    def knows_administrators(self) -> bool:
        return bool(self._sign_ins.client.admin_claim)

    def add_to(self, app: web.Application) -> None:
        app.router.add_get(PATH, self.begin)
        app.router.add_get(BACK, self.end)

    async def begin(self, request: web.Request) -> web.StreamResponse:
        is_for_admin = request.query.get("for") == "admin" and self.knows_administrators
        room = _ADMINISTRATION if is_for_admin else _room(request.query.get("room", ""))
        back = f"https://{valid_host(request)}{BACK}"
        try:
            provider = await self._described()
            url, cookie = self._sign_ins.begin(provider, room, back, self._clock())
        except SignInFailed as failure:
            return _told(request, failure, room)
        response = web.Response(status=302, headers={"Location": url, "Cache-Control": "no-store"})
        response.set_cookie(
            *(COOKIE, cookie),
            max_age=int(self._sign_ins.limits.pending_s),
            secure=True,
            httponly=True,
            samesite="Lax",
            path="/",
        )
        return response

    async def end(self, request: web.Request) -> web.StreamResponse:
        room = ""
        try:
            provider = await self._described()
            cookie = request.cookies.get(COOKIE, "")
            code, pending = self._sign_ins.end(provider, request.query, cookie, self._clock())
            room = pending.room
            form = self._sign_ins.exchange(code, pending)
            answer = await self._asked(provider.token, form)
            keys = await self._asked(provider.keys)
            person = self._sign_ins.person(answer, keys, pending, self._clock())
        except SignInFailed as failure:
            return _told(request, failure, room)
        logger.info("Signed in: subject=%r leads=%s", person.subject, person.leads)
        if room == _ADMINISTRATION and self.on_administrator is not None:
            response = self.on_administrator(request, person)
        else:
            token = self._token_for(person, self._clock())
            response = web.Response(status=302, headers={"Location": f"/{quote(room)}#jwt={token}"})
        response.headers["Cache-Control"] = "no-store"
        response.del_cookie(COOKIE, path="/", secure=True, httponly=True, samesite="Lax")
        return response

    async def _described(self) -> Provider:
        async with self._asking:
            if self._provider is None or self._clock() >= self._known_until:
                issuer = self._sign_ins.client.issuer
                document = await self._asked(issuer.rstrip("/") + WELL_KNOWN)
                self._provider = Provider.read(document, issuer)
                self._known_until = self._clock() + _KNOWN_FOR_S
            return self._provider

    async def _asked(self, url: str, form: dict[str, str] | None = None) -> Any:
        """What the provider answers, as JSON. Raises: SignInFailed."""
        limits = FetchLimits(answer_bytes=self._sign_ins.limits.answer_bytes)
        try:
            return json.loads(await fetched(url, limits, form=form))
        except FetchFailed as failure:
            raise SignInFailed("provider", str(failure)) from None
        except (ValueError, RecursionError):
            raise SignInFailed("provider", f"{url} answered no JSON") from None


def _room(name: str) -> str:
    """What can be a room, else the start page."""
    name = name.strip("/")
    return "" if room_of(name) is None or "\\" in name else name


def _told(request: web.Request, failure: SignInFailed, room: str) -> web.Response:
    logger.warning("Sign-in failed: reason=%s detail=%r", failure.reason, str(failure))
    wanted = request.headers.get("Accept-Language", "")[:2].lower()
    language = wanted if wanted in _SENTENCES else "en"
    sentences = _SENTENCES[language]
    again = f"{PATH}?room={quote(room, safe='')}"
    if room == _ADMINISTRATION:
        again = FOR_ADMINISTRATORS
    page = _PAGE.format(
        language=language,
        sentence=html.escape(sentences[failure.reason]),
        again=html.escape(again),
        word=html.escape(sentences["again"]),
    )
    status = 502 if failure.reason == "provider" else 403
    return web.Response(
        text=page, content_type="text/html", status=status, headers={"Cache-Control": "no-store"}
    )
