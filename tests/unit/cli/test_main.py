"""The command line as people use it, in a process of its own where that matters."""

import socket
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tertulia.cli import main
from tertulia.config import keys


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A working directory without a tertulia.toml."""
    monkeypatch.chdir(tmp_path)


def test_config_show_is_toml_with_origin_and_meaning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("tertulia.toml").write_text('host = "file.example"\n[site]\nname = "A \\"B\\""')
    monkeypatch.setenv("TERTULIA_MEDIA_PORT", "20000")

    status = main(["config", "show", "--port", "443"])

    text = capsys.readouterr().out
    shown = tomllib.loads(text)
    assert status == 0
    assert (shown["host"], shown["site"]["name"]) == ("file.example", 'A "B"')
    assert (shown["http"]["port"], shown["media"]["port"]) == (443, 20000)
    for origin in ("from: tertulia.toml", "from: command line", "from: TERTULIA_MEDIA_PORT"):
        assert origin in text
    for key in keys():
        assert key.meaning in text


def test_what_config_show_prints_can_be_the_configuration(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["config", "show"])
    (tmp_path / "whole.toml").write_text(capsys.readouterr().out)

    assert main(["config", "check", "--config", "whole.toml"]) == 0


def test_any_key_can_be_set_on_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    main(["config", "show", "--set", "p2p.enabled=no", "--set", "http.listen=127.0.0.1,::1"])

    shown = tomllib.loads(capsys.readouterr().out)
    assert shown["p2p"]["enabled"] is False
    assert shown["http"]["listen"] == ["127.0.0.1", "::1"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["config", "check", "--config", "none.toml"], "none.toml: cannot be read"),
        (["config", "check", "--port", "no"], "command line: http.port is 'no'"),
        (["config", "check", "--set", "prot=1"], "command line: unknown key prot"),
        (
            ["config", "check", "--set", "host"],
            "command line: --set host has no value; write KEY=VALUE",
        ),
        (["serve", "--host", "two words"], "command line: host is 'two words'; expected a host"),
        (
            ["bridge", "--server", "meet", "--name", "b", "--secret-file", "s"],
            "--server meet is no server; write https://",
        ),
        (
            ["bridge", "--server", "wss://h/", "--name", "b", "--secret-file", "s"],
            "s: cannot be read",
        ),
        (
            ["bridge", "--server", "wss://h/", "--name", "a b", "--secret-file", "s"],
            "--name a b: expected letters",
        ),
        (
            [
                *("bridge", "--server", "wss://h/", "--name", "b", "--secret-file", "s"),
                *("--media-port", "70000"),
            ],
            "--media-port 70000: expected a port",
        ),
        (
            [
                *("bridge", "--name", "b", "--server", "wss://a/", "--server", "wss://b/"),
                *("--secret-file", "s", "--host", "a", "--host", "b", "--host", "c"),
            ],
            "--host is given 3 times for 2 servers; give it once for each --server",
        ),
        (
            [
                *("bridge", "--name", "b", "--server", "wss://a/", "--server", "wss://a/"),
                *("--secret-file", "s"),
            ],
            "--server wss://a/ is named twice; name each once",
        ),
        (
            [
                *("bridge", "--name", "b", "--server", "wss://a/", "--secret-file", "s"),
                *("--brewery", "a/b"),
            ],
            "--brewery a/b: expected letters",
        ),
    ],
)
def test_a_mistake_is_one_line_and_status_2(
    arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    status = main(arguments)

    said = capsys.readouterr()
    assert status == 2
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert f"tertulia: {says}" in said.err


def serve(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tertulia", "serve", "--data", "kept", *arguments],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_serve_names_a_taken_tcp_port() -> None:
    with socket.create_server(("0.0.0.0", 0)) as other:
        port = other.getsockname()[1]

        ended = serve("--port", str(port), "--media-port", "0")

    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.splitlines() == [
        f"tertulia: 0.0.0.0:{port}/tcp is taken by another program; stop it or choose with --port"
    ]


def test_serve_names_a_taken_udp_port() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        port = other.getsockname()[1]

        ended = serve(
            "--port", "0", "--media-port", str(port), "--set", "media.addresses=127.0.0.1"
        )

    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.splitlines() == [
        f"tertulia: 127.0.0.1:{port}/udp is taken by another program; "
        "stop it or choose with --media-port"
    ]


def test_serve_names_a_folder_it_cannot_make() -> None:
    Path("kept").write_text("a file")

    ended = serve("--port", "0", "--media-port", "0")

    assert ended.returncode == 2
    assert "kept: cannot be made" in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_the_command_starts_without_what_only_serving_needs() -> None:
    code = (
        "import sys; from tertulia.cli import main; main(['config', 'show']);"
        "print(sorted({'aiohttp', 'cryptography', 'uvloop'} & set(sys.modules)))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True
    )

    assert ended.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        (("sign_in.issuer=http://id.example",), "sign_in.issuer: http://id.example does not begin"),
        (
            ("sign_in.issuer=https://id.example", "sign_in.lead_claim=groups"),
            "sign_in.lead_claim and sign_in.lead_values belong together",
        ),
        (
            ("sign_in.issuer=https://id.example", "sign_in.admin_values=it"),
            "sign_in.admin_claim and sign_in.admin_values belong together",
        ),
        (("sign_in.admin_claim=groups", "sign_in.admin_values=it"), "sign_in.issuer is empty"),
        (("turn.servers=turn:turn.example",), "turn.servers names TURN servers but"),
        (("site.accent=#ffff00",), "site.accent: #ffff00 has a contrast of"),
        (("site.logo=none.svg",), "site.logo: "),
        (("storage.url=mysql://h/d",), "storage.url is of the kind mysql"),
        (("storage.url=nonsense",), "storage.url is no address of a database"),
        (("tokens.issuers=app",), "tokens"),
        (("http.certificate=a.pem",), "command line: http.certificate is set but"),
        (("http.listen=",), "command line: http.listen is ''; expected IP addresses"),
    ],
)
def test_a_check_finds_what_a_start_would_stumble_over(
    settings: tuple[str, ...], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [each for setting in settings for each in ("--set", setting)]

    status = main(["config", "check", *given])

    said = capsys.readouterr()
    assert (status, said.out) == (2, "")
    assert said.err.startswith(f"tertulia: {says}") and said.err.count("\n") == 1
