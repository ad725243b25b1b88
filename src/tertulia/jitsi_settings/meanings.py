"""What each setting of a Jitsi installation means here.

The names are those of the Debian packages (2016 to today) and of docker-jitsi-meet; a key that
stands for none of ours has the reason beside it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

Value = str | int | bool | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Ours:
    """It becomes this key."""

    key: str
    value: Value


@dataclass(frozen=True, slots=True)
class Reason:
    """It becomes none, and why."""

    is_missed: bool  # True: something that worked there does not here
    text: str


@dataclass(frozen=True, slots=True)
class Part:
    """It is part of something that several settings make together (`translation`)."""

    of: str  # "told", "nat", "shard", "turn"
    name: str


Meaning = Ours | Reason | Part
Meant = Callable[[str], Meaning]


class Unfit(ValueError):
    """The value is none of its kind; the message says what would be."""


def _bool(text: str) -> bool:
    known = {"true": True, "1": True, "yes": True, "on": True}
    known |= {"false": False, "0": False, "no": False, "off": False, "": False}
    if text.lower() not in known:
        raise Unfit("true or false")
    return known[text.lower()]


def _int(text: str) -> int:
    if not re.fullmatch(r"-?[0-9]{1,9}", text):
        raise Unfit("a whole number")
    return int(text)


def _port(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,5}", text) or not 0 < int(text) < 65536:
        raise Unfit("a port")
    return int(text)


def _list(text: str) -> tuple[str, ...]:
    return tuple(each.strip() for each in re.split(r"[,;]", text) if each.strip())


def _mebibytes(text: str) -> int:
    found = re.fullmatch(r"([0-9]{1,12})([kmg]?)", text.lower())
    if found is None:
        raise Unfit("an amount such as 3072m")
    amount = int(found[1]) * {"": 1, "k": 2**10, "m": 2**20, "g": 2**30}[found[2]]
    return max(1, amount // 2**20)


def _last_n(text: str) -> Meaning:
    return Ours("media.last_n", max(0, _int(text)))


def _stun(text: str) -> Meaning:
    own = tuple(each for each in _list(text) if not each.split(":")[0].endswith("jitsi.net"))
    if not own:
        return Reason(False, "the packages' default, a server of others; name your own if needed")
    return Ours("media.stun", own)


def _public_url(text: str) -> Meaning:
    try:
        host = urlsplit(text if "//" in text else f"https://{text}").hostname
    except ValueError:
        host = None
    if not host:
        raise Unfit("an address such as https://meet.example.org")
    return Ours("host", host)


def _apis(text: str) -> Meaning:
    apis = re.search(r"--apis=(\S*)", text)
    named = apis[1].strip("\"'").split(",") if apis else []
    if "rest" in named:
        return Ours("bridge.rest", True)
    return Reason(False, "REST is off and XMPP is on unless they are set otherwise")


def _statistics_interval(text: str) -> Meaning:
    return Reason(_int(text) not in (5, 5000), "statistics are published every 5 s")


def _authentication(text: str) -> Meaning:
    if _bool(text):
        return Ours("access.open", "accounts")
    return Reason(False, "everybody opens rooms unless access.open says otherwise")


def _guests(text: str) -> Meaning:
    if _bool(text):
        return Reason(False, "guests join rooms that are open unless access.join says otherwise")
    return Reason(True, 'access.join = "accounts" keeps guests out of all rooms')


def _authentication_type(text: str) -> Meaning:
    if text.lower() in ("internal", "xmpp", "jwt"):
        return Reason(False, "accounts (tertulia user add) and tokens are taken side by side")
    return Reason(True, f"{text[:20]} is {_NOT_YET}: accounts and tokens are")


def _negated(key: str) -> Meant:
    return lambda text: Ours(key, not _bool(text))


def _of(key: str, kind: Callable[[str], Value]) -> Meant:
    return lambda text: Ours(key, kind(text))


def _part(of: str, name: str) -> Meant:
    return lambda _: Part(of, name)


def _unneeded(text: str) -> Meant:
    return lambda _: Reason(False, text)


def _missed(text: str) -> Meant:
    return lambda _: Reason(True, text)


_ONE_PROGRAM = "pages, signalling and focus are one program and find each other"
_MADE_HERE = "the server makes the secret of its bridges itself"
_NO_COMPONENT = "bridges log in as users; there is no component port"
_NO_JVM = "there is no Java; other settings: --set KEY=VALUE or TERTULIA_*"
_STATISTICS = "statistics are always published in the brewery, and at bridge.monitor_port"
_NO_CLOUD = "no cloud is asked for addresses"
_ONE_FOCUS = "a bridge obeys the focus of its own server only"
_CHANNELS = "bridge channels go over the port of the pages by themselves"
_NOT_YET = "not there yet"

# What the whole key has to match, the first one counts.
_MEANINGS: tuple[tuple[str, Meant], ...] = (
    # /etc/jitsi/videobridge/config, and the same of jicofo
    (r"JVB_HOSTNAME|JICOFO_HOSTNAME", _of("host", str.lower)),
    (r"JVB_HOST|JICOFO_HOST", _unneeded(_ONE_PROGRAM)),
    (r"component JVB_PORT|JICOFO_PORT", _unneeded(_NO_COMPONENT)),
    (r"JVB_SECRET|JICOFO_SECRET|JICOFO_COMPONENT_SECRET", _unneeded(_MADE_HERE)),
    (r"JVB_OPTS", _apis),
    (r"VIDEOBRIDGE_MAX_MEMORY", _of("bridge.max_memory_mib", _mebibytes)),
    (r"JAVA_SYS_PROPS|VIDEOBRIDGE_GC_TYPE|JICOFO_MAX_MEMORY|JICOFO_OPTS", _unneeded(_NO_JVM)),
    # docker-jitsi-meet
    (r"PUBLIC_URL", _public_url),
    (r"HTTPS_PORT", _of("http.port", _port)),
    (r"HTTP_PORT|ENABLE_HTTP_REDIRECT|DISABLE_HTTPS", _missed("there is HTTPS only")),
    (r"CONFIG|TZ|RESTART_POLICY|JITSI_IMAGE_.*|.*_LOG_LEVEL", _unneeded("there are no containers")),
    (r"DOCKER_HOST_ADDRESS|JVB_ADVERTISE_IPS", _part("told", "")),
    (r"JVB_PORT", _of("media.port", _port)),
    (r"JVB_STUN_SERVERS", _stun),
    (r"JVB_TCP_HARVESTER_DISABLED", _negated("media.tcp")),
    (r"JVB_TCP_PORT", _of("media.tcp_port", _port)),
    (r"JVB_TCP_MAPPED_PORT", _of("media.tcp_public_port", _port)),
    (r"COLIBRI_REST_ENABLED", _of("bridge.rest", _bool)),
    (r"ENABLE_P2P", _of("p2p.enabled", _bool)),
    (r"ENABLE_OPUS_RED", _of("media.opus_red", _bool)),
    (r"ENABLE_(COLIBRI|JVB_XMPP|XMPP)_WEBSOCKET", _unneeded(_CHANNELS)),
    (r"TURN_CREDENTIALS", _part("turn", "secret")),
    (r"TURNS?_(HOST|PORT)|TURN_TRANSPORT", _part("turn", "server")),
    (r"ENABLE_LETSENCRYPT|LETSENCRYPT_.*", _missed("give http.certificate and http.private_key")),
    (r"ENABLE_AUTH|jicofo\.authentication\.enabled", _authentication),
    (r"org\.jitsi\.jicofo\.auth\.URL", _of("access.open", lambda _: "accounts")),
    (r"ENABLE_GUESTS", _guests),
    (r"AUTH_TYPE|jicofo\.authentication\.type", _authentication_type),
    (r"JWT_.*", _missed("name tokens.issuers and their keys, such as tokens.secret_file")),
    (r"LDAP_.*", _missed(f"directories of people are {_NOT_YET}")),
    (r"ENABLE_RECORDING|JIBRI_.*|JIGASI_.*|ETHERPAD_.*", _missed(_NOT_YET)),
    (r"JVB_BREWERY_MUC", _unneeded("the server's own bridge needs no name of a room")),
    (r"(JVB|JICOFO)_AUTH_.*", _unneeded(_MADE_HERE)),
    (r"XMPP_.*", _unneeded(_ONE_PROGRAM)),
    # sip-communicator.properties
    (r"org\.ice4j\..*DISABLE_AWS_HARVESTER|.*aws\.(enabled|force)", _unneeded(_NO_CLOUD)),
    (r".*STUN_MAPPING_HARVESTER_ADDRESSES|ice4j\.harvest\.mapping\.stun\.addresses", _stun),
    (r".*NAT_HARVESTER_LOCAL_ADDRESS", _part("nat", "local")),
    (r".*NAT_HARVESTER_PUBLIC_ADDRESS", _part("nat", "public")),
    (r".*static-mappings\.\d+\.local-address", _part("nat", "local")),
    (r".*static-mappings\.\d+\.public-address", _part("nat", "public")),
    (r"org\.ice4j\..*ALLOWED_ADDRESSES|ice4j\.harvest\.allowed-addresses",
     _of("media.addresses", _list)),
    (r".*DISABLE_TCP_HARVESTER", _negated("media.tcp")),
    (r".*\.TCP_HARVESTER_PORT", _of("media.tcp_port", _port)),
    (r".*\.TCP_HARVESTER_MAPPED_PORT", _of("media.tcp_public_port", _port)),
    (r".*SINGLE_PORT_HARVESTER_PORT", _of("media.port", _port)),
    (r".*SRTPCryptoContext\.checkReplay", _unneeded("replayed packets are always refused")),
    (r".*ENABLE_STATISTICS|.*STATISTICS_TRANSPORT|videobridge\.stats\.(enabled|transports.*)",
     _unneeded(_STATISTICS)),
    (r".*STATISTICS_INTERVAL", _statistics_interval),
    (r"videobridge\.stats\.interval", _unneeded("statistics are published every 5 s")),
    (r".*AUTHORIZED_SOURCE_REGEXP", _unneeded(_ONE_FOCUS)),
    (r"org\.jitsi\.videobridge\.xmpp\.user\.[^.]+\.[A-Z_]+", _part("shard", "")),
    (r"org\.jitsi\.jicofo\.BRIDGE_MUC", _unneeded("focus and bridges share one brewery room")),
    (r"org\.jitsi\.jicofo\.(auth|jibri|jigasi|sipgateway).*", _missed(_NOT_YET)),
    (r".*rest\.private\.jetty\.port", _of("bridge.monitor_port", _port)),
    (r".*rest\.jetty\.(port|tls\.port)", _unneeded(_CHANNELS)),
    # jvb.conf, jicofo.conf
    (r"videobridge\.ice\.udp\.port", _of("media.port", _port)),
    (r"videobridge\.ice\.tcp\.enabled", _of("media.tcp", _bool)),
    (r"videobridge\.ice\.tcp\.port", _of("media.tcp_port", _port)),
    (r"videobridge\.ice\.tcp\.mapped-port", _of("media.tcp_public_port", _port)),
    (r"videobridge\.apis\.xmpp-client\.configs\.[^.]+\.[a-zA-Z_-]+", _part("shard", "")),
    (r"videobridge\.apis\.(rest|jvb-rest)\.enabled", _of("bridge.rest", _bool)),
    (r"videobridge\.http-servers\.private\.port", _of("bridge.monitor_port", _port)),
    (r"videobridge\.http-servers\.private\.host", _of("monitor.listen", str)),
    (r"videobridge\.(http-servers\.public|websockets)\..*", _unneeded(_CHANNELS)),
    (r"videobridge\.(relay|octo)\.region", _of("bridge.region", str)),
    (r"videobridge\.(relay|octo)\..*", _missed(f"relays between bridges are {_NOT_YET}")),
    (r"videobridge\.speech-activity\.[a-z-]*|videobridge\.loudest\.num-loudest",
     _unneeded("bridge.loudest_voices, off by default, does that")),
    (r"jicofo\.bridge\.brewery-jid", _unneeded("focus and bridges share one brewery room")),
    (r"jicofo\.xmpp\..*", _unneeded(_ONE_PROGRAM)),
    (r"jicofo\.(jibri|jigasi|sip|authentication)\..*", _missed(_NOT_YET)),
    # config.js
    (r"config\.js channelLastN", _last_n),
    (r"config\.js enableOpusRed", _of("media.opus_red", _bool)),
    (r"config\.js .*", _unneeded("clients get /config.js from the server, made from its settings")),
    (r"include", _missed("included files are not followed; name them on the command line")),
)  # fmt: skip


def meaning(key: str, value: str) -> Meaning:
    """What one setting means. Raises: Unfit."""
    for pattern, meant in _MEANINGS:
        if re.fullmatch(pattern, key):
            return meant(value)
    return Reason(True, "unknown to this program")
