"""SSLContext and the functions: items 102 to 121 of the contract, where Python's ssl can, side by side with it."""

from __future__ import annotations

import contextlib
import copy
import gc
import glob
import os
import pickle
import ssl
import warnings
from pathlib import Path
from typing import Any

import pytest

from openssl_bio import crypto, stdlib
from tests.helpers import Identity
from tests.stdlib.helpers import (
    SAME_DEFAULTS,
    SAME_LIBRARY,
    Pair,
    as_newer_ones,
    client_context,
    ours,
    python,
    server_context,
    told,
)
from tests.stdlib.test_sockets import serving


def answer(call: Any, module: Any) -> Any:
    """What a call returns, or what its exception tells, and the warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = call(module)
        except Exception as error:
            result = told(error)
    return result, [(warning.category, str(warning.message)) for warning in caught]


def both(call: Any) -> tuple[Any, Any]:
    return answer(call, ours), answer(call, python)


def client(module: Any) -> Any:
    return module.SSLContext(module.PROTOCOL_TLS_CLIENT)


def server(module: Any) -> Any:
    return module.SSLContext(module.PROTOCOL_TLS_SERVER)


def setting(make: Any, name: str, *values: Any) -> Any:
    """Set an attribute to one value after the other, and tell what is read after each."""

    def call(module: Any) -> Any:
        context = make(module)
        found = []
        for value in values:
            setattr(context, name, value)
            found.append(getattr(context, name))
        return found

    return call


STATE = [
    "protocol",
    "check_hostname",
    "verify_mode",
    "verify_flags",
    "options",
    "minimum_version",
    "maximum_version",
    "num_tickets",
    "security_level",
    "post_handshake_auth",
    "hostname_checks_common_name",
    "keylog_filename",
    "sni_callback",
    "_msg_callback",
]


def state(context: Any) -> dict[str, Any]:
    names = set(STATE)
    if not SAME_DEFAULTS:
        names -= {"minimum_version", "security_level"}
        context.set_ciphers(ours._DEFAULT_CIPHERS)
    return {name: getattr(context, name) for name in names} | {
        "ciphers": context.get_ciphers(),
        "stats": context.cert_store_stats(),
        "sessions": context.session_stats(),
        "authorities": context.get_ca_certs(),
    }


V = ssl.TLSVersion
SAME: dict[str, Any] = {
    "102 no protocol": lambda m: state(m.SSLContext()),
    "102 unknown protocol": lambda m: m.SSLContext(99),
    "102 more arguments": lambda m: state(m.SSLContext(m.PROTOCOL_TLS_CLIENT, 1, other=2)),
    "102 TLS": lambda m: state(m.SSLContext(m.PROTOCOL_TLS)),
    "102 TLSv1.2": lambda m: state(m.SSLContext(m.PROTOCOL_TLSv1_2)),
    "103 client": lambda m: state(client(m)),
    "103 server": lambda m: state(server(m)),
    "104 wrong type": lambda m: m.create_default_context(5),
    "104 other purpose": lambda m: m.create_default_context(m._ASN1Object("1.3.6.1.5.5.7.3.3")),
    "104 unverified": lambda m: state(m._create_unverified_context()),
    "104 key alone": lambda m: m._create_unverified_context(keyfile="x"),
    "105 modes": setting(server, "verify_mode", 0, 1, 2, ssl.CERT_NONE, True),
    "105 wrong mode": setting(server, "verify_mode", 3),
    "105 none and host name": setting(client, "verify_mode", ssl.CERT_NONE),
    "105 host name demands": lambda m: (c := server(m), setattr(c, "check_hostname", True), c.verify_mode)[1:],
    "105 truth": setting(client, "check_hostname", 0, "yes", [], False),
    "106 options": setting(client, "options", 0, ssl.OP_ALL, ssl.OP_NO_TICKET | ssl.OP_ALL),
    "106 versions": setting(client, "options", ssl.OP_NO_TLSv1_2, ssl.OP_NO_TLSv1_2 | ssl.OP_NO_TICKET),
    "106 wrong type": setting(client, "options", "x"),
    "107 minimum": setting(
        client, "minimum_version", V.TLSv1_3, V.TLSv1_2, V.MINIMUM_SUPPORTED, V.MAXIMUM_SUPPORTED, 771
    ),
    "107 maximum": setting(client, "maximum_version", V.TLSv1_2, V.MAXIMUM_SUPPORTED, 772),
    "107 old": setting(client, "minimum_version", V.TLSv1, V.TLSv1_1),
    "107 SSLv3": lambda m: (c := client(m), setattr(c, "minimum_version", V.SSLv3), c.options)[1:],
    "107 unknown": setting(client, "minimum_version", 1),
    "107 unknown maximum": setting(client, "maximum_version", 0x400),
    "107 one version": setting(lambda m: m.SSLContext(m.PROTOCOL_TLSv1_2), "minimum_version", V.TLSv1_2),
    "108 tickets": setting(server, "num_tickets", 0, 1, 7),
    "108 tickets of a client": setting(client, "num_tickets", 1),
    "108 negative": setting(server, "num_tickets", -1),
    "108 security level": lambda m: (c := client(m), c.set_ciphers("ALL:@SECLEVEL=1"), c.security_level)[1:],
    "108 post handshake": setting(client, "post_handshake_auth", True, 0, "x"),
    "108 common name": setting(client, "hostname_checks_common_name", False, True),
    "108 flags": setting(client, "verify_flags", 0, ssl.VERIFY_CRL_CHECK_LEAF, ssl.VERIFY_X509_STRICT | 4),
    "109 client": setting(client, "sni_callback", None),
    "109 not callable": setting(server, "sni_callback", 5),
    "109 set": setting(server, "sni_callback", print, None),
    "110 not callable": lambda m: server(m).set_servername_callback(5),
    "111 ciphers": lambda m: (c := client(m), c.set_ciphers("ECDHE+AESGCM"), c.get_ciphers())[1:],
    "111 no cipher": lambda m: client(m).set_ciphers("nonsense"),
    "111 ALPN": lambda m: client(m).set_alpn_protocols(["h2", "http/1.1"]),
    "111 no ALPN": lambda m: client(m).set_alpn_protocols([]),
    "111 empty ALPN": lambda m: client(m).set_alpn_protocols([""]),
    "111 long ALPN": lambda m: client(m).set_alpn_protocols(["a" * 256]),
    "111 ALPN outside ASCII": lambda m: client(m).set_alpn_protocols(["é"]),
    "112 missing": lambda m: server(m).load_cert_chain("/nonexistent"),
    "112 no PEM": lambda m: server(m).load_cert_chain(__file__),
    "113 nothing": lambda m: client(m).load_verify_locations(),
    "113 empty text": lambda m: client(m).load_verify_locations(cadata=""),
    "113 empty bytes": lambda m: client(m).load_verify_locations(cadata=b""),
    "113 no PEM": lambda m: client(m).load_verify_locations(cadata="x"),
    "113 no DER": lambda m: client(m).load_verify_locations(cadata=b"x"),
    "113 outside ASCII": lambda m: client(m).load_verify_locations(cadata="é"),
    "113 wrong type": lambda m: client(m).load_verify_locations(cadata=5),
    "113 wrong path": lambda m: client(m).load_verify_locations(cafile=5),
    "113 wrong directory": lambda m: client(m).load_verify_locations(capath=5.0),
    "113 missing": lambda m: client(m).load_verify_locations("/nonexistent"),
    "113 nothing in it": lambda m: client(m).load_verify_locations(__file__),
    "113 missing directory": lambda m: client(m).load_verify_locations(capath="/nonexistent"),
    "114 curve": lambda m: client(m).set_ecdh_curve("prime256v1"),
    "114 X25519": lambda m: client(m).set_ecdh_curve("X25519"),
    "114 unknown curve": lambda m: client(m).set_ecdh_curve("x"),
    "114 unknown curve in bytes": lambda m: client(m).set_ecdh_curve(b"x"),
    "114 missing DH": lambda m: client(m).load_dh_params("/nonexistent"),
    "114 no DH": lambda m: client(m).load_dh_params(__file__),
    "116 not callable": setting(client, "_msg_callback", 5),
    "121 PEM": lambda m: m.DER_cert_to_PEM_cert(bytes(range(100))),
    "121 DER": lambda m: m.PEM_cert_to_DER_cert(m.DER_cert_to_PEM_cert(bytes(range(100)))),
    "121 no PEM": lambda m: m.PEM_cert_to_DER_cert("x"),
    "121 cut PEM": lambda m: m.PEM_cert_to_DER_cert(m.PEM_HEADER + "x"),
    "121 time": lambda m: m.cert_time_to_seconds("Jan  5 09:34:43 2018 GMT"),
    "121 other zone": lambda m: m.cert_time_to_seconds("Jan  5 09:34:43 2018 UTC"),
    "121 no month": lambda m: m.cert_time_to_seconds("Foo  5 09:34:43 2018 GMT"),
    "121 names": lambda m: [m.get_protocol_name(number) for number in (2, 3, 16, 17, 99)],
    "121 random": lambda m: (len(m.RAND_bytes(20)), m.RAND_bytes(0), m.RAND_status(), m.RAND_add("x", 0.0)),
    "121 no random": lambda m: m.RAND_bytes(-1),
}
# What depends on the libssl.
LIBRARY = {"107 SSLv3"}
# What only newer Pythons do, or what names the file too.
TYPES_ALONE = {
    "106 wrong type",
    "112 missing",
    "113 missing",
    "114 missing DH",
    "104 wrong type",
}


@as_newer_ones
@pytest.mark.parametrize("name", SAME)
def test_102_to_121_as_the_original(name: str) -> None:
    if name in LIBRARY and not SAME_LIBRARY:
        pytest.skip("another libssl has other protocol versions")
    mine, original = both(SAME[name])
    if name in TYPES_ALONE:
        assert mine[0][:2] == original[0][:2]
    else:
        assert mine == original


def test_102_subclasses_have_an_init_of_their_own() -> None:
    class Sub(stdlib.SSLContext):
        def __init__(self, protocol: int, label: str) -> None:
            self.label = label

    context = Sub(stdlib.PROTOCOL_TLS_CLIENT, "mine")
    assert (context.label, context.verify_mode) == ("mine", ssl.CERT_REQUIRED)


def test_102_subclasses_have_properties_of_their_own() -> None:
    """Those are not used before ``__init__``, as truststore relies on."""

    class Sub(stdlib.SSLContext):
        def __init__(self, protocol: int) -> None:
            self.log: list[object] = []

        @property
        def verify_mode(self) -> ssl.VerifyMode:
            return self.log[0]  # type: ignore[return-value]

        @verify_mode.setter
        def verify_mode(self, value: int) -> None:
            self.log.append(value)

        @property
        def check_hostname(self) -> bool:
            return bool(self.log)

        @check_hostname.setter
        def check_hostname(self, value: object) -> None:
            self.log.append(value)

    context = Sub(stdlib.PROTOCOL_TLS_CLIENT)
    context.verify_mode = 5
    assert context.log == [5]


@pytest.mark.parametrize("function", [copy.copy, copy.deepcopy, pickle.dumps])
def test_78_contexts_are_not_copied(function: Any) -> None:
    with pytest.raises(TypeError, match="cannot pickle 'SSLContext' object"):
        function(stdlib.SSLContext(stdlib.PROTOCOL_TLS_CLIENT))


def test_isinstance_and_nothing_of_the_original() -> None:
    """Ours is an ssl.SSLContext, and has no attribute of it that it does not define itself."""
    context = stdlib.SSLContext(stdlib.PROTOCOL_TLS_CLIENT)
    assert isinstance(context, ssl.SSLContext)
    assert issubclass(stdlib.SSLObject, ssl.SSLObject)
    for ours_, original in ((stdlib.SSLContext, ssl.SSLContext), (stdlib.SSLObject, ssl.SSLObject)):
        for name in set(dir(original)) - set(dir(object)) - {"__dict__", "__weakref__", "__module__"}:
            owner = next(base for base in ours_.__mro__ if name in vars(base))
            assert not issubclass(original, owner), name


def test_what_is_refused_says_so() -> None:
    context: Any = stdlib.SSLContext(stdlib.PROTOCOL_TLS_CLIENT)
    with pytest.raises(AttributeError, match="SSLContext has no '_host_flags'"):
        context._host_flags = 5


def test_104_default_context_is_strict() -> None:
    """As since Python 3.13."""
    context = stdlib.create_default_context()
    assert context.verify_flags & ssl.VERIFY_X509_STRICT
    assert context.verify_flags & ssl.VERIFY_X509_PARTIAL_CHAIN
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    context = stdlib.create_default_context(stdlib.Purpose.CLIENT_AUTH)
    assert (context.verify_mode, context.protocol) == (ssl.CERT_NONE, ssl.PROTOCOL_TLS_SERVER)


def test_104_key_log_of_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys"))
    assert stdlib.create_default_context().keylog_filename == str(tmp_path / "keys")


def test_106_negative_options() -> None:
    """As since Python 3.14."""
    with pytest.raises(ValueError, match="Cannot convert negative int"):
        stdlib.SSLContext(stdlib.PROTOCOL_TLS_CLIENT).options = -1


def test_107_versions_are_kept(ca: Identity, server_identity: Identity) -> None:
    client, server = client_context(ca), server_context(server_identity)
    client.maximum_version = ssl.TLSVersion.TLSv1_2
    server.minimum_version = ssl.TLSVersion.TLSv1_3
    failed = Pair(client, server).outcome()
    assert failed["server"].reason == "UNSUPPORTED_PROTOCOL"  # type: ignore[attr-defined]
    assert failed["client"].reason == "TLSV1_ALERT_PROTOCOL_VERSION"  # type: ignore[attr-defined]


def test_108_key_log(ca: Identity, server_identity: Identity, tmp_path: Path, version: Any) -> None:
    """Secrets are appended, after a line that says what it is; None ends it."""
    client = client_context(ca, version=version)
    client.keylog_filename = tmp_path / "keys"
    assert client.keylog_filename == tmp_path / "keys"
    Pair(client, server_context(server_identity, version=version)).handshake()
    lines = (tmp_path / "keys").read_text().splitlines()
    assert lines[0].startswith("# TLS secrets log file")
    assert len(lines) >= 2
    client.keylog_filename = None
    Pair(client, server_context(server_identity, version=version)).handshake()
    assert (tmp_path / "keys").read_text().splitlines() == lines
    for wrong, error in ((tmp_path / "no" / "keys", FileNotFoundError), (1, TypeError)):
        with pytest.raises(error):
            client.keylog_filename = wrong
    assert client.keylog_filename is None


# -- 111 to 117 -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("offered", "known", "chosen"),
    [(["a", "b"], ["b", "a"], "b"), (["a"], ["c"], None), ([], ["a"], None), (["a"], [], None)],
)
def test_111_alpn(ca: Identity, server_identity: Identity, offered: Any, known: Any, chosen: str | None) -> None:
    """The server's preference counts; without a common protocol there is none."""
    for module in (ours, python):
        client, server = client_context(ca, module), server_context(server_identity, module)
        client.set_alpn_protocols(offered)
        server.set_alpn_protocols(known)
        pair = Pair(client, server, module.MemoryBIO).handshake()
        assert pair.client.selected_alpn_protocol() == pair.server.selected_alpn_protocol() == chosen


