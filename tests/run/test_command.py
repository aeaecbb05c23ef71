from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from latprof.run.command import HIDDEN, scrubbed

SAMPLE = "hunter2-Geheim"


@pytest.mark.parametrize(
    "arguments",
    [
        ["--token", SAMPLE],
        ["-token", SAMPLE],
        ["--hf-token", SAMPLE],
        ["--accessToken", SAMPLE],
        ["--password", SAMPLE],
        ["--db-passwd", SAMPLE],
        ["--api-key", SAMPLE],
        ["--api_key", SAMPLE],
        ["--APIKEY", SAMPLE],
        ["--openai-api-key", SAMPLE],
        ["--secret", SAMPLE],
        ["--client-secret-value", SAMPLE],
        ["--aws-secret-access-key", SAMPLE],
        ["--key", SAMPLE],
        ["--auth", SAMPLE],
        ["--credentials", SAMPLE],
        ["--cookie", SAMPLE],
        ["--password", f"-{SAMPLE}"],
        ["-u", f"me:{SAMPLE}"],
        ["--user", f"me:{SAMPLE}"],
        [f"--token={SAMPLE}"],
        [f"--password={SAMPLE} with {SAMPLE}"],
        [f"--password={SAMPLE}\n{SAMPLE}"],
        [f"API_KEY={SAMPLE}"],
        [f"HF_TOKEN={SAMPLE}"],
        [f"password: {SAMPLE}"],
        ["-H", f"Authorization: Bearer {SAMPLE}"],
        ["-H", f"X-Api-Key: {SAMPLE}"],
        ["--header", f"Cookie: session={SAMPLE}; other={SAMPLE}"],
        [f"http://me:{SAMPLE}@host/path"],
        [f"--url=postgres://me:{SAMPLE}@host:5432/db"],
        [f"https://{SAMPLE}@host/repo.git"],
        [f"http://host/?a=1&token={SAMPLE}&b=2"],
        [f"http://host/?X-Amz-Signature={SAMPLE}"],
        [f'{{"user": "me", "password": "{SAMPLE}"}}'],
        ["-c", f"connect(user='me', password='{SAMPLE}')"],
        ["-c", f'connect(api_key = "{SAMPLE}")'],
        ["-c", f"headers = dict(a='Bearer {SAMPLE}')"],
        ["--config", f"a=1,secret={SAMPLE},b=2"],
    ],
    ids=" ".join,
)
def test_secrets_are_hidden(arguments):
    text = " ".join(scrubbed(["serve", *arguments, "--port", "80"]))
    assert SAMPLE not in text
    assert HIDDEN in text
    assert text.startswith("serve ")
    assert text.endswith("--port 80")


@pytest.mark.parametrize(
    "key",
    [
        "sk-proj-abcdefghijklmnop1234",
        "hf_abcdefghijklmnopqrst",
        "ghp_abcdefghijklmnopqrst0123",
        "AKIAABCDEFGHIJKLMNOP1234",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc",
    ],
)
def test_keys_are_known_by_their_shape(key):
    assert scrubbed(["serve", key, f"--x={key}", f"a {key} b"]) == [
        "serve",
        HIDDEN,
        f"--x={HIDDEN}",
        f"a {HIDDEN} b",
    ]


@pytest.mark.parametrize(
    "arguments",
    [
        ["python", "-m", "service", "--port", "80"],
        ["--max-tokens", "128"],
        ["--tokenizer", "bert-base"],
        ["--tokenizer=bert-base"],
        ["--passes", "3"],
        ["--author=me"],
        ["--url=http://host:80/path?a=1#x"],
        ["module:attr"],
        ["--no-auth", "--port"],
        ["-u", "service.py"],
        ["é✓", ""],
    ],
    ids=" ".join,
)
def test_what_is_no_secret_stays(arguments):
    assert scrubbed(arguments) == arguments


def test_long_arguments_are_cut():
    (text,) = scrubbed(["x " * 1000])
    assert len(text) == 500


def test_bytes_that_are_no_text_are_storable():
    assert scrubbed(["caf\udce9", "--token=\udce9"]) == ["caf?", "--token=***"]


@settings(deadline=None)
@given(st.lists(st.text(max_size=30), max_size=5))
def test_any_arguments_are_kept_in_number_and_storable(arguments):
    cleaned = scrubbed(arguments)
    assert len(cleaned) == len(arguments)
    assert all(argument.encode("utf-8") is not None for argument in cleaned)


@pytest.mark.timeout(30)
@pytest.mark.parametrize(
    "argument", ["token", "-", "a.", "token=", "://", "token='", 'token="', "bearer ", "a@", "sk-"]
)
def test_hostile_arguments_do_not_keep_it_busy(argument):
    for text in (argument * 20_000, argument * 20_000 + "="):
        assert len(scrubbed([text])[0]) <= 500
