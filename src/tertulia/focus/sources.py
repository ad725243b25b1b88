"""Who sends what in one conference: the rules a source must keep, and what receivers are told.

Rules: reference bridge 5.4 and signalling 5.3, 5.4. Receivers hear of the first encoding of a
simulcast source and its retransmissions only; the bridge chooses what flows under that SSRC.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from tertulia.xmpp.colibri2 import MediaSource
from tertulia.xmpp.errors import BadRequest, ResourceConstraint
from tertulia.xmpp.jingle_rtp import EndpointSources, Media, Semantics, Source, SsrcGroup

ALL_MEDIA = frozenset(Media)
BRIDGE_OWNER = "jvb"
RESERVED_STREAMS = frozenset({"mixedmslabel", "default"})

_SOURCE_NAME = re.compile(r"(?P<owner>.+)-(?P<kind>[av])\d{1,3}(?:\.[A-Za-z0-9-]{1,16})?")
_MAX_MSID_CHARS = 256
_NONE = EndpointSources()  # one object: what did not change is told by identity (`surviving`)


class SourceRefused(BadRequest):
    """A source that breaks the rules; the session goes on without it."""


class SourceLimitReached(ResourceConstraint):
    """More sources than one participant or one conference may have."""


@dataclass(frozen=True, slots=True)
class SourceLimits:
    """What one participant, and all of them, may send (reference signalling 5.4)."""

    max_ssrcs: int = 20
    max_groups: int = 20
    max_sources: int = 500  # of the whole conference, by name; every client is told of each


class ConferenceSources:
    """All sources of one conference by owner, valid at any moment."""

    def __init__(self, limits: SourceLimits | None = None) -> None:
        self._limits = limits or SourceLimits()
        self._by_owner: dict[str, EndpointSources] = {}
        self._told: dict[str, EndpointSources] = {}  # the same without simulcast
        self._named: dict[str, int] = {}  # how many sources each has
        self.reserved: frozenset[int] = frozenset()
        self.version = 0  # of all of them together

    def reserve(self, ssrcs: Iterable[int]) -> None:
        """Keep these SSRCs from participants: the bridge's own feedback sources."""
        self.reserved = frozenset(ssrcs)

    def of(self, owner: str) -> EndpointSources:
        return self._by_owner.get(owner, _NONE)

    def owners(self) -> Mapping[str, EndpointSources]:
        return self._by_owner

    def add(self, owner: str, added: EndpointSources) -> None:
        """Add sources that `owner` says it sends.

        Raises: SourceRefused or SourceLimitReached; then nothing has changed.
        """
        added = _normalised(owner, added)
        mine = merge(self.of(owner), added)
        sources, groups = (*mine.audio, *mine.video), (*mine.audio_groups, *mine.video_groups)
        if len(sources) > self._limits.max_ssrcs:
            raise SourceLimitReached(f"at most {self._limits.max_ssrcs} SSRCs for one participant")
        if len(groups) > self._limits.max_groups:
            raise SourceLimitReached(f"at most {self._limits.max_groups} groups of SSRCs")
        others = sum(self._named.values()) - self._named.get(owner, 0)
        if others + _named(mine) > self._limits.max_sources:
            raise SourceLimitReached(f"max_sources is reached: {self._limits.max_sources}")
        self._check_unique(owner, added)
        _check_groups(mine.audio, mine.audio_groups)
        _check_groups(mine.video, mine.video_groups)
        if mine:
            self._set(owner, mine)

    def remove(self, owner: str, removed: EndpointSources) -> None:
        """Remove by SSRC; groups that hold a removed SSRC vanish with it.

        Raises: SourceRefused when an SSRC is not one of the owner's; then nothing has changed.
        """
        gone = {source.ssrc for source in (*removed.audio, *removed.video)}
        gone |= {s for g in (*removed.audio_groups, *removed.video_groups) for s in g.ssrcs}
        mine = self.of(owner)
        known = {source.ssrc for source in (*mine.audio, *mine.video)}
        if not gone <= known:
            raise SourceRefused(f"SSRC {min(gone - known)} is not a source of {owner}")
        left = EndpointSources(
            video=tuple(s for s in mine.video if s.ssrc not in gone),
            video_groups=tuple(g for g in mine.video_groups if not gone & set(g.ssrcs)),
            audio=tuple(s for s in mine.audio if s.ssrc not in gone),
            audio_groups=tuple(g for g in mine.audio_groups if not gone & set(g.ssrcs)),
        )
        if left:
            self._set(owner, left)
        else:
            self.forget(owner)

    def forget(self, owner: str) -> None:
        self.version += 1
        self._by_owner.pop(owner, None)
        self._told.pop(owner, None)
        self._named.pop(owner, None)

    def restore(self, owner: str, sources: EndpointSources) -> None:
        """Take back sources that were checked once."""
        if sources:
            self._set(owner, sources)

    def _set(self, owner: str, sources: EndpointSources) -> None:
        self.version += 1
        self._by_owner[owner] = sources
        self._told[owner] = repairs_last(strip_simulcast(sources))
        self._named[owner] = _named(sources)

    def told_to(
        self, receiver: str, media: frozenset[Media] = ALL_MEDIA
    ) -> dict[str, EndpointSources]:
        """What a receiver of `media` has to know: everybody else's, without simulcast."""
        told = {owner: sources for owner, sources in self._told.items() if owner != receiver}
        if media == ALL_MEDIA:
            return told
        some = {owner: only(sources, media) for owner, sources in told.items()}
        return {owner: sources for owner, sources in some.items() if sources}

    def _check_unique(self, owner: str, added: EndpointSources) -> None:
        # Adding one's own SSRC a second time is an error too (reference bridge 5.4).
        taken = set(self.reserved)
        foreign_msids = set()
        for other, sources in self._by_owner.items():
            for source in (*sources.audio, *sources.video):
                taken.add(source.ssrc)
                if other != owner and source.msid:
                    foreign_msids.add(source.msid)
        for source in (*added.audio, *added.video):
            if source.ssrc in taken:
                raise SourceRefused(f"SSRC {source.ssrc} is in use")
            taken.add(source.ssrc)
            if source.msid in foreign_msids:
                raise SourceRefused("the msid belongs to another participant")


