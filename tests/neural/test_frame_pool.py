import threading
import time

import pytest
import torch

from neural.frame_pool import available_cores, in_order


@pytest.mark.parametrize("workers", [1, 3])
def test_order_is_kept(workers):
    def slow_first(number):
        time.sleep(0.02 if number == 0 else 0)
        return number**2

    assert list(in_order(slow_first, range(20), workers)) == [n**2 for n in range(20)]


def test_work_overlaps_within_bounds():
    both = threading.Barrier(2, timeout=5)  # breaks unless two items are at work together
    assert list(in_order(lambda _: both.wait() >= 0, range(8), 2)) == [True] * 8
    read = []
    results = in_order(lambda n: n, (read.append(n) or n for n in range(100)), 2)
    assert next(results) == 0 and len(read) <= 5
    results.close()
    assert len(read) <= 5


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_comes_in_its_place(workers):
    def work(number):
        if number == 3:
            raise ValueError("third")
        return number

    results = in_order(work, range(6), workers)
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="third"):
        next(results)


def test_torch_has_its_threads_back():
    before = torch.get_num_threads()
    inside = list(in_order(lambda _: torch.get_num_threads(), range(4), 2))
    assert torch.get_num_threads() == before
    assert set(inside) == {max(1, before // 2)}


def test_cores_are_counted():
    assert available_cores() >= 1
