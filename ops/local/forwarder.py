"""Lets containers reach the emulator, which listens only on this machine's loopback."""

from __future__ import annotations

import asyncio
import socket
import threading


class Forwarder(threading.Thread):
    """Forwards bytes from the tasks' network to the emulator.

    It listens on this machine's address in that network, which only this machine's containers can reach. If the address belongs
    to another machine (an engine in a virtual machine), `listen` returns False: such engines already route
    `host.docker.internal` to this machine's loopback.
    """

    def __init__(self, address: str, port: int) -> None:
        super().__init__(daemon=True, name="forwarder")
        self._address = address
        self._port = port
        self._socket: socket.socket | None = None

    def listen(self) -> bool:
        """Bind; False if this machine has no such address."""
        try:
            self._socket = socket.create_server((self._address, self._port))
        except OSError as error:
            print(f"no forwarding from {self._address}:{self._port}: {error}", flush=True)
            return False
        return True

    def run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._forward, sock=self._socket)
        async with server:
            await server.serve_forever()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", self._port)
        except OSError:
            writer.close()
            return
        await asyncio.gather(_pump(reader, inner_writer), _pump(inner_reader, writer))


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while chunk := await reader.read(65536):
            writer.write(chunk)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()
