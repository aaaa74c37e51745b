"""The way from containers to the emulator, which itself listens on this machine's loopback only."""

from __future__ import annotations

import asyncio
import socket
import threading


class Forwarder(threading.Thread):
    """Lets containers reach the emulator, which itself listens on loopback only.

    It listens on this machine's address in the tasks' network, which only this machine's containers reach, and passes bytes on.
    Where that address is not this machine's (an engine in a virtual machine), `listen` says so: such engines lead
    `host.docker.internal` to the loopback of the machine by themselves.
    """

    def __init__(self, address: str, port: int) -> None:
        super().__init__(daemon=True, name="forwarder")
        self._address = address
        self._port = port
        self._socket: socket.socket | None = None

    def listen(self) -> bool:
        """Bind; False where this machine has no such address."""
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
