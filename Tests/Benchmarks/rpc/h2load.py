"""The load: h2load, and whether what it got was right."""

import re
from dataclasses import dataclass
from pathlib import Path

from processes import LOAD_CORE, BenchError, Server, cpu_seconds, resident_bytes, run
from scenarios import Scenario


@dataclass
class Figures:
    """What one run has shown; times in microseconds. A unit is a call, or a message of a stream."""

    cpu: float  # of the server, a unit
    rate: float  # units a second
    p50: float  # of a call
    p99: float
    resident: float  # MiB of the server


def load(server: Server, scenario: Scenario, folder: Path, share: float = 1) -> Figures:
    """Runs a scenario, or a share of its calls, and checks that every answer has the right bytes.

    h2load's own count of successes would take a gRPC error for a success; but an error has no message,
    and so too few bytes.
    """
    slots = scenario.connections * scenario.streams
    calls = max(slots, int(scenario.calls * share) // slots * slots)
    body, log = folder / f"{scenario.name}.request", folder / "h2load.log"
    if not body.exists():
        body.write_bytes(scenario.request)
    log.unlink(missing_ok=True)
    path = scenario.path if server.name != "nghttpd" else f"/{scenario.name}.response"
    before = cpu_seconds(server.pid)
    output = run(
        ["h2load", "--threads=1", f"--requests={calls}", f"--clients={scenario.connections}",
         f"--max-concurrent-streams={scenario.streams}", f"--data={body}", f"--log-file={log}",
         "--header=content-type: application/grpc", "--header=te: trailers",
         "--header=grpc-timeout: 60S",
         f"{'https' if server.tls else 'http'}://127.0.0.1:{server.port}{path}"],
        core=LOAD_CORE)
    used = cpu_seconds(server.pid) - before
    check(output, server, scenario, calls)
    elapsed = seconds(output)
    durations = sorted(int(line.split("\t")[2]) for line in log.read_text().splitlines())
    units = calls * max(1, scenario.messages)
    return Figures(
        cpu=used * 1e6 / units, rate=units / elapsed, p50=durations[len(durations) // 2],
        p99=durations[len(durations) * 99 // 100], resident=resident_bytes(server.pid) / 2**20)


def seconds(output: str) -> float:
    number, unit = re.search(r"finished in ([\d.]+)(us|ms|s),", output).groups()
    return float(number) * {"us": 1e-6, "ms": 1e-3, "s": 1}[unit]


def check(output: str, server: Server, scenario: Scenario, calls: int) -> None:
    succeeded = int(re.search(r"(\d+) succeeded", output).group(1))
    data = int(re.search(r"\((\d+)\) data", output).group(1))
    expected = calls * len(scenario.response)
    if succeeded != calls or data != expected:
        raise BenchError(
            f"{server.name} answers {scenario.name} wrongly: {succeeded} of {calls} calls succeeded, "
            f"with {data} bytes of messages instead of {expected}")
    if server.tls and "Application protocol: h2" not in output:
        raise BenchError(f"{server.name} did not choose h2 by ALPN")
