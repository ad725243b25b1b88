"""Sources as a participant is told of them: by the focus (XEP-0339, with Jitsi's names and owners),
or, with SSRC rewriting, by the bridge."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tertulia.xmpp.jingle import Jingle
from tertulia.xmpp.jingle_rtp import EndpointSources, Media, Semantics

BRIDGE = "jvb"  # owns the sources that only give the first m-lines an SSRC


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalledSource:
    """One audio or video origin of somebody: the stream we are sent of it."""

    name: str
    owner: str
    media: Media
    ssrc: int
    rtx: int | None = None
    is_screen: bool = False


def signalled(jingle: Jingle) -> Iterator[SignalledSource]:
    """The sources in a session-initiate, source-add or source-remove, the bridge's own left out.

    Both wire forms: JSON by owner, and XML with the owner on each source (`ssrc-info`).
    """
    for owner, sources in jingle.sources.items():
        yield from _of_owner(owner, sources)
    by_owner: dict[str, list[EndpointSources]] = {}
    for content in jingle.contents:
        if content.description is None:
            continue
        media, groups = content.description.media, content.description.groups
        for owner in dict.fromkeys(source.owner for source in content.description.sources):
            own = tuple(each for each in content.description.sources if each.owner == owner)
            part = (
                EndpointSources(video=own, video_groups=groups)
                if media is Media.VIDEO
                else EndpointSources(audio=own, audio_groups=groups)
            )
            by_owner.setdefault(owner.partition("/")[2] or owner, []).append(part)
    for owner, parts in by_owner.items():
        for part in parts:
            yield from _of_owner(owner, part)


def mapped(message: Mapping[str, Any]) -> Iterator[SignalledSource]:
    """The sources in a `VideoSourcesMap` or `AudioSourcesMap`; malformed entries are left out."""
    is_video = message.get("colibriClass") == "VideoSourcesMap"
    entries = message.get("mappedSources")
    for entry in entries if isinstance(entries, list) else ():
        found = entry if isinstance(entry, dict) else {}
        name, owner, ssrc = found.get("source"), found.get("owner"), found.get("ssrc")
        rtx = found.get("rtx")
        if not (isinstance(name, str) and isinstance(owner, str) and isinstance(ssrc, int)):
            continue
        yield SignalledSource(
            name=name,
            owner=owner,
            media=Media.VIDEO if is_video else Media.AUDIO,
            ssrc=ssrc,
            rtx=rtx if isinstance(rtx, int) else None,
            is_screen=is_video and str(found.get("videoType")).lower().startswith("desktop"),
        )


def _of_owner(owner: str, sources: EndpointSources) -> Iterator[SignalledSource]:
    if owner in ("", BRIDGE):
        return
    for media in Media:
        found, groups = sources.of(media)
        repairs = {
            group.ssrcs[0]: group.ssrcs[1]
            for group in groups
            if group.semantics is Semantics.FID and len(group.ssrcs) == 2
        }
        seen: set[str] = set()
        for source in found:
            # The first SSRC of a name counts: a receiver sees one stream of each source.
            if source.ssrc in repairs.values() or source.name in seen or not source.name:
                continue
            seen.add(source.name)
            yield SignalledSource(
                name=source.name,
                owner=owner,
                media=media,
                ssrc=source.ssrc,
                rtx=repairs.get(source.ssrc),
                is_screen=source.video_type == "desktop",
            )
