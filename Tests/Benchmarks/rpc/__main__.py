"""Measures our RPC server and client beside grpc++, grpc-go and nghttpd, in turn, on this machine.

The server has one core, the load the other; the figure that holds on a noisy machine is the processor time
that a call costs, and its ratio to a peer's in the same run. Every answer is checked.
"""

import argparse
import dataclasses
import json
import sys
import tempfile
import time
from pathlib import Path

import clients
import goals
import idle
import peers
import report
import servers
from processes import TWO_CORES, BenchError, run
from scenarios import SCENARIOS


def options(arguments: list[str]) -> argparse.Namespace:
    names = [scenario.name for scenario in SCENARIOS]
    parser = argparse.ArgumentParser(
        prog="Deploy/bench rpc", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=f"""server loads (connections x calls at once; sizes are of request and response):
  {' '.join(names[:8])}, and each with -tls
client loads (callers at once): {' '.join(f'client-unary-{n}' for n in clients.UNARY)} client-stream-8
and: {', '.join(f'{load} ({count:,} connections that do nothing)' for load, (count, _) in idle.LOADS.items())}

A unit is a call, or a message of a stream. Deploy/setup --bench installs what is needed. The exit status is 0
when everything was measured, whether or not the goals at the end are met; 1 when a server or client failed or
answered wrongly.""")
    parser.add_argument(
        "--quick", action="store_true", help="3 rounds of a third of the calls, at most 2,000 idle connections")
    parser.add_argument("--rounds", type=int, help="times that each load is put on each (default: 5)")
    parser.add_argument(
        "--only", nargs="+", default=[], metavar="LOAD",
        help="only loads whose names begin with one of these; an exact name alone means that load alone")
    parser.add_argument(
        "--peers", nargs="*", metavar="NAME", choices=["grpc-go", "grpc++", "nghttpd"],
        default=["grpc-go", "grpc++", "nghttpd"], help="beside whom (default: grpc-go grpc++ nghttpd)")
    parser.add_argument("--output", choices=["table", "json"], default="table")
    parser.add_argument("--skip-build", action="store_true", help="measure our programs as they are built")
    chosen = parser.parse_args(arguments)
    if chosen.rounds is not None and chosen.rounds < 1:
        parser.error("--rounds has to be at least 1")
    loads = [*names, *(f"client-unary-{n}" for n in clients.UNARY), "client-stream-8", *idle.LOADS]
    for wanted in chosen.only:
        if not any(name.startswith(wanted) for name in loads):
            parser.error(f"no load's name begins with '{wanted}'")
    chosen.wanted = lambda name: not chosen.only or any(
        name == only or only not in loads and name.startswith(only) for only in chosen.only)
    return chosen


def certificate(folder: Path) -> tuple[Path, Path]:
    """A self-signed certificate and its key, of the same kind for everyone."""
    files = folder / "certificate.pem", folder / "key.pem"
    run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
         "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
         "-out", files[0], "-keyout", files[1]])
    return files


def measure(chosen: argparse.Namespace) -> dict:
    def progress(what):
        print(f"bench: {time.strftime('%H:%M:%S')} {what}", file=sys.stderr)

    progress("building")
    peers.build_peers(chosen.peers)
    if not chosen.skip_build:
        peers.build_ours()
    rounds = chosen.rounds or (3 if chosen.quick else 5)
    share = 1 / 3 if chosen.quick else 1
    names = ["belay", *chosen.peers]
    with tempfile.TemporaryDirectory(prefix="bench-rpc-") as name:
        folder = Path(name)
        files = certificate(folder)
        scenarios = [scenario for scenario in SCENARIOS if chosen.wanted(scenario.name)]
        return {
            "servers": servers.measure(
                names, scenarios, rounds, share, folder, files, progress),
            "clients": clients.measure(
                [client for client in peers.CLIENTS if client in names], rounds, share, folder, chosen.wanted,
                progress),
            "idle": idle.measure(
                names, 2_000 if chosen.quick else 10_000, folder, files, chosen.wanted, progress),
        }


def text(measured: dict) -> str:
    def unit(load):
        return "message" if "stream" in load else "call"

    parts = []
    if measured["servers"]:
        parts += ["SERVERS", report.in_turn(
            measured["servers"], lambda figures, field: getattr(figures, field), unit, ["nghttpd", "grpc-go"])]
    if measured["clients"]:
        names = {"p50": "p50_us", "p99": "p99_us"}
        parts += ["CLIENTS, of our server", report.in_turn(
            measured["clients"], lambda figures, field: figures.get(names.get(field, field)), unit,
            ["grpc-go", "grpc++"])]
    if measured["idle"]:
        parts.append("IDLE CONNECTIONS, KiB of RSS each")
        for load, costs in measured["idle"].items():
            parts.append(report.table([load, "open", "used once"], [
                [name, f"{cost.opened / 1024:.1f}", f"{cost.used / 1024:.1f}"] for name, cost in costs.items()]))
    reached = goals.goals(**measured)
    if reached:
        parts += ["GOALS", report.table(
            ["", "here", "met"], [[goal.text, goal.measured, "yes" if goal.met else "NO"] for goal in reached])]
    return "\n\n".join(parts)


def main() -> int:
    chosen = options(sys.argv[1:])
    try:
        if not TWO_CORES:
            raise BenchError("two cores are needed: one for the server, one for the load")
        measured = measure(chosen)
    except BenchError as error:
        print(f"Deploy/bench: {error}", file=sys.stderr)
        return 1
    if chosen.output == "json":
        measured["goals"] = goals.goals(**measured)
        print(json.dumps(measured, default=dataclasses.asdict, indent=2))
    else:
        print(text(measured))
    return 0


sys.exit(main())
