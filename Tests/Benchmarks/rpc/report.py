"""Tables of what was measured."""

import statistics
from collections.abc import Callable, Iterable


def spread(values: list[float]) -> str:
    """The median, with the least and the greatest."""
    return f"{number(statistics.median(values))} ({number(min(values))}–{number(max(values))})"


def number(value: float) -> str:
    """Three digits, or whole."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def ratio(values: Iterable[float], others: Iterable[float]) -> float:
    """The median of the rounds' ratios: what slows a whole round down is not in it."""
    return statistics.median(a / b for a, b in zip(values, others))


def table(heads: list[str], rows: list[list[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(heads, *rows)]

    def line(cells):
        first, *rest = (cell.ljust(width) if index == 0 else cell.rjust(width)
                        for index, (cell, width) in enumerate(zip(cells, widths)))
        return "  ".join([first, *rest]).rstrip()

    return "\n".join([line(heads), line(["-" * width for width in widths]), *map(line, rows)])


def in_turn(measured: dict[str, dict[str, list]], get: Callable, unit: Callable[[str], str],
            references: list[str]) -> str:
    """A table a load: CPU with spread, ratios to the references, rate, and durations of calls.

    `get(figures, field)` reads a field of one round's figures.
    """
    parts = []
    for load, by_name in measured.items():
        present = [name for name in references if name in by_name]
        rows = []
        for name, rounds in by_name.items():
            column = {field: [get(figures, field) for figures in rounds] for field in ["cpu", "rate", "p50", "p99"]}
            row = [name, spread(column["cpu"])]
            row += [
                f"{ratio(column['cpu'], [get(figures, 'cpu') for figures in by_name[other]]):.2f}"
                for other in present
            ]
            row += [number(statistics.median(column["rate"]))]
            row += [number(statistics.median(column[field])) for field in ["p50", "p99"]]
            resident = get(rounds[-1], "resident")
            row += [number(resident)] if resident else []
            rows.append(row)
        heads = ["", f"CPU-µs/{unit(load)}", *(f"÷ {name}" for name in present), f"{unit(load)}s/s", "p50 µs",
                 "p99 µs"]
        heads += ["RSS MiB"] if len(rows[0]) > len(heads) else []
        heads[0] = load
        parts.append(table(heads, rows))
    return "\n\n".join(parts)
