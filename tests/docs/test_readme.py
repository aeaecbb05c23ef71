"""What README tells a newcomer to type exists and works."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MAKE = shutil.which("make") or "make"
README = (ROOT / "README.md").read_text()
PYTHON = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
COMMANDS = sorted(
    {
        line.strip().removeprefix("$ ").split(" #")[0].strip()
        for block in re.findall(r"```(?:sh|console)\n(.*?)```", README, re.DOTALL)
        for line in block.splitlines()
        if line.startswith(("latprof ", "make ", "$ latprof ", "$ make "))
    }
)


def test_the_readme_has_something_to_try():
    assert PYTHON
    assert COMMANDS


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.startswith("make")])
def test_every_make_target_exists(command):
    for target in shlex.split(command)[1:]:
        result = subprocess.run(
            [MAKE, "--dry-run", target], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.startswith("latprof")])
def test_every_latprof_verb_and_option_exists(command):
    words = shlex.split(command)
    help_text = subprocess.run(
        [sys.executable, "-m", "latprof", words[1], "--help"],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"COLUMNS": "200", "NO_COLOR": "1"},
    ).stdout
    for word in words[2:]:
        if word.startswith("--"):
            assert word.split("=")[0] in help_text, f"{words[1]} has no option {word}"


def test_the_python_blocks_run_one_after_the_other(tmp_path):
    script = tmp_path / "readme.py"
    script.write_text("\n".join(PYTHON))
    result = subprocess.run(
        [sys.executable, "-W", "error", str(script)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert result.returncode == 0, result.stderr


def test_every_picture_and_link_into_the_repository_is_there():
    for link in re.findall(r"\]\(([^)#]+)\)", README):
        if "://" not in link:
            assert (ROOT / link).exists(), link
