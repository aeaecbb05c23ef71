"""A command line that can be saved: without the secrets that people pass on it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from latprof.run.text import storable

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["scrubbed"]

HIDDEN = "***"
_LONGEST = 500  # characters of one argument: code after -c can be a whole program
_LOOKED_AT = 4 * _LONGEST  # of one argument; what lies beyond is left out unseen

# Better one harmless option hidden (`--pad-token`) than one password kept.
_WORD = (
    r"(?:token|secrets?|passw(?:or)?d|passphrase|pass|pwd|cred(?:ential)?s?|api[-_]?key|[-_.]key"
    r"|access[-_]?key|auth(?:orization)?|cookie|sig(?:nature)?|dsn|webhook|connection[-_]?string)"
    r"(?![a-z])"
)
_SECRET = re.compile(_WORD, re.IGNORECASE)
_ASSIGNMENT = re.compile(r"(-{0,2}[\w.-]+\s?[=:])(?!//)(.+)", re.DOTALL)
# Repetitions are bounded: a hostile argument must not keep the expression busy for minutes.
_INSIDE = re.compile(
    rf"([\w.-]{{0,40}}{_WORD}[\w.-]{{0,40}}[\"']?\s?[=:]\s?)(?!//)"
    r"(\"[^\"]*\"|'[^']*'|(?:(?:bearer|basic|token|digest)\s)?[^\s\"'&,;#]+)",
    re.IGNORECASE,
)
_URL_USER = re.compile(r"(\w://)[^/\s@]+@")
_BEARER = re.compile(r"\b(bearer|basic)\s[\w.~+/=-]{6,}", re.IGNORECASE)
# The shapes in which well-known services give out keys.
_KEY = re.compile(
    r"\b(?:sk|pk|rk|hf|gh[oprsu]|github_pat|glpat|xox[abeprs]|AKIA|ASIA|AIza|eyJ)[-_]?[\w.-]{16,}"
)
_LOGIN_OPTIONS = ("-u", "--user", "--login")


def scrubbed(arguments: Sequence[str]) -> list[str]:
    """Return the arguments with everything that looks like a secret as `***`.

    That is: what follows an option or a name like `--token`, `--api-key`, `PASSWORD=` or
    `Authorization:`, user and password in a URL, and keys of well-known shapes.

    >>> scrubbed(["serve", "--api-key", "s3cret", "--url=http://me:pw@host/", "--port=80"])
    ['serve', '--api-key', '***', '--url=http://***@host/', '--port=80']
    """
    return [
        HIDDEN if _is_value(before, argument) else _clean(argument)
        for before, argument in zip(["", *arguments], arguments, strict=False)
    ]


def _is_value(option: str, argument: str) -> bool:
    """Whether an argument is the value of a secret option before it, and not the next option."""
    if option in _LOGIN_OPTIONS:
        return ":" in argument
    if not option.startswith("-") or "=" in option or argument.startswith("--"):
        return False
    return _SECRET.search(option[:_LOOKED_AT]) is not None


def _clean(argument: str) -> str:
    text = storable(argument[:_LOOKED_AT])
    assignment = _ASSIGNMENT.fullmatch(text)
    if assignment and _SECRET.search(assignment[1]):
        return assignment[1] + HIDDEN
    text = _URL_USER.sub(rf"\1{HIDDEN}@", text)
    text = _INSIDE.sub(rf"\1{HIDDEN}", text)
    text = _KEY.sub(HIDDEN, _BEARER.sub(rf"\1 {HIDDEN}", text))
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
