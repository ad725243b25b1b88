"""The control process put together: the only place that knows which services run and how they fit.

`running` is its life from the start to the end; `ground` what it needs of the machine; `own_bridge`
the bridge it supervises; `services` all that runs, area by area: `storing` what outlives the
process, `signalling` with its `meetings`, `web_surface`, `operating`.
"""
