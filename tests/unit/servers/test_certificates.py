"""Certificates: what is made serves strict clients too, by whatever made it; files that do not fit are refused."""

from __future__ import annotations

import shutil

import pytest

from pytest_arbredis.errors import HarnessError, UsageError
from pytest_arbredis.servers import certificates


@pytest.mark.parametrize("maker", ["openssl", "cryptography"])
def test_what_is_made_serves_clients_that_verify_strictly(tmp_path, monkeypatch, maker):
    if maker == "cryptography":
        pytest.importorskip("cryptography")
        monkeypatch.setattr(shutil, "which", lambda _: None)
    elif shutil.which("openssl") is None:
        pytest.skip("no openssl on this machine")
    certificates.check(certificates.make(tmp_path / "tls"), strictly=True)


def test_without_any_maker_the_error_names_a_package(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda _: None)
    monkeypatch.setattr(certificates.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(HarnessError, match="cryptography"):
        certificates.make(tmp_path)


def test_a_certificate_of_another_authority_is_refused(tmp_path):
    one, other = (certificates.make(tmp_path / name) for name in ("one", "other"))
    with pytest.raises(UsageError, match="do not fit"):
        certificates.check(certificates.TlsFiles(cert=one.cert, key=one.key, ca=other.ca))
