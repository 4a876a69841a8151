"""Just enough HTTP/2 (RFC 9113) to open connections and make calls whose bytes never change."""

import socket
from collections.abc import Callable

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, SETTINGS, PING, GOAWAY, WINDOW_UPDATE = 0, 1, 4, 6, 7, 8
END_STREAM, END_HEADERS, ACK = 1, 4, 1
LARGEST_WINDOW = 2**31 - 1


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def opening() -> bytes:
    """The client's preface; it lets the server send as much as it likes."""
    initial_window = (4).to_bytes(2, "big") + LARGEST_WINDOW.to_bytes(4, "big")
    widening = (LARGEST_WINDOW - 65_535).to_bytes(4, "big")
    return PREFACE + frame(SETTINGS, 0, 0, initial_window) + frame(WINDOW_UPDATE, 0, 0, widening)


def _header_blocks(path: str) -> tuple[bytes, bytes]:
    """The header block of a connection's first call, and that of each call with the same path after it.

    As clients do, the first one puts the fields into the codec's table (RFC 7541 §6.2.1), newest first from
    index 62 on, and the others name their places there (§6.1).
    """
    fields = {
        ":path": path, ":authority": "localhost", "content-type": "application/grpc", "te": "trailers",
        "grpc-timeout": "60S", "user-agent": "grpc-bench/1"}
    post_and_http = b"\x83\x86"  # of the static table
    first = b"".join(
        b"\x40" + bytes([len(name)]) + name.encode() + bytes([len(value)]) + value.encode()
        for name, value in fields.items())
    later = bytes(0x80 | 62 + len(fields) - 1 - place for place in range(len(fields)))
    return post_and_http + first, post_and_http + later


def call(stream: int, path: str, message: bytes) -> bytes:
    """A call with one framed message, at most one frame of it; all of a connection have the same path."""
    first, later = _header_blocks(path)
    block = first if stream == 1 else later
    return frame(HEADERS, END_HEADERS, stream, block) + frame(DATA, END_STREAM, stream, message)


def receive(connection: socket.socket, reader: "Reader", done: Callable[[], bool]) -> None:
    """Reads, and answers what has to be answered, until `done`."""
    while not done():
        received = connection.recv(1 << 20)
        if not received:
            raise ConnectionError("the server closed the connection")
        reader.feed(received)
        if replies := reader.take_replies():
            connection.sendall(replies)


class Reader:
    """Takes bytes as they come and counts what they mean."""

    def __init__(self):
        self._rest = b""
        self.ended_streams = 0
        self.data_bytes = 0
        self.has_settings = False
        # What has to be answered.
        self.replies = b""

    def feed(self, received: bytes) -> None:
        buffer, at = self._rest + received, 0
        while len(buffer) - at >= 9:
            length = int.from_bytes(buffer[at:at + 3], "big")
            if len(buffer) - at < 9 + length:
                break
            kind, flags = buffer[at + 3], buffer[at + 4]
            if kind in (HEADERS, DATA) and flags & END_STREAM:
                self.ended_streams += 1
            if kind == DATA:
                self.data_bytes += length
            elif kind == SETTINGS and not flags & ACK:
                self.has_settings = True
                self.replies += frame(SETTINGS, ACK, 0)
            elif kind == PING and not flags & ACK:
                self.replies += frame(PING, ACK, 0, buffer[at + 9:at + 9 + length])
            elif kind == GOAWAY:
                raise ConnectionError(f"GOAWAY: {buffer[at + 17:at + 9 + length]!r}")
            at += 9 + length
        self._rest = buffer[at:]

    def take_replies(self) -> bytes:
        replies, self.replies = self.replies, b""
        return replies
