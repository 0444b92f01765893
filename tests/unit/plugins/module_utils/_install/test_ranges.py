"""The range planner never loses a byte nor asks for one twice, and the queue hands each range to one thread."""

from __future__ import annotations

import threading
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.archiv.ollama.plugins.module_utils._install import ranges
from ansible_collections.archiv.ollama.plugins.module_utils._install.ranges import (
    Extent,
    RangeQueue,
    add_extent,
    amount,
    missing,
    part_size,
    plan_ranges,
    prefix,
)

SIZE = 300

extents = st.lists(st.tuples(st.integers(0, SIZE), st.integers(0, SIZE)).map(lambda pair: (min(pair), max(pair))))


def covered(pieces: list[Extent]) -> set[int]:
    return {byte for start, end in pieces for byte in range(start, end)}


def merged(pieces: list[Extent]) -> list[Extent]:
    done: list[Extent] = []
    for start, end in pieces:
        done = add_extent(done, start, end)
    return done


@given(extents)
def test_extents_merge_without_losing_or_inventing_a_byte(pieces: list[Extent]) -> None:
    done = merged(pieces)
    assert covered(done) == covered(pieces)
    assert amount(done) == len(covered(pieces))
    assert all(first[1] < second[0] for first, second in pairwise(done))


@given(extents)
def test_prefix_is_what_can_be_hashed(pieces: list[Extent]) -> None:
    have = covered(pieces)
    length = prefix(merged(pieces))
    assert set(range(length)) <= have
    assert length not in have


@given(extents, st.integers(1, SIZE * 2))
def test_plan_asks_for_each_missing_byte_once_in_order(pieces: list[Extent], part: int) -> None:
    done = merged(pieces)
    plan = plan_ranges(done, SIZE, part)
    assert covered(plan) == set(range(SIZE)) - covered(done)
    assert sum(end - start for start, end in plan) == len(covered(plan))
    assert all(0 < end - start <= part for start, end in plan)
    assert plan == sorted(plan)
    assert covered(missing(done, SIZE)) == covered(plan)


@given(st.integers(0, 10**12), st.integers(1, 64))
def test_part_size_stays_between_its_bounds(todo: int, connections: int) -> None:
    assert ranges._PART_MIN <= part_size(todo, connections) <= ranges._PART_MAX


def test_queue_hands_out_each_range_once_and_in_order() -> None:
    queue = RangeQueue([], [(0, 10), (10, 20)], working=2)
    assert [queue.take(), queue.take(), queue.take()] == [(0, 10), (10, 20), None]


def test_range_given_back_goes_to_another_while_there_is_one() -> None:
    queue = RangeQueue([], [(10, 20)], working=2)
    assert queue.give_back(0, 10)
    assert queue.take() == (0, 10)
    # Whoever is alone must try itself.
    assert not queue.give_back(0, 10)
    assert queue.take() == (10, 20)


def test_those_who_find_nothing_left_no_longer_count() -> None:
    queue = RangeQueue([], [], working=2)
    assert queue.take() is None
    assert not queue.give_back(0, 10)


def test_stopped_queue_gives_nothing_out() -> None:
    queue = RangeQueue([], [(0, 10)], working=1)
    queue.stop()
    assert queue.take() is None


def test_reader_waits_for_bytes_without_a_gap() -> None:
    queue = RangeQueue([], [], working=2)
    reached: list[int] = []
    reader = threading.Thread(target=lambda: reached.append(queue.wait_beyond(0)), daemon=True)
    reader.start()
    queue.publish(10, 20)
    reader.join(0.05)
    assert reached == []
    queue.publish(0, 10)
    reader.join(5)
    assert reached == [20]
    assert queue.done == [(0, 20)]


def test_reader_is_woken_when_all_stops() -> None:
    queue = RangeQueue([(0, 5)], [], working=1)
    reached: list[int] = []
    reader = threading.Thread(target=lambda: reached.append(queue.wait_beyond(5)), daemon=True)
    reader.start()
    queue.stop()
    reader.join(5)
    assert reached == [5]
