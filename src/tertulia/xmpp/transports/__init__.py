"""Sockets under the streams: WebSocket (RFC 7395) and TCP with STARTTLS (RFC 6120)."""
