"""The command line: one file per command, each with `add_arguments` and `run`.

Exit status: 0 done, 1 the command's own "no", 2 the operator's mistake (one line says which).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module

from tertulia import __version__
from tertulia.errors import ConfigError

COMMANDS = ("serve", "bridge", "user", "room", "rooms", "usage", "config", "doctor", "import-jitsi")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit status. `arguments` default to those of the process."""
    parser = argparse.ArgumentParser(
        prog="tertulia", description="A whole Jitsi-compatible meeting system in one program."
    )
    parser.add_argument("--version", action="version", version=f"tertulia {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    given = sys.argv[1:] if arguments is None else arguments
    # What the other commands need takes as long to load as a start.
    for name in given[:1] if given and given[0] in COMMANDS else COMMANDS:
        module = import_module(f"tertulia.cli.{name.replace('-', '_')}")
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
