"""Typical uses, which mypy checks and nobody runs."""

import socket

from openssl_bio import SSL, crypto


def client(name: bytes) -> SSL.Connection:
    context = SSL.Context(SSL.TLS_METHOD)
    context.set_verify(SSL.VERIFY_PEER, accept)
    context.set_alpn_protos([b"h2", b"http/1.1"])
    connection = SSL.Connection(context, None)
    connection.set_tlsext_host_name(name)
    connection.set_connect_state()
    return connection


def accept(connection: SSL.Connection, certificate: crypto.X509, error: int, depth: int, ok: int) -> bool:
    return ok == 1 and certificate.get_subject().CN is not None


def step(connection: SSL.Connection, data: bytes) -> bytes:
    connection.bio_write(data)
    try:
        connection.do_handshake()
    except SSL.WantReadError:
        return connection.bio_read(65536)
    chain: list[crypto.X509] | None = connection.get_peer_cert_chain()
    return connection.recv(len(chain or []))


# -- a server over sockets, with everything set on its context ---------------------------------------------------------


def server(certificate: crypto.X509, key: crypto.PKey, authority: crypto.X509) -> SSL.Context:
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.use_certificate(certificate)
    context.add_extra_chain_cert(authority)
    context.use_privatekey(key)
    context.check_privatekey()
    context.set_passwd_cb(lambda maxlen, verify, userdata: b"secret", userdata={"any": "thing"})
    context.load_client_ca("ca.pem")
    context.set_client_ca_list([authority.get_subject()])
    context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT)
    options: int = context.set_options(SSL.OP_NO_COMPRESSION | SSL.OP_NO_TICKET)
    before: int = context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    context.set_timeout(options and before)
    context.set_groups(b"X25519:P-256")
    context.set_tmp_ecdh(crypto.get_elliptic_curve("prime256v1"))
    context.set_alpn_select_callback(choose)
    context.set_tlsext_servername_callback(switch)
    context.set_info_callback(lambda connection, where, value: None)
    context.set_keylog_callback(lambda connection, line: print(line.decode()))
    context.set_ocsp_server_callback(lambda connection, data: b"", data=None)
    context.get_cert_store().add_cert(authority)
    return context


def choose(connection: SSL.Connection, offered: list[bytes]) -> object:
    return b"h2" if b"h2" in offered else SSL.NO_OVERLAPPING_PROTOCOLS


def switch(connection: SSL.Connection) -> None:
    name: bytes | None = connection.get_servername()
    if name == b"other.test":
        connection.set_context(SSL.Context(SSL.TLS_METHOD))


def serve(context: SSL.Context) -> bytes:
    listener = SSL.Connection(context, socket.create_server(("", 0)))
    connection, address = listener.accept()
    assert isinstance(address, tuple)
    connection.do_handshake()
    buffer = bytearray(100)
    count: int = connection.recv_into(buffer, 10)
    sent: int = connection.send(memoryview(buffer)[:count])
    connection.sendall(b"x" * sent)
    while not connection.shutdown():
        connection.recv(1)
    connection.sock_shutdown(socket.SHUT_RDWR)
    connection.close()
    return connection.export_keying_material(b"EXPORTER-test", 32, context=None)


def resume(context: SSL.Context, session: SSL.Session | None) -> tuple[str | None, int | None, str]:
    connection = SSL.Connection(context)
    if session is not None:
        connection.set_session(session)
    name: str = connection.get_protocol_version_name()
    return connection.get_cipher_name(), connection.get_cipher_bits(), name


def failure(error: SSL.Error) -> str:
    if isinstance(error, SSL.SysCallError):
        return str(error.args[1])
    library, function, reason = error.args[0][0]
    return f"{library} {function} {reason}"


# -- certificates -----------------------------------------------------------------------------------------------------


def authority() -> tuple[crypto.X509, crypto.PKey]:
    key = crypto.PKey()
    key.generate_key(crypto.TYPE_RSA, 2048)
    certificate = crypto.X509()
    certificate.set_serial_number(1)
    certificate.get_subject().CN = "an authority"
    certificate.set_issuer(certificate.get_subject())
    certificate.gmtime_adj_notBefore(0)
    certificate.gmtime_adj_notAfter(3600)
    certificate.set_pubkey(key)
    certificate.add_extensions([crypto.X509Extension(b"basicConstraints", True, b"CA:TRUE")])
    certificate.sign(key, "sha256")
    return certificate, key


def verified(store: crypto.X509Store, certificate: crypto.X509) -> str:
    try:
        crypto.X509StoreContext(store, certificate).verify_certificate()
    except crypto.X509StoreContextError as error:
        return str(error)
    pem: bytes = crypto.dump_certificate(crypto.FILETYPE_PEM, certificate)
    digest: bytes = crypto.load_certificate(crypto.FILETYPE_PEM, pem).digest("sha256")
    expires: bytes | None = certificate.get_notAfter()
    return f"{digest!r} {expires!r} {certificate.has_expired()}"


# -- datagrams --------------------------------------------------------------------------------------------------------


def datagrams(context: SSL.Context) -> float:
    context.set_cookie_generate_callback(lambda connection: b"cookie")
    context.set_cookie_verify_callback(lambda connection, cookie: cookie == b"cookie")
    connection = SSL.Connection(context)
    connection.set_ciphertext_mtu(1400)
    connection.DTLSv1_listen()
    timeout: float | None = connection.DTLSv1_get_timeout()
    again: bool = connection.DTLSv1_handle_timeout()
    return timeout or connection.get_cleartext_mtu() * again
