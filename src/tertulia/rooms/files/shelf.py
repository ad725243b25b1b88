"""The files of one meeting: names made harmless, sizes counted. Without I/O."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Any

import msgspec

from tertulia.xmpp.errors import BadRequest, Conflict, ItemNotFound, NotAcceptable, PolicyViolation

# A file's name on our disk is its id, so an id is nothing but this.
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{7,63}")
# What runs when somebody opens it.
RUNS = frozenset(
    (
        *("apk", "app", "bat", "cmd", "com", "cpl", "dll", "dmg", "exe", "hta", "iso", "jar"),
        *("js", "jse", "lnk", "msc", "msi", "msp", "pif", "ps1", "reg", "scr", "sct", "sh"),
        *("vb", "vbe", "vbs", "wsf", "wsh"),
    )
)
# The id of a file that is kept elsewhere never becomes a path.
_ID_ELSEWHERE = re.compile(r"[A-Za-z0-9._~-]{1,64}")
_LARGEST = 2**53  # what JSON numbers hold exactly
_RESERVED = frozenset('<>:"/\\|?*')
_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


@dataclass(frozen=True, slots=True, kw_only=True)
class FileLimits:
    """Texts of refusals name the field that was exceeded."""

    file_bytes: int = 50 * 1024 * 1024  # of one file
    room_bytes: int = 200 * 1024 * 1024  # of all files of a meeting
    all_bytes: int = 10 * 1024 * 1024 * 1024  # of all meetings
    files: int = 100  # of one meeting
    file_name_characters: int = 120
    token_s: float = 60.0  # for the next request or upload to begin
    link_s: float = 300.0  # a link to download
    refused_types: frozenset[str] = RUNS


class Described(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What everybody is told of a file. Without more, it is kept elsewhere: its author's word.

    Clients that are configured with another place for files (`fileSharing.apiUrl`) announce such.
    """

    id: str
    name: str
    author: str  # the key of the person
    nick: str
    author_name: str
    at_ms: int
    size: int = 0

    @property
    def type(self) -> str:
        return extension(self.name)

    def public(self, room: str) -> dict[str, Any]:
        """As everybody is told (signalling reference 6.11)."""
        return {
            "fileId": self.id,
            "fileName": self.name,
            "fileSize": self.size,
            "fileType": self.type,
            "timestamp": self.at_ms,
            "authorParticipantId": self.nick,
            "authorParticipantName": self.author_name,
            "conferenceFullName": room,
        }


class Stored(Described, kw_only=True, forbid_unknown_fields=True):
    """One file here; `size` grows while it arrives."""

    is_here: bool = False  # all of it has arrived, and nothing was found in it
    is_shared: bool = False  # everybody was told


class Shelf(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The files of one meeting, and those that it was told of."""

    meeting_id: str
    files: dict[str, Stored] = {}
    elsewhere: dict[str, Described] = {}

    @property
    def used_bytes(self) -> int:
        return sum(each.size for each in self.files.values())

    def begin(self, file: Stored, limits: FileLimits) -> None:
        """A file is about to arrive.

        Raises: BadRequest, Conflict, PolicyViolation, NotAcceptable.
        """
        if not _ID.fullmatch(file.id):
            raise BadRequest("the id of a file is letters, digits and hyphens")
        self._check_place(file, limits)
        self.files[file.id] = file

    def describe(self, file: Described, limits: FileLimits) -> None:
        """Everybody is to be told of a file that is kept elsewhere. Raises: as `begin`."""
        if not _ID_ELSEWHERE.fullmatch(file.id):
            raise BadRequest("the id of a file is letters, digits, hyphens, dots, lines and tildes")
        if not 0 <= file.size <= _LARGEST:
            raise BadRequest("the size of a file is a number of bytes")
        self._check_place(file, limits)
        self.elsewhere[file.id] = file

    def _check_place(self, file: Described, limits: FileLimits) -> None:
        if file.id in self.files or file.id in self.elsewhere:
            raise Conflict("there is a file with that id")
        if len(self.files) + len(self.elsewhere) >= limits.files:
            raise PolicyViolation(f"a meeting has at most {limits.files} files (files)")
        if file.type in limits.refused_types:
            raise NotAcceptable(f"files of the type {file.type} are not shared here")

    def grow(self, file: Stored, more: int, limits: FileLimits, all_used: int) -> None:
        """Part of a file has arrived; `all_used` is what all meetings hold.

        Raises: PolicyViolation.
        """
        if file.size + more > limits.file_bytes:
            raise PolicyViolation(f"a file is over {limits.file_bytes} bytes (file_bytes)")
        if self.used_bytes + more > limits.room_bytes:
            raise PolicyViolation("the files of this meeting are too large together (room_bytes)")
        if all_used + more > limits.all_bytes:
            raise PolicyViolation("there is no room for more files at the moment (all_bytes)")
        file.size += more

    def file(self, file_id: str) -> Stored:
        """A file that is here. Raises: ItemNotFound."""
        file = self.files.get(file_id)
        if file is None or not file.is_here:
            raise ItemNotFound("no such file")
        return file

    def shared(self, room: str) -> dict[str, Any]:
        """All that everybody was told of, by id."""
        here = (each for each in self.files.values() if each.is_shared)
        return {each.id: each.public(room) for each in (*here, *self.elsewhere.values())}


def harmless_name(name: str, longest: int) -> str:
    """A name that is safe as a file's name on any system, and shows its type as it is.

    Raises: BadRequest when nothing is left of it.
    """
    name = unicodedata.normalize("NFC", name).replace("\\", "/").rpartition("/")[2]
    kept = "".join(
        c
        for c in name
        if c not in _RESERVED and c not in _BIDI and unicodedata.category(c) not in ("Cc", "Cs")
    )
    kept = " ".join(kept.split()).strip(". ")
    if len(kept) > longest:
        stem, dot, suffix = kept.rpartition(".")
        kept = f"{stem[: longest - len(suffix) - 1]}.{suffix}" if dot and len(suffix) < 12 else kept
        kept = kept[:longest].strip(". ")
    if not kept:
        raise BadRequest("a file has a name")
    return kept


def extension(name: str) -> str:
    return name.rpartition(".")[2].lower() if "." in name else ""
