"""Short forms of `make soak` at a running server, and what they have found."""

import socket
import time
from contextlib import ExitStack, closing

import pytest

from soak import attacks, kills, overload, requests, swaps
from soak.http_connection import MalformedResponse, parse_responses
from soak.http_requests import malformed_request, well_formed_request
from soak.server_process import start_server

MANY = 400  # connections


def test_a_thousand_requests_of_every_sort_are_answered_or_refused():
    with ExitStack() as stack:
        tally = requests.fuzz_server(requests.start(stack), 7, 600, 2)
    assert not tally.faults
    assert tally.outcomes["200"] > 50
    assert tally.outcomes["422"] > 50


def test_swaps_under_requests_mix_no_two_models():
    tally = swaps.swap_models(6, 2, 100.0)
    assert not tally.faults
    assert min(tally.outcomes["one"], tally.outcomes["other"]) > 0


def test_what_was_acknowledged_survives_a_kill():
    tally = kills.kill_servers(2, 3, 1)
    assert not tally.faults
    assert tally.measurements["ratings acknowledged"] != "0"


def test_a_judge_of_kills_knows_a_lost_rating_and_half_a_batch():
    def client(certain, doubtful):
        one = kills.Client("u", None)
        one.certain, one.doubtful = certain, doubtful
        return one

    assert not client({"1": 2.0}, {"1": 3.0, "2": 1.0}).compare({"1": 2.0})
    assert not client({"1": 2.0}, {"1": 3.0, "2": 1.0}).compare({"1": 3.0, "2": 1.0})
    assert client({"1": 2.0}, {"1": 3.0, "2": 1.0}).compare({"1": 3.0})
    assert client({"1": 2.0}, {}).compare({})


@pytest.mark.parametrize("name", ["endless-trailers", "pipelined", "never-reading"])
def test_an_attack_takes_no_memory_and_the_service_stops_in_good_order(attacked, name):
    result = attacks.attack_server(name, attacked, seconds=4, workers=1, given_back=20)
    assert [what for what in result.faults() if not what.startswith("/live took")] == []
    assert result.live_p99 < 3  # on loaded cores


@pytest.fixture(scope="module")
def attacked(tmp_path_factory):
    return attacks.neighbour_model(tmp_path_factory.mktemp("models") / "m")


def test_connections_that_come_all_at_once_do_not_stand_at_the_door(tmp_path):
    """One was taken in each pass of a busy loop: who came last waited for most of a minute, /live too."""
    with start_server(overload.catalogue(tmp_path / "m", 100, 500, 16), "--log", "none", "--waiting", 4) as one:
        request = b"GET /users/7/recommendations?n=10&why=5 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
        with ExitStack() as stack:
            for _ in range(MANY):
                there = stack.enter_context(closing(socket.create_connection(("127.0.0.1", one.port))))
                there.sendall(request * 3)
            start = time.perf_counter()
            assert one.ask("/live")[0] == 200
            assert time.perf_counter() - start < 5
        assert one.alive


def test_who_asks_again_at_once_after_a_refusal_is_heard_when_they_were_told_to_ask(tmp_path):
    with start_server(overload.catalogue(tmp_path / "m", 1000, 2000, 32), "--log", "none", "--waiting", 1) as one:
        told = overload.flood_of(one, 300, 2.0)
    assert told["200"] > 100
    assert 0 < told["503"] <= 300 * 4, "one for each connection and second, not as many as they can send"
    assert not told["silent"]
    assert not told["broken"]


def test_a_server_that_answers_garbage_is_told():
    good = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"
    assert [one.body for one in parse_responses(good * 2)[0]] == [b"{}"] * 2
    assert parse_responses(good[:-1])[1]
    for bad in (b"HTTP/1.1 200\r\n\r\n", good.replace(b"length", b"le ngth"), good.replace(b"OK", b"O\x01")):
        with pytest.raises(MalformedResponse):
            parse_responses(bad)


def test_requests_of_a_number_are_the_same_each_time():
    import numpy as np

    for make in (well_formed_request, malformed_request):
        assert make(np.random.default_rng([1, 2])) == make(np.random.default_rng([1, 2]))
