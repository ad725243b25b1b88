"""XMPP itself: sans-IO streams, stanzas, SASL, discovery, routing; transports/ holds sockets.

Knows nothing of rooms, conferences or media: the wire forms that several services share (Jingle,
COLIBRI2) are here as plain data because services may not import each other.
"""
