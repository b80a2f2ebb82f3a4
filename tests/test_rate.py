"""How often somebody may ask: beside a bucket of tokens counted one by one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cofactor.serving.api.rate_limit import LocalTimes, RateLimit, SharedTimes, client_network


class Bucket:
    """The textbook's: tokens come in evenly, at most `burst` are kept."""

    def __init__(self, rate: float, burst: float) -> None:
        self.rate, self.burst, self.tokens, self.then = rate, burst, burst, 0.0

    def take(self, now: float) -> bool:
        self.tokens = min(self.burst, self.tokens + (now - self.then) * self.rate)
        self.then = now
        if self.tokens < 1.0 - 1e-6:
            return False
        self.tokens -= 1.0
        return True


@given(
    st.sampled_from([0.25, 0.5, 1.0, 4.0, 50.0]),
    st.sampled_from([None, 1.0, 3.0, 20.0]),
    st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 16)), max_size=60),
)
def test_it_lets_pass_what_a_bucket_would(rate, burst, steps):
    allowed = RateLimit(rate, burst)
    buckets = {name: Bucket(rate, max(1.0, rate if burst is None else burst)) for name in "ab"}
    now = 0.0
    for name, sixteenths in steps:
        now += sixteenths / 16
        wait = allowed.take(name, now)
        assert (wait == 0.0) is buckets[name].take(now)
        if wait:
            assert allowed.wait(name, now + wait) == 0.0
            assert allowed.wait(name, now + wait * 0.99 - 1e-4) > 0.0


def test_memory_is_bounded_whoever_asks():
    known = LocalTimes(100)
    rate = RateLimit(1.0, times=known)
    for number in range(10_000):
        assert rate.take(str(number), 0.0) == 0.0
    assert len(known) == 100
    assert rate.take("9999", 0.0) > 0.0


def test_who_asks_on_is_not_forgotten_for_others():
    rate = RateLimit(1.0, times=LocalTimes(100))
    for number in range(10_000):
        rate.take("busy", number / 1000)
        rate.take(str(number), number / 1000)
    assert rate.take("busy", 9.9995) > 0.0 or rate.wait("busy", 9.9995) > 0.0


@pytest.fixture
def shared(tmp_path):
    """Opens files of shared times, each new or one that is there."""

    def opened(name="times"):
        if not (tmp_path / name).exists():
            SharedTimes.create(tmp_path / name)
        return SharedTimes(tmp_path / name)

    return opened


def test_processes_that_share_the_times_allow_one_rate_together(shared):
    times = shared()
    here, there, guesses = (
        RateLimit(2.0, times=times),
        RateLimit(2.0, times=shared()),
        RateLimit(2.0, times=times, kind="guess "),
    )
    assert [here.take("shop", 10.0), there.take("shop", 10.0)] == [0.0, 0.0]
    assert here.take("shop", 10.0) == there.wait("shop", 10.0) > 0.0
    assert here.take("another", 10.0) == 0.0
    assert guesses.take("shop", 10.0) == 0.0
    assert there.take("shop", 10.5) == 0.0


def test_few_of_many_names_share_a_place(shared):
    times = shared()
    for number in range(1_000):
        times.put(str(number), number)
    assert sum(times.get(str(number)) != number for number in range(1_000)) < 30


def test_nobody_can_know_whose_place_a_name_shares(shared):
    one, other = shared("one"), shared("other")
    for number in range(20):
        one.put(str(number), 1.0)
        other.put(str(number), 1.0)
    assert list(one._times) != list(other._times)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("fe80::1%eth0", "fe80::2%eth0", True),
        ("not:an:address", "not:an:address", True),
        ("", "", True),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),  # IPv4 clients of an IPv6 socket
        ("::ffff:192.0.2.1", "192.0.2.1", True),
    ],
)
def test_a_network_of_ipv6_counts_as_one(one, other, same):
    assert (client_network(one) == client_network(other)) is same
