"""COLIBRI2 over HTTP, for whoever leads conferences without XMPP (reference bridge 6.1).

Off unless it is switched on, and on the listener for operators only: whoever reaches it commands
the bridge.
"""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus

from aiohttp import web

from tertulia.bridge.conference import Conference
from tertulia.bridge.videobridge import Videobridge
from tertulia.errors import MalformedInput, PeerError
from tertulia.xmpp.colibri2 import BadRequest, Colibri2Error, ConferenceModify, ConferenceNotFound
from tertulia.xmpp.colibri2_json import answer_json, request_element

_STATUS = {
    "bad-request": HTTPStatus.BAD_REQUEST,
    "conflict": HTTPStatus.CONFLICT,
    "item-not-found": HTTPStatus.NOT_FOUND,
    "service-unavailable": HTTPStatus.SERVICE_UNAVAILABLE,
    "resource-constraint": HTTPStatus.SERVICE_UNAVAILABLE,
    "feature-not-implemented": HTTPStatus.NOT_IMPLEMENTED,
}


def routes(bridge: Videobridge, clock: Callable[[], float]) -> list[web.RouteDef]:
    """What an application may add to its own."""

    async def create(request: web.Request) -> web.Response:
        return await _modify(request, "")

    async def change(request: web.Request) -> web.Response:
        return await _modify(request, request.match_info["meeting"])

    async def _modify(request: web.Request, meeting_id: str) -> web.Response:
        try:
            order = ConferenceModify.parse(request_element(await request.json(), meeting_id))
            if not meeting_id and not order.create:
                raise BadRequest("a new conference needs create: true")
            answer = bridge.modify(order, clock())
        except (MalformedInput, ValueError, RecursionError) as error:
            return _refused(BadRequest(str(error)))
        except PeerError as error:
            return _refused(error)
        return web.json_response(answer_json(answer))

    async def every(request: web.Request) -> web.Response:
        return web.json_response([_state(each) for each in bridge.conferences])

    async def one(request: web.Request) -> web.Response:
        conference = bridge.conference(request.match_info["meeting"])
        if conference is None:
            return _refused(ConferenceNotFound("no such conference"))
        return web.json_response(_state(conference))

    async def speech(request: web.Request) -> web.Response:
        conference = bridge.conference(request.match_info["meeting"])
        if conference is None:
            return _refused(ConferenceNotFound("no such conference"))
        order = conference.speech.order
        return web.json_response(
            {
                "dominantEndpoint": conference.speech.dominant,
                "endpointsBySpeechActivity": order,
                "endpointsInLastNOrder": order,
            }
        )

    conferences = "/colibri/v2/conferences"
    return [
        *(web.post(path, create) for path in (conferences, f"{conferences}/")),
        *(web.get(path, every) for path in (conferences, f"{conferences}/")),
        web.patch(f"{conferences}/{{meeting}}", change),
        web.get(f"{conferences}/{{meeting}}", one),
        web.get(f"{conferences}/{{meeting}}/dominant-speaker-identification", speech),
    ]


def _state(conference: Conference) -> dict[str, object]:
    return {
        "meeting-id": conference.meeting_id,
        "id": conference.id,
        "name": conference.name,
        "endpoints": [
            {
                "id": endpoint.id,
                "stats-id": endpoint.stats_id,
                "connected": endpoint.is_connected,
                "active": endpoint.is_active,
                "sources": [*endpoint.audio, *endpoint.video],
            }
            for endpoint in conference.endpoints.values()
        ],
    }


def _refused(error: PeerError) -> web.Response:
    body = {"condition": error.condition, "text": str(error)}
    if isinstance(error, Colibri2Error):
        body["reason"] = error.reason.value
    status = _STATUS.get(error.condition, HTTPStatus.INTERNAL_SERVER_ERROR)
    return web.json_response(body, status=status)
