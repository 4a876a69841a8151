"""Our client when grpcio's server dies, or says goodbye, under its calls; theirs when ours does."""

import subprocess

import pytest
from programs import PATIENCE, grpcio_server, program, run_client


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
