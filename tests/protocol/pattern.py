"""Patterns of stanzas: what a line `name < pattern` of a transcript matches.

A pattern is a stanza with holes. ` ... ` between tags stands for any content, tags included, so
the order of what is written out matters and their depth does not. Attributes that the pattern does
not name may be there; `xmlns` means the element's namespace, inherited or not. `{=name}` in a value
or text stands for anything and keeps it under that name, `...` in a value for anything.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from tertulia.xmpp.xml import Element

_TAG = re.compile(r"<(/?)([\w:.-]+)((?:\s+[\w:.-]+=(?:'[^']*'|\"[^\"]*\"))*)\s*(/?)>")
_ATTRIBUTE = re.compile(r"([\w:.-]+)=(?:'([^']*)'|\"([^\"]*)\")")
_HOLE = re.compile(r"\{=(\w+)\}|\.\.\.")
_ENTITIES = {"&lt;": "<", "&gt;": ">", "&apos;": "'", "&quot;": '"', "&amp;": "&"}


class PatternError(ValueError):
    """The transcript itself is wrong."""


@dataclass(frozen=True)
class Start:
    name: str
    ns: str  # "" in a pattern: any
    attrs: dict[str, str]


@dataclass(frozen=True)
class End:
    name: str


@dataclass(frozen=True)
class Text:
    text: str


@dataclass(frozen=True)
class Anything:
    """` ... `"""


Token = Start | End | Text | Anything


def tokens_of(element: Element) -> list[Token]:
    """A stanza that arrived, as a flat list; white space around text does not count."""
    found: list[Token] = [Start(element.name, element.ns, element.attrs)]
    text = ""
    for child in element.children:
        if isinstance(child, str):
            text += child
            continue
        if text.strip():
            found.append(Text(text.strip()))
        text = ""
        found += tokens_of(child)
    if text.strip():
        found.append(Text(text.strip()))
    return [*found, End(element.name)]


def parse_pattern(source: str) -> list[Token]:
    """Raises: PatternError."""
    found: list[Token] = []
    position = 0
    for match in _TAG.finditer(source):
        found += _between(source[position : match.start()])
        position = match.end()
        closing, name, attributes, empty = match.groups()
        name = name.rpartition(":")[2]
        if closing:
            found.append(End(name))
            continue
        attrs = {}
        for key, single, double in _ATTRIBUTE.findall(attributes):
            attrs[key] = _unescaped(single or double)
        ns = attrs.pop("xmlns", "")
        attrs = {key: value for key, value in attrs.items() if not key.startswith("xmlns:")}
        found.append(Start(name, ns, attrs))
        if empty:
            found.append(End(name))
    found += _between(source[position:])
    if not found or not isinstance(found[0], Start):
        raise PatternError(f"not a pattern: {source}")
    return found


def match(pattern: list[Token], element: Element) -> dict[str, str] | None:
    """What the holes with names hold if the element matches, else None."""
    return _match(pattern, tokens_of(element), {})


def _match(
    pattern: list[Token], tokens: list[Token], names: dict[str, str]
) -> dict[str, str] | None:
    if not pattern:
        return names if not tokens else None
    wanted, rest = pattern[0], pattern[1:]
    if isinstance(wanted, Anything):
        for skipped in range(len(tokens) + 1):
            found = _match(rest, tokens[skipped:], names)
            if found is not None:
                return found
        return None
    if not tokens:
        return None
    more = _fits(wanted, tokens[0])
    return None if more is None else _match(rest, tokens[1:], {**names, **more})


def _fits(wanted: Token, token: Token) -> dict[str, str] | None:
    if isinstance(wanted, Text) and isinstance(token, Text):
        return _value_fits(wanted.text, token.text)
    if isinstance(wanted, End) and isinstance(token, End):
        return {} if wanted.name == token.name else None
    if not (isinstance(wanted, Start) and isinstance(token, Start)):
        return None
    if wanted.name != token.name or (wanted.ns and wanted.ns != token.ns):
        return None
    names: dict[str, str] = {}
    for key, value in wanted.attrs.items():
        more = _value_fits(value, token.attrs[key]) if key in token.attrs else None
        if more is None:
            return None
        names |= more
    return names


def _value_fits(wanted: str, value: str) -> dict[str, str] | None:
    expression, position = "", 0
    for hole in _HOLE.finditer(wanted):
        expression += re.escape(wanted[position : hole.start()])
        expression += f"(?P<{hole[1]}>.+?)" if hole[1] else ".*"
        position = hole.end()
    expression += re.escape(wanted[position:])
    found = re.fullmatch(expression, value, re.DOTALL)
    return None if found is None else found.groupdict()


def _between(text: str) -> list[Token]:
    text = text.strip()
    if text == "...":
        return [Anything()]
    if text.startswith("<") or text.endswith(">"):
        raise PatternError(f"cannot be read: {text}")
    return [Text(_unescaped(text))] if text else []


def _unescaped(text: str) -> str:
    for entity, character in _ENTITIES.items():
        text = text.replace(entity, character)
    return text
