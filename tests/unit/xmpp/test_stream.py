"""The server's stream: order, addresses, and that errors end it and nothing else."""

from __future__ import annotations

import base64
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tertulia.xmpp.client_stream import ClientStream, Login, Ready
from tertulia.xmpp.credentials import Accounts, Credentials, LoginDomain
from tertulia.xmpp.framing import CLOSE_FRAME, TcpFraming, WebSocketFraming
from tertulia.xmpp.limits import XmppLimits
from tertulia.xmpp.router import Router
from tertulia.xmpp.sessions import Sessions
from tertulia.xmpp.stream import ServerStream, State
from tertulia.xmpp.stream_events import Arrived, Bound, Event, Over, Reply, Send, StartTls
from tertulia.xmpp.xml import XmlLimits

ACCOUNTS = Accounts()
ACCOUNTS.add("bridge", "secret")
CREDENTIALS = Credentials.of(
    [
        LoginDomain(name="meet.example", anonymous=True),
        LoginDomain(name="auth.meet.example", accounts=ACCOUNTS),
    ]
)
OPEN = "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='meet.example' version='1.0'/>"
ANONYMOUS = "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='ANONYMOUS'/>"
BIND = (
    "<iq xmlns='jabber:client' type='set' id='b'>"
    "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>"
)
LOGIN = [OPEN, ANONYMOUS, OPEN, BIND]
HEADER = (
    "<?xml version='1.0'?><stream:stream xmlns='jabber:client' to='auth.meet.example'"
    " xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>"
)


def websocket(
    limits: XmppLimits | None = None, *, sessions: Sessions | None = None
) -> ServerStream:
    return ServerStream(
        WebSocketFraming(XmlLimits()),
        CREDENTIALS,
        default_domain="meet.example",
        limits=limits,
        secure=True,
        resumptions=sessions,
        new_uuid=lambda: uuid.UUID("84816e4d-039d-43b1-b51d-1075cbe7461f"),
    )


def tcp(*, starttls: bool = True) -> ServerStream:
    return ServerStream(
        TcpFraming(XmlLimits()),
        CREDENTIALS,
        default_domain="meet.example",
        secure=not starttls,
        starttls=starttls,
    )


def bound() -> ServerStream:
    stream = websocket()
    for frame in LOGIN:
        stream.receive(frame)
    assert stream.state is State.READY
    return stream


def texts(events: list[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, Send))


def ending(events: list[Event]) -> str:
    """The condition with which the stream ended."""
    over = events[-1]
    assert isinstance(over, Over)
    return over.condition


def test_the_first_frame_starts_as_clients_compare_it() -> None:
    first, features = websocket().receive(OPEN)

    assert isinstance(first, Send)
    assert first.text.startswith("<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' ")
    assert isinstance(features, Send)
    assert features.text.startswith(
        "<stream:features xmlns:stream='http://etherx.jabber.org/streams'>"
    )


def test_the_close_frame_is_the_one_that_clients_compare_byte_by_byte() -> None:
    assert CLOSE_FRAME == '<close xmlns="urn:ietf:params:xml:ns:xmpp-framing" />'
    assert texts(bound().close()) == CLOSE_FRAME


def test_neither_a_session_nor_what_nobody_keeps_is_offered() -> None:
    stream = websocket()
    sent = "".join(texts(stream.receive(frame)) for frame in LOGIN)

    assert "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></stream:features>" in sent
    assert ":sm:" not in sent
    assert "xmpp-session" not in sent


def test_a_guest_gets_a_uuid_and_the_result_after_it_is_reachable() -> None:
    stream = websocket()
    for frame in LOGIN[:-1]:
        stream.receive(frame)

    first, second = stream.receive(BIND)

    assert isinstance(first, Bound)
    assert first.jid.node == "84816e4d-039d-43b1-b51d-1075cbe7461f"
    assert isinstance(second, Send)
    assert f"<jid>{first.jid}</jid>" in second.text


def test_a_guest_does_not_choose_its_resource_and_an_account_does() -> None:
    stream = websocket()
    for frame in LOGIN[:-1]:
        stream.receive(frame)
    stream.receive(BIND.replace("bind'/>", "bind'><resource>mine</resource></bind>"))
    assert stream.jid is not None
    assert stream.jid.resource != "mine"

    plain = base64.b64encode(b"\0bridge\0secret").decode()
    account = websocket()
    to_auth = OPEN.replace("meet.", "auth.meet.")
    auth = ANONYMOUS.replace("ANONYMOUS'/>", f"PLAIN'>{plain}</auth>")
    for frame in (to_auth, auth, to_auth):
        account.receive(frame)
    account.receive(BIND.replace("bind'/>", "bind'><resource>mine</resource></bind>"))
    assert str(account.jid) == "bridge@auth.meet.example/mine"


