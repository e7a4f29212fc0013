"""Certificates for servers on this machine: made anew for a deployment, or somebody's own, looked at before use."""

from __future__ import annotations

import importlib.util
import shutil
import ssl
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pytest_arbredis.errors import HarnessError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

NAMES: Final = "subjectAltName=IP:127.0.0.1,DNS:localhost"
AUTHORITY: Final = "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash"
OTHER_USES: Final = (
    *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement"),
    *("encipher_only", "decipher_only"),
)
"""What a key may be used for, beside signing certificates and revocations."""
DAYS: Final = 2
OPENSSL_WITHIN_S: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsFiles:
    """A server's certificate and key, and the authority that signed it; PEM, the key without a passphrase."""

    cert: Path
    key: Path
    ca: Path


def check(files: TlsFiles, *, strictly: bool = False) -> None:
    """Refuse files that a client of 127.0.0.1 could not be served with: a handshake in memory tells.

    `strictly` as clients of Python 3.13 and newer verify (RFC 5280: key usage, key identifiers), on any Python.
    """
    for path in (files.cert, files.key, files.ca):
        if not path.is_file():
            raise UsageError(f"there is no TLS file {path}", remedy="give the paths of cert, key and ca")
    try:
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.load_cert_chain(files.cert, files.key, password="")  # never asks the terminal for a passphrase
        client = ssl.create_default_context(cafile=str(files.ca))
        if strictly:
            client.verify_flags |= ssl.VERIFY_X509_STRICT
        _shake_hands(client, server)
    except (ssl.SSLError, OSError) as error:
        raise UsageError(
            f"the TLS files {files.cert}, {files.key} and {files.ca} do not fit: {error}",
            remedy="the key must be the certificate's and without passphrase; the CA must have signed the certificate, "
            f"for 127.0.0.1 ({NAMES})",
        ) from error


def _shake_hands(client: ssl.SSLContext, server: ssl.SSLContext) -> None:
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    asking = client.wrap_bio(back, there, server_hostname="127.0.0.1")
    answering = server.wrap_bio(there, back, server_side=True)
    pending = {asking, answering}
    while pending:
        for side in (asking, answering):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
            pending.discard(side)


def make(folder: Path) -> TlsFiles:
    """An authority of its own and a certificate for 127.0.0.1 in `folder`, valid for some days."""
    folder.mkdir(mode=0o700, exist_ok=True)
    files = TlsFiles(cert=folder / "redis.crt", key=folder / "redis.key", ca=folder / "ca.crt")
    if openssl := shutil.which("openssl"):
        _by_openssl(openssl, folder, files)
    elif importlib.util.find_spec("cryptography") is not None:
        _by_cryptography(files)
    else:
        raise HarnessError(
            "tls=True needs something that makes certificates, and neither openssl nor cryptography is here",
            remedy="pip install 'pytest-arbredis[state]' (cryptography), or give your own: tls={'cert': …}",
        )
    check(files, strictly=True)
    return files


def _by_openssl(openssl: str, folder: Path, files: TlsFiles) -> None:
    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    request, ca_key, extensions = folder / "redis.csr", folder / "ca.key", folder / "extensions"
    config = folder / "openssl.cnf"
    config.write_text(f"[req]\ndistinguished_name=dn\n[dn]\n[ca]\n{AUTHORITY}\n")
    extensions.write_text(f"{NAMES}\nbasicConstraints=CA:FALSE\nauthorityKeyIdentifier=keyid\n")
    said = ("-config", config)
    days, authority = ("-days", str(DAYS)), ("-subj", "/CN=arbredis test authority")
    signed = ("-CA", files.ca, "-CAkey", ca_key, "-CAcreateserial", "-extfile", extensions)
    for arguments in (
        ("req", "-x509", *curve, *said, "-extensions", "ca", "-keyout", ca_key, "-out", files.ca, *days, *authority),
        ("req", *curve, *said, "-keyout", files.key, "-out", request, "-subj", "/CN=127.0.0.1"),
        ("x509", "-req", "-in", request, *signed, *days, "-out", files.cert),
    ):
        try:
            done = subprocess.run([openssl, *arguments], capture_output=True, timeout=OPENSSL_WITHIN_S, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise HarnessError(f"openssl could not be run: {error}", remedy="mend or remove openssl") from error
        if done.returncode:
            told = done.stderr.decode(errors="replace").strip()
            raise HarnessError(f"openssl {arguments[0]} failed: {told}", remedy="mend or remove openssl")


def _by_cryptography(files: TlsFiles) -> None:
    import datetime as dt
    import ipaddress

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    def name(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])

    def signed(subject: str, key: ec.EllipticCurvePrivateKey, *extensions: x509.ExtensionType) -> x509.Certificate:
        now = dt.datetime.now(dt.UTC)
        builder = x509.CertificateBuilder(name("arbredis test authority"), name(subject), key.public_key())
        builder = builder.serial_number(x509.random_serial_number()).not_valid_before(now - dt.timedelta(hours=1))
        builder = builder.not_valid_after(now + dt.timedelta(days=DAYS))
        for extension in extensions:
            identifies = isinstance(extension, (x509.SubjectKeyIdentifier, x509.AuthorityKeyIdentifier))
            builder = builder.add_extension(extension, critical=not identifies)
        return builder.sign(authority, hashes.SHA256())

    authority, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    pem = serialization.Encoding.PEM
    uses = dict.fromkeys(OTHER_USES, False)
    ca = signed(
        "arbredis test authority",
        authority,
        x509.BasicConstraints(ca=True, path_length=None),
        x509.KeyUsage(key_cert_sign=True, crl_sign=True, **uses),
        x509.SubjectKeyIdentifier.from_public_key(authority.public_key()),
    )
    here = (x509.IPAddress(ipaddress.ip_address("127.0.0.1")), x509.DNSName("localhost"))
    signer = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key())
    own = signed("127.0.0.1", key, x509.SubjectAlternativeName(here), signer)
    files.ca.write_bytes(ca.public_bytes(pem))
    files.cert.write_bytes(own.public_bytes(pem))
    private = serialization.PrivateFormat.PKCS8
    files.key.write_bytes(key.private_bytes(pem, private, serialization.NoEncryption()))
    files.key.chmod(0o600)
