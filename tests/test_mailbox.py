"""The mailboxes between threads: what is given out, in which order, and when a waiting reader wakes."""

import time
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Thread

import pytest

from narrator.mailbox import Cancel, Closed, Fifo, Guarded, Latest

SOON = 5.0
"""Seconds within which a woken thread has come round, on the busiest machine."""


@pytest.fixture
def other():
    with ThreadPoolExecutor(4) as threads:
        yield threads


class TestLatest:
    def test_gives_the_newest_only(self):
        box = Latest()
        for item in "abc":
            box.put(item)
        assert box.peek() == "c"
        assert box.wait(0) == (3, "c")

    def test_each_reader_has_its_own_place(self):
        box = Latest()
        box.put("a")
        first, _ = box.wait(0)
        box.put("b")
        assert box.wait(first) == (2, "b")
        assert box.wait(0) == (2, "b")

    def test_nothing_new_within_the_time(self):
        box = Latest()
        box.put("a")
        began = time.monotonic()
        assert box.wait(1, 0.05) == (1, None)
        assert time.monotonic() - began >= 0.05
        assert Latest().peek() is None

    def test_a_put_wakes_all_who_wait(self, other):
        box = Latest()
        waiting = [other.submit(box.wait, 0, SOON) for _ in range(3)]
        box.put("a")
        assert [reader.result(SOON) for reader in waiting] == [(1, "a")] * 3

    def test_a_nudge_gives_the_same_item_again(self):
        box = Latest()
        box.put("a")
        box.nudge()
        assert box.wait(1, SOON) == (2, "a")

    def test_closing_wakes_all_who_wait(self, other):
        box = Latest()
        waiting = [other.submit(box.wait, 0) for _ in range(2)]
        box.close()
        for reader in waiting:
            with pytest.raises(Closed):
                reader.result(SOON)
        box.put("late")
        assert box.peek() is None

    def test_a_slow_reader_never_goes_back_in_time(self):
        box, seen = Latest(), []

        def read():
            version = 0
            try:
                while True:
                    version, item = box.wait(version)
                    seen.append(item)
            except Closed:
                return

        reader = Thread(target=read)
        reader.start()
        for number in range(20_000):
            box.put(number)
        while not seen or seen[-1] != 19_999:
            time.sleep(0.001)
        box.close()
        reader.join(SOON)
        assert not reader.is_alive()
        assert seen == sorted(set(seen))


class TestFifo:
    def test_keeps_the_order(self):
        box = Fifo(10)
        for item in "abc":
            box.put(item)
        assert [box.get(), box.get(), box.get(), box.get(0)] == ["a", "b", "c", None]

    def test_a_full_one_drops_the_oldest_and_counts(self):
        box = Fifo(3)
        for number in range(10):
            box.put(number)
        assert (box.drain(), box.dropped) == ([7, 8, 9], 7)
        assert box.drain() == []

    def test_an_item_replaces_the_one_of_its_key_and_goes_to_the_end(self):
        box = Fifo(10)
        box.put("state 1", key="state")
        box.put("caption")
        box.put("state 2", key="state")
        assert (box.drain(), box.dropped) == (["caption", "state 2"], 0)

    def test_keys_and_numbers_of_order_do_not_meet(self):
        box = Fifo(10)
        box.put("first")
        box.put("second", key=1)
        box.put("third", key=("key", 1))
        assert box.drain() == ["first", "second", "third"]

    def test_a_put_wakes_who_waits(self, other):
        box = Fifo(1)
        reader = other.submit(box.get, SOON)
        box.put("a")
        assert reader.result(SOON) == "a"

    def test_closing_gives_out_what_waits_and_then_ends(self, other):
        box = Fifo(10)
        box.put("a")
        box.close()
        box.put("late")
        assert box.get() == "a"
        with pytest.raises(Closed):
            box.get()
        empty = Fifo(1)
        reader = other.submit(empty.get)
        empty.close()
        with pytest.raises(Closed):
            reader.result(SOON)

    def test_nothing_is_lost_or_doubled_between_threads(self, other):
        box = Fifo(100_000)
        writers = [
            other.submit(lambda start: [box.put(start + i) for i in range(2000)], start) for start in (0, 10_000)
        ]
        seen = [box.get(SOON) for _ in range(4000)]
        for writer in writers:
            writer.result(SOON)
        assert sorted(seen) == [*range(2000), *range(10_000, 12_000)]


class TestCancel:
    def test_is_thrown_once_and_stays_thrown(self):
        cancel, calls = Cancel(), []
        cancel.call(lambda: calls.append(1))
        assert not cancel
        cancel.throw()
        cancel.throw()
        assert cancel
        assert calls == [1]
        assert cancel.wait(0)

    def test_a_callback_that_comes_late_runs_at_once(self):
        cancel, calls = Cancel(), []
        cancel.throw()
        cancel.call(lambda: calls.append(1))
        cancel.call(None)
        assert calls == [1]

    def test_only_the_last_callback_counts(self):
        cancel, calls = Cancel(), []
        cancel.call(lambda: calls.append("first"))
        cancel.call(lambda: calls.append("second"))
        cancel.throw()
        assert calls == ["second"]

    def test_a_callback_may_be_taken_back(self):
        cancel, calls = Cancel(), []
        cancel.call(lambda: calls.append(1))
        cancel.call(None)
        cancel.throw()
        assert calls == []

    def test_a_callback_may_use_its_own_switch(self):
        cancel, seen = Cancel(), []
        cancel.call(lambda: (seen.append(bool(cancel)), cancel.throw(), cancel.call(None)))
        cancel.throw()
        assert seen == [True]

    def test_wakes_who_waits(self, other):
        cancel = Cancel()
        waiting = other.submit(cancel.wait, SOON)
        cancel.throw()
        assert waiting.result(SOON)
        assert not Cancel().wait(0)

    def test_the_callback_runs_exactly_once_however_threads_race(self, other):
        for _ in range(300):
            cancel, calls, go = Cancel(), [], Event()

            def throw(cancel=cancel, go=go):
                go.wait(SOON)
                cancel.throw()

            def call(cancel=cancel, go=go, calls=calls):
                go.wait(SOON)
                cancel.call(lambda: calls.append(1))

            racing = [other.submit(throw), other.submit(call), other.submit(throw)]
            go.set()
            for racer in racing:
                racer.result(SOON)
            assert calls == [1]


class TestGuarded:
    def test_a_change_wakes_who_waits_for_it(self, other):
        guarded = Guarded([])
        waiting = other.submit(guarded.wait, lambda items: len(items) == 2, SOON)
        for item in "ab":
            with guarded as items:
                items.append(item)
        assert waiting.result(SOON)

    def test_waits_no_longer_than_told(self):
        assert not Guarded([]).wait(bool, 0.01)

    def test_is_let_go_when_its_holder_fails(self, other):
        guarded = Guarded([])
        with pytest.raises(ValueError, match="fails"), guarded:
            raise ValueError("fails")
        assert other.submit(guarded.wait, lambda items: items == [], SOON).result(SOON)

    def test_changes_of_many_threads_add_up(self, other):
        guarded = Guarded({"count": 0})

        def count():
            for _ in range(2000):
                with guarded as state:
                    state["count"] += 1

        for counter in [other.submit(count) for _ in range(4)]:
            counter.result(SOON)
        with guarded as state:
            assert state["count"] == 8000
