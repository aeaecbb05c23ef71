from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import given

from latprof.run.command import HIDDEN, scrubbed

SECRET = "hunter2-Geheim"


@pytest.mark.parametrize(
    "arguments",
    [
        ["--token", SECRET],
        ["-token", SECRET],
        ["--hf-token", SECRET],
        ["--accessToken", SECRET],
        ["--password", SECRET],
        ["--db-passwd", SECRET],
        ["--api-key", SECRET],
        ["--api_key", SECRET],
        ["--APIKEY", SECRET],
        ["--openai-api-key", SECRET],
        ["--secret", SECRET],
        ["--client-secret-value", SECRET],
        ["--aws-secret-access-key", SECRET],
        ["--key", SECRET],
        ["--auth", SECRET],
        ["--credentials", SECRET],
        ["--cookie", SECRET],
        ["--password", f"-{SECRET}"],
        ["-u", f"me:{SECRET}"],
        ["--user", f"me:{SECRET}"],
        [f"--token={SECRET}"],
        [f"--password={SECRET} with {SECRET}"],
        [f"--password={SECRET}\n{SECRET}"],
        [f"API_KEY={SECRET}"],
        [f"HF_TOKEN={SECRET}"],
        [f"password: {SECRET}"],
        ["-H", f"Authorization: Bearer {SECRET}"],
        ["-H", f"X-Api-Key: {SECRET}"],
        ["--header", f"Cookie: session={SECRET}; other={SECRET}"],
        [f"http://me:{SECRET}@host/path"],
        [f"--url=postgres://me:{SECRET}@host:5432/db"],
        [f"https://{SECRET}@host/repo.git"],
        [f"http://host/?a=1&token={SECRET}&b=2"],
        [f"http://host/?X-Amz-Signature={SECRET}"],
        [f'{{"user": "me", "password": "{SECRET}"}}'],
        ["-c", f"connect(user='me', password='{SECRET}')"],
        ["-c", f'connect(api_key = "{SECRET}")'],
        ["-c", f"headers = dict(a='Bearer {SECRET}')"],
        ["--config", f"a=1,secret={SECRET},b=2"],
    ],
    ids=" ".join,
)
def test_secrets_are_hidden(arguments):
    text = " ".join(scrubbed(["serve", *arguments, "--port", "80"]))
    assert SECRET not in text
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


@given(st.lists(st.text(max_size=30), max_size=5))
def test_any_arguments_are_kept_in_number_and_storable(arguments):
    cleaned = scrubbed(arguments)
    assert len(cleaned) == len(arguments)
    assert all(argument.encode("utf-8") is not None for argument in cleaned)


def test_hostile_arguments_take_no_time():
    scrubbed(
        ["token" * 20_000, "-" * 50_000, "a." * 50_000 + "=", "token=" * 10_000, "://" * 20_000]
    )
