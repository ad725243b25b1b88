import stat
from pathlib import Path

import pytest

from tertulia import bridge_secret
from tertulia.bridge_secret import BridgeSecret
from tertulia.errors import ConfigError

ONE = ":".join(["AB"] * 32)
TWO = ":".join(["CD"] * 32)


def test_the_first_start_makes_a_secret_that_reads_back(tmp_path: Path) -> None:
    file, secret = bridge_secret.kept(tmp_path, ONE)

    assert bridge_secret.read(file) == secret == BridgeSecret(secret.password, ONE)
    assert len(secret.password) >= 32
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_the_password_stays_when_the_certificate_changes(tmp_path: Path) -> None:
    _, before = bridge_secret.kept(tmp_path, ONE)

    _, after = bridge_secret.kept(tmp_path, TWO)

    assert after == BridgeSecret(before.password, TWO)


def test_a_file_without_fingerprint_means_ordinary_verification(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("password abc\n")

    assert bridge_secret.read(tmp_path / "secret") == BridgeSecret("abc", None)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "holds no password line"),
        (b"\xff", "is not a secret file"),
        (b"hunter2\n", "'hunter2' is no line"),
        (b"password a\ncertificate sha-256 AB\n", "'certificate' is no line"),
    ],
)
def test_what_is_no_secret_file_is_refused_by_name(
    tmp_path: Path, content: bytes, says: str
) -> None:
    file = tmp_path / "some.secret"
    file.write_bytes(content)

    with pytest.raises(ConfigError, match=f"some.secret: {says}"):
        bridge_secret.read(file)


def test_an_absent_file_is_named_with_its_option(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none: cannot be read .*--secret-file"):
        bridge_secret.read(tmp_path / "none")
