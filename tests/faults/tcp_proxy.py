"""A TCP proxy whose connections can go silent, as behind a NAT or firewall, or be reset."""

import asyncio
import socket
import struct
import threading
from contextlib import suppress


class TcpProxy:
    """Forwards connections to a port of this machine. Set `accepts_new` to False to forward none.

    Args:
        to_port: Where they lead.
    """

    def __init__(self, to_port: int) -> None:
        self.accepts_new = True
        # How long everything takes, in each direction.
        self.delay_s = 0.0
        # How many of the next connections are reset, as those that wait while a server ends.
        self.resets = 0
        self.port = 0
        self._to_port = to_port
        # Whether each open connection still forwards, by a number.
        self._forwards: dict[int, bool] = {}
        self._connections: set[asyncio.Task[None]] = set()
        self._writers: list[asyncio.StreamWriter] = []
        self._listens, self._stopped = threading.Event(), asyncio.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._serve(),))
        self._thread.start()
        self._listens.wait()

    def swallow(self) -> None:
        """From now on, what open connections carry is lost, and neither side is informed."""
        self._forwards = dict.fromkeys(self._forwards, False)

    def stop(self) -> None:
        """Ends the proxy and its connections."""
        self._loop.call_soon_threadsafe(self._stopped.set)
        self._thread.join()
        self._loop.close()

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._forward, "127.0.0.1", self.port)
        self.port = server.sockets[0].getsockname()[1]
        self._listens.set()
        await self._stopped.wait()
        server.close()
        for writer in self._writers:
            writer.close()
        await asyncio.gather(*self._connections)

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.resets:
            self.resets -= 1
            _reset(writer)
            return
        task, number = asyncio.current_task(), len(self._forwards)
        assert task is not None
        self._connections.add(task)
        self._forwards[number] = self.accepts_new
        onward_reader, onward_writer = await asyncio.open_connection("127.0.0.1", self._to_port)
        self._writers.extend((writer, onward_writer))
        await asyncio.gather(
            self._copy(number, reader, onward_writer), self._copy(number, onward_reader, writer)
        )
        for each in (writer, onward_writer):
            each.close()
            with suppress(OSError):
                await each.wait_closed()

    async def _copy(
        self, number: int, source: asyncio.StreamReader, sink: asyncio.StreamWriter
    ) -> None:
        with suppress(OSError):
            while content := await source.read(65_536):
                if self.delay_s:
                    await asyncio.sleep(self.delay_s)
                if self._forwards[number]:
                    sink.write(content)
                    await sink.drain()
        if self._forwards[number]:
            sink.close()


def _reset(writer: asyncio.StreamWriter) -> None:
    connection: socket.socket = writer.get_extra_info("socket")
    # With no time to linger, a close is a reset.
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.close()
