"""The bridge's mind: conferences and endpoints, who receives which layer, who speaks, the bridge
channel, COLIBRI2, statistics. Packets are moved by the engine, on orders from here.

Meets the focus only in stanzas; `service.run` is the whole process.
"""
