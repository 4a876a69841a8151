"""The servers, side by side and in turn."""

import contextlib
from collections.abc import Callable
from pathlib import Path

import h2load
from peers import SERVERS, client_command
from processes import LOAD_CORE, free_port, listening, run
from scenarios import Scenario

# figures[scenario][server]: a round each.
Measured = dict[str, dict[str, list[h2load.Figures]]]


def measure(names: list[str], scenarios: list[Scenario], rounds: int, share: float, folder: Path,
            certificate: tuple[Path, Path], progress: Callable[[str], None]) -> Measured:
    """Every scenario on every server, `rounds` times in turn after one run to warm up."""
    measured: Measured = {}
    for tls in [False, True]:
        chosen = [scenario for scenario in scenarios if scenario.tls == tls]
        if not chosen:
            continue
        for scenario in chosen:
            (folder / f"{scenario.name}.response").write_bytes(scenario.response)
        with contextlib.ExitStack() as stack:
            servers = []
            for name in names:
                port = free_port()
                command = SERVERS[name].command(port, certificate if tls else None, folder)
                servers.append(stack.enter_context(listening(name, command, port, tls)))
                if SERVERS[name].speaks_grpc:
                    _prove(port, certificate[0] if tls else None)
            for scenario in chosen:
                progress(scenario.name)
                measured[scenario.name] = _in_turn(servers, scenario, rounds, share, folder)
    return measured


def _in_turn(servers, scenario, rounds, share, folder):
    figures = {server.name: [] for server in servers}
    for server in servers:
        h2load.load(server, scenario, folder, share / 4)
    for turn in range(rounds):
        # The order changes, so that nobody always comes after the same one.
        for server in servers if turn % 2 == 0 else reversed(servers):
            figures[server.name].append(h2load.load(server, scenario, folder, share))
    return figures


def _prove(port: int, trust: Path | None) -> None:
    """Has a real client check a server's answers, of both methods, with their status."""
    for messages in [0, 3]:
        command = client_command(
            "belay", port, calls=2, warm_up=0, callers=1, request=7, response=1_000, messages=messages,
            trust=trust)
        run(command, core=LOAD_CORE, timeout=60)
