"""The own arithmetic of the benchmarks and what they write; figures are no test's affair."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

import pytest
from bench.driven import Window
from bench.forwarding import geometric_mean
from bench.interleaved import BOUND, JANUS, JANUS_LOOPS, TERTULIA, CaseResult, Rounds
from bench.janus_sdp import Description
from bench.network_document import _beside, _course, _freezes
from bench.page_trace import Task, Traced, page_tasks
from bench.plot import bars, lines
from bench.soak import Trend
from bench.synthetic import Sending, session_accept
from bench.traffic import CASES, LARGE, P1, P2

_SUBSCRIPTION = """v=0
o=- 1 1 IN IP4 192.0.2.2
s=VideoRoom 1
t=0 0
a=group:BUNDLE 0 1
a=ice-lite
m=audio 9 UDP/TLS/RTP/SAVPF 111
c=IN IP4 192.0.2.2
a=sendonly
a=mid:0
a=rtcp-mux
a=ice-ufrag:abcd
a=ice-pwd:0123456789012345678901
a=fingerprint:sha-256 AA:BB
a=setup:actpass
a=rtpmap:111 opus/48000/2
a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level
a=ssrc:11 cname:janus
a=candidate:1 1 udp 2015363327 192.0.2.2 40001 typ host
a=candidate:2 1 udp 2015363327 2001:db8::2 40001 typ host
m=video 9 UDP/TLS/RTP/SAVPF 96 97
c=IN IP4 192.0.2.2
a=sendonly
a=mid:1
a=rtpmap:96 VP8/90000
a=rtpmap:97 rtx/90000
a=fmtp:97 apt=96
a=extmap:3/sendonly http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time
a=ssrc-group:FID 21 22
a=ssrc:21 cname:janus
a=ssrc:22 cname:janus
"""


def test_a_subscription_of_janus_is_understood() -> None:
    offered = Description.parse(_SUBSCRIPTION)

    assert offered.streams() == [(11, None, False), (21, 22, True)]
    assert offered.formats() == [
        (111, "opus", 48_000, 2, None),
        (96, "vp8", 90_000, 1, 97),
    ]
    assert offered.candidates() == ["192.0.2.2:40001"]
    assert [number for number, _ in offered.extensions()] == [1, 3]
    assert offered.first("ice-ufrag") == "abcd"


def window(cpu_us: float, *, received: int = 1_000, offered: int = 1_000) -> Window:
    return Window(
        seconds=1.0,
        cpu_ns=round(cpu_us * 1_000 * received),
        own_cpu_ns=0,
        sent=100,
        received=received,
        expected=1_000,
        offered=offered,
        heard=30,
        misnumbered=0,
        strangers=0,
        delay_p50_ms=0.1,
        delay_p99_ms=0.2,
        delay_max_ms=0.3,
    )


def rounds(*costs: float | None) -> Rounds:
    return Rounds([None if cost is None else window(cost) for cost in costs])


def test_ratios_compare_within_a_round_and_with_the_better_mode() -> None:
    # The machine becomes slower from round to round; the third round of Janus is void.
    systems = {
        TERTULIA: rounds(5.0, 10.0, 20.0),
        BOUND: rounds(4.0, 8.0, 16.0),
        JANUS: rounds(40.0, 80.0, 160.0),
        JANUS_LOOPS: rounds(20.0, 40.0, None),
    }
    result = CaseResult(P1, systems, [], 0.5)

    assert result.better_peer() == JANUS_LOOPS
    assert result.ratio(TERTULIA, JANUS_LOOPS) == pytest.approx(0.25)
    assert result.ratio(TERTULIA, BOUND) == pytest.approx(1.25)
    assert result.document()["ratio_vs_bound_gso"] is None


@pytest.mark.parametrize(
    ("received", "offered", "is_void"),
    [
        (1_000, 1_000, False),
        (999, 1_000, False),
        (998, 1_000, True),
        (1_000, 1_100, True),
        (1_000, 900, True),
    ],
)
def test_a_window_without_nearly_everything_is_void(
    received: int, offered: int, is_void: bool
) -> None:
    assert window(5.0, received=received, offered=offered).is_void is is_void


def test_the_geometric_mean_is_that_of_ratios() -> None:
    assert geometric_mean([0.5, 2.0]) == pytest.approx(1.0)
    assert geometric_mean([]) is None


def test_flows_count_what_receivers_ask_for() -> None:
    assert P1.flows == 30
    assert P2.flows == 10 * 4 * 9
    assert LARGE.flows == 100 * 20 + 3 * 99
    assert len({case.name for case in CASES}) == len(CASES)


def test_a_leak_shows_as_a_slope_and_the_warm_up_does_not() -> None:
    leaking, steady = Trend(), Trend()
    for at in range(20):
        leaking.add(at, 50.0 + 0.5 * at)
        steady.add(at, 50.0 + min(at, 5))

    assert leaking.slope() == pytest.approx(0.5)
    assert steady.slope() == pytest.approx(0.0)


def test_bars_are_well_formed_and_as_long_as_their_values() -> None:
    text = bars("a < b", "us", {"one & only": {"x": 10.0, "y": 5.0}, "two": {"y": 2.5}})
    root = ElementTree.fromstring(text)
    widths = [
        float(each.attrib["width"])
        for each in root.iter("{http://www.w3.org/2000/svg}rect")
        if each.attrib["height"] != "10"
    ]

    assert widths[0] / widths[1] == pytest.approx(2.0, rel=0.01)
    assert widths[1] / widths[2] == pytest.approx(2.0, rel=0.01)


def test_lines_are_well_formed_and_as_high_as_their_values() -> None:
    text = lines("a < b", "minutes", "MiB", {"x & y": ([0.0, 5.0, 10.0], [0.0, 20.0, 40.0])})
    line = ElementTree.fromstring(text).find("{http://www.w3.org/2000/svg}polyline")
    assert line is not None
    (low, middle, high) = (
        float(point.partition(",")[2]) for point in line.attrib["points"].split()
    )

    assert (low - middle) / (low - high) == pytest.approx(0.5, rel=0.01)


def test_what_is_not_sent_is_not_announced() -> None:
    silent = Sending(ufrag="u", pwd="p", fingerprint="AA", audio=None, video=())
    accept = ElementTree.fromstring(session_accept("sid", "focus", "me@h/r", "me", silent))
    speaking = Sending(ufrag="u", pwd="p", fingerprint="AA", audio=1, video=((2, 3),))
    accept_with = ElementTree.fromstring(session_accept("s", "f", "me@h/r", "me", speaking))

    def ssrcs(element: ElementTree.Element) -> list[str]:
        sources = (
            each
            for each in element.iter()
            if each.tag == "{urn:xmpp:jingle:apps:rtp:ssma:0}source" and "name" in each.attrib
        )
        return [each.attrib["ssrc"] for each in sources]

    assert ssrcs(accept) == []
    assert ssrcs(accept_with) == ["1", "2", "3"]


def _network_case(system: str, **figures: object) -> dict[str, object]:
    course = [(0, 1400, 720), (1, 100, 0), (2, 200, 180)]
    return {
        "case": "a & b",
        "system": system,
        "frozen_s": 1.5,
        "fps": 20.0,
        "height": 360,
        "kbps": 400,
        "concealed_percent": 2.0,
        "course": course,
        "turns_s": [0.0, 1.0, 2.0],
        "estimates": [(0.1, 2500), (1.2, 480)],
        **figures,
    }


def test_systems_stand_beside_each_other_in_the_table_of_networks() -> None:
    table = _beside(
        [
            _network_case("Tertulia", **{"720p_after_s": 3.5}),
            _network_case("Janus", frozen_s=9.0, **{"720p_after_s": None}),
        ]
    )

    row = table.splitlines()[-1]
    assert row.startswith("| a & b | 1.5 / 9 |")
    assert row.endswith("| 3.5 / never |")


def test_courses_of_networks_are_well_formed_and_keep_their_scale() -> None:
    cases = [_network_case("Tertulia"), _network_case("Janus", estimates=[])]
    ElementTree.fromstring(_freezes(cases))
    picture = ElementTree.fromstring(_course(cases))

    drawn = picture.findall("{http://www.w3.org/2000/svg}polyline")
    assert len(drawn) == 2 + 1 + 1 + 1 + 2  # rates, link, estimate, link, lines of the picture
    for each in drawn:
        points = [tuple(map(float, point.split(","))) for point in each.attrib["points"].split()]
        assert all(0 <= x <= 720 and 0 <= y <= 700 for x, y in points)


def test_tasks_of_a_page_are_those_of_the_renderer_that_worked_most() -> None:
    def named(pid: int, tid: int, name: str) -> dict[str, Any]:
        return {"ph": "M", "name": "thread_name", "pid": pid, "tid": tid, "args": {"name": name}}

    def task(pid: int, tid: int, wall_us: int, processor_us: int) -> dict[str, Any]:
        name = "ThreadControllerImpl::RunTask"
        times = {"dur": wall_us, "tdur": processor_us}
        return {"ph": "X", "name": name, "pid": pid, "tid": tid, **times}

    traced = Traced()
    assert (traced.long_ms, traced.longest_ms, traced.longest_on_processor_ms) == ([], 0.0, 0.0)
    events = [
        task(7, 1, 300_000, 9_000),  # the browser itself
        task(8, 1, 60_000, 40_000),
        task(8, 2, 900_000, 900_000),  # a thread beside the page's own
        task(9, 1, 90_000, 20_000),  # a page that does less
        task(8, 1, 120_000, 5_000),
        {"ph": "X", "name": "Paint", "pid": 8, "tid": 1, "dur": 500_000, "tdur": 500_000},
        named(7, 1, "CrBrowserMain"),
        named(8, 1, "CrRendererMain"),
        named(8, 2, "Compositor"),
        named(9, 1, "CrRendererMain"),
    ]
    traced.tasks.extend(page_tasks(events))
    assert traced.tasks == [Task(60, 40), Task(120, 5)]
    assert traced.long_ms == [60, 120]
    assert (traced.longest_ms, traced.longest_on_processor_ms) == (120, 40)
    mark = {"ph": "R", "name": "traced-page", "pid": 9, "tid": 1}
    assert page_tasks([*events, mark]) == [Task(90, 20)]
    assert page_tasks([]) == []
