"""Turns: first come first served, within bounds, and the loop looks at its sockets in between."""

import asyncio
import threading
import time

import pytest

from cofactor.serving.api.executors import PASS, EventLoopExecutor, ThreadExecutor
from cofactor.serving.api.problems import HttpProblem

COST = 0.002  # seconds


def spin() -> float:
    end = time.perf_counter() + COST
    while time.perf_counter() < end:
        pass
    return end


def test_without_others_work_is_done_at_once():
    turns = EventLoopExecutor(max_waiting=0)

    async def alone():
        done = []
        for number in range(3):
            task = asyncio.ensure_future(turns(lambda number=number: done.append(number)))
            await asyncio.sleep(0)
            assert task.done()
        return done

    assert asyncio.run(alone()) == [0, 1, 2]


def test_a_burst_is_answered_in_its_order_and_the_loop_gets_round_meanwhile():
    turns, done, rounds = EventLoopExecutor(max_waiting=1000), [], []

    async def watch() -> None:
        while len(done) < 200:
            before = len(done)
            await asyncio.sleep(0)
            rounds.append(len(done) - before)

    async def burst() -> None:
        watching = asyncio.create_task(watch())
        await asyncio.gather(*(turns(lambda number=number: (spin(), done.append(number))) for number in range(200)))
        await watching

    asyncio.run(burst())
    assert done == list(range(200))
    assert max(rounds) <= PASS / COST + 1  # pieces of work in one pass, however busy the machine is


def test_who_finds_too_many_waiting_is_told_at_once():
    turns = EventLoopExecutor(max_waiting=5)

    async def burst():
        return await asyncio.gather(*(turns(spin) for _ in range(50)), return_exceptions=True)

    refused = [one for one in asyncio.run(burst()) if isinstance(one, HttpProblem)]
    within = PASS / COST
    assert 50 - 5 - within - 1 <= len(refused) <= 50 - 5 - 1
    assert {(one.status, one.refused) for one in refused} == {(503, "busy")}
    assert dict(refused[0].headers)["retry-after"] == "1"
    assert turns.waiting == 0


def test_an_error_is_its_own_askers_alone_and_who_has_gone_is_passed_over():
    turns, done = EventLoopExecutor(max_waiting=10, seconds=0.0), []

    def fail() -> None:
        raise ValueError("mine")

    async def three():
        tasks = [asyncio.create_task(turns(one)) for one in (fail, lambda: done.append("gone"), lambda: "well")]
        await asyncio.sleep(0)
        tasks[1].cancel()
        return await asyncio.gather(*tasks, return_exceptions=True)

    failed, gone, well = asyncio.run(three())
    assert isinstance(failed, ValueError)
    assert isinstance(gone, asyncio.CancelledError)
    assert (well, done) == ("well", [])


def test_turns_outlive_a_loop():
    turns = EventLoopExecutor(max_waiting=10)

    async def some():
        return await asyncio.gather(*(turns(spin) for _ in range(8)))

    for _ in range(3):
        assert len(asyncio.run(some())) == 8


def test_threads_take_what_they_and_the_waiting_can_hold():
    threads, begun, release = ThreadExecutor(2, max_waiting=3, name="test"), threading.Semaphore(0), threading.Event()

    def work() -> str:
        begun.release()
        assert release.wait(10)
        return threading.current_thread().name

    async def ask():
        tasks = [asyncio.create_task(threads(work)) for _ in range(5)]
        await asyncio.sleep(0)
        with pytest.raises(HttpProblem, match="are waiting"):
            await threads(work)
        assert begun.acquire(timeout=10)
        release.set()
        return await asyncio.gather(*tasks)

    names = asyncio.run(ask())
    assert len(names) == 5
    assert len(set(names)) <= 2
    assert asyncio.run(threads(lambda: "again")) == "again"
    threads.close()


def test_a_thread_that_works_on_is_not_waited_for_beyond_the_deadline():
    threads, release = ThreadExecutor(1, max_waiting=0, name="test", deadline=0.05), threading.Event()

    async def ask():
        with pytest.raises(HttpProblem) as raised:
            await threads(lambda: release.wait(10))
        return raised.value

    problem = asyncio.run(ask_then(release, ask))
    assert (problem.status, problem.refused) == (503, "too-slow")
    assert asyncio.run(threads(lambda: "again")) == "again"  # its place is free once it has ended
    threads.close()


async def ask_then(release, ask):
    problem = await ask()
    release.set()
    await asyncio.sleep(0.05)
    return problem
