"""Composing the configuration: defaults, file, environment and command line, checked key by key."""

from __future__ import annotations

import dataclasses
import difflib
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_type_hints

from tertulia.config.tree import KINDS, PREFIX, Config, Key, keys
from tertulia.errors import ConfigError

FILE_VARIABLE = "TERTULIA_CONFIG"
DEFAULT_FILE = "tertulia.toml"
_LONGEST_SHOWN = 80  # characters of a wrong value


@dataclass(frozen=True, slots=True)
class Loaded:
    """A configuration and where each of its values came from."""

    config: Config
    origins: Mapping[str, str]  # key path -> "default", "tertulia.toml", ...

    def value(self, path: str) -> Any:
        value: Any = self.config
        for part in path.split("."):
            value = getattr(value, part)
        return value


def load(
    *,
    file: Path | None = None,
    environment: Mapping[str, str],
    command_line: Mapping[str, str],
) -> Loaded:
    """Compose the configuration.

    Args:
        file: the file named on the command line; without it `TERTULIA_CONFIG` names one, and
            without that `tertulia.toml` in the working directory is read if it is there.
        environment: `os.environ`; only names that begin with `TERTULIA_` are looked at.
        command_line: key path -> text, for the keys given there.
    Raises: ConfigError naming the file or option, the key, and what would do.
    """
    known = {each.path: each for each in keys()}
    values: dict[str, Any] = {each.path: each.default for each in known.values()}
    origins = dict.fromkeys(values, "default")

    def put(path: str, value: Any, origin: str, *, from_text: bool, base: Path) -> None:
        if path not in known:
            raise ConfigError(f"{origin}: unknown key {path}{_nearest(path, known)}")
        values[path] = _convert(known[path], value, origin, from_text=from_text, base=base)
        origins[path] = origin

    if file is None and environment.get(FILE_VARIABLE):
        file = Path(environment[FILE_VARIABLE])
    if file is None and Path(DEFAULT_FILE).exists():
        file = Path(DEFAULT_FILE)
    if file is not None:
        for path, value in _flatten(_read(file), "", {each.rpartition(".")[0] for each in known}):
            put(path, value, str(file), from_text=False, base=file.absolute().parent)

    variables = {each.variable: each.path for each in known.values()}
    for name in sorted(environment):
        if name.startswith(PREFIX) and name != FILE_VARIABLE:
            if name not in variables:
                raise ConfigError(
                    f"environment: unknown variable {name}{_nearest(name, variables)}"
                )
            put(variables[name], environment[name], name, from_text=True, base=Path.cwd())

    for path, text in command_line.items():
        put(path, text, "command line", from_text=True, base=Path.cwd())

    values["data"] = values["data"].expanduser()
    config = _build(Config, "", values)
    if (config.http.certificate is None) != (config.http.private_key is None):
        have, lack = "http.certificate", "http.private_key"
        if config.http.certificate is None:
            have, lack = lack, have
        raise ConfigError(
            f"{origins[have]}: {have} is set but {lack} is not; give both PEM files or neither"
        )
    return Loaded(config, origins)


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(
            f"{file}: cannot be read ({error.strerror}); name a readable file with --config"
        ) from None
    except UnicodeDecodeError:
        raise ConfigError(f"{file}: is not UTF-8 text; save it as UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f'{file}: is not TOML: {error}; write keys as `name = "value"`') from None


def _flatten(
    table: Mapping[str, Any], prefix: str, sections: set[str]
) -> Iterator[tuple[str, Any]]:
    for name, value in table.items():
        path = f"{prefix}{name}"
        if isinstance(value, dict) and path in sections:
            yield from _flatten(value, f"{path}.", sections)
        else:
            yield path, value


def _nearest(name: str, known: Mapping[str, object]) -> str:
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f"; did you mean {close[0]}?" if close else ""
    return f"{hint} (`tertulia config show` lists all)"


def _convert(key: Key, value: Any, origin: str, *, from_text: bool, base: Path) -> Any:
    result = _from_text(key.kind, value) if from_text else _from_toml(key.kind, value)
    given = repr(value) if len(repr(value)) <= _LONGEST_SHOWN else f"{value!r:.{_LONGEST_SHOWN}}..."
    if result is None:
        name, example = KINDS[key.kind]
        shown = f"`{key.path} = {example}`" if not from_text else name
        raise ConfigError(f"{origin}: {key.path} is {given}; expected a {name}, such as {shown}")
    if key.rule is not None and not key.rule.holds(result):
        raise ConfigError(f"{origin}: {key.path} is {given}; expected {key.rule.text}")
    if isinstance(result, Path):
        return base / result.expanduser()
    return result


def _from_toml(kind: Any, value: Any) -> Any:
    """The value in its own type, or None when TOML gave another one."""
    if kind == tuple[str, ...]:
        is_list = isinstance(value, list) and all(isinstance(each, str) for each in value)
        return tuple(value) if is_list else None
    if kind in (Path, Path | None):
        return Path(value) if isinstance(value, str) and value else None
    return value if type(value) is kind else None


def _from_text(kind: Any, text: str) -> Any:
    if kind is int:
        return int(text) if re.fullmatch(r"[+-]?[0-9]{1,9}", text) else None
    if kind is bool:
        return {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}.get(
            text.lower()
        )
    if kind == tuple[str, ...]:
        return tuple(each.strip() for each in text.split(",") if each.strip())
    return _from_toml(kind, text)


def _build(section: type, prefix: str, values: Mapping[str, Any]) -> Any:
    kinds = get_type_hints(section)
    made = {}
    for each in dataclasses.fields(section):
        path = f"{prefix}{each.name}"
        made[each.name] = (
            values[path] if path in values else _build(kinds[each.name], f"{path}.", values)
        )
    return section(**made)
