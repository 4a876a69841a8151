"""What a server's memory comes to while connections make it hold as much as they can."""

import os
import pathlib
import re
import time

import attacks
import grpc
import pytest
from messages import Empty, Stub
from programs import PATIENCE, InteropServer

MiB = 1 << 20
CONNECTIONS = 20
MEMORY = 8 * MiB
# A connection beside what it holds for its calls: its two header tables, frames of 64 KiB in the making and in
# the channel, reading.
CONNECTION = MiB // 4
# What an event loop has in the making: a message of up to 4 MiB, as the service's, encoded, framed and queued.
LOOP = 4 * 4 * MiB
# A buffer that grows has room for up to twice its bytes.
BOUND = 2 * MEMORY + CONNECTIONS * CONNECTION + os.cpu_count() * LOOP


@pytest.fixture
def server():
    server = InteropServer("--memory", MEMORY, "--connection-memory", MEMORY // 4)
    yield server
    server.kill()


def peak(server):
    """The most that has been resident, in bytes."""
    status = pathlib.Path(f"/proc/{server.process.pid}/status").read_text()
    return int(re.search(r"VmHWM:\s*(\d+) kB", status)[1]) * 1024


def call(stub):
    """Calls until the server takes it: one that is full, or has handlers to end, refuses calls at once."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return stub.EmptyCall(Empty(), timeout=PATIENCE, wait_for_ready=True)
        except grpc.RpcError as error:
            assert error.code() == grpc.StatusCode.UNAVAILABLE and time.monotonic() < deadline, error


@pytest.mark.parametrize("name", attacks.ATTACKS)
def test_memory_stays_within_its_bounds(server, name, record_property):
    with grpc.insecure_channel(server.address) as channel:
        stub = Stub(channel)
        stub.EmptyCall(Empty(), timeout=PATIENCE)
        before = peak(server)
        peers = attacks.run(server.address, attacks.ATTACKS[name], CONNECTIONS)
        grown = peak(server) - before
        for peer in peers:
            peer.close()
        call(stub)
    record_property("grown_bytes", grown)
    print(f"{name}: {before / MiB:.1f} MiB, and {grown / MiB:.1f} MiB more; the bound is {BOUND / MiB:.1f} MiB more")
    assert grown <= BOUND
    assert server.log() == ""