def _named(sources: EndpointSources) -> int:
    return len({source.name for source in (*sources.audio, *sources.video)})


def _normalised(owner: str, added: EndpointSources) -> EndpointSources:
    """The same sources as the sender may claim them: named after it, without foreign owner."""

    def one(source: Source, kind: str) -> Source:
        name = source.name or f"{owner}-{kind}0"
        match = _SOURCE_NAME.fullmatch(name)
        if match is None or match["owner"] != owner or match["kind"] != kind:
            raise SourceRefused(f"the name {name[:80]!r} is not one of {owner}'s {kind} sources")
        stream = source.msid.split(" ", 1)[0]
        if stream in RESERVED_STREAMS or len(source.msid) > _MAX_MSID_CHARS:
            raise SourceRefused("the msid is reserved or too long")
        video_type = source.video_type if source.video_type in ("camera", "desktop") else ""
        return replace(source, name=name, owner="", video_type=video_type)

    def some(groups: tuple[SsrcGroup, ...]) -> tuple[SsrcGroup, ...]:
        return tuple(dict.fromkeys(group for group in groups if group.ssrcs))

    return EndpointSources(
        video=tuple(one(source, "v") for source in added.video),
        video_groups=some(added.video_groups),
        audio=tuple(one(source, "a") for source in added.audio),
        audio_groups=some(added.audio_groups),
    )


def _check_groups(sources: tuple[Source, ...], groups: tuple[SsrcGroup, ...]) -> None:
    by_ssrc = {source.ssrc: source for source in sources}
    bunch = {ssrc: ssrc for ssrc in by_ssrc}  # SSRC -> the first SSRC of its extended group
    for group in sorted(groups, key=lambda g: g.semantics is Semantics.FID):
        members = [by_ssrc.get(ssrc) for ssrc in group.ssrcs]
        if group.semantics is Semantics.FID and len(group.ssrcs) != 2:
            raise SourceRefused("a FID group has exactly two SSRCs")
        if None in members or len(set(group.ssrcs)) != len(group.ssrcs):
            raise SourceRefused("a group names an SSRC that is no source")
        msids = {member.msid for member in members if member is not None}
        if len(msids) != 1 or "" in msids:
            raise SourceRefused("the sources of a group need one and the same msid")
        names = {member.name for member in members if member is not None}
        if len(names) != 1:
            raise SourceRefused("the sources of a group need one and the same name")
        root = bunch[group.ssrcs[0]]
        for ssrc in group.ssrcs:
            bunch[ssrc] = root
    msid_of: dict[str, int] = {}
    for source in sources:
        if (
            source.msid
            and msid_of.setdefault(source.msid, bunch[source.ssrc]) != bunch[source.ssrc]
        ):
            raise SourceRefused("two sources have the same msid")


