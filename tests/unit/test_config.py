"""The configuration: precedence, and mistakes answered with one line that says what would do."""

import re
from pathlib import Path

import pytest

from tertulia.config import Config, Loaded, keys, load
from tertulia.config.tree import Key
from tertulia.errors import ConfigError
from tertulia.setting_rules import TEXT

ROOT = Path(__file__).parents[2]


def loaded(
    toml: str | None = None,
    *,
    tmp_path: Path | None = None,
    environment: dict[str, str] | None = None,
    command_line: dict[str, str] | None = None,
) -> Loaded:
    file = None
    if toml is not None:
        assert tmp_path is not None
        file = tmp_path / "tertulia.toml"
        file.write_text(toml, encoding="utf-8")
    return load(file=file, environment=environment or {}, command_line=command_line or {})


def test_defaults_alone_make_a_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    config = loaded().config

    assert (config.host, config.http.port, config.media.port) == ("localhost", 8443, 10000)
    assert config.data.is_absolute()


def test_command_line_beats_environment_beats_file(tmp_path: Path) -> None:
    result = loaded(
        'host = "file.example"\n[http]\nport = 1\n[media]\nport = 1',
        tmp_path=tmp_path,
        environment={"TERTULIA_HTTP_PORT": "2", "TERTULIA_MEDIA_PORT": "2"},
        command_line={"media.port": "3"},
    )

    config = result.config
    assert (config.host, config.http.port, config.media.port) == ("file.example", 2, 3)
    assert result.origins["host"].endswith("tertulia.toml")
    assert result.origins["http.port"] == "TERTULIA_HTTP_PORT"
    assert result.origins["media.port"] == "command line"
    assert result.origins["p2p.enabled"] == "default"


def test_the_file_in_the_working_directory_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tertulia.toml").write_text('host = "here.example"')
    monkeypatch.chdir(tmp_path)

    assert loaded().config.host == "here.example"


def test_paths_in_the_file_are_relative_to_the_file(tmp_path: Path) -> None:
    assert loaded('data = "kept"', tmp_path=tmp_path).config.data == tmp_path / "kept"


def test_lists_from_the_environment_are_separated_by_commas(tmp_path: Path) -> None:
    result = loaded("", tmp_path=tmp_path, environment={"TERTULIA_HTTP_LISTEN": "127.0.0.1, ::1"})

    assert result.config.http.listen == ("127.0.0.1", "::1")


@pytest.mark.parametrize(
    ("toml", "says"),
    [
        ("prot = 1", "unknown key prot"),
        ("[http]\nprot = 1", r"unknown key http\.prot; did you mean http\.port\?"),
        ("[htpp]\nport = 1", r"unknown key htpp"),
        ('[http]\nport = "8443"', r"http\.port is '8443'; expected a whole number"),
        ("[http]\nport = true", r"http\.port is True; expected a whole number"),
        ("[http]\nport = 70000", r"http\.port is 70000; expected a port from 1 to 65535"),
        ('http = "x"', "unknown key http"),
        ('host = "no spaces"', "expected a host name such as meet.example.org"),
        ('host = ""', "expected a host name"),
        ("host = 3", r"host is 3; expected a text"),
        ('[media]\naddresses = "1.2.3.4"', "expected a list of texts"),
        ('[media]\naddresses = ["x"]', "expected IP addresses"),
        ('[media]\nadvertise = ["10.0.0.1"]', "expected public addresses such as 203.0.113.7"),
        ('[log]\nformat = "xml"', "expected one of logfmt, json"),
        ('[http]\ncertificate = "a.pem"', r"http\.certificate is set but http\.private_key is not"),
        ("host = ", "is not TOML"),
    ],
)
def test_a_mistake_in_the_file_names_file_key_and_what_would_do(
    tmp_path: Path, toml: str, says: str
) -> None:
    with pytest.raises(ConfigError, match=says) as mistake:
        loaded(toml, tmp_path=tmp_path)

    assert "tertulia.toml" in str(mistake.value)
    assert "\n" not in str(mistake.value)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"absent\.toml: cannot be read .*--config"):
        load(file=tmp_path / "absent.toml", environment={}, command_line={})


def test_a_file_that_is_not_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")

    with pytest.raises(ConfigError, match=r"binary\.toml: is not UTF-8"):
        load(file=tmp_path / "binary.toml", environment={}, command_line={})


def test_an_unknown_variable_is_a_mistake_with_a_hint(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"TERTULIA_HTTP_PROT; did you mean TERTULIA_HTTP_PORT"):
        loaded("", tmp_path=tmp_path, environment={"TERTULIA_HTTP_PROT": "1"})


def test_other_programs_variables_are_not_ours(tmp_path: Path) -> None:
    loaded("", tmp_path=tmp_path, environment={"PORT": "x", "PATH": ""})


def test_every_key_says_what_it_means() -> None:
    assert [key.path for key in keys() if not key.meaning.endswith(".")] == []


def test_every_key_stands_in_the_operating_manual_with_its_default() -> None:
    manual = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
    table = manual.partition("| Key | Default | Meaning |")[2].partition("\n\n")[0]
    found = re.findall(r"^\| `([a-z0-9_.]+)` \| ([^|]*) \| (.*) \|$", table, re.MULTILINE)
    rows = {path: (default.strip("` "), meaning) for path, default, meaning in found}

    assert len(rows) == len(found)
    assert rows == {key.path: (in_the_manual(key.default), key.meaning) for key in keys()}


@pytest.mark.parametrize("key", list(keys()), ids=lambda key: key.path)
def test_what_a_key_cannot_be_is_one_line_that_names_it(key: Key, tmp_path: Path) -> None:
    wrong = {
        "text": ["7", "true", '["a"]'],
        "whole number": ['"x"', "1.5", "true", "-1", "99999999999999999999"],
        "true or false": ['"maybe"', "1"],
        "path": ["7", '["a"]'],
        "list of texts": ["7", "[7]", '[["a"]]'],
    }[key.kind_name]
    if key.kind_name == "text" and key.rule is not None:
        wrong.append(f'"{"x" * 1000}"')
        wrong += [r'"two\nlines"'] if key.rule is not TEXT else []
    if key.kind_name == "list of texts" and key.rule is not None:
        wrong += ['[""]', r'["two\nlines"]']
    section, _, name = key.path.rpartition(".")
    for value in wrong:
        with pytest.raises(ConfigError) as mistake:
            loaded(
                f"[{section}]\n{name} = {value}" if section else f"{name} = {value}",
                tmp_path=tmp_path,
            )

        said = str(mistake.value)
        assert f"tertulia.toml: {key.path} is " in said and "; expected " in said, said
        assert said.isprintable() and len(said) < 400


def in_the_manual(default: object) -> str:
    if isinstance(default, bool):
        return "true" if default else "false"
    if isinstance(default, tuple):
        return ", ".join(default) or "none"
    return "none" if default in (None, "") else str(default)


def test_the_tree_is_frozen() -> None:
    with pytest.raises(AttributeError):
        Config().host = "other"  # type: ignore[misc]
