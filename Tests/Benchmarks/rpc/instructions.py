"""Counts the instructions and allocations that a call costs our server and our client, under callgrind.

The same build gives the same counts within 0.1 % (client: 1 %, since its caller and its connection are on two
threads), however busy the machine is: what changes them is the code. The load goes in lock-step, so that each
turn of the event loop has the same work: a hundred calls at once on one connection, or one alone. Costs are the
difference of a long and a short run.

With --check, a count over its threshold (thresholds.json, a few percent above what was measured) is an error.
When a change makes something cheaper, or dearer for a good reason, write new thresholds with --renew, and say
why in the commit. Another Swift, libc, nghttp2 or protobuf-c may also move them.
"""

import argparse
import dataclasses
import json
import math
import re
import shutil
import socket
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import callgrind
import frames
from callgrind import Cost
from peers import OURS, build_ours, client_command
from processes import LOAD_CORE, BenchError, free_port, listening, run
from report import table
from scenarios import Scenario

THRESHOLDS = Path(__file__).with_name("thresholds.json")
HEAD_ROOM = 1.03

_UNARY = Scenario("unary", 1, 1, 1)
_STREAM = Scenario("stream", 1, 1, 1, messages=1_000)


def _server(scenario: Scenario, at_once: int, short: int, long: int) -> Callable[[Path], Cost]:
    """The server's cost of a call, or of a message of a stream."""

    def after(turns: int, program: Path, folder: Path) -> Cost:
        port, profile = free_port(), folder / "profile"
        command = callgrind.command(program, profile) + ["--port", port]
        with listening("rpc-bench-server", command, port, environment=callgrind.ENVIRONMENT):
            _lock_step(port, scenario, turns, at_once)
        return callgrind.read(profile)

    def measure(folder: Path) -> Cost:
        program = callgrind.stripped(OURS / "rpc-bench-server", folder)
        units = (long - short) * at_once * max(1, scenario.messages)
        start = after(short, program, folder)
        return after(long, program, folder).less(start, units)

    return measure


def _lock_step(port: int, scenario: Scenario, turns: int, at_once: int) -> None:
    """Sends calls in one write, and the next ones when all are answered, with the right bytes."""
    reader, stream = frames.Reader(), 1
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(frames.opening())
        frames.receive(connection, reader, lambda: reader.has_settings)
        for turn in range(1, turns + 1):
            streams = range(stream, stream + 2 * at_once, 2)
            connection.sendall(
                b"".join(frames.call(stream, scenario.path, scenario.request) for stream in streams))
            stream += 2 * at_once
            frames.receive(connection, reader, lambda: reader.ended_streams == turn * at_once)
    expected = turns * at_once * len(scenario.response)
    if reader.data_bytes != expected:
        raise BenchError(f"{reader.data_bytes} bytes of messages came instead of {expected}")


def _client(callers: int, short: int, long: int, messages: int = 0) -> Callable[[Path], Cost]:
    """The client's cost of a call, or of a message of a stream, with so many calls under way at once."""

    def after(calls: int, port: int, program: Path, folder: Path) -> Cost:
        profile = folder / "profile"
        _, *arguments = client_command(
            "belay", port, calls=calls, warm_up=0, callers=callers, messages=messages)
        command = callgrind.command(program, profile) + arguments
        run(command, core=LOAD_CORE, environment=callgrind.ENVIRONMENT)
        return callgrind.read(profile)

    def measure(folder: Path) -> Cost:
        program = callgrind.stripped(OURS / "rpc-bench-client", folder)
        port = free_port()
        with listening("rpc-bench-server", [OURS / "rpc-bench-server", "--port", port], port):
            start = after(short, port, program, folder)
            return after(long, port, program, folder).less(start, (long - short) * max(1, messages))

    return measure


MEASURES = {
    "server: a unary call of 100 at once": _server(_UNARY, at_once=100, short=10, long=60),
    "server: a unary call alone": _server(_UNARY, at_once=1, short=500, long=2_000),
    "server: a message of a stream": _server(_STREAM, at_once=1, short=5, long=20),
    "client: a unary call of 100 at once": _client(callers=100, short=1_000, long=4_000),
    "client: a unary call alone": _client(callers=1, short=500, long=2_000),
    "client: a message of a stream": _client(callers=1, short=5, long=20, messages=1_000),
}


def options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="Deploy/bench instructions", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="""Where the instructions are: Deploy/bench instructions --profiles /tmp/profiles, and then
callgrind_annotate --inclusive=yes /tmp/profiles/FILE | swift demangle -compact

The exit status is 1 when nothing could be measured, and with --check when a count is over its threshold.""")
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--check", action="store_true", help="compare with the thresholds")
    mode.add_argument(
        "--renew", action="store_true",
        help=f"write {THRESHOLDS.name} anew, {HEAD_ROOM - 1:.0%}% above what is measured")
    parser.add_argument("--output", choices=["table", "json"], default="table")
    parser.add_argument("--profiles", type=Path, metavar="FOLDER", help="keep callgrind's files there")
    parser.add_argument("--skip-build", action="store_true", help="measure the programs as they are built")
    return parser.parse_args(arguments)


def thresholds() -> dict[str, Cost]:
    return {name: Cost(**fields) for name, fields in json.loads(THRESHOLDS.read_text()).items()}


def excesses(measured: dict[str, Cost], allowed: dict[str, Cost]) -> list[str]:
    """What is over its threshold, or has none, in words."""
    found = []
    for name, cost in measured.items():
        if name not in allowed:
            found.append(f"{name}: has no threshold")
            continue
        for field in ["instructions", "allocations"]:
            value, most = getattr(cost, field), getattr(allowed[name], field)
            if value > most:
                found.append(f"{name}: {value:,.1f} {field}, more than {most:,.1f}")
    return found


def renew(measured: dict[str, Cost]) -> None:
    above = {
        name: {
            "instructions": math.ceil(cost.instructions * HEAD_ROOM),
            "allocations": math.ceil(cost.allocations * HEAD_ROOM * 10) / 10,
        }
        for name, cost in measured.items()
    }
    THRESHOLDS.write_text(json.dumps(above, indent=2) + "\n")


def keep(profile: Path, folder: Path, name: str) -> None:
    """Keeps the profile of a long run."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(profile, folder / "-".join(re.findall(r"\w+", name)))


def main() -> int:
    chosen = options(sys.argv[1:])
    try:
        if not chosen.skip_build:
            build_ours()
        with tempfile.TemporaryDirectory(prefix="bench-instructions-") as folder:
            measured = {}
            for name, measure in MEASURES.items():
                measured[name] = measure(Path(folder))
                if chosen.profiles:
                    keep(Path(folder) / "profile", chosen.profiles, name)
    except BenchError as error:
        print(f"Deploy/bench: {error}", file=sys.stderr)
        return 1
    if chosen.output == "json":
        print(json.dumps(measured, default=dataclasses.asdict, indent=2))
    else:
        print(table(["", "instructions", "allocations"], [
            [name, f"{cost.instructions:,.0f}", f"{cost.allocations:.1f}"] for name, cost in measured.items()]))
    if chosen.renew:
        renew(measured)
    if chosen.check and (found := excesses(measured, thresholds())):
        print("\n".join(["", *found, "See Deploy/bench instructions --help."]), file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
