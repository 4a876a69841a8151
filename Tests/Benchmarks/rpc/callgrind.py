"""Instructions and allocations of a program under valgrind's callgrind."""

import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from processes import run

# Not what these call among themselves.
_ALLOCATORS = {"malloc", "calloc", "realloc", "aligned_alloc", "memalign", "posix_memalign"}
_INSIDE = _ALLOCATORS | {"_mid_memalign", "_mid_memalign.constprop.0"}


@dataclass(frozen=True)
class Cost:
    instructions: float
    allocations: float

    def less(self, other: "Cost", units: int) -> "Cost":
        """The cost of one of the units by which two runs differ: starting and ending are in both."""
        return Cost((self.instructions - other.instructions) / units, (self.allocations - other.allocations) / units)


def stripped(program: Path, folder: Path) -> Path:
    """A copy without debugging information, which valgrind 3.19 can't read as Swift writes it."""
    copy = folder / program.name
    run(["strip", "--strip-debug", "-o", copy, program])
    return copy


def command(program: Path, profile: Path) -> list:
    return ["valgrind", "--quiet", "--tool=callgrind", f"--callgrind-out-file={profile}", program]


# Hash tables would differ from run to run.
ENVIRONMENT = {"SWIFT_DETERMINISTIC_HASHING": "1"}


def read(profile: Path) -> Cost:
    """The totals of a profile (callgrind's format, version 1)."""
    names: dict[str, str] = {}

    def name(reference: str) -> str:
        number, spelled = re.match(r"\((\d+)\)(?: (.*))?", reference).groups()
        if spelled is not None:
            names[number] = re.sub(r"'\d+$", "", spelled)  # 'N marks recursion
        return names[number]

    instructions, calls = 0, defaultdict(int)
    caller = callee = ""
    with profile.open() as lines:
        for line in lines:
            key, _, value = line.rstrip("\n").partition("=")
            if key == "fn":
                caller = name(value)
            elif key == "cfn":
                callee = name(value)
            elif key == "calls":
                if callee in _ALLOCATORS and caller not in _INSIDE:
                    calls[callee] += int(value.split()[0])
            elif line.startswith("totals:"):
                instructions = int(line.split()[1])
    return Cost(instructions, sum(calls.values()))