def test_the_sender_is_stamped() -> None:
    stream = bound()

    (event,) = stream.receive("<message xmlns='jabber:client' to='x@y'/>")

    assert isinstance(event, Arrived)
    assert event.stanza.get("from") == str(stream.jid)


@pytest.mark.parametrize(
    ("frames", "condition"),
    [
        (["<message xmlns='jabber:client'/>"], "not-authorized"),
        ([OPEN, "<message xmlns='jabber:client'/>"], "not-authorized"),
        ([OPEN, ANONYMOUS, "<message xmlns='jabber:client'/>"], "not-authorized"),
        ([OPEN, ANONYMOUS, OPEN, "<message xmlns='jabber:client'/>"], "not-authorized"),
        ([OPEN, OPEN], "bad-format"),
        ([OPEN.replace("1.0", "2.0")], "unsupported-version"),
        ([OPEN.replace(" version='1.0'", "")], "unsupported-version"),
        ([OPEN.replace("meet", "other")], "host-unknown"),
        ([OPEN, ANONYMOUS, OPEN.replace("meet", "auth.meet")], "host-unknown"),
        ([HEADER + "</stream:stream>"], "invalid-namespace"),
        (["<a>"], "not-well-formed"),
        (["<a><!-- --></a>"], "restricted-xml"),
        (["<a>" + "x" * 64 * 1024 + "</a>"], "policy-violation"),
        ([*LOGIN, "<a xmlns='b'/>"], "unsupported-stanza-type"),
        ([*LOGIN, "<message/>"], "invalid-namespace"),
        ([*LOGIN, "<message xmlns='jabber:client' from='a@b/c'/>"], "invalid-from"),
        ([*LOGIN, ANONYMOUS], "unsupported-stanza-type"),
        ([*LOGIN, "<message xmlns='jabber:client'>" + "<a>" * 70], "policy-violation"),
        ([*LOGIN, "<a>" + "x" * 256 * 1024 + "</a>"], "policy-violation"),
        ([OPEN, "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"], "unsupported-stanza-type"),
    ],
)
def test_violations_end_the_stream_with_their_condition(frames: list[str], condition: str) -> None:
    stream = websocket()
    events: list[Event] = []
    for frame in frames:
        events = stream.receive(frame)

    assert ending(events) == condition
    assert texts(events).endswith(CLOSE_FRAME)
    assert stream.receive(OPEN) == []


def test_an_error_before_the_opening_is_preceded_by_one() -> None:
    events = websocket().receive("<message xmlns='jabber:client'/>")

    assert texts(events).startswith("<open ")


def test_big_stanzas_are_fine_after_the_login_only() -> None:
    big = "<message xmlns='jabber:client' to='a@b'><body>" + "x" * 100_000 + "</body></message>"

    assert isinstance(bound().receive(big)[0], Arrived)
    stream = websocket()
    stream.receive(OPEN)
    assert ending(stream.receive(big)) == "policy-violation"


@pytest.mark.parametrize(
    ("stanza", "condition"),
    [
        ("<iq type='get' id='1' to='a@b'/>", "bad-request"),
        ("<iq type='get' id='1' to='a@b'><x/><y/></iq>", "bad-request"),
        ("<iq type='get' to='a@b'><x/></iq>", "bad-request"),
        ("<iq type='odd' id='1' to='a@b'><x/></iq>", "bad-request"),
        ("<message to='a b@c'><body/></message>", "jid-malformed"),
        (
            "<iq type='set' id='1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>",
            "not-allowed",
        ),
    ],
)
def test_bad_stanzas_are_answered_and_the_stream_goes_on(stanza: str, condition: str) -> None:
    stream = bound()
    stanza = stanza.replace(" ", " xmlns='jabber:client' ", 1)

    (event,) = stream.receive(stanza)

    assert isinstance(event, Reply)
    assert f"<{condition} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>" in event.text
    assert stream.state is State.READY


def test_too_many_failed_logins_end_the_stream() -> None:
    stream = websocket()
    stream.receive(OPEN)
    wrong = ANONYMOUS.replace("ANONYMOUS", "SCRAM-SHA-1")
    assert "<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><invalid-mechanism/>" in texts(
        stream.receive(wrong)
    )
    stream.receive(wrong)

    assert ending(stream.receive(wrong)) == "policy-violation"


# TCP