def test_111_ciphersuites() -> None:
    context = stdlib.SSLContext(stdlib.PROTOCOL_TLS_CLIENT)
    context.set_ciphersuites("TLS_AES_128_GCM_SHA256")
    assert [c["name"] for c in context.get_ciphers() if c["protocol"] == "TLSv1.3"] == ["TLS_AES_128_GCM_SHA256"]
    with pytest.raises(ssl.SSLError):
        context.set_ciphersuites("nonsense")
    context.set_ciphersuites("")
    assert all(c["protocol"] != "TLSv1.3" for c in context.get_ciphers())


def test_groups_and_signatures(ca: Identity, server_identity: Identity) -> None:
    """set_groups, set_ecdh_curve, set_client_sigalgs, set_server_sigalgs: of Python 3.15."""
    client, server = client_context(ca), server_context(server_identity)
    client.set_groups("P-384:P-256")
    server.set_ecdh_curve("prime256v1")
    server.set_server_sigalgs("ECDSA+SHA256")
    client.set_client_sigalgs("ECDSA+SHA256")
    pair = Pair(client, server).handshake()
    assert pair.client.group() in ("secp256r1", "prime256v1", "P-256")
    for setter in (client.set_groups, client.set_client_sigalgs, client.set_server_sigalgs):
        with pytest.raises(ssl.SSLError, match="unrecognized"):
            setter("nonsense")
    if ours.OPENSSL_VERSION_INFO >= (3, 5):
        assert "secp256r1" in client.get_groups()
        assert "ecdsa_secp256r1_sha256" in stdlib.get_sigalgs()
    else:
        with pytest.raises(NotImplementedError):
            client.get_groups()


