from __future__ import annotations

from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from latprof.report.document import (
    Bar,
    Chart,
    Column,
    Document,
    Fill,
    Heading,
    Headline,
    Metric,
    Notice,
    Paragraph,
    Row,
    Series,
    Share,
    Table,
    Words,
)
from latprof.report.notebook import fragment, html
from latprof.run.model import Verdict

TAGS = {"div", "style", "span", "ul", "li", "p", "table", "thead", "tbody", "tr", "th", "td"}


class Reader(HTMLParser):
    def __init__(self, source):
        super().__init__()
        self.tags, self.attributes, self.text, self.open = set(), set(), [], []
        self.feed(source)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attributes}
        self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1:] != ["style"]:
            self.text.append(data)


def document_about(name):
    share = Share(0.5, "#0072b2")
    return Document(
        name,
        (
            Heading(name, name),
            Headline((Metric(name, name, name),)),
            Notice(Verdict.WARN, name, ((name, name),)),
            Table(name, (Column(name), Column(name)), (Row((Words(name), share)),), (name,)),
            Chart(name, (Series(name, Fill.SOLID),), (Bar(name, "#0072b2", (share,)),), (name,)),
            Paragraph(name),
        ),
    )


@given(st.text(max_size=60) | st.sampled_from(["</style><script>", "'\"><img onerror=x>", "&lt;"]))
def test_no_text_becomes_markup(name):
    page = Reader(fragment(document_about(name)))
    assert page.tags <= TAGS
    assert page.attributes <= {"class", "style"}
    assert page.open == []
    assert name in "".join(page.text)


def test_words_stand_on_the_left_and_long_ones_may_break():
    columns = (
        Column("cause", right=False),
        Column("value"),
        Column("see", right=False),
        Column("why", right=False, long=True),
    )
    row = Row(tuple(map(Words, ("queueing", "12", "run.signals", "nobody waits"))))
    shown = fragment(Document("d", (Table("Ruled out", columns, (row,)),)))
    assert '<td class="lp-left">queueing</td><td>12</td>' in shown
    assert '<td class="lp-words">run.signals</td><td class="lp-long">nobody waits</td>' in shown


def test_hostile_names_of_a_real_run_stay_text(hostile):
    page = Reader(html(hostile))
    assert page.tags <= TAGS
    assert "<script>alert(1)</script>" in "".join(page.text)


def test_every_run_has_a_well_formed_display(any_run):
    page = Reader(any_run._repr_html_())
    assert page.open == []
    assert page.tags <= TAGS


def test_the_fragment_loads_nothing_and_styles_only_itself(slow):
    source = html(slow)
    assert "url(" not in source
    assert "@import" not in source
    style = source.split("<style>")[1].split("</style>")[0]
    rules = [line for line in style.splitlines() if "{" in line and not line.startswith((" ", "@"))]
    assert all(
        ".latprof" in selector for rule in rules for selector in rule.split("{")[0].split(",")
    )


def test_it_follows_the_theme_of_the_notebook_and_of_the_system(slow):
    source = html(slow)
    assert "prefers-color-scheme: dark" in source
    assert "--jp-content-font-color1" in source
    assert "--vscode-foreground" in source


def test_the_longest_bar_fills_its_track(slow):
    assert html(slow).count("width:100.00%") == 1
