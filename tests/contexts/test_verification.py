"""Verification of whole chains: what a failure tells, who may overrule it, and answers that come later."""

from __future__ import annotations

import copy
import pickle
import ssl
import threading
from functools import partial
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from openssl_bio import SSL, SUSPEND, Suspended, stdlib
from tests.contexts.faces import FACES, Face, credential
from tests.contexts.pki import Issued, new_root
from tests.helpers import TIMEOUT, carry

EXPIRED, SELF_SIGNED, NO_ISSUER, WRONG_NAME, BY_APPLICATION = 10, 18, 20, 62, 50


def ders(chain: list[Any]) -> list[bytes]:
    """A chain of either face in DER."""
    return [c if isinstance(c, bytes) else c.to_cryptography().public_bytes(Encoding.DER) for c in chain]


def told(error: Any) -> tuple[int, str, int, str | None, list[bytes]]:
    """What an exception of either face tells: code, message, depth, name, chain."""
    if isinstance(error, SSL.VerificationError):
        return error.code, error.message, error.depth, error.name, ders(error.chain)
    assert isinstance(error, ssl.SSLCertVerificationError)
    code, message = error.verify_code, error.verify_message
    return code, message, error.depth, error.name, error.chain  # type: ignore[attr-defined]


def with_name(face: Face, pair: Any, name: str) -> Any:
    """The pair, whose client verifies a host's name."""
    pair.client._set_verify_host(name)
    return pair


def failure(pair: Any) -> Any:
    with pytest.raises((SSL.Error, ssl.SSLError)) as caught:
        pair.handshake()
    return caught.value


# -- what a failure tells ----------------------------------------------------------------------------------------------


def test_a_failure_has_the_whole_picture(face: Face, version: str, root: Issued, issuing: Issued, leaf: Issued) -> None:
    expired, stranger = issuing.issue("localhost", days=-1), new_root("a stranger")
    unknown = stranger.issue("in between", authority=True).issue("localhost")
    alone = new_root("localhost")
    cases = [
        (expired, None, EXPIRED, 0, [expired, issuing]),
        (unknown, None, NO_ISSUER, 1, [unknown, unknown.issuers[0]]),
        (alone, None, SELF_SIGNED, 0, [alone]),
        (leaf, "elsewhere.test", WRONG_NAME, 0, [leaf, issuing]),
    ]
    for shown, name, code, depth, sent in cases:
        pair = face.pair(face.client(version, root), face.server(version, credential(shown)))
        error = failure(with_name(face, pair, name) if name else pair)
        assert isinstance(error, face.error)
        found = told(error)
        assert found[0] == code
        assert found[1]
        assert found[1].split(",")[0].rstrip(".") in str(error)
        assert found[2:] == (depth, name, [issued.der for issued in sent])


def test_a_second_call_tells_the_same(face: Face, version: str, leaf: Issued) -> None:
    pair = face.pair(face.client(version), face.server(version, credential(leaf)))
    assert told(failure(pair)) == told(failure(pair))


def demanding(face: Face, version: str, leaf: Issued, *trusted: Issued) -> Any:
    """A server's context that demands a certificate."""
    server = face.server(version, credential(leaf))
    face.trust(server, *trusted)
    if face.error is SSL.Error:
        server.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT)
    else:
        server.verify_mode = ssl.CERT_REQUIRED
    return server


def test_a_server_is_told_what_its_client_sent(face: Face, version: str, root: Issued, leaf: Issued) -> None:
    mine = new_root("a stranger").issue("middle", authority=True).issue("a client")
    client = face.client(version, root)
    client.use_credentials(credential(mine))
    code, _message, depth, name, chain = told(failure(face.pair(client, demanding(face, version, leaf, root))))
    assert (code, depth, name, chain) == (NO_ISSUER, 1, None, [mine.der, mine.issuers[0].der])


def test_no_certificate_at_all(face: Face, version: str, root: Issued, leaf: Issued) -> None:
    error = failure(face.pair(face.client(version, root), demanding(face, version, leaf, root)))
    assert not isinstance(error, SSL.VerificationError)


# -- callbacks ---------------------------------------------------------------------------------------------------------


