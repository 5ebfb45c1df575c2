"""A short form of the soak that ``make soak`` makes with ten thousand connections."""

from __future__ import annotations

from tests.core.soak import DEATHS, Soak


def test_soak() -> None:
    """Nothing is lost or mixed, every kind of end is met, and none of the connections stays."""
    told = Soak(seconds=4, conversations=60).run()
    assert told["handshakes"] >= 60
    assert told["left"] == 0
    assert told["begun"] - 60 == sum(told.get(how, 0) for how in (*DEATHS, "abandoned"))
