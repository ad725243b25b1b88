"""The part of HOCON that jvb.conf and jicofo.conf are written in.

Objects, lists, quoted and bare values, comments, `+=`, dotted keys. Substitutions (`${X}`) are kept
as they stand, and `include` is told as an entry.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from tertulia.jitsi_settings.entry import Entry, unreadable

_DEPTH = 50
_TOKEN = re.compile(
    r"""(?P<space>[ \t\r\f\ufeff]+)|(?P<comment>(?:\#|//)[^\n]*)|(?P<newline>\n)
      |(?P<long>\"\"\".*?\"\"\"+)|(?P<string>"(?:[^"\\\n]|\\.)*")
      |(?P<substitution>\$\{[^}\n]*\})|(?P<append>\+=)|(?P<sign>[{}\[\]=:,])
      |(?P<bare>(?:(?!//)[^\s{}\[\]=:,\#"$+]|\+(?!=)|\$(?!\{))+)""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}

Token = tuple[str, str, int]  # kind, text, line


def entries(text: str, file: str) -> list[Entry]:
    """All values by their whole path. Raises: ConfigError naming file and line."""
    parser = _Parser(file, list(_tokens(text, file)))
    parser.whole()
    return parser.found


def _tokens(text: str, file: str) -> Iterator[Token]:
    at, line = 0, 1
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            what = "a quote without its end" if text[at] == '"' else f"{text[at]!r} has no meaning"
            raise unreadable(file, line, f"{what} here")
        kind, found = match.lastgroup, match[0]
        if kind == "string":
            yield "value", _unescaped(found[1:-1]), line
        elif kind == "long":
            yield "value", found[3:-3], line
        elif kind in ("bare", "substitution"):
            yield "value", found, line
        elif kind == "append":
            yield "sign", "=", line
        elif kind != "comment":
            yield kind, found, line
        line += found.count("\n")
        at = match.end()
    yield "end", "", line


def _unescaped(text: str) -> str:
    def meant(found: re.Match[str]) -> str:
        if found[1]:
            return chr(int(found[1], 16))
        return _ESCAPES.get(found[2], found[2])

    return re.sub(r"\\(?:u([0-9a-fA-F]{4})|(.))", meant, text, flags=re.DOTALL)


class _Parser:
    def __init__(self, file: str, tokens: list[Token]) -> None:
        self.found: list[Entry] = []
        self._file = file
        self._tokens = tokens
        self._at = 0

    def whole(self) -> None:
        self._skip("newline", "space")
        braced = self._is("{")
        if braced:
            self._at += 1
        self._members("", 0, "}" if braced else "")
        self._skip("newline", "space")
        if self._tokens[self._at][0] != "end":
            raise self._wrong("nothing is expected behind the last brace")

    def _members(self, path: str, depth: int, end: str) -> None:
        if depth > _DEPTH:
            raise self._wrong(f"nested deeper than {_DEPTH}")
        while True:
            self._skip("newline", "space", ",")
            kind, text, line = self._tokens[self._at]
            if kind == "end":
                if end:
                    raise self._wrong(f"the file ends before a {end}")
                return
            if text == end and kind == "sign":
                self._at += 1
                return
            if kind != "value":
                raise self._wrong(f"a key is expected before {text!r}")
            self._member(path, depth, line)

    def _member(self, path: str, depth: int, line: int) -> None:
        name = self._text().strip()
        here = f"{path}.{name}" if path else name
        if name.startswith("include ") or name == "include":
            self.found.append(Entry(self._file, line, "include", name[8:]))
            return
        if self._is("{"):
            self._at += 1
            self._members(here, depth + 1, "}")
            return
        if not (self._is("=") or self._is(":")):
            # Not named: it may be the rest of a password that should have stood in quotes.
            raise self._wrong("a key has no value; write KEY = VALUE")
        self._at += 1
        self._skip("newline", "space")
        self._value(here, depth, line)

    def _value(self, path: str, depth: int, line: int) -> None:
        if self._is("{"):
            self._at += 1
            self._members(path, depth + 1, "}")
        elif self._is("["):
            self._at += 1
            self._list(path, depth + 1, line)
        else:
            self.found.append(Entry(self._file, line, path, self._text().strip()))

    def _list(self, path: str, depth: int, line: int) -> None:
        """A list of plain values is one entry, objects in it are numbered."""
        if depth > _DEPTH:
            raise self._wrong(f"nested deeper than {_DEPTH}")
        plain: list[str] = []
        number = 0
        while True:
            self._skip("newline", "space", ",")
            kind, text, _ = self._tokens[self._at]
            if kind == "end":
                raise self._wrong("the file ends before a ]")
            if self._is("]"):
                self._at += 1
                break
            if kind == "value":
                plain.append(self._text().strip())
            elif text in ("{", "["):
                self._value(f"{path}.{number}", depth, line)
                number += 1
            else:
                raise self._wrong(f"{text!r} in a list")
        if plain or not number:
            self.found.append(Entry(self._file, line, path, ",".join(plain)))

    def _text(self) -> str:
        """Values next to each other are one, with the space between them."""
        text = ""
        while self._tokens[self._at][0] in ("value", "space"):
            text += self._tokens[self._at][1]
            self._at += 1
        return text

    def _skip(self, *what: str) -> None:
        """Pass over tokens of these kinds, and over commas if one of them is that."""
        while self._tokens[self._at][0] in what or ("," in what and self._is(",")):
            self._at += 1

    def _is(self, sign: str) -> bool:
        return self._tokens[self._at][:2] == ("sign", sign)

    def _wrong(self, what: str) -> Exception:
        return unreadable(self._file, self._tokens[self._at][2], what)
