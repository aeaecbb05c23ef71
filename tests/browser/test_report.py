"""The page of a run in a real browser."""

from __future__ import annotations

import re

import pytest

from .conftest import LIVE, PAYLOADS

CHARTS = ("stages", "latency", "time", "requests")
NARROW = {"width": 380, "height": 800}


def test_all_charts_are_drawn_and_nothing_leaves_the_page(opened, report):
    page, seen = opened(report)
    assert seen.requests == [report.as_uri()]
    assert seen.messages == []
    charts = page.locator(".chart").count()
    assert charts >= len(CHARTS)
    assert page.locator(".chart .main-svg").count() >= charts
    assert str(charts) == page.evaluate("document.documentElement.dataset.drawn")


def test_the_answer_comes_first(opened, report):
    page, _ = opened(report)
    answer = page.locator("main section").first
    assert answer.get_attribute("id") == "answer"
    assert "p50" in answer.inner_text()
    assert page.locator("#answer .lp-value").first.bounding_box()["y"] < 700


def test_the_policy_stops_a_script_and_a_connection(opened, report):
    page, seen = opened(report)
    page.evaluate(
        "() => { const s = document.createElement('script'); s.textContent = 'window.ran = 1';"
        " document.body.append(s); const i = new Image(); i.src = 'https://example.com/x.png'; }"
    )
    page.wait_for_timeout(200)
    assert page.evaluate("window.ran") is None
    refused = [each for each in seen.messages if "Content Security Policy" in each]
    assert any("script-src" in each for each in refused)
    assert any("img-src" in each and "example.com" in each for each in refused)


def test_the_button_changes_between_light_and_dark(opened, report):
    page, seen = opened(report, color_scheme="light")
    background = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(background)
    button = page.locator("#theme")
    assert button.inner_text() == "dark"
    button.focus()
    page.keyboard.press("Enter")
    assert page.evaluate(background) != light
    assert button.inner_text() == "light"
    ink = "document.querySelector('#chart-stages .xtick text').style.fill"
    assert page.evaluate(ink) == "rgb(230, 232, 235)"
    assert seen.messages == []


def test_a_dark_system_gets_the_dark_form(opened, report):
    page, _ = opened(report, color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(23, 25, 28)"


def test_a_click_on_the_legend_hides_a_stage(opened, report):
    page, _ = opened(report)
    page.locator("#chart-waterfall .legendtoggle").first.click()
    page.wait_for_timeout(1_000)  # plotly waits for a second click
    hidden = "document.getElementById('chart-waterfall').data.map(each => each.visible)"
    assert "legendonly" in page.evaluate(hidden)


def test_a_narrow_screen_is_not_scrolled_sideways(opened, report):
    page, seen = opened(report, viewport=NARROW)
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]
    assert seen.messages == []


def test_every_part_is_reached_by_the_keyboard(opened, report):
    page, _ = opened(report)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    links = page.locator("nav a")
    for number in range(links.count()):
        page.keyboard.press("Tab")
        link = page.evaluate("document.activeElement.getAttribute('href')")
        assert link == links.nth(number).get_attribute("href")
        assert page.locator(link).count() == 1


def test_it_prints_in_ink_on_white(opened, report):
    page, _ = opened(report, color_scheme="dark")
    page.emulate_media(media="print")
    assert not page.locator("header").is_visible()
    assert page.pdf()[:4] == b"%PDF"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(opened, report, scheme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe")
    page, _ = opened(report, color_scheme=scheme)
    # The policy of the page lets no script in: the tester's goes in by the debugger.
    found = axe.Axe().run(page).response["violations"]
    serious = [each for each in found if each["impact"] in {"serious", "critical"}]
    assert not serious, [(each["id"], each["nodes"][0]["html"][:200]) for each in serious]


def test_payloads_are_shown_as_text(opened, hostile):
    page, seen = opened(hostile)
    page.wait_for_timeout(300)
    assert seen.dialogs == []
    assert seen.messages == []
    assert seen.requests == [hostile.as_uri()]
    assert page.locator("main img, main a[href^='http'], main script").count() == 0
    for details in page.locator("details").all():
        details.evaluate("each => { each.open = true; }")
    text = page.locator("main").inner_text()
    assert LIVE in text
    charts = "\n".join(page.locator(".chart").all_inner_texts())
    shown = re.sub(r"\s", "", text + charts)
    for payload in PAYLOADS[:3]:
        assert re.sub(r"\s", "", payload)[:20] in shown
