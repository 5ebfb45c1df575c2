"""OCSP stapling with the face of Python's ssl: a setting of each side, and a callback that judges."""

from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import ocsp
from ocsp_stapling import certificate, response_of_the_authority

from openssl_bio import stdlib as ssl


def is_good(connection: ssl.SSLObject, staple: bytes | None) -> bool:
    """A client's judgement. OpenSSL checks nothing of the response: signature, certificate and time are for us."""
    if staple is None:
        return False  # we insist; a client of the open web cannot
    response, key = ocsp.load_der_ocsp_response(staple), certificate("ca").public_key()
    algorithm, until = response.signature_hash_algorithm, response.next_update_utc
    assert isinstance(key, ec.EllipticCurvePublicKey)
    assert algorithm is not None
    assert until is not None
    key.verify(response.signature, response.tbs_response_bytes, ec.ECDSA(algorithm))  # raises InvalidSignature
    peer = x509.load_der_x509_certificate(connection.get_unverified_chain()[0])
    return (
        response.serial_number == peer.serial_number
        and response.certificate_status == ocsp.OCSPCertStatus.GOOD
        and response.this_update_utc <= datetime.now(UTC) <= until
    )


def main() -> None:
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_context.load_cert_chain("server.pem", "server.key")
    server_context.ocsp_response = response_of_the_authority()
    client_context = ssl.create_default_context(cafile="ca.pem")
    client_context.ocsp_callback = is_good  # which asks for a response, too
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_context.wrap_bio(to_client, to_server, server_hostname="localhost")
    server = server_context.wrap_bio(to_server, to_client, server_side=True)
    waiting = [client, server]
    while waiting:
        for side in list(waiting):
            try:
                side.do_handshake()
                waiting.remove(side)
            except ssl.SSLWantReadError:  # the other side has to speak first
                pass
    print("the certificate is not revoked:", len(client.ocsp_response), "bytes say so")


if __name__ == "__main__":
    main()
