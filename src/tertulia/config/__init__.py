"""THE configuration: one typed tree, each key documented where it is defined.

A value comes from the default written there, over it `tertulia.toml`, over it the environment
(`TERTULIA_HTTP_PORT` for `http.port`), over it the command line. Nothing is guessed: an unknown
key, a wrong type or an unreadable file is a `ConfigError` in one line that says what would do.

`tree` has the sections, each defined in a module with its likes; `loading` composes it.
"""

from tertulia.config.loading import Loaded, load
from tertulia.config.tree import Config, keys

__all__ = ["Config", "Loaded", "keys", "load"]