def strip_simulcast(sources: EndpointSources) -> EndpointSources:
    """Keep the first SSRC of each SIM group with its retransmissions; drop the other encodings."""
    dropped = {
        ssrc
        for group in sources.video_groups
        if group.semantics is Semantics.SIM
        for ssrc in group.ssrcs[1:]
    }
    if not dropped:
        return sources
    for group in sources.video_groups:
        if group.semantics is Semantics.FID and group.ssrcs[0] in dropped:
            dropped.add(group.ssrcs[1])
    return replace(
        sources,
        video=tuple(s for s in sources.video if s.ssrc not in dropped),
        video_groups=tuple(
            g
            for g in sources.video_groups
            if g.semantics is not Semantics.SIM and not dropped & set(g.ssrcs)
        ),
    )


def only(sources: EndpointSources, media: frozenset[Media]) -> EndpointSources:
    """What of `sources` is of `media`: to a client without video, video cannot be described."""
    if Media.VIDEO not in media:
        sources = replace(sources, video=(), video_groups=())
    if Media.AUDIO not in media:
        sources = replace(sources, audio=(), audio_groups=())
    return sources


def repairs_last(sources: EndpointSources) -> EndpointSources:
    """The same sources, with SSRCs of retransmissions behind those they repair.

    Browsers take the first SSRC of a track for its media, whatever the FID group says; stock
    clients list them by number, both when they send and when they write what they were told.
    """
    repairs = {group.ssrcs[1] for group in sources.video_groups if group.semantics is Semantics.FID}
    return replace(sources, video=tuple(sorted(sources.video, key=lambda s: s.ssrc in repairs)))


def merge(one: EndpointSources, other: EndpointSources) -> EndpointSources:
    return EndpointSources(
        video=one.video + other.video,
        video_groups=tuple(dict.fromkeys(one.video_groups + other.video_groups)),
        audio=one.audio + other.audio,
        audio_groups=tuple(dict.fromkeys(one.audio_groups + other.audio_groups)),
    )


def subtract(one: EndpointSources, other: EndpointSources) -> EndpointSources:
    """What of `one` is not, in exactly this form, in `other`."""
    return EndpointSources(
        video=tuple(s for s in one.video if s not in other.video),
        video_groups=tuple(g for g in one.video_groups if g not in other.video_groups),
        audio=tuple(s for s in one.audio if s not in other.audio),
        audio_groups=tuple(g for g in one.audio_groups if g not in other.audio_groups),
    )


def difference(
    told: Mapping[str, EndpointSources], wanted: Mapping[str, EndpointSources]
) -> tuple[dict[str, EndpointSources], dict[str, EndpointSources]]:
    """(to remove, to add) so that a receiver who was told `told` knows `wanted`.

    What was added and removed again between two calls cancels out by itself.
    """
    nothing = EndpointSources()
    remove, add = {}, {}
    for owner in {**told, **wanted}:
        old, new = told.get(owner, nothing), wanted.get(owner, nothing)
        if old is new:
            continue  # nearly all of them, in a large conference
        if not old and new:
            add[owner] = new
            continue
        if gone := subtract(old, new):
            remove[owner] = gone
        if came := subtract(new, old):
            add[owner] = came
    return remove, add


def for_bridge(sources: EndpointSources) -> tuple[MediaSource, ...]:
    """The same sources by name, as COLIBRI2 groups them; with all encodings."""
    found: list[MediaSource] = []
    for media in Media:
        mine, groups = sources.of(media)
        for name in dict.fromkeys(source.name for source in mine):
            members = tuple(source for source in mine if source.name == name)
            ssrcs = {source.ssrc for source in members}
            found.append(
                MediaSource(
                    id=name,
                    type=media,
                    sources=members,
                    groups=tuple(group for group in groups if set(group.ssrcs) <= ssrcs),
                )
            )
    return tuple(found)
