"""What is told while a connection works: secrets, messages, and the steps of a handshake."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import pytest

from openssl_bio.stdlib import InfoEvent
from tests.helpers import Identity
from tests.stdlib.helpers import Pair, client_context, ours, server_context, wants_read
from tests.stdlib.test_sockets import connected, serving

LABELS = {
    ssl.TLSVersion.TLSv1_2: {"CLIENT_RANDOM"},
    ssl.TLSVersion.TLSv1_3: {
        "CLIENT_HANDSHAKE_TRAFFIC_SECRET",
        "SERVER_HANDSHAKE_TRAFFIC_SECRET",
        "CLIENT_TRAFFIC_SECRET_0",
        "SERVER_TRAFFIC_SECRET_0",
        "EXPORTER_SECRET",
    },
}


@pytest.fixture
def client(ca: Identity, version: Any) -> Any:
    return client_context(ca, version=version)


@pytest.fixture
def server(server_identity: Identity, version: Any) -> Any:
    return server_context(server_identity, version=version)


def lines_of(path: Path) -> list[str]:
    return [line for line in path.read_text().splitlines() if not line.startswith("#")]


# -- the key log ------------------------------------------------------------------------------------------------------


def test_secrets(client: Any, server: Any, version: Any) -> None:
    """Each end tells the same, line by line."""
    told: dict[Any, list[str]] = {}

    def tell(connection: Any, line: str) -> None:
        told.setdefault(connection, []).append(line)

    client.keylog_callback = server.keylog_callback = tell
    assert client.keylog_callback is tell
    pair = Pair(client, server).handshake()
    assert set(told[pair.client]) == set(told[pair.server])
    assert {line.split()[0] for line in told[pair.client]} == LABELS[version]
    assert not any("\n" in line for line in told[pair.client])


def test_a_file_and_a_callback(client: Any, server: Any, tmp_path: Path) -> None:
    """Each can be set and taken away without the other."""
    told: list[str] = []
    client.keylog_filename = tmp_path / "keys"
    client.keylog_callback = lambda _connection, line: told.append(line)
    assert client.keylog_filename == tmp_path / "keys"
    Pair(client, server).handshake()
    assert told
    assert lines_of(tmp_path / "keys") == told
    before = list(told)
    client.keylog_callback = None
    Pair(client, server).handshake()
    assert told == before
    assert len(lines_of(tmp_path / "keys")) == 2 * len(told)
    client.keylog_callback = lambda _connection, line: told.append(line)
    client.keylog_filename = None
    assert client.keylog_filename is None
    Pair(client, server).handshake()
    assert len(told) == 2 * len(before)
    assert len(lines_of(tmp_path / "keys")) == 2 * len(before)
    client.keylog_callback = None
    Pair(client, server).handshake()
    assert len(told) == 2 * len(before)


def test_a_file_that_cannot_be_opened(client: Any, tmp_path: Path) -> None:
    """What was set before stays."""
    client.keylog_filename = tmp_path / "keys"
    client.keylog_callback = print
    with pytest.raises(OSError, match="nowhere"):
        client.keylog_filename = tmp_path / "nowhere" / "keys"
    assert (client.keylog_filename, client.keylog_callback) == (tmp_path / "keys", print)


# -- events -----------------------------------------------------------------------------------------------------------


def test_events(client: Any, server: Any) -> None:
    """A handshake begins and ends, on both sides, in steps."""
    told: list[tuple[Any, InfoEvent, int]] = []

    def tell(*event: Any) -> None:
        told.append(event)

    client.info_callback = server.info_callback = tell
    assert client.info_callback is tell
    pair = Pair(client, server).handshake()
    for end, side in ((pair.client, InfoEvent.CONNECT), (pair.server, InfoEvent.ACCEPT)):
        events = [event for who, event, _ in told if who is end]
        assert events[0] == InfoEvent.HANDSHAKE_START
        assert InfoEvent.HANDSHAKE_DONE in events
        assert side | InfoEvent.LOOP in events
        assert all(isinstance(event, InfoEvent) for event in events)
    told.clear()
    assert wants_read(pair.client.unwrap)
    assert (pair.client, InfoEvent.ALERT | InfoEvent.WRITE, 0x100 + ssl.ALERT_DESCRIPTION_CLOSE_NOTIFY) in told


def test_no_events_any_more(client: Any, server: Any) -> None:
    client.info_callback = lambda *_: pytest.fail("it was taken away")
    client.info_callback = None
    assert client.info_callback is None
    Pair(client, server).handshake()


def test_alerts(client: Any, server: Any) -> None:
    """A client that refuses the certificate says why."""
    alerts: list[tuple[InfoEvent, int]] = []
    client.info_callback = lambda _, event, value: event & InfoEvent.ALERT and alerts.append((event, value))
    with pytest.raises(ssl.SSLCertVerificationError):
        Pair(client, server, server_hostname="elsewhere.test").handshake()
    (event, value), *_ = alerts
    assert event == InfoEvent.ALERT | InfoEvent.WRITE
    assert divmod(value, 256) == (2, ssl.ALERT_DESCRIPTION_BAD_CERTIFICATE)


# -- messages ---------------------------------------------------------------------------------------------------------


def test_messages(client: Any, server: Any) -> None:
    """The public name and Python's are one."""
    told: list[Any] = []

    def tell(*message: Any) -> None:
        told.append(message)

    client.msg_callback = tell
    assert client._msg_callback is client.msg_callback is tell
    pair = Pair(client, server).handshake()
    connection, direction, _, _, message_type, data = next(
        message
        for message in told
        if message[3] == ssl._TLSContentType.HANDSHAKE  # type: ignore[attr-defined]
    )
    assert (connection, direction) == (pair.client, "write")
    assert message_type == ssl._TLSMessageType.CLIENT_HELLO  # type: ignore[attr-defined]
    assert data[0] == 1
    client._msg_callback = None
    told.clear()
    Pair(client, server).handshake()
    assert (told, client.msg_callback) == ([], None)


