from __future__ import annotations

import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from latprof.report.plots.picture import elapsed_unit, label, picture, style, text_inches


@settings(deadline=None, max_examples=25)
@given(st.text(max_size=60) | st.sampled_from(["$", "$$", r"\$x$", "模型" * 20, "🦊", "_x", "%"]))
def test_any_name_can_be_drawn(name):
    with warnings.catch_warnings(), style():
        warnings.simplefilter("error")
        figure = picture(1.0)
        figure.text(0.1, 0.5, label(name))
        figure.encoded("png", dpi=40)


@given(st.text(max_size=200), st.integers(5, 40))
def test_a_name_is_cut_to_its_length(name, longest):
    assert len(label(name, longest).replace(r"\$", "$")) <= longest


def test_both_ends_of_a_long_name_stay():
    assert label("model.encoder.layers.11.attention", 20) == "model.enc….attention"


def test_names_that_no_font_has_still_differ():
    assert label("\ue000") != label("\ue001")


def test_text_is_as_wide_as_it_looks():
    assert text_inches("iiii") < text_inches("WWWW") < text_inches("WWWWWWWW")
    assert text_inches("postprocess", 18) == pytest.approx(
        2 * text_inches("postprocess", 9), rel=0.05
    )


@pytest.mark.parametrize(
    ("longest_ns", "unit"), [(5e6, "ms"), (90e9, "s"), (900e9, "min"), (40_000e9, "h")]
)
def test_the_axis_along_a_run_has_a_readable_unit(longest_ns, unit):
    assert elapsed_unit(longest_ns)[1] == unit
