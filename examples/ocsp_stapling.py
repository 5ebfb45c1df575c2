"""OCSP stapling: the server sends along its authority's word that its certificate is not revoked."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import ocsp
from memory import client_context, new_pair, server_context, shake_hands

from openssl_bio import SSL


def certificate(name: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate(Path(f"{name}.pem").read_bytes())


def response_of_the_authority() -> bytes:
    """What a server fetches from its authority from time to time; here we are that authority too."""
    key = serialization.load_pem_private_key(Path("ca.key").read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    now = datetime.now(UTC)
    builder = ocsp.OCSPResponseBuilder().add_response(
        cert=certificate("server"),
        issuer=certificate("ca"),
        algorithm=hashes.SHA256(),
        cert_status=ocsp.OCSPCertStatus.GOOD,
        this_update=now,
        next_update=now + timedelta(hours=1),
        revocation_time=None,
        revocation_reason=None,
    )
    builder = builder.responder_id(ocsp.OCSPResponderEncoding.HASH, certificate("ca"))
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def is_good(connection: SSL.Connection, staple: bytes, _data: Any) -> bool:
    """A client's judgement. OpenSSL checks nothing of the response: signature, certificate and time are for us."""
    if not staple:
        return False  # we insist; a client of the open web cannot
    response = ocsp.load_der_ocsp_response(staple)
    peer = connection.get_peer_certificate(as_cryptography=True)
    authority = certificate("ca")
    if response.response_status != ocsp.OCSPResponseStatus.SUCCESSFUL or peer is None:
        return False
    key = authority.public_key()
    algorithm = response.signature_hash_algorithm
    assert isinstance(key, ec.EllipticCurvePublicKey)
    assert algorithm is not None
    key.verify(response.signature, response.tbs_response_bytes, ec.ECDSA(algorithm))  # raises InvalidSignature
    until = response.next_update_utc
    assert until is not None
    return (
        response.serial_number == peer.serial_number
        and response.certificate_status == ocsp.OCSPCertStatus.GOOD
        and response.this_update_utc <= datetime.now(UTC) <= until
    )


def main() -> None:
    staple = response_of_the_authority()
    for_server, for_client = server_context(), client_context()
    for_server.set_ocsp_server_callback(lambda _connection, _data: staple)
    for_client.set_ocsp_client_callback(is_good)
    client, server = new_pair(for_client, for_server)
    client.request_ocsp()
    shake_hands(client, server)
    print("the certificate is not revoked")


if __name__ == "__main__":
    main()