def test_messages_and_client_hellos(client: Any, server: Any) -> None:
    """Who takes away the one callback still has the other, on contexts and on connections."""
    hellos: list[str | None] = []
    server.set_client_hello_callback(lambda _connection, hello: hellos.append(hello.server_name))
    server.msg_callback = print
    server.msg_callback = None
    Pair(client, server).handshake()
    pair = Pair(client, server)
    pair.server.msg_callback = print
    pair.server.msg_callback = None
    pair.handshake()
    server.set_client_hello_callback(None)
    Pair(client, server).handshake()
    assert hellos == ["localhost"] * 2


def test_over_sockets(client: Any, server: Any) -> None:
    """What callbacks are given is the socket."""
    told: list[Any] = []
    client.keylog_callback = client.info_callback = client.msg_callback = lambda owner, *_: told.append(owner)
    with (
        serving(server, lambda connection: connection.recv(1)) as address,
        connected(client, address, do_handshake_on_connect=False) as connection,
    ):
        connection.do_handshake()
        connection.send(b"x")
        assert set(told) == {connection}


def test_calls_from_callbacks(client: Any, server: Any) -> None:
    """A callback may ask its connection, and neither use nor change it."""
    refused: list[BaseException] = []

    def tell(connection: Any, *_event: Any) -> None:
        connection.version()
        connection.get_ciphers()
        for call in (lambda: connection.read(1), lambda: connection.write(b"x"), connection.do_handshake):
            with pytest.raises(RuntimeError) as caught:
                call()
            refused.append(caught.value)

    client.info_callback = tell
    Pair(client, server).handshake()
    assert refused


def test_a_callback_sets_nothing_on_its_connection(client: Any, server: Any) -> None:
    """From the first event on it is too late."""
    late: list[BaseException] = []

    def tell(connection: Any, *_event: Any) -> None:
        for name in ("keylog_callback", "info_callback", "verify_mode", "options"):
            with pytest.raises(ValueError, match=f"Cannot set {name} after the handshake has begun") as caught:
                setattr(connection, name, ssl.CERT_NONE if name in {"verify_mode", "options"} else None)
            late.append(caught.value)

    client.check_hostname = False
    client.info_callback = server.info_callback = tell
    Pair(client, server).handshake()
    assert late


def test_a_callback_that_changes_its_context(client: Any, server: Any) -> None:
    """Which is for later connections."""

    def tell(connection: Any, _line: str) -> None:
        connection.context.keylog_callback = None
        connection.context.set_alpn_protocols(["h2"])

    server.set_alpn_protocols(["h2"])
    client.keylog_callback = tell
    assert Pair(client, server).handshake().client.selected_alpn_protocol() is None
    assert Pair(client, server).handshake().client.selected_alpn_protocol() == "h2"


def test_types() -> None:
    context = ours.SSLContext(ours.PROTOCOL_TLS_CLIENT)
    for name in ("keylog_callback", "info_callback"):
        with pytest.raises(TypeError, match="callback must be callable"):
            setattr(context, name, 5)
    with pytest.raises(TypeError, match="5 is not callable"):
        context.msg_callback = 5
    assert InfoEvent.HANDSHAKE_DONE | InfoEvent.ALERT == 0x4020