class Judge:
    """A callback of either face that keeps what it was called with."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.calls: list[tuple[Any, ...]] = []

    def __call__(self, connection: Any, chain: list[Any], *error: Any) -> Any:
        self.calls.append((connection, ders(chain), *error))
        return self.answer


def judged(face: Face, version: str, judge: Judge, setter: str, shown: Issued, *trusted: Issued) -> Any:
    client = face.client(version, *trusted)
    getattr(client, setter)(judge)
    return face.pair(client, face.server(version, credential(shown)))


def test_the_chain_at_once(face: Face, version: str, root: Issued, leaf: Issued) -> None:
    judge = Judge(True)
    pair = judged(face, version, judge, "set_verify_chain", leaf, root).handshake()
    ((connection, chain, error),) = judge.calls
    assert connection is pair.client
    assert chain == [leaf.der, *(issuer.der for issuer in leaf.issuers)]
    assert error is None


def test_a_callback_accepts_what_openssl_refuses(face: Face, version: str, root: Issued, leaf: Issued) -> None:
    judge = Judge(True)
    pair = judged(face, version, judge, "set_verify_chain", leaf).handshake()
    ((_, chain, error),) = judge.calls
    assert chain[0] == leaf.der
    assert told(error)[0] == NO_ISSUER
    assert told(error)[4] == [leaf.der, leaf.issuers[0].der]
    assert face.sent(pair.client)[0] == leaf.der


def assert_refused(face: Face, pair: Any, leaf: Issued) -> None:
    """The client raises what its callback decided, with the server's chain, and the server gets an alert."""
    code, _message, _depth, _name, chain = told(failure(pair))
    assert code == BY_APPLICATION
    assert chain == [leaf.der, leaf.issuers[0].der]
    getattr(pair, "move", lambda: 0)()
    with pytest.raises(face.error, match=r"(?i)alert"):
        pair.server.do_handshake()


@pytest.mark.parametrize(("setter", "trusting"), [("set_verify_chain", True), ("set_verifier", False)])
def test_a_callback_refuses_what_openssl_accepts(
    face: Face, version: str, root: Issued, leaf: Issued, setter: str, trusting: bool
) -> None:
    pair = judged(face, version, Judge(False), setter, leaf, *([root] if trusting else []))
    assert_refused(face, pair, leaf)


def test_the_verifier_replaced(face: Face, version: str, leaf: Issued) -> None:
    """Neither trust nor dates are looked at."""
    judge = Judge(True)
    expired = new_root("a stranger").issue("localhost", days=-1)
    pair = judged(face, version, judge, "set_verifier", expired).handshake()
    assert judge.calls == [(pair.client, [expired.der])]


@pytest.mark.parametrize("setter", ["set_verify_chain", "set_verifier"])
@pytest.mark.parametrize("answer", [None, 1, "yes", object()], ids=["none", "one", "text", "object"])
def test_other_answers_fail_closed(
    face: Face, version: str, root: Issued, leaf: Issued, setter: str, answer: object
) -> None:
    pair = judged(face, version, Judge(answer), setter, leaf, root)
    with pytest.raises(TypeError, match="a verifier returns True, False or SUSPEND"):
        pair.handshake()
    with pytest.raises(face.error):
        pair.client.do_handshake()


@pytest.mark.parametrize("setter", ["set_verify_chain", "set_verifier"])
def test_exceptions_surface(face: Face, version: str, root: Issued, leaf: Issued, setter: str) -> None:
    problem = KeyboardInterrupt()

    def fail(*_arguments: object) -> bool:
        raise problem

    client = face.client(version, root)
    getattr(client, setter)(fail)
    pair = face.pair(client, face.server(version, credential(leaf)))
    with pytest.raises(KeyboardInterrupt) as caught:
        pair.handshake()
    assert caught.value is problem


def test_none_lets_openssl_decide_again(face: Face, version: str, leaf: Issued) -> None:
    for setter in ("set_verify_chain", "set_verifier"):
        client = face.client(version)
        getattr(client, setter)(Judge(True))
        server = face.server(version, credential(leaf))
        face.pair(client, server).handshake()
        getattr(client, setter)(None)
        assert told(failure(face.pair(client, server)))[0] == NO_ISSUER


def test_setters_that_fail(face: Face, version: str, root: Issued) -> None:
    client = face.client(version, root)
    for wrong in (5, "name"):
        for setter in (client.set_verify_chain, client.set_verifier):
            with pytest.raises(TypeError, match="callable"):
                setter(wrong)
    careless = face.client(version, root)
    if face.error is SSL.Error:
        careless.set_verify(SSL.VERIFY_NONE)
    else:
        careless.verify_mode = ssl.CERT_NONE
    with pytest.raises(ValueError, match="verification is switched off"):
        careless.set_verifier(Judge(True))


