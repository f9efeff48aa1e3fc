"""Key files: one file for each purpose, private to their owner, and the seam behind which a hardware token may stand.

::

    <folder>/ledger.key  witness.key  agreement.key    Ed25519, PKCS#8 in PEM
             seal.key                                  X25519, the same
             tls.key  tls.crt                          P-256 and its self-signed certificate

Nothing but this file reads a private key. The rest of the host takes a ``Signer``: a PKCS#11 token is one more class
with ``public`` and ``sign``. A person's own key is one such file anywhere (``make_signer``, ``load_signer``).
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol, TypeVar

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from manara.host.problems import BadInput
from manara.release import statements

SIGNING = ("ledger", "witness", "agreement")
KEY_FILE_BYTES = 16_384
CERTIFICATE_DAYS = 3_650

Private = Ed25519PrivateKey | X25519PrivateKey | EllipticCurvePrivateKey
K = TypeVar("K", Ed25519PrivateKey, X25519PrivateKey, EllipticCurvePrivateKey)


class Signer(Protocol):
    """What signs without showing its key: a file here, a hardware token elsewhere. Ed25519."""

    def public(self) -> bytes:
        """The 32 bytes of the public key."""
        ...

    def sign(self, data: bytes) -> bytes:
        """The 64 bytes of the signature."""
        ...


class FileSigner:
    """A signer whose key was read from a file."""

    __slots__ = ("_key",)

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key

    def public(self) -> bytes:
        """The 32 bytes of the public key."""
        return self._key.public_key().public_bytes_raw()

    def sign(self, data: bytes) -> bytes:
        """The 64 bytes of the signature."""
        return self._key.sign(data)


class SealKey:
    """The key that opens what partners seal for this node. ``private`` goes to HPKE and nowhere else."""

    __slots__ = ("private",)

    def __init__(self, private: X25519PrivateKey) -> None:
        self.private = private

    def public(self) -> bytes:
        """The 32 bytes of the public key."""
        return self.private.public_key().public_bytes_raw()


@dataclass(frozen=True)
class NodeKeys:
    """All keys of one node. TLS stays in its files: that is how ``ssl`` takes it."""

    ledger: Signer
    witness: Signer
    agreement: Signer
    seal: SealKey
    tls_certificate: Path
    tls_key: Path

    def fingerprints(self) -> dict[str, str]:
        """The public side, under the names that records.directory.Partner has for it."""
        return {
            "ledger_key": self.ledger.public().hex(),
            "witness_key": self.witness.public().hex(),
            "agreement_key": self.agreement.public().hex(),
            "seal_key": self.seal.public().hex(),
            "tls_sha256": certificate_sha256(self.tls_certificate),
        }


def load_or_make(folder: Path, name: str = "manara") -> NodeKeys:
    """The keys in this folder; those that are missing are made. ``name``: what the certificate calls the node; a
    partner pins the certificate, so that the name proves nothing. Raises BadInput."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as fault:
        raise BadInput(f"no folder of keys: {fault.strerror}", str(folder), "name a folder of your own") from None
    make = Ed25519PrivateKey.generate
    signers = {purpose: FileSigner(_have(folder / f"{purpose}.key", _ed25519, make)) for purpose in SIGNING}
    seal = SealKey(_have(folder / "seal.key", _x25519, X25519PrivateKey.generate))
    certificate, key = _tls(folder, name)
    return NodeKeys(**signers, seal=seal, tls_certificate=certificate, tls_key=key)


def make_signer(path: Path) -> FileSigner:
    """A new key file for a person or a purpose. It never replaces one. Raises BadInput."""
    key = Ed25519PrivateKey.generate()
    _write_new(path, _pem(key))
    return FileSigner(key)


def load_signer(path: Path) -> FileSigner:
    """The signer of a key file. Raises BadInput: others may read it, it is damaged, it is of another sort."""
    return FileSigner(_ed25519(path))


def signer_of_file(path: Path) -> FileSigner:
    """The signer of a key file, which is made where there is none. Raises BadInput."""
    return FileSigner(_have(path, _ed25519, Ed25519PrivateKey.generate))


def seal_of_file(path: Path) -> SealKey:
    """The same for a key that opens what is sealed. Raises BadInput."""
    return SealKey(_have(path, _x25519, X25519PrivateKey.generate))


def stage(folder: Path, purpose: str) -> FileSigner:
    """First half of a rotation: make (or find) ``<purpose>.key.next``. It signs nothing until ``adopt``."""
    path = folder / f"{purpose}.key.next"
    return load_signer(path) if path.exists() else make_signer(path)


def adopt(folder: Path, purpose: str) -> FileSigner:
    """Second half, once the rotation stands in the log: the staged key takes the place of the old one, which is kept
    as ``<purpose>.key.<first 16 digits of its public key>``: what it has sealed or signed may still be asked for."""
    staged, current = folder / f"{purpose}.key.next", folder / f"{purpose}.key"
    fresh, old = load_signer(staged), load_signer(current)
    kept = folder / f"{purpose}.key.{old.public().hex()[:16]}"
    try:
        with contextlib.suppress(FileExistsError):  # a rotation that was cut here goes on
            os.link(current, kept)
        staged.rename(current)
        _sync_folder(folder)
    except OSError as fault:
        raise BadInput(
            f"the key was not exchanged: {fault.strerror}", str(current), "the old one is still used"
        ) from None
    return fresh


