"""Containers reach the emulator, which listens on loopback only."""

import socket

from ops.local.forwarder import Forwarder


def test_bytes_are_forwarded_to_loopback():
    with socket.create_server(("127.0.0.1", 0)) as emulator:
        forwarder = Forwarder("127.0.0.2", emulator.getsockname()[1])
        assert forwarder.listen()
        forwarder.start()
        with socket.create_connection(("127.0.0.2", emulator.getsockname()[1]), timeout=5) as caller:
            caller.sendall(b"ping")
            inner, _ = emulator.accept()
            with inner:
                assert inner.recv(4) == b"ping"
                inner.sendall(b"pong")
                assert caller.recv(4) == b"pong"


def test_an_address_that_is_not_this_machines_is_not_forwarded():
    assert Forwarder("192.0.2.1", 1).listen() is False
