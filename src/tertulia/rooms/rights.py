"""What an occupant may do: the features of a meeting, and for whom each of them is.

Moderators may do everything. Between them and everybody stand presenters, whom moderators name.
Pages see the whole in the room's metadata (signalling reference 6.8); it is enforced here and, for
what is sent as media, by the focus at the bridge.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from tertulia.xmpp.errors import BadRequest


class MediaKind(StrEnum):
    """What is moderated by itself, as it is called on the wire (signalling reference 6.3)."""

    AUDIO = "audio"
    VIDEO = "video"
    DESKTOP = "desktop"


EVERY_KIND = frozenset(MediaKind)


class Feature(StrEnum):
    """What may be kept for some, under its key in the metadata."""

    MICROPHONE = "microphone"
    CAMERA = "camera"
    SCREEN = "screen"
    CHAT = "chat"
    PRIVATE_CHAT = "privateChat"  # messages to and from moderators always pass
    FILES = "files"
    POLLS = "polls"  # to make one; everybody answers
    RENAME = "rename"


OF_MEDIA = {
    MediaKind.AUDIO: Feature.MICROPHONE,
    MediaKind.VIDEO: Feature.CAMERA,
    MediaKind.DESKTOP: Feature.SCREEN,
}


class Level(StrEnum):
    """For whom a feature is."""

    EVERYBODY = "everybody"
    PRESENTERS = "presenters"
    MODERATORS = "moderators"


# What stock clients know of it: true keeps the feature from those who do not moderate.
_STOCK = {"groupChatRestricted": Feature.CHAT, "pollCreationRestricted": Feature.POLLS}


# What stock clients call the same in the permissions of a presence and in tokens (2.2, 2.4).
STOCK_NAMES = {
    Feature.POLLS: "create-polls",
    Feature.FILES: "file-upload",
    Feature.SCREEN: "screen-sharing",
    Feature.CHAT: "send-groupchat",
    Feature.PRIVATE_CHAT: "send-private-message",
}


@dataclass(frozen=True, slots=True)
class Permissions:
    """The level of each feature; those that are not named are for everybody."""

    levels: Mapping[Feature, Level] = field(default_factory=dict)

    def of(self, feature: Feature) -> Level:
        return self.levels.get(feature, Level.EVERYBODY)

    def public(self) -> dict[str, str | bool]:
        """As pages and stock clients read it, every key each time."""
        stock = {key: self.of(each) is not Level.EVERYBODY for key, each in _STOCK.items()}
        return {**{each.value: self.of(each).value for each in Feature}, **stock}

    def changed(self, data: Any) -> Permissions:
        """With what `data` names; the rest stays, keys of other kinds are passed over.

        Raises: BadRequest when it is no object, or a value is none of the known ones.
        """
        if not isinstance(data, dict):
            raise BadRequest("permissions are an object")
        levels = dict(self.levels)
        for key, feature in _STOCK.items():
            if key not in data:
                continue
            if not isinstance(data[key], bool):
                raise BadRequest(f"{key} is true or false")
            if not data[key]:
                levels[feature] = Level.EVERYBODY
            elif self.of(feature) is Level.EVERYBODY:
                levels[feature] = Level.MODERATORS
        for feature in Feature:
            if feature in data:
                try:
                    levels[feature] = Level(data[feature])
                except ValueError:
                    known = ", ".join(Level)
                    raise BadRequest(f"{feature} is for one of: {known}") from None
        return Permissions({f: level for f, level in levels.items() if level != Level.EVERYBODY})
