"""One thread for a verb, more for wide features on idle cores, and what a user asked for above all."""

from __future__ import annotations

import pytest
import scipy.linalg  # noqa: F401  (its BLAS is to be counted too)
from threadpoolctl import threadpool_info, threadpool_limits

from outgrow.engine import threads
from outgrow.engine.threads import ASKED, WIDE, few_threads, idle_cores, threads_for


def counts():
    return {one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"}


@pytest.fixture
def two(monkeypatch):
    for name in ASKED:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(threads, "idle_cores", lambda: 2)
    with threadpool_limits(2, user_api="blas"):
        if counts() != {2}:
            pytest.skip("this BLAS takes no second thread")
        yield


def test_a_verb_takes_one_thread_until_its_features_are_wide(two):
    with few_threads():
        assert counts() == {1}
        threads_for(WIDE - 1)
        assert counts() == {1}
        with few_threads():  # a verb that calls another
            threads_for(WIDE)
        assert counts() == {2}
    assert counts() == {2}
    threads_for(WIDE)  # of no verb: somebody's own program, whose threads are its own
    assert counts() == {2}


def test_threads_come_back_after_an_error(two):
    @few_threads()
    def verb():
        assert counts() == {1}
        raise ValueError

    for _ in range(2):
        with pytest.raises(ValueError):
            verb()
    assert counts() == {2}


@pytest.mark.parametrize("name", ASKED)
def test_a_number_that_the_user_set_is_kept(two, monkeypatch, name):
    monkeypatch.setenv(name, "2")
    with few_threads():
        assert counts() == {2}
        monkeypatch.setattr(threads, "idle_cores", lambda: 1)
        threads_for(WIDE)
        assert counts() == {2}


def test_busy_cores_are_left_to_others(monkeypatch):
    monkeypatch.setattr("joblib.cpu_count", lambda: 8)
    found = []
    for load in (0.0, 1.0, 5.2, 40.0):
        monkeypatch.setattr(threads.os, "getloadavg", lambda load=load: (load, 0.0, 0.0), raising=False)
        found.append(idle_cores())
    assert found == [8, 8, 3, 1]
