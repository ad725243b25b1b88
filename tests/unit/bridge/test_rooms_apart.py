"""Whatever people do, nobody receives anything of another room (security A2.5, cross-room leak)."""

import json
import random

from tests.unit.bridge.recorder import Recorder
from tests.unit.bridge.stage import CAMERA_LAYERS, Wire, sources

from tertulia.bridge.conference import Conference
from tertulia.bridge.videobridge import Videobridge
from tertulia.xmpp.colibri2 import SOURCE_NAMES, ConferenceModify, EndpointOrder, TransportOrder
from tertulia.xmpp.jingle_ice import IceUdpTransport

ROOMS, PEOPLE, STEPS = 50, 6, 3000


class Site:
    """One bridge with many rooms; the id of an endpoint says where it is: `room3-ana`."""

    def __init__(self) -> None:
        self.media = Recorder()
        self.bridge = Videobridge(self.media, server_id="br1", public_netloc="meet.example")
        self.wires: dict[str, Wire] = {}
        self.now = 0.0

    def conference(self, room: str) -> Conference | None:
        found = [each for each in self.bridge.conferences if each.meeting_id == room]
        return found[0] if found else None

    def join(self, room: str, name: str) -> None:
        endpoint_id = f"{room}-{name}"
        conference = self.conference(room)
        if conference is not None and endpoint_id in conference.endpoints:
            return
        order = EndpointOrder(
            id=endpoint_id,
            create=True,
            capabilities=frozenset({SOURCE_NAMES}),
            transport=TransportOrder(ice_controlling=True, ice=IceUdpTransport(ufrag="u", pwd="p")),
            sources=sources(endpoint_id, 100 * (1 + ord(name[0]) - ord("a"))),
        )
        self.modify(room, order, create=conference is None)
        conference = self.conference(room)
        assert conference is not None
        endpoint = conference.endpoints[endpoint_id]
        self.wires[endpoint_id] = wire = Wire()
        conference.channel_opened(endpoint, wire, self.now)
        for track in endpoint.video.values():
            conference.layers_changed(track.order.handle, CAMERA_LAYERS, self.now)

    def leave(self, room: str, name: str) -> None:
        if self.conference(room) is not None:
            self.modify(room, EndpointOrder(id=f"{room}-{name}", expire=True))

    def say(self, room: str, name: str, message: dict[str, object]) -> None:
        conference = self.conference(room)
        endpoint = conference.endpoints.get(f"{room}-{name}") if conference else None
        if conference is not None and endpoint is not None:
            conference.received(endpoint, json.dumps(message), self.now)

    def modify(self, room: str, order: EndpointOrder, *, create: bool = False) -> None:
        request = ConferenceModify(meeting_id=room, create=create, endpoints=(order,))
        self.bridge.modify(request, self.now)

    def check(self) -> None:
        """Every order to the engine, and every word on a channel, stays in its room."""
        for conference in self.bridge.conferences:
            own = {
                each.handle
                for endpoint in conference.endpoints.values()
                for each in endpoint.source_orders()
            }
            for endpoint in conference.endpoints.values():
                wanted = {each[0] for each in self.media.forwarded.get(endpoint.handle, ())}
                assert wanted <= own, endpoint.id
        for endpoint_id, wire in self.wires.items():
            room = endpoint_id.split("-")[0]
            for message in wire.sent:
                said = json.dumps(message)
                assert said.count("room") == said.count(f"{room}-"), (endpoint_id, said)
            wire.sent.clear()


def test_fifty_rooms_in_which_people_come_go_and_move() -> None:
    site, numbers = Site(), random.Random(11)
    names = ("ana", "bea", "cyd", "dora", "eva", "fe")[:PEOPLE]
    met = 0
    for step in range(STEPS):
        room, name = f"room{numbers.randrange(ROOMS)}", numbers.choice(names)
        other = f"room{numbers.randrange(ROOMS)}"
        match numbers.randrange(6):
            case 0 | 1 | 2:
                site.join(room, name)
            case 3:  # moves to another room
                site.leave(room, name)
                site.join(other, name)
            case 4:  # wants what is not there
                wish = {f"{other}-{name}-v0": {"maxHeight": 720}}
                message = {"colibriClass": "ReceiverVideoConstraints", "constraints": wish}
                listed = {"onStageSources": list(wish), "selectedSources": list(wish)}
                site.say(room, name, message | listed)
                voices = {"include": [f"{other}-{name}-a0"], "all": step % 2 == 0}
                site.say(room, name, {"colibriClass": "ReceiverAudioSubscription"} | voices)
            case _:
                to = f"{other}-{name}" if other != room else ""
                site.say(
                    room, name, {"colibriClass": "EndpointMessage", "to": to, "msgPayload": {}}
                )
        site.now += 0.05
        site.bridge.tick(site.now)
        if step % 50 == 0:
            site.check()
            met += sum(len(each.endpoints) > 1 for each in site.bridge.conferences)
    site.check()
    assert met > 500, "hardly anybody met"
    assert any(site.media.forwarded.values())
