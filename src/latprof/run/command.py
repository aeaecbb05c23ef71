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

# Better one harmless option hidden (`--pad-token`) than one password kept.
_NAME = (
    r"[\w.-]*(?:token|secret|passw(?:or)?d|passphrase|pass|pwd|cred(?:ential)?s?|api[-_]?key"
    r"|[-_.]key|access[-_]?key|auth(?:orization)?|cookie|sig(?:nature)?|dsn|webhook"
    r"|connection[-_]?string)(?![a-z])[\w.-]*"
)
_OPTION = re.compile(rf"--?{_NAME}", re.IGNORECASE)
_ASSIGNMENT = re.compile(rf"(-{{0,2}}{_NAME}\s*[=:])(?!//).+", re.IGNORECASE | re.DOTALL)
_INSIDE = re.compile(
    rf"({_NAME}[\"']?\s*[=:]\s*)(?!//)"
    r"(\"[^\"]*\"|'[^']*'|(?:(?:bearer|basic|token|digest)\s+)?[^\s\"'&,;#]+)",
    re.IGNORECASE,
)
_URL_USER = re.compile(r"(\w://)[^/\s@]+@")
_BEARER = re.compile(r"\b(bearer|basic)\s+[\w.~+/=-]{6,}", re.IGNORECASE)
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
    return bool(_OPTION.fullmatch(option)) and not argument.startswith("--")


def _clean(argument: str) -> str:
    whole = _ASSIGNMENT.fullmatch(argument)
    if whole:
        return f"{storable(whole[1])}{HIDDEN}"
    text = _URL_USER.sub(rf"\1{HIDDEN}@", storable(argument))
    text = _INSIDE.sub(rf"\1{HIDDEN}", text)
    text = _KEY.sub(HIDDEN, _BEARER.sub(rf"\1 {HIDDEN}", text))
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
