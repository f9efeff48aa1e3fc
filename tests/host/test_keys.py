"""Key files: private, whole, of the right sort; and TLS that both ends take."""

from __future__ import annotations

import os
import ssl
import stat
from pathlib import Path

import msgspec
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from manara.host import keys
from manara.host.problems import BadInput
from manara.records.directory import Directory, Partner, Person
from manara.release import standing, statements


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_keys_are_made_once_and_stay(tmp_path):
    made = keys.load_or_make(tmp_path / "keys")
    again = keys.load_or_make(tmp_path / "keys")
    assert made.fingerprints() == again.fingerprints()
    assert names(tmp_path / "keys") == [
        "agreement.key", "ledger.key", "seal.key", "tls.crt", "tls.key", "witness.key",
    ]  # fmt: skip
    assert len(set(made.fingerprints().values())) == 5, "no key serves two purposes"


def test_only_the_owner_may_read_them(tmp_path):
    folder = tmp_path / "keys"
    keys.load_or_make(folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.glob("*.key")} == {0o600}


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o601])
@pytest.mark.parametrize("name", ["ledger.key", "seal.key", "tls.key"])
def test_a_key_that_others_may_read_is_refused_with_the_remedy(tmp_path, mode, name):
    keys.load_or_make(tmp_path)
    (tmp_path / name).chmod(mode)
    with pytest.raises(BadInput) as fault:
        keys.load_or_make(tmp_path)
    assert f"chmod 600 {tmp_path / name}" in str(fault.value)
    assert "\n" not in str(fault.value)


def test_fingerprints_fit_the_directory(tmp_path):
    shown = keys.load_or_make(tmp_path).fingerprints()
    partner = Partner(id="arvena", name="Arvena", **shown)
    assert len(bytes.fromhex(partner.ledger_key)) == len(bytes.fromhex(partner.tls_sha256)) == 32


def test_a_signature_verifies_with_the_public_key_and_no_other(tmp_path):
    made = keys.load_or_make(tmp_path)
    signature = made.ledger.sign(b"a checkpoint")
    Ed25519PublicKey.from_public_bytes(made.ledger.public()).verify(signature, b"a checkpoint")
    with pytest.raises(InvalidSignature):
        Ed25519PublicKey.from_public_bytes(made.witness.public()).verify(signature, b"a checkpoint")


def test_the_seal_key_agrees_with_its_public_side(tmp_path):
    seal = keys.load_or_make(tmp_path).seal
    other = X25519PrivateKey.generate()
    mine = seal.private.exchange(other.public_key())
    assert mine == other.exchange(X25519PublicKey.from_public_bytes(seal.public()))


def pem(key: object, password: bytes = b"") -> bytes:
    how = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, how)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "no private key"),
        (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "no private key"),
        (b"\xff" * 20_000, "no private key"),
        (pem(X25519PrivateKey.generate()), "not of the sort Ed25519"),
        (pem(Ed25519PrivateKey.generate(), b"secret"), "passphrase"),
    ],
)
def test_what_is_no_key_is_refused_in_one_line(tmp_path, content, says):
    path = tmp_path / "person.key"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(BadInput, match=says) as fault:
        keys.load_signer(path)
    assert str(path) in str(fault.value)


def test_a_missing_key_and_a_folder_are_refused(tmp_path):
    with pytest.raises(BadInput, match="no key"):
        keys.load_signer(tmp_path / "nobody.key")
    with pytest.raises(BadInput, match="a key is a file"):
        keys.load_signer(tmp_path)
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(BadInput, match="no folder of keys"):
        keys.load_or_make(tmp_path / "file" / "keys")


def test_a_person_has_a_file_of_their_own_that_is_never_overwritten(tmp_path):
    path = tmp_path / "minister.key"
    made = keys.make_signer(path)
    with pytest.raises(BadInput, match="there is a key already"):
        keys.make_signer(path)
    assert keys.load_signer(path).public() == made.public()
    assert names(tmp_path) == ["minister.key"], "nothing is left beside it"


