"""/config.js: what clients must know, in the convention of Jitsi Meet.

A stock client loads this script from the server it is pointed at and needs nothing else. The web
socket's address repeats the Host of the request, so every name of this server works.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from tertulia.web.theme import Theme


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientSettings:
    host: str  # the XMPP domain
    site_name: str
    p2p_enabled: bool
    ssrc_rewriting: bool = False
    opus_red: bool = False
    last_n: int = 0  # videos; 0: all
    file_bytes: int = 0  # of the largest file people may share; 0: files are not shared
    has_sign_in: bool = False
    theme: Theme = field(default_factory=Theme)
    guest_domain: str = ""  # where guests log in when that is not the XMPP domain


def client_config(settings: ClientSettings, host: str) -> dict[str, object]:
    """The object `config`. `host` is the validated Host of the request, with its port."""
    domain = settings.host
    hosts = {
        "domain": domain,
        "muc": f"conference.{domain}",
        "focus": f"focus.{domain}",
    }
    if settings.guest_domain:
        # With it a stock client logs guests in there, and whoever has a token or a password here.
        hosts["anonymousdomain"] = settings.guest_domain
    sign_in = {"tokenAuthUrl": f"https://{host}/sign-in?room={{room}}"}
    return {
        **(sign_in if settings.has_sign_in else {}),
        "hosts": hosts,
        "focusUserJid": f"focus@auth.{domain}",
        "websocket": f"wss://{host}/xmpp-websocket",
        "bosh": f"https://{host}/http-bind",
        # A request now and then keeps what balancers and proxies know of the client (1.3).
        "websocketKeepAlive": 60_000,
        "bridgeChannel": {"preferSctp": False},
        # Empty, not absent: without the key a stock client asks public STUN servers.
        "p2p": {"enabled": settings.p2p_enabled, "stunServers": []},
        # A stock client that is not told so does not advertise that it can.
        "flags": {"ssrcRewritingEnabled": settings.ssrc_rewriting},
        "enableOpusRed": settings.opus_red,
        "channelLastN": settings.last_n or -1,
        # A session whose path died gets new ICE credentials before it is made anew.
        "enableIceRestart": True,
        "enableWebsocketResume": True,
        "disableThirdPartyRequests": True,
        "analytics": {"disabled": True},
        "siteName": settings.site_name,
        "fileSharing": {
            "enabled": bool(settings.file_bytes),
            "apiUrl": f"https://{host}/files/v1",
            "maxFileSize": settings.file_bytes,
        },
        "siteTheme": settings.theme.for_client(),
    }


def script(config: dict[str, object]) -> str:
    """The configuration as a classic script that defines the global `config`."""
    # "<" is escaped so that the text may also stand inside a page.
    return "var config = " + json.dumps(config, indent=2).replace("<", "\\u003c") + ";\n"
