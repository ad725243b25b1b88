# Shared by the scripts beside it: messages, stamps, and which tools are used.
# shellcheck shell=bash

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
stamps=build/stamps

say() { printf '\033[1m==> %s\033[0m\n' "$*" >&2; }

# die WHAT HOW: what could not be had, and how to get it.
die() {
  printf '\nerror: %s\n  -> %s\n' "$1" "$2" >&2
  exit 1
}

# at_least HAVE WANT: true when version HAVE is WANT or newer.
at_least() { [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]; }

# content_of PATH...: one hash over names and contents of these files and folders.
content_of() {
  find "$@" -type f ! -path '*/node_modules/*' ! -path '*/target/*' ! -name '*.pyc' -print0 |
    LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum | cut -d' ' -f1
}

# done_for STEP HASH / mark_done STEP HASH: has this step been carried out for this content?
done_for() { [ "$(cat "$stamps/$1" 2>/dev/null)" = "$2" ]; }
mark_done() { mkdir -p "$stamps" && printf '%s\n' "$2" >"$stamps/$1"; }

# rustup keeps its commands out of the PATH of non-login shells.
[ -d "${HOME:-/root}/.cargo/bin" ] && PATH="$PATH:${HOME:-/root}/.cargo/bin"
# What the virtual environment brings (maturin, and node where the machine's is too old) comes first.
PATH="$PWD/.venv/bin:$PATH"
export PATH
