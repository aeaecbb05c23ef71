from __future__ import annotations

import numpy as np
import pytest

from latprof.errors import UsageError
from latprof.load.duel.samples import samples


def spec(name, dtype, shape, *, required=True):
    return {"name": name, "dtype": dtype, "shape": shape, "required": required}


def test_what_varies_gets_a_usual_size_and_once_another():
    rows = samples([spec("ids", "<i8", [None, None]), spec("image", "<f4", [None, 3, 8, 8])])
    assert len(rows) == 8
    assert [row["ids"].shape for row in rows] == [(1, 32)] * 7 + [(1, 48)]
    assert {row["image"].shape for row in rows} == {(1, 3, 8, 8)}
    assert set(rows[0]["ids"].ravel()) == {1}
    assert rows[0]["image"].dtype == np.float32
    assert not np.array_equal(rows[0]["image"], rows[1]["image"])


def test_the_same_seed_draws_the_same():
    specs = [spec("x", "<f4", [2])]
    np.testing.assert_array_equal(samples(specs, 3)[5]["x"], samples(specs, 3)[5]["x"])


def test_what_may_be_left_out_is():
    assert list(samples([spec("x", "<f4", [2]), spec("y", "<f4", [2], required=False)])[0]) == ["x"]


@pytest.mark.parametrize("specs", [[], [spec("x", None, [1])], [spec("x", "<f4", None)]])
def test_what_is_not_declared_is_asked_for(specs):
    with pytest.raises(UsageError, match="give --inputs"):
        samples(specs)