@pytest.fixture(scope="module")
def encrypted(server_identity: Identity, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The server's key under the passphrase "secret"."""
    path = tmp_path_factory.mktemp("encrypted") / "key.pem"
    path.write_bytes(crypto.dump_privatekey(crypto.FILETYPE_PEM, server_identity.key, "aes-256-cbc", b"secret"))
    return path


PASSWORDS: dict[str, Any] = {
    "str": "secret",
    "bytes": b"secret",
    "bytearray": bytearray(b"secret"),
    "function": lambda: "secret",
    "function of bytes": lambda: b"secret",
    "too long": "x" * 1025,
    "function of too long": lambda: "x" * 1025,
    "wrong type": 5,
    "function of a wrong type": lambda: 5,
    "function that raises": lambda: {}["missing"],
}


@pytest.mark.parametrize("name", PASSWORDS)
def test_112_passwords(server_identity: Identity, encrypted: Path, name: str) -> None:
    mine, original = both(
        lambda m: server(m).load_cert_chain(server_identity.certificate_file, encrypted, PASSWORDS[name])
    )
    assert mine == original


def test_112_wrong_password(server_identity: Identity, encrypted: Path) -> None:
    """A difference: the message says what is wrong, and the attributes are the same."""
    for module in (ours, python):
        with pytest.raises(ssl.SSLError, match=r"^\('?\[SSL\] PEM lib|\[SSL\] PEM lib") as caught:
            server(module).load_cert_chain(server_identity.certificate_file, encrypted, "other")
        assert (caught.value.errno, caught.value.library, caught.value.reason) == (524297, "SSL", None)
        assert ("the password is wrong" in str(caught.value)) is (module is ours)


def test_112_no_password(server_identity: Identity, encrypted: Path) -> None:
    """A difference: the terminal is not asked."""
    with pytest.raises(ssl.SSLError, match="PEM lib"):
        server(ours).load_cert_chain(server_identity.certificate_file, encrypted)


def test_112_unneeded_password(server_identity: Identity) -> None:
    """A function is not called where the key is not encrypted."""
    server(ours).load_cert_chain(server_identity.certificate_file, server_identity.key_file, lambda: 1 / 0)


def test_112_key_of_another(server_identity: Identity, client_identity: Identity, ca: Identity) -> None:
    """A key that does not match is refused, as the original does, and the certificate before stays."""
    mine, original = both(
        lambda m: server(m).load_cert_chain(server_identity.certificate_file, client_identity.key_file)
    )
    assert mine == original
    context = server_context(server_identity)
    with pytest.raises(ssl.SSLError):
        context.load_cert_chain(client_identity.certificate_file, server_identity.key_file)
    Pair(client_context(ca), context).handshake()


def test_113_trust(ca: Identity, server_identity: Identity, tmp_path: Path) -> None:
    """A file, PEM text and DER bytes are trusted alike; duplicates count once."""
    text = ca.certificate_file.read_text()
    der = ssl.PEM_cert_to_DER_cert(text)
    other = ssl.PEM_cert_to_DER_cert(server_identity.certificate_file.read_text())
    for options in ({"cafile": ca.certificate_file}, {"cadata": text * 2}, {"cadata": der + other}, {"cadata": der}):
        found = []
        for module in (ours, python):
            context = client(module)
            context.load_verify_locations(**options)
            context.load_verify_locations(**options)
            found.append((context.cert_store_stats(), context.get_ca_certs(), context.get_ca_certs(True)))
            if module is ours:
                Pair(context, server_context(server_identity)).handshake()
        assert found[0] == found[1]
    with pytest.raises(ssl.SSLError):
        client(ours).load_verify_locations(cadata=der + b"x")


def test_113_directory(ca: Identity, server_identity: Identity, tmp_path: Path) -> None:
    """A directory is looked into when a certificate is needed; then get_ca_certs lists what was found."""
    name = f"{ca.certificate.subject_name_hash():08x}.0"
    (tmp_path / name).write_bytes(ca.certificate_file.read_bytes())
    context = client(ours)
    context.load_verify_locations(capath=tmp_path)
    assert context.get_ca_certs() == []
    Pair(context, server_context(server_identity)).handshake()
    assert len(context.get_ca_certs()) == 1


def test_117_a_used_context_may_change(ca: Identity, server_identity: Identity) -> None:
    """Later connections see the change, earlier ones go on."""
    near, far = client_context(ca), server_context(server_identity)
    before = Pair(near, far).handshake()
    near.maximum_version = ssl.TLSVersion.TLSv1_2
    after = Pair(near, far).handshake()
    assert (before.client.version(), after.client.version()) == ("TLSv1.3", "TLSv1.2")
    before.client.write(b"x")
    assert before.server.read(1) == b"x"


def test_loading_leaves_no_cycles(server_identity: Identity) -> None:
    """What loads certificates and keys is freed without the collector."""
    gc.collect()
    gc.disable()
    try:
        server_context(server_identity)
        assert gc.collect() == 0
    finally:
        gc.enable()


def test_contexts_are_freed_at_once(ca: Identity, server_identity: Identity) -> None:
    """With the collector off, as the event loops need it."""
    gc.collect()
    gc.disable()
    try:
        before = sum(isinstance(thing, stdlib.SSLContext) for thing in gc.get_objects())
        for _ in range(3):
            near, far = client_context(ca), server_context(server_identity)
            far.sni_callback = lambda *_: None
            near.set_alpn_protocols(["a"])
            far.set_alpn_protocols(["a"])
            Pair(near, far).handshake()
        del near, far
        assert sum(isinstance(thing, stdlib.SSLContext) for thing in gc.get_objects()) == before
    finally:
        gc.enable()


# -- 119, 120: constants ----------------------------------------------------------------------------------------------


def test_119_constants_are_the_originals() -> None:
    """Every constant that both have is the same object, but for what describes the library."""
    describing = ("HAS_", "OPENSSL_", "_OPENSSL_", "CHANNEL_", "_DEFAULT_")
    shared = [name for name in dir(stdlib) if name.isupper() and hasattr(ssl, name) and not name.startswith(describing)]
    assert len(shared) >= 60
    for name in shared:
        assert getattr(stdlib, name) is getattr(ssl, name) or getattr(stdlib, name) == getattr(ssl, name), name
    for name in ("SSLError", "Purpose", "TLSVersion", "Options", "VerifyMode", "CertificateError", "AlertDescription"):
        assert getattr(stdlib, name) is getattr(ssl, name)


def test_119_what_older_pythons_lack() -> None:
    assert isinstance(stdlib.OP_LEGACY_SERVER_CONNECT, ssl.Options)
    assert isinstance(stdlib.OP_ENABLE_KTLS, ssl.Options)
    assert (stdlib.HAS_PSK, stdlib.HAS_PHA, stdlib.HAS_PSK_TLS13) == (True, True, True)


def test_119_the_library_is_ours() -> None:
    assert stdlib.OPENSSL_VERSION.split()[1] == ".".join(str(stdlib.OPENSSL_VERSION_INFO[i]) for i in (0, 1, 3))


def test_121_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the original where the environment says what to trust; else what this system has, also from a wheel."""
    (tmp_path / "file").touch()
    for file, directory in (("file", "."), ("file", "absent"), ("absent", "."), ("absent", "absent")):
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / file))
        monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / directory))
        mine, original = stdlib.get_default_verify_paths(), ssl.get_default_verify_paths()
        assert mine[:3] + mine[4:5] == original[:3] + original[4:5]
    monkeypatch.delenv("SSL_CERT_FILE")
    monkeypatch.delenv("SSL_CERT_DIR")
    if not glob.glob("/etc/ssl/certs/*") + glob.glob("/etc/pki/tls/certs/*"):
        pytest.skip("this system has no trusted certificates")
    paths = stdlib.get_default_verify_paths()
    context = stdlib.SSLContext(stdlib.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(paths.cafile, paths.capath)
    default = stdlib.create_default_context()
    assert default.cert_store_stats() == context.cert_store_stats()
    if paths.cafile is not None:
        assert default.cert_store_stats()["x509_ca"] > 0


def hang_up(connection: Any) -> None:
    """Talk with a client that goes without a word, or with a reset."""
    with contextlib.suppress(ConnectionError):
        connection.recv(1)


def test_121_server_certificate(ca: Identity, server_identity: Identity) -> None:
    """get_server_certificate gives PEM of a server that is not verified, or verified with a file."""
    for options in ({}, {"ca_certs": str(ca.certificate_file)}, {"timeout": 10}):
        with serving(server_context(server_identity), hang_up) as address:
            pem = stdlib.get_server_certificate(("localhost", address[1]), **options)  # type: ignore[arg-type]
        assert ssl.PEM_cert_to_DER_cert(pem) == ssl.PEM_cert_to_DER_cert(server_identity.certificate_file.read_text())


ALL_KINDS = (
    b"DNS:a.test,email:a@b.test,IP:192.0.2.1,IP:2001:db8::1,URI:http://a.test/,RID:1.2.3.4,RID:2.999.3,"
    b"otherName:1.2.3.4;UTF8:text,DNS:*.b.test"
)


def test_92_certificates_as_the_original_shows_them(ca: Identity, tmp_path: Path) -> None:
    """The dict of a certificate with every kind of name, against Python's own decoder."""
    import _ssl

    from openssl_bio._core.pem import load_certificate
    from openssl_bio.stdlib._certificates import certificate_dict
    from openssl_bio.stdlib._errors import SETUP_ERRORS

    identity = ca.issue("every kind", tmp_path, ALL_KINDS)
    mine = certificate_dict(load_certificate(identity.certificate_file.read_bytes(), True, SETUP_ERRORS, ""))
    assert mine == _ssl._test_decode_cert(os.fspath(identity.certificate_file))  # type: ignore[attr-defined]
    assert len(mine["subjectAltName"]) == 9
