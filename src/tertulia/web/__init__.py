"""HTTP: pages, /config.js, the WebSocket endpoints, all on one HTTPS port without a proxy.

It only assembles: what an XMPP stream or a bridge channel means is decided elsewhere.
"""
