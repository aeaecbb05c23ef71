"""What holds for every kind of picture."""

from __future__ import annotations

import re
import subprocess
import sys
import warnings

import matplotlib as mpl
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from latprof.errors import StorageError, UsageError
from latprof.report.colours import UNTRACKED, stage_colours
from latprof.report.plots import KINDS, plot

UNIT = re.compile(r"\((ns|µs|ms|s|min|h)(, log scale)?\)|share of requests")


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


def test_every_run_can_be_drawn_without_a_warning(any_run, kind):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert plot(any_run, kind).encoded("png", dpi=50).startswith(b"\x89PNG")


def test_axes_name_their_units(slow, kind):
    for axes in plot(slow, kind).axes:
        assert UNIT.search(axes.get_xlabel())
        assert UNIT.search(axes.get_ylabel()) or kind in {"breakdown", "waterfall"}


def test_the_title_says_what_was_found(slow, failing):
    titles = {kind: plot(slow, kind).texts[0].get_text() for kind in KINDS}
    assert re.fullmatch(r"postprocess is 6\d\.\d % of the mean \d+ ms", titles["breakdown"])
    assert re.fullmatch(r"Median latency \d+ ms: steady from the start", titles["timeline"])
    assert re.fullmatch(r"p99 is \d\.\d times p50: 1\.\d\d s against \d+ ms", titles["cdf"])
    assert re.match(r"The slowest request takes .* longer than p50: \w+ \+", titles["waterfall"])
    assert plot(failing, "timeline").texts[0].get_text() == "6 of 120 requests failed"


def test_a_run_that_holds_nothing_says_so_instead_of_drawing_axes(empty, kind):
    figure = empty.plot(kind)
    assert figure.texts[0].get_text().startswith("No request was ")
    assert figure.axes == []


def test_a_doubtful_run_is_called_so_in_its_pictures(slow, failing, kind):
    assert failing.validity.verdict != "VALID"
    assert plot(failing, kind).texts[1].get_text().startswith(f"{failing.validity.verdict} run")
    assert plot(slow, kind).texts[1].get_text().startswith("sentiment:slow")


def fills(figure):
    patches = [p.get_facecolor() for axes in figure.axes for p in axes.patches if p.get_width()]
    bars = [c for axes in figure.axes for bars in axes.collections for c in bars.get_facecolor()]
    return {to_hex(colour) for colour in (*patches, *bars)}


@pytest.mark.parametrize("name", ["slow", "thirty", "within"])
def test_a_stage_has_one_colour_in_all_pictures(name, request):
    run = request.getfixturevalue(name)
    colours = stage_colours(run.stages)
    wanted = {colours[stage] for stage in run.stages} | {UNTRACKED}
    for kind in ("breakdown", "waterfall"):
        assert wanted <= fills(plot(run, kind))


@pytest.mark.parametrize(("ending", "begin"), [(".svg", b"<?xml"), (".PNG", b"\x89PNG")])
def test_a_picture_is_saved_in_the_format_of_its_ending(single, tmp_path, ending, begin):
    path = tmp_path / f"picture{ending}"
    single.plot("cdf", path)
    assert path.read_bytes().startswith(begin)


def test_unknown_kinds_and_endings_are_refused_with_what_is_known(single, tmp_path):
    with pytest.raises(UsageError, match="breakdown, timeline, cdf, waterfall"):
        single.plot("pie")
    with pytest.raises(UsageError, match="png or svg"):
        single.plot("cdf", tmp_path / "picture.pdf")
    with pytest.raises(StorageError):
        single.plot("cdf", tmp_path / "nowhere" / "picture.png")


def test_a_notebook_shows_the_figure_by_itself(single):
    figure = single.plot("cdf")
    assert isinstance(figure, Figure)
    assert figure._repr_png_().startswith(b"\x89PNG")


def test_nothing_global_is_touched(single):
    before = dict(mpl.rcParams)
    single.plot("cdf").encoded("svg")
    assert dict(mpl.rcParams) == before


def test_a_style_of_the_user_changes_nothing(single):
    kind = "timeline"
    ours = single.plot(kind).encoded("png")
    with mpl.rc_context({"axes.facecolor": "red", "font.size": 30, "axes.grid": False}):
        assert single.plot(kind).encoded("png") == ours


def test_pyplot_is_never_loaded():
    script = (
        "import sys, latprof.report.plots, latprof.report.html.run; "
        "sys.exit('matplotlib.pyplot' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_the_same_run_gives_the_same_picture(single):
    for form in ("png", "svg"):
        assert single.plot("cdf").encoded(form) == single.plot("cdf").encoded(form)


@pytest.mark.slow
def test_a_million_requests_are_drawn_small(record, stage):
    run = record({"forward": stage(5, 0.5)}, requests=1_000_000, failures=[("error", "x")] * 9_000)
    for kind in KINDS:
        assert len(plot(run, kind).encoded("svg")) < 1_000_000
