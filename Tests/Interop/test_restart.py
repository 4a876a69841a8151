"""Our client when grpcio's server dies, or says goodbye, under its calls; theirs when ours does."""

import asyncio
import socket
import subprocess
import time

import grpc
import pytest
from expectations import output
from messages import Empty, Stub, zeros
from programs import PATIENCE, InteropServer, grpcio_server, program, run_client


class Operator:
    """Does to a server what the client asks for."""

    def __init__(self, flavour):
        self.flavour = flavour
        self.server = grpcio_server("--flavour", flavour)
        self.port = self.server.port

    def do(self, deed):
        if deed == "kill":
            self.server.kill()
        elif deed == "drain":
            self.server.process.terminate()
        elif deed == "start":
            self.server.process.wait(timeout=PATIENCE)
            self.server = grpcio_server("--flavour", self.flavour, "--port", self.port)

    def close(self):
        self.server.kill()


@pytest.mark.parametrize("flavour", ["sync", "aio"])
@pytest.mark.parametrize("case", ["killed_server", "drained_server"])
def test_survives(case, flavour):
    operator = Operator(flavour)
    command = [program("grpc-interop-client"), "--server-port", str(operator.port), "--test-case", case]
    client = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
    try:
        for line in client.stdout:
            if not line.startswith("DO "):
                break
            operator.do(line.split()[1])
            client.stdin.write("\n")
        assert line == f"PASS {case}\n"
    finally:
        client.kill()
        client.wait()
        operator.close()


@pytest.mark.parametrize("flavour", ["sync", "aio"])
def test_no_call_is_lost_when_connections_are_ended_for_their_age(flavour):
    server = grpcio_server("--flavour", flavour, "--max-age-ms", 50)
    try:
        ended = run_client("--server-port", server.port, "--test-case", "rpc_soak", "--soak-iterations", 200)
        assert (ended.returncode, ended.stdout) == (0, "PASS rpc_soak\n"), ended.stdout + ended.stderr
    finally:
        server.kill()


def run_beside_a_stream(server, body):
    """Runs a body with a stub, and a call of it that is under way; then finds the server again, started anew."""
    async def run():
        # Its own connections: no other test's back-off.
        options = [("grpc.use_local_subchannel_pool", 1)]
        async with grpc.aio.insecure_channel(server.address, options=options) as channel:
            stub = Stub(channel)
            call = stub.FullDuplexCall(timeout=PATIENCE)
            await call.write(output(9, 8))
            assert (await call.read()).payload == zeros(9)
            await body(call)
            again = InteropServer("--port", server.port)
            try:
                await stub.EmptyCall(Empty(), wait_for_ready=True, timeout=PATIENCE)
            finally:
                again.kill()

    try:
        asyncio.run(run())
    finally:
        server.kill()


def test_our_server_lets_a_stream_end_when_it_shuts_down():
    server = InteropServer("--grace", 3 * PATIENCE)  # longer than the test waits

    async def body(call):
        server.process.terminate()
        wait_until_refused(server.port)
        await call.write(output(9, 8))
        assert (await call.read()).payload == zeros(9)
        await call.done_writing()
        assert await call.read() == grpc.aio.EOF
        assert await call.code() == grpc.StatusCode.OK
        assert await asyncio.to_thread(server.process.wait, PATIENCE) == 0

    run_beside_a_stream(server, body)


def test_our_server_ends_a_stream_that_outlives_the_grace():
    server = InteropServer("--grace", 0)

    async def body(call):
        server.process.terminate()
        assert await call.code() == grpc.StatusCode.UNAVAILABLE
        assert await asyncio.to_thread(server.process.wait, PATIENCE) == 0

    run_beside_a_stream(server, body)


def test_our_server_is_killed():
    server = InteropServer()

    async def body(call):
        server.kill()
        assert await call.code() == grpc.StatusCode.UNAVAILABLE

    run_beside_a_stream(server, body)


def wait_until_refused(port):
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            return
        assert time.monotonic() < deadline, "it still listens"
        time.sleep(0.01)
