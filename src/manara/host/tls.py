"""TLS between partners: version 1.3 only, both sides show their pinned certificate, nobody else is believed.

::

    trust store = the partners' self-signed certificates      no authority, no names, no session tickets
    a client expects one certificate and no other              a server learns which one came, for each request

A handshake that fails is silent in Python's servers; here each is counted with its reason.
"""

from __future__ import annotations

import hashlib
import ssl
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from manara.host.problems import BadInput

HANDSHAKE_S = 5.0
REASONS_MAX = 64

_REASONS = {
    "PEER_DID_NOT_RETURN_A_CERTIFICATE": "no_certificate",
    "UNSUPPORTED_PROTOCOL": "protocol",
    "WRONG_VERSION_NUMBER": "not_tls",
    "HTTP_REQUEST": "not_tls",
    "UNEXPECTED_EOF_WHILE_READING": "cut",
}
_VERIFY = {10: "certificate_expired", 9: "certificate_not_yet_valid", 18: "certificate_unknown"}


class Failures:
    """Handshakes that failed: reason -> how many, and the last one's own words."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.last = ""

    def add(self, why: str, detail: str) -> None:
        """Count one."""
        self.counts[why if why in self.counts or len(self.counts) < REASONS_MAX else "other"] += 1
        self.last = f"{why}: {detail}"[:300]


class WrongPeer(ssl.SSLError):
    """The other side's certificate is in the trust store, but is not that of the partner who was called."""


def reason(fault: ssl.SSLError) -> str:
    """A short word for why a handshake failed.

    >>> reason(ssl.SSLError("nobody knows"))
    'handshake'
    """
    if isinstance(fault, WrongPeer):
        return "wrong_peer"
    if isinstance(fault, ssl.SSLCertVerificationError):
        return _VERIFY.get(fault.verify_code, "certificate_unknown")
    said = getattr(fault, "reason", None) or ""  # an error that Python made itself has none
    if said.startswith("TLSV1_ALERT") or "ALERT" in said:
        return "refused_by_peer"
    return _REASONS.get(said, "handshake")


def server_context(certificate: Path, key: Path, pinned: Iterable[str], failures: Failures) -> ssl.SSLContext:
    """For a listener. ``pinned``: certificates of partners, PEM; ``trust`` adds one later. Raises BadInput."""
    context = _context(ssl.PROTOCOL_TLS_SERVER, certificate, key)
    context.num_tickets = 0  # a ticket would let a revoked partner come back without its certificate
    context.verify_mode = ssl.CERT_REQUIRED
    context.sslobject_class = _watched("", failures)
    for pem in pinned:
        trust(context, pem)
    return context


def client_context(certificate: Path, key: Path, pinned: str, failures: Failures) -> ssl.SSLContext:
    """For calling one partner: its pinned certificate and no other, checked before the first byte is sent. Raises
    BadInput."""
    context = _context(ssl.PROTOCOL_TLS_CLIENT, certificate, key)
    context.check_hostname = False  # the certificate itself is pinned; a name in it proves nothing more
    context.verify_mode = ssl.CERT_REQUIRED
    context.sslobject_class = _watched(fingerprint_of_pem(pinned), failures)
    trust(context, pinned)
    return context


def trust(context: ssl.SSLContext, pem: str) -> None:
    """Let one more partner in. Raises BadInput."""
    try:
        context.load_verify_locations(cadata=pem)
    except (ssl.SSLError, ValueError, TypeError) as fault:
        raise BadInput(f"not a certificate: {fault}", "", "take the partner's tls.crt again") from None


def fingerprint_of_pem(pem: str) -> str:
    """SHA-256 of the certificate's DER, 64 hexadecimal digits, as the directory has it. Raises BadInput."""
    try:
        return hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem.strip())).hexdigest()
    except ValueError:
        raise BadInput("not a certificate in PEM", "", "take the partner's tls.crt again") from None


def peer_fingerprint(session: ssl.SSLObject | None) -> str:
    """The fingerprint of who is at the other end; "" when there is no certificate."""
    der = session.getpeercert(True) if session is not None else None
    return hashlib.sha256(der).hexdigest() if der else ""


def _context(side: int, certificate: Path, key: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(side)
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_3
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_TICKET
    try:
        context.load_cert_chain(certificate, key)
    except OSError as fault:  # an SSLError is one
        raise BadInput(f"cannot use this certificate: {fault}", str(certificate), "is the key its own?") from None
    return context


def _watched(expected: str, failures: Failures) -> type[ssl.SSLObject]:
    """An SSL object that counts failed handshakes and, on the client's side, insists on one certificate."""

    class Watched(ssl.SSLObject):
        """Counts and insists."""

        def do_handshake(self) -> None:
            """As in the base class."""
            try:
                super().do_handshake()
                if expected and peer_fingerprint(self) != expected:
                    raise WrongPeer(1, "another partner's certificate")
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                raise
            except ssl.SSLError as fault:
                failures.add(reason(fault), str(fault))
                raise

    return Watched
