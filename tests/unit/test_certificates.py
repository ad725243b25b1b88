import ipaddress
import ssl
import stat
from pathlib import Path

import pytest
from cryptography import x509

from tertulia import certificates
from tertulia.errors import ConfigError

NAMES = ("meet.example", "localhost", "192.0.2.7", "2001:db8::7")


def test_the_first_start_makes_a_certificate_for_every_name(tmp_path: Path) -> None:
    made = certificates.kept(tmp_path, NAMES)

    parsed = x509.load_pem_x509_certificate(made.chain.read_bytes())
    names = parsed.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["meet.example", "localhost"]
    assert names.get_values_for_type(x509.IPAddress) == [
        ipaddress.ip_address("192.0.2.7"),
        ipaddress.ip_address("2001:db8::7"),
    ]
    assert made.server_context().minimum_version == ssl.TLSVersion.TLSv1_2


def test_only_the_owner_may_read_the_private_key(tmp_path: Path) -> None:
    made = certificates.kept(tmp_path, NAMES)

    assert stat.S_IMODE(made.private_key.stat().st_mode) == 0o600


def test_the_second_start_keeps_it_even_at_another_address(tmp_path: Path) -> None:
    made = certificates.kept(tmp_path, NAMES)

    assert certificates.kept(tmp_path, ("meet.example", "198.51.100.1")) == made


def test_another_host_needs_another_certificate(tmp_path: Path) -> None:
    made = certificates.kept(tmp_path, NAMES)

    other = certificates.kept(tmp_path, ("other.example",))

    assert other.fingerprint != made.fingerprint
    other.server_context()


def test_one_near_its_end_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(certificates, "VALID_FOR", certificates.RENEW_BEFORE / 2)
    short = certificates.kept(tmp_path, NAMES)
    monkeypatch.undo()

    assert certificates.kept(tmp_path, NAMES).fingerprint != short.fingerprint


def test_files_the_operator_put_there_are_kept(tmp_path: Path) -> None:
    made = certificates.kept(tmp_path, NAMES)
    made.chain.write_bytes(made.chain.read_bytes().partition(b"\n")[2])  # no header of ours

    assert certificates.kept(tmp_path, ("other.example",)).fingerprint == made.fingerprint


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"chain\.pem: cannot be read"):
        certificates.given(tmp_path / "chain.pem", tmp_path / "key.pem")


def test_a_key_that_does_not_belong_is_named(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    ours = certificates.kept(tmp_path / "a", NAMES)
    theirs = certificates.kept(tmp_path / "b", NAMES)

    with pytest.raises(ConfigError, match="do not make a certificate with its key"):
        certificates.given(ours.chain, theirs.private_key).server_context()


def test_a_folder_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")

    with pytest.raises(ConfigError, match=r"data.*cannot be used"):
        certificates.kept(tmp_path / "data", NAMES)
