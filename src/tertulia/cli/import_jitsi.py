"""tertulia import-jitsi: read the settings of a Jitsi installation and print them as ours.

Prints a tertulia.toml, with a comment on each setting that is not needed or does not exist here.
Exit status: 0 everything found its place, 1 something is left to be done by hand or is missed.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from tertulia.jitsi_settings import files
from tertulia.jitsi_settings.translation import translate


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "paths",
        nargs="+",
        type=Path,
        metavar="PATH",
        help="files (.env, config, *.properties, jvb.conf, config.js), or a folder of them",
    )


def run(args: argparse.Namespace) -> int:
    found = translate(files.read(args.paths))
    print(found.toml(), end="")
    return 1 if found.by_hand or found.missed else 0
