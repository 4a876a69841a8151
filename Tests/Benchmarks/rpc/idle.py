"""What open connections cost a server while nothing happens on them."""

import contextlib
import resource
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import frames
from peers import SERVERS
from processes import BenchError, Server, free_port, listening, resident_bytes
from scenarios import Scenario

CONNECTIONS = 10_000
_CALL = Scenario("idle", 1, 1, 1)


@dataclass
class Cost:
    """Bytes of RSS a connection: once it is open, and after one call on each."""

    opened: float
    used: float


def measure(names: list[str], connections: int, folder: Path, progress: Callable[[str], None]) -> dict[str, Cost]:
    """Each server has so many connections at once."""
    _allow_files(connections + 200)
    costs = {}
    for name in names:
        progress(f"idle connections: {name}")
        port = free_port()
        with listening(name, SERVERS[name].command(port, None, folder), port) as server:
            costs[name] = _cost(server, connections)
    return costs


def _allow_files(count: int) -> None:
    """Both ends need them; the server inherits ours."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < count:
        raise BenchError(f"{count} open files are needed, and `ulimit -Hn` is {hard}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, count), hard))


def _cost(server: Server, count: int) -> Cost:
    with contextlib.ExitStack() as stack:
        # A first one, so that what is made once for all does not count.
        _call(*_open(server, stack))
        before = resident_bytes(server.pid)
        connections = [_open(server, stack) for _ in range(count)]
        time.sleep(1)  # for what the server does once it has answered; nothing tells that it is over
        opened = resident_bytes(server.pid)
        for connection, reader in connections:
            _call(connection, reader)
        time.sleep(1)
        used = resident_bytes(server.pid)
    return Cost(opened=(opened - before) / count, used=(used - before) / count)


def _open(server: Server, stack: contextlib.ExitStack):
    connection = stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=30))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    reader = frames.Reader()
    connection.sendall(frames.opening())
    frames.receive(connection, reader, lambda: reader.has_settings)
    return connection, reader


def _call(connection: socket.socket, reader: frames.Reader) -> None:
    connection.sendall(frames.call(1, _CALL.path, _CALL.request))
    frames.receive(connection, reader, lambda: reader.ended_streams == 1)
