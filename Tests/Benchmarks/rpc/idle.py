"""What open connections cost a server while nothing happens on them."""

import contextlib
import resource
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import frames
from peers import SERVERS
from processes import BenchError, Server, free_port, listening, resident_bytes
from scenarios import Scenario

# Load → connections, and whether they are over TLS: its handshakes take their time.
LOADS = {"idle": (10_000, False), "idle-tls": (2_000, True)}
_CALL = Scenario("idle", 1, 1, 1)


@dataclass
class Cost:
    """Bytes of RSS a connection: once it is open, and after one call on each."""

    opened: float
    used: float


# costs[load][server]
Measured = dict[str, dict[str, Cost]]


def measure(names: list[str], most: int, folder: Path, certificate: tuple[Path, Path],
            wanted: Callable[[str], bool], progress: Callable[[str], None]) -> Measured:
    """Each server has so many connections at once, and at most `most`."""
    measured: Measured = {}
    for load, (connections, tls) in LOADS.items():
        if not wanted(load):
            continue
        count = min(connections, most)
        _allow_files(count + 200)
        measured[load] = {}
        for name in names:
            progress(f"{load}: {name}")
            port = free_port()
            command = SERVERS[name].command(port, certificate if tls else None, folder)
            with listening(name, command, port, tls) as server:
                measured[load][name] = _cost(server, count, certificate[0])
    return measured


def _allow_files(count: int) -> None:
    """Both ends need them; the server inherits ours."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < count:
        raise BenchError(f"{count} open files are needed, and `ulimit -Hn` is {hard}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, count), hard))


def _cost(server: Server, count: int, trust: Path) -> Cost:
    context = None
    if server.tls:
        context = ssl.create_default_context(cafile=str(trust))
        context.set_alpn_protocols(["h2"])
    with contextlib.ExitStack() as stack:
        # A first one, so that what is made once for all does not count.
        _call(*_open(server, context, stack))
        before = resident_bytes(server.pid)
        connections = [_open(server, context, stack) for _ in range(count)]
        time.sleep(1)  # for what the server does once it has answered; nothing tells that it is over
        opened = resident_bytes(server.pid)
        for connection, reader in connections:
            _call(connection, reader)
        time.sleep(1)
        used = resident_bytes(server.pid)
    return Cost(opened=(opened - before) / count, used=(used - before) / count)


def _open(server: Server, context: ssl.SSLContext | None, stack: contextlib.ExitStack):
    connection = stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=30))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if context:
        connection = stack.enter_context(context.wrap_socket(connection, server_hostname="localhost"))
    reader = frames.Reader()
    connection.sendall(frames.opening())
    frames.receive(connection, reader, lambda: reader.has_settings)
    return connection, reader


def _call(connection: socket.socket, reader: frames.Reader) -> None:
    connection.sendall(frames.call(1, _CALL.path, _CALL.request))
    frames.receive(connection, reader, lambda: reader.ended_streams == 1)