def rotation(
    partner: str, purpose: str, old: Signer, new: Signer, persons: Sequence[tuple[str, Signer]], nonce: str, after: str
) -> bytes:
    """The statement (key.rotate) that one key follows another, signed by persons (id, signer) and, for the node, by the
    old key: without its word no node takes the new one. It stands once it is in the log; then ``adopt``."""
    said = statements.KeyRotate(
        partner=partner, purpose=purpose, old=old.public().hex(), new=new.public().hex(), nonce=nonce, after=after
    )
    text = statements.canonical(said)
    signed = [statements.signed(text, one.public(), one.sign, person=person) for person, one in persons]
    signed.append(statements.signed(text, old.public(), old.sign, node=partner))
    return statements.envelope(text, signed)


def certificate_sha256(path: Path) -> str:
    """SHA-256 of the certificate's DER, as partners pin it: 64 hexadecimal digits. Raises BadInput."""
    try:
        with path.open("rb") as file:
            certificate = x509.load_pem_x509_certificate(file.read(KEY_FILE_BYTES))
    except OSError as fault:
        raise BadInput(f"no certificate: {fault.strerror}", str(path), "remove tls.key to make both anew") from None
    except ValueError:
        raise BadInput("this is no certificate", str(path), "remove it and tls.key to make both anew") from None
    return hashlib.sha256(certificate.public_bytes(serialization.Encoding.DER)).hexdigest()


def spoken(public: bytes) -> str:
    """A fingerprint that two people compare over another channel: 8 groups of 4 digits of its SHA-256.

    >>> spoken(bytes(32))
    '6668 7aad f862 bd77 6c8f c18b 8e9f 8e20'
    """
    digits = hashlib.sha256(public).hexdigest()[:32]
    return " ".join(digits[at : at + 4] for at in range(0, 32, 4))


def _tls(folder: Path, name: str) -> tuple[Path, Path]:
    certificate, path = folder / "tls.crt", folder / "tls.key"
    key = _have(path, _p256, lambda: generate_private_key(SECP256R1()))
    if not certificate.exists():
        _write_new(certificate, _self_signed(key, name))
    elif _public_of(certificate) != _spki(key):
        raise BadInput("this certificate is not of tls.key", str(certificate), "remove it; a new one is made")
    return certificate, path


def _public_of(certificate: Path) -> bytes:
    certificate_sha256(certificate)
    public = x509.load_pem_x509_certificate(certificate.read_bytes()).public_key()
    return public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def _spki(key: EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def _self_signed(key: EllipticCurvePrivateKey, name: str) -> bytes:
    """P-256, because browsers and older TLS stacks of an auditor refuse Ed25519 certificates; no certificate authority:
    it can vouch for nobody else."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])])
    begin = datetime.now(UTC).replace(microsecond=0) - timedelta(days=1)  # a partner's clock may be behind
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + timedelta(days=CERTIFICATE_DAYS))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("manara.invalid")]), critical=False)
        .add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM)


def _have(path: Path, load: Callable[[Path], K], generate: Callable[[], K]) -> K:
    if os.path.lexists(path):
        return load(path)
    key = generate()
    _write_new(path, _pem(key))
    return key


def _ed25519(path: Path) -> Ed25519PrivateKey:
    key = _load(path)
    if not isinstance(key, Ed25519PrivateKey):
        raise _wrong(path, "Ed25519")
    return key


def _x25519(path: Path) -> X25519PrivateKey:
    key = _load(path)
    if not isinstance(key, X25519PrivateKey):
        raise _wrong(path, "X25519")
    return key


def _p256(path: Path) -> EllipticCurvePrivateKey:
    key = _load(path)
    if not isinstance(key, EllipticCurvePrivateKey):
        raise _wrong(path, "P-256")
    return key


def _wrong(path: Path, wanted: str) -> BadInput:
    return BadInput(f"this key is not of the sort {wanted}", str(path), "each purpose has its own key file")


def _load(path: Path) -> object:
    try:
        return serialization.load_pem_private_key(_read_private(path), password=None)
    except TypeError:
        raise BadInput("this key has a passphrase", str(path), "a node starts alone; give it a key without") from None
    except (ValueError, UnsupportedAlgorithm):
        raise BadInput("this is no private key (PKCS#8 in PEM)", str(path), "restore it from your own copy") from None


def _read_private(path: Path) -> bytes:
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as fault:
        raise BadInput(f"no key: {fault.strerror}", str(path), "make one, or name the right file") from None
    try:
        mode = os.fstat(file).st_mode
        if not stat.S_ISREG(mode):
            raise BadInput("a key is a file", str(path), "name the file")
        if mode & 0o077:
            raise BadInput("others may read this private key", str(path), f"chmod 600 {path}")
        return os.read(file, KEY_FILE_BYTES)
    finally:
        os.close(file)


def _pem(key: Private) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write_new(path: Path, content: bytes) -> None:
    """Whole or not at all, durable, for the owner alone, and never over something that is there."""
    beside = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        with contextlib.suppress(FileNotFoundError):
            beside.unlink()
        file = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            os.write(file, content)
            os.fsync(file)
        finally:
            os.close(file)
        os.link(beside, path)
        beside.unlink()
        _sync_folder(path.parent)
    except FileExistsError:
        beside.unlink()
        raise BadInput("there is a key already", str(path), "a key is never overwritten; choose another name") from None
    except OSError as fault:
        raise BadInput(f"the key cannot be written: {fault.strerror}", str(path), "see to room and rights") from None


def _sync_folder(folder: Path) -> None:
    file = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(file)
    finally:
        os.close(file)
