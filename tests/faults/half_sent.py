"""Callers who send most of a message and then stop, over HTTP/2 written by hand."""

import socket
import struct
import threading
import time
from collections import defaultdict

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _SETTINGS, _PING, _WINDOW_UPDATE = 0, 1, 4, 6, 8
_END_HEADERS, _ACK = 0x4, 0x1
_INITIAL_WINDOW_SIZE = 4
_MOST_OF_A_FRAME = 16_384
_CONNECTION = 0  # the number of the stream that stands for all of them


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return (
        struct.pack(">I", len(payload))[1:]
        + bytes((kind, flags))
        + struct.pack(">I", stream)
        + payload
    )


def _header(name: str, value: str) -> bytes:
    """A header as HPACK's literal without an index and without Huffman's code."""
    assert len(name) < 127
    assert len(value) < 127
    return bytes((0, len(name))) + name.encode() + bytes((len(value),)) + value.encode()


class HalfSender:
    """One connection with several calls, each with a part of its message.

    Args:
        address: of the server, as host:port.
        method: that is called, such as /fairlift.v1.EventService/RecordEvents.
        calls: on this connection.
        message_bytes: the length that each message is said to have.
        token: of the caller; empty: none.
    """

    def __init__(
        self, address: str, method: str, *, calls: int, message_bytes: int, token: str = ""
    ) -> None:
        host, _, port = address.rpartition(":")
        self._socket = socket.create_connection((host, int(port)))
        # What the server allows to be sent, by stream.
        self._windows: dict[int, int] = defaultdict(int)
        self._initial_window = 65_535
        self._windows[_CONNECTION] = 65_535
        self._changed = threading.Condition()
        self._method, self._address, self._token = method, address, token
        self._sent_bytes = 0
        self._is_closed = False
        self._calls, self._message_bytes = calls, message_bytes
        # Before the preface nothing may be sent, an acknowledgement neither.
        self._writing = threading.Lock()
        self._write(_PREFACE + _frame(_SETTINGS, 0, 0, b""))
        threading.Thread(target=self._read, daemon=True).start()

    def send(self, patience_s: float) -> int:
        """Sends all but the last byte of each message; returns how many bytes the server took.

        Args:
            patience_s: after so long in which the server wants no more, no more is sent.
        """
        streams = [2 * number + 1 for number in range(self._calls)]
        head = b"\0" + struct.pack(">I", self._message_bytes)
        left = {stream: head + bytes(self._message_bytes - 1) for stream in streams}
        for stream in streams:
            self._windows[stream] += self._initial_window
            self._write(_frame(_HEADERS, _END_HEADERS, stream, self._headers()))
        given_up_at = time.monotonic() + patience_s
        while any(left.values()) and time.monotonic() < given_up_at and not self._is_closed:
            progress = False
            for stream, data in left.items():
                room = min(
                    self._windows[stream], self._windows[_CONNECTION], _MOST_OF_A_FRAME, len(data)
                )
                if room <= 0:
                    continue
                with self._changed:
                    self._windows[stream] -= room
                    self._windows[_CONNECTION] -= room
                self._write(_frame(_DATA, 0, stream, data[:room]))
                left[stream] = data[room:]
                self._sent_bytes += room
                progress = True
            if progress:
                given_up_at = time.monotonic() + patience_s
            else:
                with self._changed:
                    self._changed.wait(0.02)
        return self._sent_bytes

    def close(self) -> None:
        """Ends the connection."""
        self._is_closed = True
        self._socket.close()

    def _headers(self) -> bytes:
        fields = [
            (":method", "POST"),
            (":scheme", "http"),
            (":path", self._method),
            (":authority", self._address),
            ("te", "trailers"),
            ("content-type", "application/grpc"),
        ]
        if self._token:
            fields.append(("authorization", f"Bearer {self._token}"))
        return b"".join(_header(name, value) for name, value in fields)

    def _write(self, data: bytes) -> None:
        try:
            with self._writing:
                self._socket.sendall(data)
        except OSError:
            self._is_closed = True

    def _read(self) -> None:
        try:
            while True:
                head = self._exactly(9)
                kind, flags = head[3], head[4]
                (stream,) = struct.unpack(">I", head[5:9])
                self._take(kind, flags, stream, self._exactly(int.from_bytes(head[:3], "big")))
        except (OSError, EOFError):
            self._is_closed = True

    def _take(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        with self._changed:
            if kind == _WINDOW_UPDATE:
                self._windows[stream] += int.from_bytes(payload, "big")
            elif kind == _SETTINGS and not flags & _ACK:
                for name, value in struct.iter_unpack(">HI", payload):
                    if name == _INITIAL_WINDOW_SIZE:
                        for each in [key for key in self._windows if key != _CONNECTION]:
                            self._windows[each] += value - self._initial_window
                        self._initial_window = value
            self._changed.notify_all()
        if kind == _SETTINGS and not flags & _ACK:
            self._write(_frame(_SETTINGS, _ACK, 0, b""))
        elif kind == _PING and not flags & _ACK:
            self._write(_frame(_PING, _ACK, 0, payload))

    def _exactly(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            part = self._socket.recv(size - len(data))
            if not part:
                raise EOFError
            data += part
        return data
