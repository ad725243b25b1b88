"""A headless participant for programs: joins a meeting like any other client, and sends and
receives encoded media.

    async with join("https://meet.example.org/plaza", name="Echo") as me:
        async for event in me.events(): ...

docs/client.md shows it at work; examples/ holds programs that run.
"""

from tertulia.client.connection import Transport
from tertulia.client.errors import CodecFailed, JoinFailed
from tertulia.client.events import (
    ChatMessage,
    Disconnected,
    Ended,
    Event,
    MediaConnected,
    MediaLost,
    PersonChanged,
    PersonJoined,
    PersonLeft,
    Reconnected,
    SourceAdded,
    SourceRemoved,
    SpeakerChanged,
)
from tertulia.client.frame import Frame
from tertulia.client.joining import join
from tertulia.client.participant import Participant
from tertulia.client.people import Person, SourceState
from tertulia.client.received import RemoteSource
from tertulia.client.tracks import Track

__all__ = [
    "ChatMessage",
    "CodecFailed",
    "Disconnected",
    "Ended",
    "Event",
    "Frame",
    "JoinFailed",
    "MediaConnected",
    "MediaLost",
    "Participant",
    "Person",
    "PersonChanged",
    "PersonJoined",
    "PersonLeft",
    "Reconnected",
    "RemoteSource",
    "SourceAdded",
    "SourceRemoved",
    "SourceState",
    "SpeakerChanged",
    "Track",
    "Transport",
    "join",
]
