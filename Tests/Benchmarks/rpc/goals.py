"""What the library has promised itself, and whether this run keeps it."""

import statistics
from dataclasses import dataclass

from report import number, ratio


@dataclass
class Goal:
    text: str
    measured: str
    met: bool


def goals(servers: dict, clients: dict, idle: dict) -> list[Goal]:
    """The goals for which there are figures."""
    found = []

    def add(text, value, bound, shown=None):
        found.append(Goal(text, shown or number(value), value <= bound))

    def cpu(scenario, name):
        return [figures.cpu for figures in servers[scenario][name]]

    def has(scenario, *names):
        return all(name in servers.get(scenario, {}) for name in ("belay", *names))

    def compare(scenario, other, bound):
        if has(scenario, other):
            add(f"{scenario}: server CPU ≤ {bound} × {other}",
                ratio(cpu(scenario, "belay"), cpu(scenario, other)), bound)

    compare("unary-8x100", "nghttpd", 1.5)
    compare("unary-8x100", "grpc-go", 0.5)
    compare("unary-64x1", "nghttpd", 1.5)
    compare("unary-8x100-tls", "grpc-go", 0.7)
    if has("stream-8x10"):
        add("stream-8x10: server CPU ≤ 0.3 µs a message", statistics.median(cpu("stream-8x10", "belay")), 0.3)
    if has("unary-1x1", "nghttpd"):
        more = statistics.median(
            ours.p50 - theirs.p50
            for ours, theirs in zip(servers["unary-1x1"]["belay"], servers["unary-1x1"]["nghttpd"]))
        add("unary-1x1: p50 ≤ nghttpd's + 15 µs", more, 15, f"{more:+.0f}")
    for load, by_name in clients.items():
        if load.startswith("client-unary") and "belay" in by_name:
            add(f"{load}: client CPU ≤ 10 µs a call",
                statistics.median(figures["cpu"] for figures in by_name["belay"]), 10)
    if "belay" in idle.get("idle", {}):
        add("an idle connection: ≤ 20 KiB of RSS", idle["idle"]["belay"].opened / 1024, 20)
    return found
