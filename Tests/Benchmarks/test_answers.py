"""A server that answers wrongly is not measured."""

import h2load
import pytest
from processes import BenchError, Server
from scenarios import Scenario, framed

OUTPUT = """finished in 1.50s, 2 req/s, 1KB/s
requests: 2 total, 2 started, 2 done, {succeeded} succeeded, 0 failed, 0 errored, 0 timeout
traffic: 1KB (1024) total, 195B (195) headers (space savings 94%), 1KB ({data}) data
"""
SCENARIO = Scenario("unary", 1, 1, 2, size=3)
RIGHT = 2 * len(framed(b"\x0a\x03abc"))


def check(**counts):
    h2load.check(OUTPUT.format(**counts), Server("peer", 1, 1), SCENARIO, calls=2)


def test_right_answers_pass():
    check(succeeded=2, data=RIGHT)


def test_an_answer_without_its_message_is_found_by_its_bytes():
    with pytest.raises(BenchError, match="answers unary wrongly"):
        check(succeeded=2, data=RIGHT // 2)


def test_a_failed_call_is_found():
    with pytest.raises(BenchError, match="1 of 2 calls succeeded"):
        check(succeeded=1, data=RIGHT)


def test_an_expected_answer_is_as_long_as_its_protobuf_encoding():
    assert SCENARIO.response == b"\0\0\0\0\x05\x0a\x03\0\0\0"
    assert Scenario("large", 1, 1, 1, size=300).response[:8] == b"\0\0\0\x01\x2f\x0a\xac\x02"
    assert Scenario("empty", 1, 1, 1).response == bytes(5)


def test_durations_are_read_with_their_unit():
    assert h2load.seconds("finished in 327.78ms, 1 req/s") == pytest.approx(0.32778)
