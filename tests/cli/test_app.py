from __future__ import annotations

import signal
import time

import pytest

import latprof
from latprof import __version__
from latprof.cli import app as application
from latprof.cli.exits import ExitCode

HEAVY = {"numpy", "pandas", "pyarrow", "scipy", "matplotlib", "psutil", "tqdm", "onnxruntime"}
VERBS = (
    "demo",
    "profile",
    "report",
    "ops",
    "summary",
    "backends",
    "export",
    "history",
    "recover",
    "doctor",
)


def test_version(cli):
    assert cli("--version").out == f"latprof {__version__}\n"


@pytest.mark.parametrize("words", [[], ["-h"], ["--help"]])
def test_help_names_every_verb_with_a_whole_sentence(cli, words):
    answer = cli(*words)
    assert answer.code == ExitCode.FINE
    for verb in VERBS:
        line = next(line for line in answer.out.splitlines() if line.startswith(f"  {verb} "))
        assert line.endswith(".")
        assert not line.endswith("...")


@pytest.mark.parametrize("verb", VERBS)
def test_help_of_a_verb_fits_eighty_columns(cli, verb):
    answer = cli(verb, "-h")
    assert answer.code == ExitCode.FINE
    assert max(map(len, answer.out.splitlines())) <= 80
    assert "--json" in answer.out


def test_help_loads_nothing_heavy(python):
    code = (
        "import sys; from latprof.cli import main; main(['--help']); main(['profile', '-h']); "
        "print('loaded', *{name.split('.')[0] for name in sys.modules})"
    )
    loaded = set(python(code).out.splitlines()[-1].split())
    assert "typer" in loaded
    assert not loaded & HEAVY


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["profile"], "latprof: Missing argument 'MODULE:ATTR': see latprof profile --help"),
        (["unheard-of"], "latprof: No such command 'unheard-of': see latprof --help"),
        (["report", "a", "b"], "latprof: Got unexpected extra argument"),
        (["demo", "--no-such"], "latprof: No such option: --no-such"),
        (["demo", "--requests", "0"], "latprof: Invalid value for '--requests'"),
        (["demo", "--variant", "ill"], "latprof: Invalid value for '--variant'"),
    ],
)
def test_a_wrong_command_line_is_told_in_one_line(cli, words, said):
    answer = cli(*words)
    assert answer.code == ExitCode.USAGE
    assert answer.out == ""
    assert answer.err.startswith(said)
    assert answer.err.endswith(" --help\n")
    assert answer.err.count("\n") == 1


def test_what_latprof_raises_is_one_line_without_a_traceback(cli):
    answer = cli("report", "nowhere")
    assert answer.code == ExitCode.USAGE
    assert answer.err == "latprof: nowhere: is no folder, so no run is saved there\n"


@pytest.mark.parametrize(
    "words", [["--debug", "report", "nowhere"], ["report", "nowhere", "--debug"]]
)
def test_debug_shows_the_traceback_and_still_the_line(cli, words):
    answer = cli(*words)
    assert answer.code == ExitCode.USAGE
    assert answer.err.startswith("Traceback")
    assert answer.err.splitlines()[-1].startswith("latprof: nowhere")


@pytest.fixture
def raising(monkeypatch):
    def arrange(error):
        def raise_it(words):
            raise error

        monkeypatch.setattr(application, "_run", raise_it)

    return arrange


def test_an_unforeseen_error_names_its_type_and_the_way_to_its_traceback(cli, raising):
    raising(ZeroDivisionError("division by zero"))
    answer = cli("doctor")
    assert answer.code == ExitCode.BUG
    assert answer.err == (
        "latprof: ZeroDivisionError: division by zero: --debug shows where it was raised\n"
    )


def test_a_hostile_message_stays_one_harmless_line(cli, raising):
    raising(latprof.UsageError("two\nlines, \x1b[31mred\x1b[0m and \u202eturned"))
    err = cli("doctor").err
    assert err.count("\n") == 1
    assert "\x1b" not in err
    assert "\u202e" not in err
    assert "two lines, " in err


def test_an_interrupt_ends_quietly(cli, raising):
    raising(KeyboardInterrupt())
    assert cli("doctor") == type(cli("doctor"))(ExitCode.INTERRUPTED, "", "latprof: interrupted\n")


def test_an_interrupt_says_what_was_kept(cli, raising):
    raising(KeyboardInterrupt("7 requests are kept in runs/a"))
    assert cli("doctor").err == "latprof: interrupted: 7 requests are kept in runs/a\n"


@pytest.mark.parametrize("words", [["--help"], ["doctor"], ["report"]])
def test_a_reader_who_leaves_is_no_error(start, saved, words):
    words = [*words, saved.path] if words == ["report"] else words
    process = start(*words)
    process.stdout.close()
    with process:
        assert process.stderr.read() == ""
    assert process.returncode == ExitCode.BROKEN_PIPE


def test_a_terminal_without_unicode_gets_what_it_can_show(program, saved):
    answer = program("report", saved.path, PYTHONIOENCODING="ascii")
    assert answer.code == ExitCode.FINE
    assert answer.out.isascii()
    assert "forward" in answer.out


@pytest.mark.parametrize("verb", ["report", "doctor"])
def test_no_escape_codes_when_piped(cli, saved, verb):
    answer = cli(verb, *([saved.path] if verb == "report" else []))
    assert "\x1b" not in answer.out + answer.err


def test_an_interrupt_before_anything_is_recorded_leaves_nothing(start, workplace):
    (workplace / "sleepy.py").write_text(
        "import sys, time\nprint('importing', file=sys.stderr, flush=True)\ntime.sleep(60)\n"
    )
    process = start("profile", "sleepy:predict")
    with process:
        assert process.stderr.readline() == "importing\n"
        time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        assert process.stderr.read() == "latprof: interrupted\n"
    assert process.returncode == ExitCode.INTERRUPTED
    assert not (workplace / "runs").exists()
