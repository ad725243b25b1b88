"""The file-sharing component: who may share, fetch and remove files, and who is told.

The bytes come and go over HTTP with short-lived tokens (`web.files`); this knows whose they are.
What is said of a file that is here is what has arrived, not what its sender says. Of one that is
not here its sender may tell, for clients that keep their files at another service; whose word it
is, the server says all the same (decision 51).
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar

import msgspec

from tertulia.errors import PeerError
from tertulia.rooms.errors import NotInRoom
from tertulia.rooms.files.shelf import Described, FileLimits, Shelf, Stored, harmless_name
from tertulia.rooms.occupant import Occupant, Role
from tertulia.rooms.parts import Part, addresses, people
from tertulia.rooms.persons import Persons, display_name
from tertulia.rooms.rights import Feature
from tertulia.rooms.room import Room
from tertulia.rooms.short_lived import Grant, ShortLivedTokens
from tertulia.xmpp import ns as NS
from tertulia.xmpp.errors import BadRequest, Forbidden, ItemNotFound, NotAuthorized
from tertulia.xmpp.jid import Jid
from tertulia.xmpp.xml import Element

log = logging.getLogger("tertulia.rooms")

_LINK = "file-link"  # the service of tokens that stand in links
_MESSAGE = msgspec.json.Decoder(dict[str, Any])


class FileSharing(Part):
    """The files of every room, in one folder for each meeting."""

    name: ClassVar[str] = "file-sharing"

    def __init__(
        self,
        domain: str,
        folder: Path,
        *,
        persons: Persons | None = None,
        limits: FileLimits | None = None,
    ) -> None:
        super().__init__(domain)
        self.limits = limits or FileLimits()
        self.tokens = ShortLivedTokens()
        self._folder = folder
        self._persons = persons or Persons()
        self._shelves: dict[Jid, Shelf] = {}

    # Over XMPP

    def entered(self, room: Room, newcomer: Occupant) -> None:
        shelf = self._shelves.get(room.jid)
        shared = {} if shelf is None else shelf.shared(str(room.jid))
        if shared:
            self.tell((newcomer.jid,), {"type": self.name, "event": "list", "files": shared})

    def message(self, room: Room, sender: Occupant, stanza: Element) -> None:
        child = stanza.find(self.name, NS.JITMEET)
        match "" if child is None else child.get("type"):
            case "add":
                self._add(room, sender, "" if child is None else child.text)
            case "remove":
                self._remove(room, sender, "" if child is None else child.get("fileId"))
            case _:
                raise BadRequest("a file is added or removed")

    def _add(self, room: Room, sender: Occupant, text: str) -> None:
        self._require(room, sender)
        try:
            said = _MESSAGE.decode(text)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            raise BadRequest("a file is described in JSON") from None
        file_id, shelf = said.get("fileId"), self._shelf(room)
        if not isinstance(file_id, str):
            raise BadRequest("the fileId is missing")
        if file_id in shelf.files:
            stored = shelf.file(file_id)
            if stored.author != self._persons.key_of(sender):
                raise Forbidden("somebody else has brought that file")
            if stored.is_shared:
                return
            stored.is_shared = True
            file: Described = stored
        else:
            file = self._described(sender, file_id, said)
            shelf.describe(file, self.limits)
        self._tell_others(room, sender, {"event": "add", "file": file.public(str(room.jid))})
        self.touched(room)

    def _described(self, sender: Occupant, file_id: str, said: dict[str, Any]) -> Described:
        name, size = said.get("fileName"), said.get("fileSize", 0)
        if not isinstance(name, str):
            raise BadRequest("a file has a name")
        if not isinstance(size, int) or isinstance(size, bool):
            raise BadRequest("the size of a file is a number of bytes")
        return Described(
            id=file_id,
            name=harmless_name(name, self.limits.file_name_characters),
            size=size,
            author=self._persons.key_of(sender),
            nick=sender.nick,
            author_name=display_name(sender),
            at_ms=int(self.parts.clock() * 1000),
        )

    def _remove(self, room: Room, actor: Occupant, file_id: str) -> None:
        shelf = self._shelf(room)
        described = shelf.elsewhere.get(file_id)
        file = described or shelf.file(file_id)
        if file.author != self._persons.key_of(actor) and actor.role is not Role.MODERATOR:
            raise Forbidden("only moderators and who brought a file remove it")
        if described is not None:
            del shelf.elsewhere[file_id]
            was_told = True
        else:
            was_told = shelf.files.pop(file_id).is_shared
            self._path(shelf, file_id).unlink(missing_ok=True)
        if was_told:
            self._tell_others(room, actor, {"event": "remove", "fileId": file_id})
        self.touched(room)

    def _tell_others(self, room: Room, actor: Occupant, event: dict[str, Any]) -> None:
        others: Iterable[Occupant] = (each for each in people(room) if each is not actor)
        self.tell(addresses(others), {"type": self.name, **event})

    def _require(self, room: Room, occupant: Occupant) -> None:
        if not room.permits(occupant, Feature.FILES):
            raise Forbidden("sharing files is kept for others here")

    # Over HTTP: `web.files.FileKeeper`

    def token_for(self, jid: Jid) -> tuple[str, float]:
        """A token for somebody in a room, and until when it is good. Raises: NotInRoom."""
        room = self.parts.room_of(jid)
        if room is None:
            raise NotInRoom
        until = self.parts.clock() + self.limits.token_s
        grant = Grant(
            service=self.name, room=room.jid, meeting_id=room.meeting_id, jid=jid, until=until
        )
        return self.tokens.give(grant), until

    def begin(self, token: str, meeting_id: str, file_id: str, name: str) -> Upload:
        """Somebody brings a file. Raises: NotAuthorized, Forbidden and what `Shelf.begin` does."""
        room, occupant = self._shown(token, meeting_id)
        self._require(room, occupant)
        shelf = self._shelf(room)
        file = Stored(
            id=file_id,
            name=harmless_name(name, self.limits.file_name_characters),
            author=self._persons.key_of(occupant),
            nick=occupant.nick,
            author_name=display_name(occupant),
            at_ms=int(self.parts.clock() * 1000),
        )
        shelf.begin(file, self.limits)
        return Upload(self, room, shelf, file)

    def link(self, token: str, meeting_id: str, file_id: str) -> tuple[str, str]:
        """The name of a file, and a token that stands in a link to it. Raises: PeerError."""
        room, occupant = self._shown(token, meeting_id)
        file = self._shelf(room).file(file_id)
        grant = Grant(
            service=_LINK,
            room=room.jid,
            meeting_id=meeting_id,
            jid=occupant.jid,
            until=self.parts.clock() + self.limits.link_s,
            subject=file_id,
        )
        return file.name, self.tokens.give(grant)

    def linked(self, token: str) -> tuple[Path, str]:
        """Where the file of a link is, and its name. Raises: NotAuthorized, ItemNotFound."""
        grant = self.tokens.redeem(token, _LINK, "", self.parts.clock())
        room = self.parts.room(grant.room)
        if room is None or room.meeting_id != grant.meeting_id:
            raise ItemNotFound("the meeting is over")
        shelf = self._shelf(room)
        return self._path(shelf, grant.subject), shelf.file(grant.subject).name

    def remove(self, token: str, meeting_id: str, file_id: str) -> None:
        """Raises: PeerError."""
        room, occupant = self._shown(token, meeting_id)
        self._remove(room, occupant, file_id)

    def _shown(self, token: str, meeting_id: str) -> tuple[Room, Occupant]:
        """Who shows a token: it has to be in the room still."""
        grant = self.tokens.redeem(token, self.name, meeting_id, self.parts.clock())
        room = self.parts.room(grant.room)
        occupant = None if room is None else room.occupant_of(grant.jid)
        if room is None or occupant is None or room.meeting_id != meeting_id:
            raise NotAuthorized("you are not in that meeting")
        return room, occupant

    # The folder

    def ended(self, room: Room) -> None:
        shelf = self._shelves.pop(room.jid, None)
        if shelf is not None:
            self.tokens.forget(shelf.meeting_id, self.name)
            self.tokens.forget(shelf.meeting_id, _LINK)
            shutil.rmtree(self._folder / shelf.meeting_id, ignore_errors=True)

    def sweep(self) -> None:
        """Delete the files of meetings that are no more: after a start."""
        known = {each.meeting_id for each in self._shelves.values()}
        if self._folder.is_dir():
            for each in self._folder.iterdir():
                if each.name not in known:
                    shutil.rmtree(each, ignore_errors=True)
                    log.info("Files of an ended meeting are deleted: meeting=%s", each.name)

    def used_bytes(self) -> int:
        return sum(each.used_bytes for each in self._shelves.values())

    def _shelf(self, room: Room) -> Shelf:
        return self._shelves.setdefault(room.jid, Shelf(meeting_id=room.meeting_id))

    def _path(self, shelf: Shelf, file_id: str) -> Path:
        return self._folder / shelf.meeting_id / file_id

    # What survives

    def dump(self, room: Room) -> Any:
        shelf = self._shelves.get(room.jid)
        if shelf is None:
            return None
        here = {each.id: each for each in shelf.files.values() if each.is_here}
        kept = Shelf(meeting_id=shelf.meeting_id, files=here, elsewhere=shelf.elsewhere)
        return msgspec.to_builtins(kept)

    def load(self, room: Room, state: Any) -> None:
        shelf = msgspec.convert(state, Shelf)
        try:
            for each in shelf.files.values():
                harmless_name(each.name, self.limits.file_name_characters)
                Shelf(meeting_id="").begin(each, self.limits)  # its id is a file's name
            for described in shelf.elsewhere.values():
                Shelf(meeting_id="").describe(described, self.limits)
        except PeerError as error:
            raise msgspec.ValidationError(str(error)) from None
        self._shelves[room.jid] = Shelf(
            meeting_id=room.meeting_id, files=shelf.files, elsewhere=shelf.elsewhere
        )


class Upload:
    """A file on its way. End it with `finish` or `abandon`."""

    def __init__(self, sharing: FileSharing, room: Room, shelf: Shelf, file: Stored) -> None:
        self._sharing = sharing
        self._room = room
        self._shelf = shelf
        self._file = file
        self.path = sharing._path(shelf, file.id)

    def grow(self, more: int) -> None:
        """So many bytes have arrived. Raises: PolicyViolation, ItemNotFound (it has ended)."""
        if self._sharing._shelves.get(self._room.jid) is not self._shelf:
            raise ItemNotFound("the meeting is over")
        sharing = self._sharing
        self._shelf.grow(self._file, more, sharing.limits, sharing.used_bytes())

    def finish(self) -> None:
        """All of it is there and may be shared. Raises: ItemNotFound when the meeting has ended."""
        self.grow(0)
        self._file.is_here = True
        self._sharing.touched(self._room)

    def abandon(self) -> None:
        """Nothing of it stays."""
        self._shelf.files.pop(self._file.id, None)
        self.path.unlink(missing_ok=True)
