"""What people have configured today, and what it becomes here."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tertulia import config
from tertulia.cli import main
from tertulia.config import Config
from tertulia.config.people import Access
from tertulia.errors import ConfigError
from tertulia.jitsi_settings import files
from tertulia.jitsi_settings.translation import Translation, translate

# The parameters of the Debian package, with the bridge as a component, as of 2020.
CONFIG = """\
# Jitsi Videobridge settings
JVB_HOSTNAME=EXAMPLE.NET
JVB_HOST=
JVB_PORT=5347
JVB_SECRET=hush-component
JVB_OPTS="--apis=rest,xmpp"
VIDEOBRIDGE_MAX_MEMORY=2g
JAVA_SYS_PROPS="-Dnet.java.sip.communicator.SC_HOME_DIR_NAME=videobridge \\
  -Dorg.jitsi.videobridge.SINGLE_PORT_HARVESTER_PORT=10001"
if [ -f x ]; then true; fi
"""
PROPERTIES = r"""
org.ice4j.ice.harvest.DISABLE_AWS_HARVESTER=true
org.ice4j.ice.harvest.STUN_MAPPING_HARVESTER_ADDRESSES=meet-jit-si-turnrelay.jitsi.net:443
org.ice4j.ice.harvest.NAT_HARVESTER_LOCAL_ADDRESS=10.101.10.99
org.ice4j.ice.harvest.NAT_HARVESTER_PUBLIC_ADDRESS = 203.0.113.7
org.jitsi.impl.neomedia.transform.srtp.SRTPCryptoContext.checkReplay=false
org.jitsi.videobridge.DISABLE_TCP_HARVESTER: true
org.jitsi.videobridge.ENABLE_STATISTICS=true
org.jitsi.videobridge.STATISTICS_INTERVAL=5000
org.jitsi.videobridge.xmpp.user.shard.HOSTNAME=xmpp.example.net
org.jitsi.videobridge.xmpp.user.shard.DOMAIN=auth.EXAMPLE.NET
org.jitsi.videobridge.xmpp.user.shard.USERNAME=jvb
org.jitsi.videobridge.xmpp.user.shard.PASSWORD=hush-user
org.jitsi.videobridge.xmpp.user.shard.MUC_NICKNAME=puente1
org.jitsi.videobridge.xmpp.user.shard.MUC_JIDS=lospuentes@internal.auth.EXAMPLE.NET,\
    jvbbrewery@internal.auth.EXAMPLE.NET
