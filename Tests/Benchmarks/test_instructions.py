"""What a call costs stays below its threshold."""

import subprocess
from pathlib import Path

import callgrind
import instructions
from callgrind import Cost

ROOT = Path(__file__).resolve().parents[2]


def test_a_call_costs_no_more_than_its_threshold():
    done = subprocess.run(
        [ROOT / "Deploy/bench", "instructions", "--check"], capture_output=True, text=True, timeout=1_800)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_count_over_its_threshold_is_named():
    allowed = {"call": Cost(instructions=100, allocations=2)}
    assert instructions.excesses({"call": Cost(100, 2)}, allowed) == []
    assert instructions.excesses({"call": Cost(101, 2)}, allowed) == [
        "call: 101.0 instructions, more than 100.0"]
    assert instructions.excesses({"call": Cost(100, 2.5)}, allowed) == [
        "call: 2.5 allocations, more than 2.0"]


def test_a_measure_without_a_threshold_is_an_error():
    assert instructions.excesses({"new": Cost(1, 1)}, {}) == ["new: has no threshold"]


def test_every_threshold_is_of_something_measured():
    assert instructions.thresholds().keys() == instructions.MEASURES.keys()


def test_allocations_are_counted_once(tmp_path):
    profile = tmp_path / "profile"
    profile.write_text(
        "events: Ir\n\n"
        "fn=(1) swift_slowAlloc\n10 5\n"
        "cfn=(2) posix_memalign\ncalls=3 0\n10 50\n"
        "cfn=(3) malloc\ncalls=4 0\n10 60\n\n"
        "fn=(2)\n10 5\n"
        "cfn=(4) _mid_memalign\ncalls=3 0\n10 40\n\n"
        "fn=(4)\n10 5\n"
        "cfn=(3)\ncalls=3 0\n10 30\n\n"
        "fn=(3)\n10 60\n"
        "totals: 1234\n")
    assert callgrind.read(profile) == Cost(instructions=1234, allocations=7)