def test_tls_is_the_only_thing_to_do_on_an_open_tcp_stream() -> None:
    stream = tcp()
    sent = texts(stream.receive(HEADER))

    assert "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls>" in sent
    assert "mechanism" not in sent
    plain = "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AA==</auth>"
    assert ending(stream.receive(plain)) == "policy-violation"


def test_what_was_sent_along_with_starttls_is_not_acted_upon() -> None:
    stream = tcp()
    stream.receive(HEADER)

    events = stream.receive(
        "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
        "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AA==</auth>"
    )

    assert any(isinstance(event, StartTls) for event in events)
    assert ending(events) == "policy-violation"


def test_plain_is_offered_inside_tls_only() -> None:
    inside = texts(tcp(starttls=False).receive(HEADER))
    outside = ServerStream(
        WebSocketFraming(XmlLimits()), CREDENTIALS, default_domain="meet.example", secure=False
    )

    assert "<mechanism>PLAIN</mechanism>" in inside
    assert "PLAIN" not in texts(outside.receive(OPEN.replace("meet", "auth.meet")))


@pytest.mark.parametrize("cut", [1, 7, 10_000])
def test_client_and_server_streams_understand_each_other(cut: int) -> None:
    """Both machines back to back over a TCP stream, in pieces of any size."""
    server = tcp()
    login = Login(domain="auth.meet.example", user="bridge", password="secret", resource="one")
    client = ClientStream(TcpFraming(XmlLimits()), login, secure=False)
    to_server = [event.text for event in client.begin() if isinstance(event, Send)]
    ready: list[Ready] = []
    while to_server:
        data = to_server.pop(0).encode()
        answers: list[Event] = []
        for start in range(0, len(data), cut):
            answers += server.receive(data[start : start + cut])
        reply = texts(answers).encode()
        for start in range(0, len(reply), cut):
            for event in client.receive(reply[start : start + cut]):
                if isinstance(event, Send):
                    to_server.append(event.text)
                elif isinstance(event, StartTls):
                    server.secured()
                    to_server += [e.text for e in client.secured() if isinstance(e, Send)]
                elif isinstance(event, Ready):
                    ready.append(event)
                else:
                    pytest.fail(f"{event}")

    assert [str(each.jid) for each in ready] == ["bridge@auth.meet.example/one"]
    assert server.state is State.READY


# Hostile bytes

FRAMES = st.one_of(
    st.sampled_from(
        [
            *LOGIN,
            ANONYMOUS.replace("ANONYMOUS", "SCRAM-SHA-1"),
            OPEN.replace("meet", "auth.meet"),
            HEADER,
            "<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>biws</response>",
            "<abort xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>",
            "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
            "<presence xmlns='jabber:client' to='a@b'/>",
            "<iq xmlns='jabber:client' type='get' id='x'><a/></iq>",
            "<presence xmlns='jabber:client' from='\ud83d\ude00'/>".encode(
                "utf-16", "surrogatepass"
            ).decode("utf-16"),
            CLOSE_FRAME,
            "</stream:stream>",
            "<enable xmlns='urn:xmpp:sm:3' resume='true'/>",
            "<r xmlns='urn:xmpp:sm:3'/>",
            "<a xmlns='urn:xmpp:sm:3' h='0'/>",
            "<a xmlns='urn:xmpp:sm:3' h='1'/>",
            "<resume xmlns='urn:xmpp:sm:3' previd='known' h='0'/>",
            "<resume xmlns='urn:xmpp:sm:3' previd='x' h='-1'/>",
            "<failed xmlns='urn:xmpp:sm:3'/>",
        ]
    ),
    st.text(max_size=60),
    st.binary(max_size=60),
)


@given(st.lists(FRAMES, max_size=12), st.integers(0, 4))
def test_fuzz_frames_never_raise(frames: list[str | bytes], logged_in: int) -> None:
    sessions = Sessions(Router(), XmppLimits())
    for stream in (websocket(sessions=sessions), tcp(), tcp(starttls=False)):
        for frame in [*LOGIN[:logged_in], *frames]:
            for event in stream.receive(frame):
                assert isinstance(event, Event)


@given(st.lists(FRAMES, max_size=8), st.booleans())
def test_fuzz_servers_never_make_a_client_raise(frames: list[str | bytes], on_tcp: bool) -> None:
    framing = TcpFraming(XmlLimits()) if on_tcp else WebSocketFraming(XmlLimits())
    login = Login(domain="auth.meet.example", user="bridge", password="secret")
    client = ClientStream(framing, login, secure=not on_tcp)
    client.begin()
    for frame in frames:
        client.receive(frame)
