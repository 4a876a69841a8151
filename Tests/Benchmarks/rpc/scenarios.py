"""What is asked of the servers, and the bytes that ask it."""

from dataclasses import dataclass

KIB = 1024


@dataclass(frozen=True)
class Scenario:
    """`connections` clients, each with `streams` calls under way, until `calls` are made."""

    name: str
    connections: int
    streams: int
    calls: int
    size: int = 0  # bytes of each payload
    messages: int = 0  # responses of a streaming call; 0: calls are unary
    tls: bool = False

    @property
    def path(self) -> str:
        return "/bench.v1.EchoService/" + ("Stream" if self.messages else "Echo")

    @property
    def request(self) -> bytes:
        """The framed request message."""
        if self.messages:
            return framed(field(1, self.messages) + field(2, self.size))
        return framed(field(1, bytes(self.size)) + field(2, self.size))

    @property
    def response(self) -> bytes:
        """All framed messages of a right answer."""
        return framed(field(1, bytes(self.size))) * max(1, self.messages)

    @property
    def units(self) -> int:
        """What figures are given for: calls, or the messages of streams."""
        return self.calls * max(1, self.messages)


def varint(number: int) -> bytes:
    encoded = bytearray()
    while number >= 0x80:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


def field(number: int, value: int | bytes) -> bytes:
    """A field of a protobuf message; nothing for its default."""
    if not value:
        return b""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def framed(message: bytes) -> bytes:
    """A gRPC message with its prefix: not compressed, and its length."""
    return b"\0" + len(message).to_bytes(4, "big") + message


def _all() -> list[Scenario]:
    plain = [
        Scenario("unary-8x100", 8, 100, 60_000),
        Scenario("unary-64x1", 64, 1, 40_000),
        Scenario("unary-1x1", 1, 1, 8_000),
        Scenario("unary-8x100-1KiB", 8, 100, 40_000, size=KIB),
        Scenario("unary-8x100-64KiB", 8, 100, 4_000, size=64 * KIB),
        Scenario("stream-8x10", 8, 10, 800, messages=1_000),
        Scenario("stream-8x10-1KiB", 8, 10, 400, size=KIB, messages=1_000),
        Scenario("stream-8x10-64KiB", 8, 10, 160, size=64 * KIB, messages=50),
    ]
    return plain + [
        Scenario(s.name + "-tls", s.connections, s.streams, s.calls, s.size, s.messages, tls=True)
        for s in plain
    ]


SCENARIOS = _all()
