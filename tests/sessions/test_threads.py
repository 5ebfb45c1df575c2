"""Two to thirty-two threads on one session and one store: each handshake is what it would be alone."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from openssl_bio import MemorySessionStore, crypto
from tests.helpers import TIMEOUT, Identity, new_authority
from tests.sessions.faces import Face
from tests.sessions.test_store import KEY, servers_of
from tests.sessions.test_ticket_keys import resumes, session_of

ROUNDS = 3
pytestmark = pytest.mark.parametrize("threads", [2, 32])


def together(threads: int, work: Callable[[int], object]) -> None:
    """Let so many threads begin at once, each with its number; what one raises is raised here."""
    barrier = threading.Barrier(threads)

    def begin(number: int) -> None:
        barrier.wait(TIMEOUT)
        for _ in range(ROUNDS):
            work(number)

    with ThreadPoolExecutor(threads) as pool:
        for done in [pool.submit(begin, number) for number in range(threads)]:
            done.result(TIMEOUT)


def test_one_session_and_one_session_store(
    face: Face, version: str, client: Any, server_identity: Identity, threads: int
) -> None:
    """All resume it, at two servers by turns; it is looked at and travels; other sessions come and go in the store."""
    store = MemorySessionStore()
    servers = servers_of(face, version, server_identity, store, store)
    session = session_of(face, client, servers[0])
    about = (session.id, session.cipher_name, session.ticket)

    def work(number: int) -> None:
        assert resumes(face, client, servers[number % 2], session)
        assert (session.id, session.cipher_name, session.ticket) == about
        assert face.session_type.from_bytes(session.to_bytes(KEY), KEY).id == session.id
        store.put(b"%d" % number, b"another", 10)
        assert store.get(b"%d" % number) == b"another"
        store.remove(b"%d" % number)

    together(threads, work)
    assert resumes(face, client, servers[0], session)
    assert not any(store.get(b"%d" % number) for number in range(threads))


def test_one_session_by_tickets(face: Face, client: Any, server: Any, threads: int) -> None:
    session = session_of(face, client, server)
    resumed: list[bool] = []
    together(threads, lambda _: resumed.append(resumes(face, client, server, session)))
    assert resumed == [True] * (threads * ROUNDS)


def test_one_trust_store(ca: Identity, server_identity: Identity, tmp_path: Path, threads: int) -> None:
    """Some add to it what it does not have or has already, others verify against it."""
    store = crypto.X509Store()
    store.add_cert(ca.certificate)
    others = [new_authority(tmp_path, f"authority {number}") for number in range(4)]

    def work(number: int) -> None:
        if number % 2:
            store.add_cert(others[number // 2 % len(others)].certificate)
            store.set_flags(crypto.X509StoreFlags.X509_STRICT)
        else:
            chain = crypto.X509StoreContext(store, server_identity.certificate).get_verified_chain()
            assert [one.get_subject().CN for one in chain][-1] == ca.certificate.get_subject().CN

    together(threads, work)
    for other in others[: threads // 2]:
        crypto.X509StoreContext(store, other.certificate).verify_certificate()
