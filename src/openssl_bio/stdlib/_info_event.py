"""``InfoEvent``: what happens in a connection."""

from __future__ import annotations

import enum

from openssl_bio._core._lib import lib

__all__ = ["InfoEvent"]


class InfoEvent(enum.IntFlag):
    """What happens, to an `SSLContext.info_callback`: bits that libssl calls ``SSL_CB_*`` and ``SSL_ST_*``."""

    __module__ = "openssl_bio.stdlib"

    LOOP = lib.SSL_CB_LOOP  # a step of the handshake
    EXIT = lib.SSL_CB_EXIT  # a call ends, with a value
    READ = lib.SSL_CB_READ
    WRITE = lib.SSL_CB_WRITE
    ALERT = lib.SSL_CB_ALERT  # read or written
    HANDSHAKE_START = lib.SSL_CB_HANDSHAKE_START
    HANDSHAKE_DONE = lib.SSL_CB_HANDSHAKE_DONE
    CONNECT = lib.SSL_ST_CONNECT  # a client's
    ACCEPT = lib.SSL_ST_ACCEPT  # a server's
