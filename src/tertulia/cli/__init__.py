"""The command line: one file per command, each with `add_arguments` and `run`.

Exit status: 0 done, 1 the command's own "no", 2 the operator's mistake (one line says which).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from tertulia import __version__
from tertulia.cli import (
    bridge,
    config,
    doctor,
    import_jitsi,
    room,
    rooms,
    serve,
    usage,
    user,
)
from tertulia.errors import ConfigError

COMMANDS = (serve, bridge, user, room, rooms, usage, config, doctor, import_jitsi)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit status. `arguments` default to those of the process."""
    parser = argparse.ArgumentParser(
        prog="tertulia", description="A whole Jitsi-compatible meeting system in one program."
    )
    parser.add_argument("--version", action="version", version=f"tertulia {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for module in COMMANDS:
        name = module.__name__.rpartition(".")[2].replace("_", "-")
        summary = (module.__doc__ or "").splitlines()[0].partition(": ")[2]
        command = commands.add_parser(name, help=summary, description=summary)
        module.add_arguments(command)
        command.set_defaults(run=module.run)
    args = parser.parse_args(arguments)
    try:
        return int(args.run(args))
    except ConfigError as error:
        print(f"tertulia: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # `tertulia config show | head`
        return 1