def test_a_key_that_cannot_be_synced_is_not_there(tmp_path, monkeypatch):
    def refuse(file: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(BadInput, match="No space left"):
        keys.make_signer(tmp_path / "a.key")
    assert not (tmp_path / "a.key").exists()


def test_rotation_keeps_the_old_key_and_survives_a_cut_between_its_halves(tmp_path):
    old = keys.load_or_make(tmp_path).ledger.public()
    fresh = keys.stage(tmp_path, "ledger").public()
    assert keys.stage(tmp_path, "ledger").public() == fresh, "asked twice, one new key"
    assert keys.load_or_make(tmp_path).ledger.public() == old, "staged is not used"
    os.link(tmp_path / "ledger.key", tmp_path / f"ledger.key.{old.hex()[:16]}")  # cut after the first act
    keys.adopt(tmp_path, "ledger")
    assert keys.load_or_make(tmp_path).ledger.public() == fresh
    assert keys.load_signer(tmp_path / f"ledger.key.{old.hex()[:16]}").public() == old
    with pytest.raises(BadInput):
        keys.adopt(tmp_path, "ledger")


@pytest.mark.parametrize("purpose", ["ledger", "witness", "agreement"])
def test_a_rotation_stands_by_the_word_of_the_old_key_and_of_two_persons(tmp_path, purpose):
    own = keys.load_or_make(tmp_path)
    old, new = getattr(own, purpose), keys.stage(tmp_path, purpose)
    signers = [keys.make_signer(tmp_path / f"person-{n}.key") for n in range(2)]
    capacities = ("policy", "operational")
    listed = [
        Person(id=f"arvena.{n}", partner="arvena", name="N", capacity=capacities[n], key=one.public().hex())
        for n, one in enumerate(signers)
    ]
    here = Partner(
        id="arvena",
        name="Arvena",
        ledger_key=own.ledger.public().hex(),
        witness_key=own.witness.public().hex(),
        agreement_key=own.agreement.public().hex(),
    )
    directory = Directory(version=1, partners=(here,), persons=tuple(listed))
    persons = [(f"arvena.{n}", one) for n, one in enumerate(signers)]

    def given(endorser, whose=persons):
        envelope = keys.rotation("arvena", purpose, endorser, new, whose, nonce="00" * 16, after="")
        said = msgspec.json.decode(envelope)
        text = said["statement"].replace(endorser.public().hex(), old.public().hex()).encode()
        signed = [statements.signed(text, s.public(), s.sign, person=name) for name, s in whose]
        signed.append(statements.signed(text, endorser.public(), endorser.sign, node="arvena"))
        found = statements.verify(statements.envelope(text, signed), directory)
        if isinstance(found, statements.Refusal):
            return found.why
        after = standing.apply(standing.init(), found, directory, {}, (), 0, "arvena")
        return after.why if isinstance(after, statements.Refusal) else after

    stands = given(old)
    assert isinstance(stands, standing.Standings)
    assert stands.revoked == (old.public().hex(),)
    assert given(old, persons[:1]) == "capacity_missing"
    others = {"ledger": own.agreement, "witness": own.ledger, "agreement": own.ledger}
    assert given(others[purpose]) == "wrong_key", "another key of the same node gives no word for this one"
    assert given(new) == "wrong_key", "the new one does not vouch for itself"


def test_what_is_made_for_a_rotation_bears_the_old_keys_signature(tmp_path):
    old, new = keys.load_or_make(tmp_path).ledger, keys.stage(tmp_path, "ledger")
    said = msgspec.json.decode(keys.rotation("arvena", "ledger", old, new, [], nonce="00" * 16, after=""))
    (only,) = said["signatures"]
    assert (only["node"], only["key"]) == ("arvena", old.public().hex())
    assert statements.holds(msgspec.convert(only, statements.Signature), statements.PREFIX + said["statement"].encode())


class Token:
    """A signer that is no file, as a PKCS#11 module would be."""

    def __init__(self) -> None:
        self._key = Ed25519PrivateKey.generate()
        self.asked: list[bytes] = []

    def public(self) -> bytes:
        return self._key.public_key().public_bytes_raw()

    def sign(self, data: bytes) -> bytes:
        self.asked.append(data)
        return self._key.sign(data)


def test_a_token_may_stand_where_a_file_does(tmp_path):
    made = keys.load_or_make(tmp_path)
    token: keys.Signer = Token()
    with_token = keys.NodeKeys(token, made.witness, made.agreement, made.seal, made.tls_certificate, made.tls_key)
    assert with_token.fingerprints()["ledger_key"] == token.public().hex()
    Ed25519PublicKey.from_public_bytes(token.public()).verify(with_token.ledger.sign(b"x"), b"x")


def context(mine: keys.NodeKeys, theirs: keys.NodeKeys, server: bool, strict: bool) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server else ssl.PROTOCOL_TLS_CLIENT)
    made.minimum_version = ssl.TLSVersion.TLSv1_3
    made.check_hostname = False
    made.verify_mode = ssl.CERT_REQUIRED
    if strict:
        made.verify_flags |= ssl.VERIFY_X509_STRICT
    made.load_cert_chain(mine.tls_certificate, mine.tls_key)
    made.load_verify_locations(theirs.tls_certificate)
    return made


def handshake(client: ssl.SSLContext, server: ssl.SSLContext) -> tuple[bytes, bytes]:
    """Both ends in memory; gives the certificates that each saw of the other."""
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = (client.wrap_bio(down, up), server.wrap_bio(up, down, server_side=True))
    waiting = list(ends)
    for _ in range(10):
        for end in list(waiting):
            try:
                end.do_handshake()
                waiting.remove(end)
            except ssl.SSLWantReadError:
                pass
    assert not waiting
    return ends[1].getpeercert(True), ends[0].getpeercert(True)


@pytest.mark.parametrize("strict", [False, True])
def test_pinned_certificates_pass_mutual_tls_and_strangers_do_not(tmp_path, strict):
    import hashlib

    a, b, stranger = (keys.load_or_make(tmp_path / name) for name in ("a", "b", "c"))
    seen_of_a, seen_of_b = handshake(context(a, b, False, strict), context(b, a, True, strict))
    assert hashlib.sha256(seen_of_a).hexdigest() == a.fingerprints()["tls_sha256"]
    assert hashlib.sha256(seen_of_b).hexdigest() == b.fingerprints()["tls_sha256"]
    with pytest.raises(ssl.SSLError):
        handshake(context(stranger, b, False, strict), context(b, a, True, strict))


def test_a_certificate_of_another_key_or_damaged_is_refused(tmp_path):
    keys.load_or_make(tmp_path / "a")
    keys.load_or_make(tmp_path / "b")
    (tmp_path / "a" / "tls.crt").write_bytes((tmp_path / "b" / "tls.crt").read_bytes())
    with pytest.raises(BadInput, match=r"not of tls\.key"):
        keys.load_or_make(tmp_path / "a")
    (tmp_path / "a" / "tls.crt").write_bytes(b"nonsense")
    with pytest.raises(BadInput, match="no certificate"):
        keys.load_or_make(tmp_path / "a")
