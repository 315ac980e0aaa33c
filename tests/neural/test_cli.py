"""The command line as a shell meets it: exit codes, what goes to stdout and stderr, interruption."""

import importlib
import io
import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import typer

from neural import __version__
from neural.cli import command_names, name_stdout, spread_values
from neural.cli._display import PlainDisplay
from neural.cli._options import frame_list, frame_range
from neural.cli.evaluate import _show as show_evaluation
from neural.jobs import job_kinds, load_job

REPO = Path(__file__).parents[2]
PATIENCE = 120.0

JOBS = {
    "chatty": """
        import ctypes, os, sys
        def run(params, context):
            print('python chatter')
            os.write(1, b'chatter on 1\\n')
            os.write(2, b'chatter on 2\\n')
            context.progress.part('Working', 0, 1).update(0.5)
            context.log('a word for the reader')
            return {'answer': 42}
        """,
    "wrong": """
        import os
        def run(params, context):
            os.write(2, b'last words of a library\\n')
            raise ZeroDivisionError('by me')
        """,
    "slow": """
        import time
        from smpl_fitting.files import atomic_path
        def run(params, context):
            with atomic_path(params['out']) as temporary:
                temporary.write_text('half')
                context.progress.part('Sleeping', 0, 1).update(0.5)
                time.sleep(60)
        """,
}
TEST_COMMAND = """
import sys, typer, neural.cli, neural.jobs
from neural.cli._perform import perform
neural.jobs.__path__.append(sys.argv[1])
build = neural.cli.build_app
def build_app():
    app = build()
    @app.command('job')
    def job(kind: str, out: str = '', as_json: bool = typer.Option(False, '--json')):
        perform(kind, {'out': out}, lambda result: f"answer {result['answer']}", as_json=as_json)
    return app
neural.cli.build_app = build_app
neural.cli.main(sys.argv[2:])
"""


def liquid_motion(*words, **options) -> subprocess.CompletedProcess:
    code = "from neural.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, words)],
        cwd=REPO,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        **options,
    )


@pytest.fixture(scope="module")
def job_words(tmp_path_factory):
    """The words that start a command line with the jobs above."""
    folder = tmp_path_factory.mktemp("jobs")
    for name, source in JOBS.items():
        (folder / f"{name}.py").write_text(textwrap.dedent(source))
    return [sys.executable, "-c", TEST_COMMAND, str(folder), "job"]


def run_job(words, *more) -> subprocess.CompletedProcess:
    return subprocess.run(
        [*words, *more], cwd=REPO, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE
    )


def test_help_is_instant():
    """In processor time, which a busy machine does not stretch as it does the clock."""
    times = []
    for _ in range(4):
        before = os.times()
        assert liquid_motion("--help").returncode == 0
        after = os.times()
        user, system = (
            after.children_user - before.children_user,
            after.children_system - before.children_system,
        )
        times.append(user + system)
    assert min(times) < 0.5


def test_help_lists_every_command():
    assert {"demo", "doctor", "evaluate", "fit", "run", "subject", "transfer", "worker"} <= set(
        command_names()
    )
    out = liquid_motion("--help").stdout
    assert all(f"\n  {name} " in out for name in command_names())


@pytest.mark.parametrize("name", command_names())
def test_every_command_explains_itself(name):
    assert importlib.import_module(f"neural.cli.{name}").command.__doc__
    done = liquid_motion(name, "--help")
    assert done.returncode == 0 and f"liquid-motion {name}" in done.stdout


@pytest.mark.parametrize("kind", job_kinds())
def test_every_job_explains_itself(kind):
    assert load_job(kind).__doc__


def test_version():
    assert liquid_motion("--version").stdout == f"{__version__}\n"


@pytest.mark.parametrize(
    "words",
    [
        ("nonsense",),
        ("fit",),
        ("fit", "a.mp4"),
        ("fit", "a.mp4", "--out", "a.npz", "--frames", "9-x"),
        ("fit", "a.mp4", "--out", "a.npz", "--device", "abacus"),
    ],
)
def test_wrong_usage(words):
    done = liquid_motion(*words)
    assert done.returncode == 2 and done.stdout == "" and "Traceback" not in done.stderr
    done = liquid_motion(*words, "--json")
    assert done.returncode == 2
    assert json.loads(done.stdout)["code"] == "usage"


@pytest.mark.parametrize("kind", ["absent", "text", "empty", "folder"])
def test_bad_footage_is_one_line(kind, tmp_path):
    clip = tmp_path / "clip.mp4"
    if kind == "text":
        clip.write_text("a shopping list\n" * 50)
    elif kind == "empty":
        clip.touch()
    elif kind == "folder":
        clip.mkdir()
    out = tmp_path / "motion.npz"
    done = liquid_motion("fit", clip, "--out", out, "--json")
    assert done.returncode == 1
    [error] = [line for line in done.stderr.splitlines() if "%" not in line]
    assert error.startswith("error: ") and str(clip) in error
    assert json.loads(done.stdout) == {"status": "error", "code": "user", "message": error[7:]}
    assert not out.exists()


