"""Sections of the configuration: bridges, conferences, and how much is allowed."""

from __future__ import annotations

from dataclasses import dataclass

from tertulia.config.declaring import key
from tertulia.setting_rules import BRIDGE_NAME, COUNT, GRACE, LINE, NUMBER, PORT, SECONDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Bridge:
    enabled: bool = key(True, "Start and supervise a bridge on this machine.")
    name: str = key("local", "Its name in the brewery, unique among all bridges.", BRIDGE_NAME)
    region: str = key("", "Its region, compared with the regions of participants.", LINE)
    alone_s: int = key(
        120, "How long it carries meetings on after this process was killed (s).", COUNT
    )
    max_conferences: int = key(1000, "Most conferences on it; more are refused.", COUNT)
    max_endpoints: int = key(2000, "Most people on it, over all conferences.", COUNT)
    max_memory_mib: int = key(3072, "From this much memory on it takes nobody more.", COUNT)
    loudest_voices: int = key(
        0, "How many voices at a time reach everybody, the loudest ones; 0 for all.", NUMBER
    )
    silence_after_s: int = key(
        0, "Tell clients when nobody has spoken for so many seconds; 0 for never.", NUMBER
    )
    shed_load: bool = key(False, "Send everybody fewer videos while the bridge has too much to do.")
    rest: bool = key(
        False,
        "Take COLIBRI2 as JSON on its pages for operators; whoever reaches them commands it.",
    )
    monitor_port: int = key(8080, "TCP port of its pages for operators, at `monitor.listen`.", PORT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Focus:
    region_groups: tuple[str, ...] = key(
        (), "Regions near each other, each group as names with + between, such as eu-1+eu-2."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    conferences: int = key(1000, "Most conferences at a time.", COUNT)
    rooms_per_creator: int = key(
        200,
        "New rooms an hour from one address, which may be a campus behind NAT; loopback, a proxy "
        "here, is not limited.",
        COUNT,
    )
    occupants_per_room: int = key(100, "Most people in one room.", COUNT)
    wrong_passwords: int = key(
        10, "Wrong passwords an hour for one account from one address; then it has to wait.", COUNT
    )
    connections_per_address: int = key(
        20, "Most connections from one address that have not authenticated yet.", COUNT
    )
    connection_rate_per_address: int = key(
        5, "New signalling connections per second from one address, in the long run.", COUNT
    )
    connection_burst_per_address: int = key(
        200, "How many may come at once before that rate applies (a class behind one NAT).", COUNT
    )
    resume_s: int = key(
        60,
        "For how many seconds the seat of somebody whose network is gone is kept; the others "
        "do not see the person meanwhile, after the first 10.",
        SECONDS,
    )
    camera_grace_s: int = key(
        20,
        "Where cameras are required: for how many seconds somebody may have none before "
        "moderators are shown so.",
        GRACE,
    )
