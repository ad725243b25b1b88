"""The focus leads conferences: it admits them, chooses bridges, offers Jingle sessions, tells each
participant of the others' sources, and begins anew where something broke.

Knows bridges only by their presence in the brewery and by COLIBRI2.
"""
