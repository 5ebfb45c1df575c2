"""More connections than may be warm at a time (`_native/warm.c`): what they do takes the others' memory away."""

from __future__ import annotations

from openssl_bio import SSL

PAIRS = 20
ENOUGH = 20  # questions and answers, after which both ends are warm


def use(ours: SSL.Connection, theirs: SSL.Connection) -> None:
    """Let both become warm."""
    for _ in range(ENOUGH):
        assert theirs.receive_data(ours.send_data(b"a question")) == b"a question"
        assert ours.receive_data(theirs.send_data(b"an answer")) == b"an answer"


class Crowd:
    """Pairs that are open; the contexts of both ends are the caller's."""

    def __init__(self, client: SSL.Context, server: SSL.Context) -> None:
        self._pairs = [(SSL.Connection(client, None), SSL.Connection(server, None)) for _ in range(PAIRS)]
        for ours, theirs in self._pairs:
            theirs.set_accept_state()
            ours.set_connect_state()
            for _ in range(2):
                theirs.receive_data(ours.data_to_send())
                ours.receive_data(theirs.data_to_send())

    def work(self) -> None:
        """Each sends the other something, as often as it takes to become warm."""
        for ours, theirs in self._pairs:
            use(ours, theirs)