org.jitsi.videobridge.AUTHORIZED_SOURCE_REGEXP=lospuentes@internal.auth.EXAMPLE.NET/focus.*$
"""
JVB_CONF = """
videobridge {
    http-servers {
        public { port = 9090 }   # behind nginx
        private { host = 127.0.0.1, port = 8081 }
    }
    websockets { enabled = true, domain = "meet.example.net:443", tls = true }
    apis.rest.enabled = false
    apis.xmpp-client.configs {
        shard { HOSTNAME = localhost
            domain = "auth.meet.example.net", password = "hush-conf"
            muc_jids = ["jvbbrewery@internal.auth.meet.example.net"]
        }
    }
    ice { udp.port = 10005, tcp { enabled = true, port = 4443 } }
    relay { enabled = true, region = "eu-south", relay-id = ${?HOSTNAME} }
    stats { interval = 5 seconds }
    something-new = 3
}
ice4j.harvest.mapping {
    aws.enabled: false // never
    stun { addresses = [ "stun.example.net:3478" ] }
    static-mappings = [
        { local-address = "10.0.0.5", public-address = "203.0.113.5", name = "a" }
        { local-address = "10.0.0.6", public-address = "203.0.113.6" },
    ]
}
"""
DOT_ENV = """\
CONFIG=~/.jitsi-meet-cfg
HTTP_PORT=8000
HTTPS_PORT=8443
PUBLIC_URL=https://meet.example.com:8443
JVB_ADVERTISE_IPS=192.168.1.1,198.51.100.4#12345
JVB_PORT=10010
#JVB_TCP_PORT=4443
JVB_AUTH_PASSWORD=hush-docker
TURNS_HOST=turn.example.com
TURN_CREDENTIALS='hush-turn'
ENABLE_LETSENCRYPT=1
ENABLE_P2P=0
TZ=UTC
"""


def translated(**texts: str) -> Translation:
    """The files by their names, with an underscore where the dot is."""
    names = {name: Path(name.replace("_", ".")) for name in texts}
    return translate(e for name, text in texts.items() for e in files.parse(text, names[name]))


def loaded(found: Translation, folder: Path) -> Config:
    """What our program makes of it."""
    file = folder / "tertulia.toml"
    file.write_text(found.toml(), encoding="utf-8")
    return config.load(file=file, environment={}, command_line={}).config


def notes(lines: list[str]) -> str:
    return "\n".join(lines)


def test_a_bridge_of_the_debian_package(tmp_path: Path) -> None:
    found = translated(config=CONFIG, sip_properties=PROPERTIES)

    ours = loaded(found, tmp_path)
    assert ours.host == "example.net"
    assert ours.bridge.rest is True
    assert ours.bridge.max_memory_mib == 2048
    assert ours.bridge.name == "puente1"
    assert ours.media.port == 10001
    assert ours.media.tcp is False
    assert ours.media.stun == ()
    assert ours.media.advertise == ("10.101.10.99=203.0.113.7",)
    assert "checkReplay=false: replayed packets are always refused" in notes(found.unneeded)
    assert "config:4 JVB_PORT=5347: bridges log in as users" in notes(found.unneeded)
    assert "JVB_SECRET: the server makes the secret" in notes(found.unneeded)
    assert "a server of others" in notes(found.unneeded)
    assert (
        "tertulia bridge --name puente1 --server https://xmpp.example.net --host EXAMPLE.NET "
        "--brewery lospuentes --secret-file bridge.secret"
    ) in notes(found.by_hand)
    assert "hush" not in found.toml()
    assert "SC_HOME_DIR_NAME=videobridge: unknown to this program" in notes(found.missed)


def test_a_jvb_conf(tmp_path: Path) -> None:
    found = translated(jvb_conf=JVB_CONF)

    ours = loaded(found, tmp_path)
    assert ours.host == "meet.example.net"
    assert (ours.media.port, ours.media.tcp, ours.media.tcp_port) == (10005, True, 4443)
    assert ours.media.advertise == ("10.0.0.5=203.0.113.5", "10.0.0.6=203.0.113.6")
    assert ours.media.stun == ("stun.example.net:3478",)
    assert (ours.bridge.region, ours.bridge.rest) == ("eu-south", False)
    assert (ours.bridge.monitor_port, ours.monitor.listen) == (8081, "127.0.0.1")
    assert found.by_hand == [
        "jvb.conf:16 videobridge.relay.relay-id=${?HOSTNAME}: what it refers to is not known here"
    ]
    assert "jvb.conf:18 videobridge.something-new=3: unknown" in notes(found.missed)
    assert "jvb.conf:16 videobridge.relay.enabled=true: relays" in notes(found.missed)
    assert "hush" not in found.toml()


def test_an_env_file_of_docker(tmp_path: Path) -> None:
    found = translated(_env=DOT_ENV)

    ours = loaded(found, tmp_path)
    assert (ours.host, ours.http.port, ours.media.port) == ("meet.example.com", 8443, 10010)
    assert ours.media.advertise == ("198.51.100.4:12345",)
    assert ours.media.hide_private is False  # the private one is told too
    assert ours.turn.servers == ("turns:turn.example.com:443",)
    assert ours.turn.secret_file == tmp_path / "turn.secret"
    assert ours.p2p.enabled is False
    assert "ENABLE_LETSENCRYPT=1: give http.certificate" in notes(found.missed)
    assert "TURN_CREDENTIALS: write its value" in notes(found.by_hand)
    assert "hush" not in found.toml()


def test_a_secure_domain(tmp_path: Path) -> None:
    lines = "ENABLE_AUTH=1\nENABLE_GUESTS=1\nAUTH_TYPE=jwt\nJWT_APP_ID=app\nJWT_APP_SECRET=hush\n"
    found = translated(_env=lines)

    assert loaded(found, tmp_path).access.open == "accounts"
    assert "guests join rooms that are open" in notes(found.unneeded)
    assert "JWT_APP_ID=app: name tokens.issuers" in notes(found.missed)
    assert "hush" not in found.toml()
    debian = translated(sip_properties="org.jitsi.jicofo.auth.URL=XMPP:meet.example.net\n")
    assert loaded(debian, tmp_path).access.open == "accounts"


@pytest.mark.parametrize(
    "line", ["AUTH_TYPE=ldap", "ENABLE_GUESTS=0", "LDAP_URL=ldap://x", "ENABLE_AUTH=0"]
)
def test_what_of_a_secure_domain_is_left_is_told(line: str, tmp_path: Path) -> None:
    found = translated(_env=f"{line}\n")

    assert loaded(found, tmp_path).access == Access()
    assert notes([*found.missed, *found.unneeded])


def test_of_two_files_that_disagree_the_first_counts_and_the_other_is_told() -> None:
    found = translated(
        config="JVB_HOSTNAME=a.example\nVIDEOBRIDGE_MAX_MEMORY=1g\nVIDEOBRIDGE_MAX_MEMORY=2g\n",
        jicofo="JICOFO_HOSTNAME=b.example\n",
    )

    assert found.values["host"][0] == "a.example"
    assert found.values["bridge.max_memory_mib"][0] == 2048
    assert found.by_hand == [
        "jicofo:1 JICOFO_HOSTNAME=b.example: differs from config:1 JVB_HOSTNAME, which was taken"
    ]


def test_last_n_of_a_client_configuration() -> None:
    text = "var config = {\n    // channelLastN: 3,\n    channelLastN: -1,\n    start: '800'\n};"
    found = translated(config_js=text)
    assert found.values["media.last_n"][0] == 0
    assert translated(config_js="  channelLastN: 20,").values["media.last_n"][0] == 20


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("config", "A=1\nJVB_OPTS='--apis\n", "config:2: JVB_OPTS begins a quote that never ends"),
        ("jvb.conf", "a {\n b = 1\n", "jvb.conf:3: the file ends before a }"),
        ("jvb.conf", "a = [1,\n", "jvb.conf:2: the file ends before a ]"),
        ("jvb.conf", 'a = "x\n', "jvb.conf:1: a quote without its end here"),
        ("jvb.conf", "a { } }", "jvb.conf:1: a key is expected before '}'"),
        ("jvb.conf", "{ a = 1 } b", "jvb.conf:1: nothing is expected behind the last brace"),
        ("jvb.conf", "a\n", "jvb.conf:1: a key has no value; write KEY = VALUE"),
        ("jvb.conf", "a = [:]", "jvb.conf:1: ':' in a list"),
        ("jvb.conf", "a{" * 60, "jvb.conf:1: nested deeper than 50"),
        ("jvb.conf", "a=" + "[" * 60, "jvb.conf:1: nested deeper than 50"),
    ],
)
def test_what_cannot_be_followed_is_named_with_file_and_line(
    name: str, text: str, says: str
) -> None:
    with pytest.raises(ConfigError) as raised:
        files.parse(text, Path(name))

    assert str(raised.value) == says


def test_a_folder_is_searched_and_the_command_says_what_is_left(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "videobridge").mkdir()
    (tmp_path / "videobridge" / "config").write_text("JVB_HOSTNAME=meet.example\n")

    assert main(["import-jitsi", str(tmp_path)]) == 0
    assert capsys.readouterr().out.startswith('host = "meet.example"  # ')

    (tmp_path / "videobridge" / "jvb.conf").write_text("videobridge.relay.enabled = true")
    assert main(["import-jitsi", str(tmp_path)]) == 1
    assert "relays between bridges" in capsys.readouterr().out

    assert main(["import-jitsi", str(tmp_path / "nothing")]) == 2
    (tmp_path / "empty").mkdir()
    assert main(["import-jitsi", str(tmp_path / "empty")]) == 2
    assert "holds no settings of Jitsi" in capsys.readouterr().err


NAMES = ("config", ".env", "sip.properties", "jvb.conf", "config.js")
KEYS = st.sampled_from(
    [
        *("JVB_HOSTNAME", "JVB_PORT", "JVB_OPTS", "JAVA_SYS_PROPS", "PUBLIC_URL", "TURNS_HOST"),
        *("TURN_PORT", "TURN_CREDENTIALS", "JVB_ADVERTISE_IPS", "JVB_STUN_SERVERS", "include"),
        *("VIDEOBRIDGE_MAX_MEMORY", "videobridge.relay.region", "videobridge.ice.udp.port"),
        "org.ice4j.ice.harvest.NAT_HARVESTER_PUBLIC_ADDRESS",
        *(f"org.jitsi.videobridge.xmpp.user.a.{x}" for x in ("DOMAIN", "MUC_NICKNAME", "HOSTNAME")),
        *("ice4j.harvest.allowed-addresses", "videobridge.http-servers.private.host"),
    ]
)
WORDS = st.text(st.characters(codec="utf-8"), max_size=30) | st.sampled_from(
    [
        "10.0.0.5",
        "a.example",
        "\\ud800",
        "\\u0022",
        "65536",
        "x" * 200,
        "a;b",
        "true",
        "\x7f",
        "\x85",
    ]
)
LINES = st.lists(st.builds("{}{}{}".format, KEYS, st.sampled_from(["=", ": ", " "]), WORDS))


@pytest.mark.hypothesis
@given(name=st.sampled_from(NAMES), lines=LINES, noise=st.text(max_size=50))
def test_whatever_stands_there_becomes_a_configuration_that_loads_or_one_error(
    name: str, lines: list[str], noise: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    text = "\n".join([*lines, noise])
    try:
        found = translate(files.parse(text, Path(name)))
    except ConfigError as error:
        assert str(error).startswith(f"{name}:")
        return

    loaded(found, tmp_path_factory.getbasetemp())


@pytest.mark.hypothesis
@given(
    name=st.sampled_from(NAMES),
    key=st.sampled_from(
        [
            "JVB_SECRET",
            "TURN_CREDENTIALS",
            "org.jitsi.videobridge.xmpp.user.a.PASSWORD",
            "a.b.token",
        ]
    ),
    before=WORDS.filter(lambda word: "\n" not in word and "\r" not in word),
)
def test_no_secret_is_ever_shown(name: str, key: str, before: str) -> None:
    value = f"hush{before}hush"
    value = json.dumps(value) if name == "jvb.conf" else value
    text = f"TURNS_HOST=t.example\n{key}={value}\n"
    try:
        found = translate(files.parse(text, Path(name)))
    except ConfigError as error:
        assert "hush" not in str(error)
        return

    assert "hush" not in found.toml()
