"""What is concluded from a duel, whose calls are written and not run."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from latprof.load import payload
from latprof.load.duel import record
from latprof.load.duel.model import open_duel

STARTS, ROUNDS, CALLS = 3, 20, 50


def calls_ns(rng, factor):
    mood = np.exp(rng.normal(0, 0.05, (STARTS, ROUNDS, 1)))
    return 1e6 * factor * mood * np.exp(rng.normal(0, 0.02, (STARTS, ROUNDS, CALLS)))


@pytest.fixture
def written(tmp_path):
    """Write a duel of arms that take `factor` as long each; None for one that failed."""

    def write(outputs=None, described=None, roundings=None, unsteady=0.0, **factors):
        names = list(factors)
        arms = [
            record.ArmRecord(
                name=name,
                target=name,
                described=(described or {}).get(name, {}),
                load_ns=[1, 3, 2],
                reason="" if factors[name] else "it broke",
            )
            for name in names
        ]
        shape = np.indices((STARTS, ROUNDS, CALLS)).reshape(3, -1)
        columns = [[] for _ in record.SCHEMA]
        for at, name in enumerate(names):
            if factors[name]:
                # One seed for all: the machine's mood is in every arm alike.
                times_ns = calls_ns(np.random.default_rng(1), factors[name])
                times_ns *= np.exp(unsteady * at * np.arange(-1, 2))[:, None, None]
                times_ns = times_ns.ravel()
                rows = [np.full(times_ns.size, at), *shape[:2], np.zeros(times_ns.size), times_ns]
                columns = [[*old, *new] for old, new in zip(columns, rows, strict=True)]
                answers = (outputs or {}).get(name, {"y": np.ones((1, 3), np.float32)})
                payload.write(record.outputs_folder(tmp_path / "duel", at), [answers])
        table = pa.table([np.array(each, np.int64) for each in columns], names=record.SCHEMA.names)
        manifest = record.Manifest(
            created="2026-01-01",
            arms=arms,
            inputs=1,
            made_up=False,
            threads=1,
            starts=STARTS,
            rounds=ROUNDS,
            calls=CALLS,
            seed=0,
            roundings=roundings,
            environment={},
        )
        spans = record.spans_table([], [], [], [])
        record.write(tmp_path / "duel", manifest, table.cast(record.SCHEMA), spans)
        return open_duel(tmp_path / "duel")

    return write


def test_the_first_arm_that_came_through_is_the_base(written):
    duel = written(broken=None, plain=1.0, quick=0.8)
    found = duel.judgement
    assert (found.base, found.outcome) == ("plain", "decided")
    assert found.speed_ups["quick"][0].ratio == pytest.approx(1.25, rel=1e-3)
    assert duel.verdict.startswith("quick 1.25x [1.25, 1.25] faster at p50; outputs agree")
    assert duel.verdict.endswith("without broken, which failed")


def test_the_table_has_what_was_measured_and_nothing_else(written):
    table = written(plain=1.0, quick=0.8, broken=None).table().set_index("arm")
    assert table.loc["plain", "p50_ns"] == pytest.approx(1e6, rel=0.02)
    assert table.loc["quick", "throughput"] == pytest.approx(1250, rel=0.02)
    assert table.loc["quick", "load_ns"] == 2
    assert table["p50_ns"].notna().tolist() == [True, True, False]
    assert table["reason"].tolist()[2] == "it broke"
    assert table["agreement"].dropna().to_dict() == {"quick": "agree"}


def test_wrong_outputs_outweigh_any_speed(written):
    outputs = {"quick": {"y": np.zeros((1, 3), np.float32)}}
    assert written(outputs, plain=1.0, quick=0.5).judgement.outcome == "outputs disagree"


def test_a_median_that_differs_from_start_to_start_leaves_the_duel_open(written):
    duel = written(plain=1.0, near=0.98, unsteady=0.1)
    assert duel.judgement.outcome == "inconclusive"
    assert "at p50, undecided: needs about" in duel.verdict


def test_a_small_difference_that_is_sure_is_none_that_counts(written):
    duel = written(plain=1.0, near=0.98)
    assert duel.judgement.outcome == "decided"
    assert "at p50: no difference of 3 %" in duel.verdict


@pytest.mark.parametrize(
    ("described", "precision"),
    [
        ({}, "f32"),
        ({"quick": {"precision": "as in the model (f16 at its ends)"}}, "f16"),
        ({"quick": {"precision": "bf16"}}, "bf16"),
        ({"quick": {"precision": "float16, float32"}}, "f16"),
        ({"quick": {"precision": "as in the model, strongly typed", "tf32": True}}, "tf32"),
        ({"quick": {"precision": "f32", "provider_options": {"use_tf32": "1"}}}, "tf32"),
        ({"quick": {"precision": "f32", "float32_matmul_precision": "high"}}, "tf32"),
    ],
)
def test_the_lowest_precision_on_any_path_makes_the_tolerance(written, described, precision):
    assert written(described=described, plain=1.0, quick=0.8).judgement.precision == precision


def test_outputs_in_half_precision_lower_it_too(written):
    outputs = {"quick": {"y": np.ones((1, 3), np.float16)}}
    assert written(outputs, plain=1.0, quick=0.8).judgement.precision == "f16"


def test_a_shallow_model_allows_less_than_one_of_unknown_depth(written):
    outputs = {"quick": {"y": np.full((1, 3), 1 + 1e-5, np.float32)}}
    assert written(outputs, plain=1.0, quick=0.8).judgement.parities["quick"].agreement == "agree"


def test_the_depth_that_was_read_is_used(written):
    outputs = {"quick": {"y": np.full((1, 3), 1 + 1e-5, np.float32)}}
    counted = {"stores": 1, "terms": 4, "quantised": False}
    duel = written(outputs, roundings=counted, plain=1.0, quick=0.8)
    assert duel.judgement.parities["quick"].agreement == "disagree"
