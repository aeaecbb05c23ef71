from __future__ import annotations

import functools
import importlib.util
import shutil
import subprocess
import sys

import pytest

from latprof.run import repository
from latprof.run.repository import commit_of

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


def git(folder, *arguments):
    identity = ["-c", "user.name=n", "-c", "user.email=e", "-c", "commit.gpgsign=false"]
    command = [shutil.which("git"), *identity, "-C", folder, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture(autouse=True)
def patience(monkeypatch):
    """A busy machine may take longer; a test waits."""
    monkeypatch.setattr(repository, "_PATIENCE_S", 30)


CODE = """
class Service:
    def __call__(self, x): return x
def predict(x): return x
"""


@pytest.fixture
def service(tmp_path, monkeypatch):
    """A module in a folder of a repository with one commit."""
    (tmp_path / "src").mkdir()
    source = tmp_path / "src" / "service.py"
    source.write_text(CODE)
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "first")
    spec = importlib.util.spec_from_file_location("service_of_a_test", source)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "service_of_a_test", module)
    spec.loader.exec_module(module)
    return module


def test_the_commit_is_that_of_the_targets_repository(service, tmp_path):
    instance, partial = service.Service(), functools.partial(service.predict)
    targets = [service.predict, service.Service, instance, instance.__call__, partial]
    expected = {"commit": git(tmp_path, "rev-parse", "HEAD"), "dirty": False}
    assert [commit_of(target) for target in targets] == [expected] * len(targets)


def test_a_change_makes_it_dirty_and_a_new_file_does_not(service, tmp_path):
    (tmp_path / "new.py").write_text("")
    assert commit_of(service.predict)["dirty"] is False
    (tmp_path / "src" / "service.py").write_text("changed")
    assert commit_of(service.predict)["dirty"] is True


def test_git_variables_of_a_hook_do_not_mislead(service, tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    assert commit_of(service.predict)["commit"] == git_head(tmp_path, monkeypatch)


def git_head(folder, monkeypatch):
    monkeypatch.delenv("GIT_DIR")
    return git(folder, "rev-parse", "HEAD")


def test_without_a_target_the_program_decides(service, monkeypatch):
    monkeypatch.setitem(sys.modules, "__main__", service)
    assert commit_of(None) == commit_of(service.predict)


def test_no_repository_no_commit_or_no_git_is_none(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delattr(sys.modules["__main__"], "__file__", raising=False)
    assert commit_of(None) is None
    git(tmp_path, "init", "-q")
    assert commit_of(None) is None
    monkeypatch.setenv("PATH", "")
    assert commit_of(None) is None


def test_a_git_that_does_not_answer_is_not_waited_for(service, tmp_path, monkeypatch):
    program = tmp_path / "bin" / "git"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\nexec /bin/sleep 60\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent))
    monkeypatch.setattr(repository, "_PATIENCE_S", 0.05)
    assert commit_of(service.predict) is None


def test_targets_of_no_file_are_of_no_repository(tmp_path):
    class Hostile:
        def __getattr__(self, name):
            raise KeyError(name)

    assert commit_of(len) is None or isinstance(commit_of(len), dict)
    assert commit_of(3) is None or isinstance(commit_of(3), dict)
    commit_of(Hostile())


def test_installed_packages_are_not_the_users_repository():
    assert commit_of(pytest.raises) is None
