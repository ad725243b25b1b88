"""From the address of a meeting to its server's addresses."""

import pytest

from tertulia.client.site import MeetingAddress, read_config
from tertulia.errors import ConfigError
from tertulia.web.client_config import ClientSettings, client_config, script

ADDRESS = MeetingAddress.parse("https://meet.example.org:8443/Pla%27za%20Mayor")


def test_our_own_configuration_is_read() -> None:
    settings = ClientSettings(host="example.org", site_name='The "Site"', p2p_enabled=True)

    site = read_config(script(client_config(settings, "meet.example.org:8443")), ADDRESS)

    assert (site.domain, site.focus) == ("example.org", "focus.example.org")
    assert site.web_socket == "wss://meet.example.org:8443/xmpp-websocket?room=plaza-mayor"
    assert str(site.room) == "plaza-mayor@conference.example.org"


def test_a_stock_configuration_in_javascript_is_read() -> None:
    text = """
    var subdomain = '';
    var config = {
        hosts: {
            // domain: 'commented.example',
            domain: 'meet.example.org',
            // anonymousdomain: 'guest.example.com',
            muc: 'conference.' + subdomain + 'meet.example.org',
        },
        websocket: '//meet.example.org/xmpp-websocket',
    };"""

    site = read_config(text, MeetingAddress.parse("https://meet.example.org/plaza"))

    assert site.domain == "meet.example.org"
    assert site.web_socket == "wss://meet.example.org/xmpp-websocket?room=plaza"


def test_what_is_absent_follows_the_conventions() -> None:
    site = read_config("var config = {};", MeetingAddress.parse("https://meet.example.org/plaza"))

    assert str(site.room) == "plaza@conference.meet.example.org"
    assert site.focus == "focus.meet.example.org"


@pytest.mark.parametrize(
    "url",
    [
        "http://meet.example.org/plaza",
        "https://meet.example.org",
        "plaza",
        "https:///x",
        "https://x/@",
    ],
)
def test_what_is_no_meeting_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match=r"no (meeting|room)"):
        MeetingAddress.parse(url)
