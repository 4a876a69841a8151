"""The clients, in turn, against one and the same server: ours."""

import json
from collections.abc import Callable
from pathlib import Path

from peers import SERVERS, client_command
from processes import LOAD_CORE, free_port, listening, run

# Calls under way at once → calls to measure.
UNARY = {1: 4_000, 64: 20_000, 100: 20_000}
STREAMS = {"callers": 8, "calls": 80, "messages": 1_000}

# figures[load][client]: what the client printed, a round each.
Measured = dict[str, dict[str, list[dict]]]


def measure(names: list[str], rounds: int, share: float, folder: Path, wanted: Callable[[str], bool],
            progress: Callable[[str], None]) -> Measured:
    loads = {
        f"client-unary-{callers}": dict(callers=callers, calls=int(calls * share))
        for callers, calls in UNARY.items()
    }
    loads["client-stream-8"] = {**STREAMS, "calls": max(8, int(STREAMS["calls"] * share))}
    measured: Measured = {}
    port = free_port()
    with listening("belay", SERVERS["belay"].command(port, None, folder), port):
        for name, options in loads.items():
            if not wanted(name):
                continue
            progress(name)
            figures = measured[name] = {client: [] for client in names}
            for turn in range(rounds):
                for client in names if turn % 2 == 0 else reversed(names):
                    command = client_command(client, port, warm_up=options["calls"] // 4, **options)
                    result = json.loads(run(command, core=LOAD_CORE, timeout=120))
                    result["cpu"] = result["cpu_us_per_call"] / options.get("messages", 1)
                    result["rate"] = result["messages"] / result["seconds"]
                    figures[client].append(result)
    return measured