def test_servers_judge_their_clients(face: Face, version: str, root: Issued, leaf: Issued) -> None:
    mine = new_root("a stranger").issue("a client")
    for answer in (True, False):
        server, client = demanding(face, version, leaf, root), face.client(version, root)
        client.use_credentials(credential(mine))
        judge = Judge(answer)
        server.set_verify_chain(judge)
        pair = face.pair(client, server)
        if answer:
            pair.handshake()
        else:
            assert told(failure(pair))[0] == NO_ISSUER
        assert judge.calls[0][1] == [mine.der]


def test_sessions_of_another_judge_are_not_resumed(face: Face, version: str, root: Issued, leaf: Issued) -> None:
    pair = judged(face, version, Judge(True), "set_verify_chain", leaf, root).handshake()
    assert face.reused(pair)
    context = pair.client.get_context() if face.error is SSL.Error else pair.client.context
    context.set_verify_chain(Judge(True))
    if face.error is SSL.Error:
        with pytest.raises(ValueError, match="verification"):
            face.reused(pair)
    else:
        assert not face.reused(pair)


def test_sessions_from_elsewhere_are_not_resumed(version: str, root: Issued, leaf: Issued) -> None:
    """Nothing tells whether this verifier would have accepted what they stand for."""
    face = FACES["pyOpenSSL"]
    pair = face.pair(face.client(version, root), face.server(version, credential(leaf))).handshake()
    session = SSL.Session.from_bytes(pair.client.get_session().to_bytes())
    for setter in SETTERS:
        again = judged(face, version, Judge(False), setter, leaf, root)
        with pytest.raises(ValueError, match="a verifier judges a chain during a handshake"):
            again.client.set_session(session)
    face.pair(face.client(version, root), pair.server.get_context()).client.set_session(session)


def test_one_connection_alone(version: str, root: Issued, leaf: Issued) -> None:
    face = FACES["pyOpenSSL"]
    client, server = face.client(version, root), face.server(version, credential(leaf))
    mine, sibling = face.pair(client, server), face.pair(client, server)
    judge = Judge(False)
    mine.client.set_verify_chain(judge)
    sibling.handshake()
    assert told(failure(mine))[0] == BY_APPLICATION
    assert len(judge.calls) == 1


# -- answers that come later -------------------------------------------------------------------------------------------

SETTERS = ["set_verify_chain", "set_verifier"]


def suspended(face: Face, pair: Any) -> Suspended:
    """The exception of a handshake that waits."""
    with pytest.raises(Suspended) as caught:
        pair.handshake()
    assert isinstance(caught.value, face.error)
    return caught.value


def test_there_is_one_suspend() -> None:
    assert [copy.copy(SUSPEND), copy.deepcopy(SUSPEND), pickle.loads(pickle.dumps(SUSPEND))] == [SUSPEND] * 3
    assert repr(SUSPEND) == "openssl_bio.SUSPEND"


@pytest.mark.parametrize("setter", SETTERS)
def test_suspended_and_accepted(face: Face, version: str, root: Issued, leaf: Issued, setter: str) -> None:
    judge = Judge(SUSPEND)
    pair = judged(face, version, judge, setter, leaf, root)
    assert pair.client.suspended is None
    assert suspended(face, pair).what == "verification"
    assert pair.client.suspended == "verification"
    assert suspended(face, pair).what == "verification"  # whoever asks again waits again
    pair.client.resume_handshake(True)
    assert pair.client.suspended is None
    pair.handshake()
    assert len(judge.calls) == 1
    assert face.sent(pair.client)[0] == leaf.der


@pytest.mark.parametrize("setter", SETTERS)
def test_suspended_and_refused(face: Face, version: str, root: Issued, leaf: Issued, setter: str) -> None:
    pair = judged(face, version, Judge(SUSPEND), setter, leaf, root)
    suspended(face, pair)
    pair.client.resume_handshake(False)
    assert_refused(face, pair, leaf)


def test_what_openssl_refused_can_be_accepted_later(face: Face, version: str, leaf: Issued) -> None:
    pair = judged(face, version, Judge(SUSPEND), "set_verify_chain", leaf)
    suspended(face, pair)
    pair.client.resume_handshake(True)
    pair.handshake()
    again = judged(face, version, Judge(SUSPEND), "set_verify_chain", leaf)
    suspended(face, again)
    again.client.resume_handshake(False)
    assert told(failure(again))[0] == NO_ISSUER