def test_result_alone_on_stdout(job_words):
    done = run_job(job_words, "chatty")
    assert (done.returncode, done.stdout) == (0, "answer 42\n")
    assert "chatter" not in done.stderr
    assert "50% Working" in done.stderr and "a word for the reader" in done.stderr


def test_json_is_one_object(job_words):
    done = run_job(job_words, "chatty", "--json")
    assert json.loads(done.stdout) == {"status": "ok", "answer": 42}


def test_a_fault_of_ours_shows_where(job_words):
    done = run_job(job_words, "wrong", "--json")
    assert done.returncode == 1
    assert "last words of a library" in done.stderr and "Traceback" in done.stderr
    assert done.stderr.endswith("error: ZeroDivisionError: by me\n")
    assert json.loads(done.stdout)["code"] == "internal"


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interruption_leaves_nothing(job_words, tmp_path, number, code):
    out = tmp_path / "result.txt"
    process = subprocess.Popen(
        [*job_words, "slow", "--out", str(out)],
        cwd=REPO,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert "Sleeping" in process.stderr.readline()
    os.kill(process.pid, number)
    stdout, stderr = process.communicate(timeout=PATIENCE)
    assert process.returncode == code and stdout == "" and "Traceback" not in stderr
    assert list(tmp_path.iterdir()) == []
    if number == signal.SIGINT:
        assert stderr == "cancelled\n"


def test_several_sources_after_one_option():
    words = ["run", "--source", "a", "b", "c", "--driving", "d", "--source", "e"]
    spread = ["run", "--source", "a", "--source", "b", "--source", "c", "--driving", "d", "--source", "e"]
    assert spread_values(words) == spread
    assert spread_values(spread) == spread
    assert spread_values(["fit", "a", "--out", "b"]) == ["fit", "a", "--out", "b"]


def test_frame_numbers():
    assert frame_range(None) is None
    assert frame_range("3-10") == [3, 10]
    assert frame_range("3") == [3, 3]
    assert frame_list("0, 40") == [0, 40]
    for wrong in ("", "a", "3-", "-3", "5-3", "1-2-3"):
        with pytest.raises(typer.BadParameter):
            frame_range(wrong)
    with pytest.raises(typer.BadParameter):
        frame_list("0,,1")


def test_plain_lines_are_few():
    now = [0.0]
    stream = io.StringIO()
    shown = PlainDisplay(stream, lambda: now[0])
    for step in range(100):
        now[0] += 0.1
        shown.report("Fitting", step / 100)
    lines = stream.getvalue().splitlines()
    assert lines[0] == "  0% Fitting" and 3 <= len(lines) <= 5
    assert lines[-1].endswith("0:01 left")


def test_evaluation_reads_as_a_table():
    result = {
        "table": {
            "copy": {"box_psnr_db": 10.0, "mask_iou": None},
            "warp": {"box_psnr_db": 13.4, "mask_iou": 0.8},
        },
        "sources": [0, 40],
        "targets": [10, 20],
        "camera_moves": False,
    }
    assert show_evaluation(result).splitlines() == [
        "mean           copy    warp",
        "box_psnr_db  10.000  13.400",
        "mask_iou          -   0.800",
        "means over 2 frames; source: frame 0, 40",
    ]


def test_a_bare_json_of_evaluate_means_stdout():
    assert name_stdout(["evaluate", "a", "--json"]) == ["evaluate", "a", "--json", "-"]
    assert name_stdout(["evaluate", "--json", "--step", "5"]) == ["evaluate", "--json", "-", "--step", "5"]
    assert name_stdout(["evaluate", "--json", "f.json"]) == ["evaluate", "--json", "f.json"]


def test_the_demo_is_embedded_and_small():
    folder = REPO / "neural" / "data" / "demo"
    assert (folder / "driving.mp4").is_file() and list(folder.glob("source*"))
    assert sum(path.stat().st_size for path in folder.iterdir()) < 2_000_000


def test_the_main_job_complains_before_it_works(tmp_path):
    clip = tmp_path / "walk.mp4"
    clip.touch()
    out = tmp_path / "out"
    done = liquid_motion(
        "run", "--source", "nobody.png", "--driving", clip, "--out", out, "--no-scene", "--json"
    )
    assert done.returncode == 1 and not out.exists()
    assert str(clip) in json.loads(done.stdout)["message"]