def test_never_resumed(face: Face, version: str, root: Issued, leaf: Issued) -> None:
    """Nothing is accepted, and dropping the connection is all right."""
    pair = judged(face, version, Judge(SUSPEND), "set_verify_chain", leaf, root)
    for _ in range(3):
        suspended(face, pair)
    client = pair.client
    for name, argument in (("write", b"x"), ("read", 1)):
        with pytest.raises(Suspended):
            getattr(client, name)(argument)
    with pytest.raises(face.want_read):
        pair.server.do_handshake()
    del pair, client


def test_wrong_resumptions(face: Face, version: str, root: Issued, leaf: Issued) -> None:
    pair = judged(face, version, Judge(SUSPEND), "set_verify_chain", leaf, root)
    with pytest.raises(ValueError, match="no callback of this connection waits"):
        pair.client.resume_handshake(True)
    suspended(face, pair)
    for wrong in (None, 1, SUSPEND, "yes"):
        with pytest.raises(TypeError):
            pair.client.resume_handshake(wrong)
    assert pair.client.suspended == "verification"
    pair.client.resume_handshake(True)
    with pytest.raises(ValueError, match="waits"):
        pair.client.resume_handshake(False)
    pair.handshake()
    with pytest.raises(ValueError, match="waits"):
        pair.client.resume_handshake(True)


def test_another_context_does_not_answer(face: Face, version: str, root: Issued, leaf: Issued) -> None:
    """Nobody else's rules come in the place of the answer that is waited for."""
    client = face.client(version, root)
    client.set_verify_chain(lambda *_: SUSPEND)
    pair = face.pair(client, face.server(version, credential(leaf)))
    with pytest.raises(Suspended):
        pair.handshake()
    other = face.client(version, root)
    change = pair.client.set_context if face.error is SSL.Error else partial(setattr, pair.client, "context")
    with pytest.raises(RuntimeError, match="the context cannot change during verification"):
        change(other)
    pair.client.resume_handshake(False)
    with pytest.raises(face.error):
        pair.handshake()


def test_resumed_by_another_thread(face: Face, version: str, root: Issued, leaf: Issued) -> None:
    pair = judged(face, version, Judge(SUSPEND), "set_verify_chain", leaf, root)
    suspended(face, pair)
    thread = threading.Thread(target=pair.client.resume_handshake, args=(True,))
    thread.start()
    thread.join(TIMEOUT)
    pair.handshake()


@pytest.mark.parametrize("setter", SETTERS)
def test_a_server_cannot_suspend(face: Face, version: str, root: Issued, leaf: Issued, setter: str) -> None:
    """libssl would take the client's certificate for verified."""
    server, client = demanding(face, version, leaf, root), face.client(version, root)
    client.use_credentials(credential(new_root("a stranger").issue("a client")))
    getattr(server, setter)(Judge(SUSPEND))
    pair = face.pair(client, server)
    with pytest.raises(RuntimeError, match="a server cannot suspend verification"):
        pair.handshake()
    assert pair.server.suspended is None
    with pytest.raises(face.error):
        pair.server.do_handshake()
    with pytest.raises(face.error):
        pair.handshake()


def test_datagrams(root: Issued, leaf: Issued) -> None:
    client = SSL.Context(SSL.DTLS_METHOD)
    client.set_verify(SSL.VERIFY_PEER)
    client.set_verify_chain(Judge(SUSPEND))
    server = SSL.Context(SSL.DTLS_METHOD)
    server.use_credentials(credential(leaf))
    ends = SSL.Connection(client), SSL.Connection(server)
    ends[0].set_connect_state()
    ends[1].set_accept_state()
    waited = 0
    for _ in range(20):
        for end in ends:
            try:
                end.do_handshake()
            except Suspended:
                waited += 1
                end.resume_handshake(True)
            except SSL.WantReadError:
                pass
        carry(ends[0], ends[1])
        carry(ends[1], ends[0])
    assert waited == 1
    ends[0].send(b"hello")
    carry(ends[0], ends[1])
    assert ends[1].recv(10) == b"hello"


def test_an_owner_is_what_callbacks_are_given(root: Issued, leaf: Issued) -> None:
    judge = Judge(True)
    context = stdlib.SSLContext(stdlib.PROTOCOL_TLS_CLIENT)
    context.set_verify_chain(judge)
    context.set_verify_chain(judge)  # an equal value
    with pytest.raises(ValueError, match="switched off"):
        stdlib.SSLContext(stdlib.PROTOCOL_TLS_SERVER).set_verify_chain(judge)
