"""The worker's environment: made by real pip of small stand-in packages, broken off, gone on with, kept up to date."""

import os
import sys
import threading
import time
import zipfile
from pathlib import Path

import pytest

pytest.importorskip("bpy")
from blender_addon import environment, interpreters, jobs  # noqa: E402
from blender_addon.errors import AddonError  # noqa: E402
from blender_addon.own_folder import alone  # noqa: E402
from blender_addon.pip_progress import PipProgress, reason  # noqa: E402
from blender_addon.processes import run_command  # noqa: E402

STAND_IN = "2.7.99"
"""Of the packages that stand for the real ones; a machine's own pip settings may keep torch below some release."""
WORKER = """
import json, sys
def say(**message): print(json.dumps({{"v": 1, **message}}), flush=True)
say(id=None, type="hello", version="{version}", python="3.11", torch="9.9")
for line in sys.stdin:
    request = json.loads(line)
    if request["type"] != "run": break
    found = [{{"name": "memory", "state": "broken", "detail": "1 GB", "mend": "close programs"}}] + {findings}
    say(id=request["id"], type="result", result={{"healthy": True, "findings": found}})
"""


def quiet(*_):
    return False


def make_wheel(folder, name, version, files=None, needs=()):
    """A wheel with nothing in it but what is given."""
    info = f"{name}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    metadata += "".join(f"Requires-Dist: {one}\n" for one in needs)
    content = {f"{name}.py": "x = 1\n"} if files is None else files
    content = content | {
        f"{info}/METADATA": metadata,
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{path},,\n" for path in [*content, f"{info}/RECORD"])
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for one, text in (content | {f"{info}/RECORD": record}).items():
            archive.writestr(one, text)
    return path


@pytest.fixture
def package(tmp_path, monkeypatch):
    """``package(version, findings)``: put an extension's wheel where the set-up looks for it."""
    folder, links = tmp_path / "package", tmp_path / "links"
    for name in ("torch", "tinydep"):
        make_wheel(links, name, STAND_IN)
    monkeypatch.setattr(environment, "PACKAGE", folder)
    monkeypatch.setenv("PIP_FIND_LINKS", str(links))

    def make(version="0.1.0", findings=(), torch=STAND_IN):
        for old in folder.glob("*.whl"):
            old.unlink()
        worker = {
            "neural/__init__.py": "",
            "neural/worker.py": WORKER.format(version=version, findings=list(findings)),
        }
        extra = 'pytest; extra == "dev"'
        make_wheel(folder, "liquid_motion", version, worker, ("torch>=2.6", "tinydep", extra))
        (folder / "constraints.txt").write_text(f"torch=={torch}\ntinydep=={STAND_IN}\n")

    make()
    return make


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "user" / "worker"


@pytest.mark.slow
def test_life_of_an_environment(package, folder):
    """Failed, broken off, gone on with, out of date, found ill, removed; the newest pip comes from the network."""
    python, stages = interpreters.find_interpreter(), []
    assert environment.state(folder) == environment.NONE

    def report(stage, fraction, eta_s):
        stages.append((stage, fraction))

    def make(cancelled=quiet):
        return environment.create_environment(python.path, folder, environment.CUDA, report, cancelled)

    package(torch="1.2.3.4")
    with pytest.raises(environment.SetupError, match="torch .* could not be installed: .*torch") as error:
        make()
    assert "\n" not in str(error.value)
    assert "$ " in error.value.details
    assert "==1.2.3.4" in (folder / environment.LOG).read_text()
    package()
    with pytest.raises(jobs.JobCancelled):
        make(cancelled=lambda: any(stage.startswith("tinydep") for stage, _ in stages))
    assert environment.state(folder) == environment.UNFINISHED
    assert environment.ready_python(folder) is None
    site_packages = next((folder / "venv").glob("[lL]ib*/**/site-packages"))
    torch = site_packages / "torch.py"
    before = torch.stat().st_mtime_ns
    (site_packages / f"tinydep-{STAND_IN}.dist-info").mkdir(
        exist_ok=True
    )  # as a pip that was killed leaves it
    stages.clear()
    health = make()
    assert torch.stat().st_mtime_ns == before  # what was installed has stayed
    assert (site_packages / "tinydep.py").is_file()
    assert [finding["name"] for finding in health["findings"]] == ["memory"]
    fractions = [fraction for _, fraction in stages]
    assert fractions == sorted(fractions)
    assert fractions[-1] <= 1
    assert any("Self-test" in stage for stage, _ in stages)
    assert environment.state(folder) == environment.READY
    assert environment.read_mark(folder)["version"] == "0.1.0"
    assert not (folder / "downloads").exists()
    assert "torch (1 of 2)" in {stage.partition(":")[0] for stage, _ in stages}
    ill = {"name": "body", "state": "broken", "detail": "no file", "mend": "install again"}
    package("0.2.0", [ill])
    environment._digest.cache_clear()
    assert environment.state(folder) == environment.OLD
    assert environment.ready_python(folder) is not None
    with pytest.raises(environment.SetupError, match=r"the self-test found body: no file \(install again\)"):
        make()
    assert environment.state(folder) == environment.UNFINISHED
    with pytest.raises(jobs.JobCancelled):
        environment.remove_environment(folder, lambda: True)
    assert environment.state(folder) == environment.NONE  # nobody goes on with half of it
    environment.remove_environment(folder, quiet)
    assert not folder.exists()


def test_needs_room(package, folder, monkeypatch):
    monkeypatch.setitem(environment._NEEDED_GB, environment.CPU, 1e9)
    with pytest.raises(AddonError, match="GB free, the environment needs 1000000000; free some space"):
        environment.create_environment(sys.executable, folder, environment.CPU, lambda *_: None, quiet)
    assert not folder.exists()


def test_one_blender_at_a_time(package, folder):
    folder.mkdir(parents=True)
    with alone(folder), pytest.raises(AddonError, match="another Blender"):
        environment.create_environment(sys.executable, folder, environment.CUDA, lambda *_: None, quiet)


def test_a_source_tree_has_no_wheel(folder):
    with pytest.raises(AddonError, match="source tree"):
        environment.create_environment(sys.executable, folder, environment.CPU, lambda *_: None, quiet)


def test_connection_and_disk_are_named():
    said = ["ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device"]
    assert reason(said).startswith("the disk is full")
    said = ["WARNING: Retrying (NewConnectionError(...))", "ERROR: No matching distribution found for torch"]
    assert reason(said).startswith("the connection failed")
    assert reason(["ERROR: No matching distribution found for torch"]) == (
        "No matching distribution found for torch"
    )


@pytest.mark.skipif(sys.platform == "win32", reason="kills by process group")
def test_cancelling_ends_grandchildren_within_a_second(tmp_path):
    mark = tmp_path / "pid"
    script = f"""
import subprocess, sys
process = subprocess.Popen(["sleep", "60"])
open({str(mark)!r}, "w").write(str(process.pid))
print("going", flush=True)
process.wait()
"""
    lines, asked = [], []

    def cancelled():
        if "going" in lines:
            asked.append(time.monotonic())
        return bool(asked)

    with pytest.raises(jobs.JobCancelled):
        run_command([sys.executable, "-c", script], dict(os.environ), lines.append, cancelled)
    assert time.monotonic() - asked[0] < 1
    pid = int(mark.read_text())
    for _ in range(20):  # the kernel may take a moment
        if not running(pid):
            break
        time.sleep(0.05)
    else:
        pytest.fail("the grandchild lives")
    assert "liquid-motion-pipe" not in {thread.name for thread in threading.enumerate()}


def running(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except FileNotFoundError:
        return False


def test_output_and_exit_code():
    lines = []
    script = "import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)"
    code = run_command([sys.executable, "-u", "-c", script], dict(os.environ), lines.append, quiet)
    assert code == 3
    assert [line for line in lines if line] == ["out", "err"]
    with pytest.raises(AddonError, match="cannot be started"):
        run_command(["/no/such/program"], {}, lines.append, quiet)


def test_progress_of_pip(tmp_path):
    progress = PipProgress(tmp_path, 400.0)
    said = [
        ("Collecting scipy>=1.11", "Looking up scipy", 0.0),
        (
            "  Downloading scipy-1.17.1-cp311-cp311-manylinux_2_28_x86_64.whl.metadata (62 kB)",
            "Looking up scipy",
            0.0,
        ),
        (
            "  Downloading scipy-1.17.1-cp311-cp311-manylinux_2_28_x86_64.whl (35.3 MB)",
            "Downloading scipy",
            0.0,
        ),
        ("Progress 100 of 200", "Downloading scipy", 0.65 / 4),
        ("Progress 200 of 200", "Downloading scipy", 0.65 / 2),
        ("Downloading https://x.y/numpy-1.26.4-cp311-none.whl (18 MB)", "Downloading numpy", 0.65 / 2),
        ("Progress 200 of 200", "Downloading numpy", 0.65),
        ("Installing collected packages: ruamel-yaml, scipy", "Installing ruamel-yaml", 0.65),
    ]
    for line, stage, fraction in said:
        assert progress.line(line) is line.startswith("Progress"), line
        assert (progress.stage, progress.fraction) == (stage, pytest.approx(fraction)), line
    (tmp_path / "ruamel_yaml-1.0.dist-info").mkdir()
    assert progress.line("")
    assert (progress.stage, progress.fraction) == ("Installing scipy", pytest.approx(0.825))


def test_interpreters(tmp_path):
    def fake(text):
        path = tmp_path / f"python{len(list(tmp_path.iterdir()))}"
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
        return path

    answers = "echo '[\"/x/python\", [%s], %d]'"
    with pytest.raises(AddonError, match=r"is Python 3.13.0; the worker needs 3.11 or 3.12"):
        interpreters.examine(fake(answers % ("3, 13, 0", 64)))
    with pytest.raises(AddonError, match="is a 32-bit Python"):
        interpreters.examine(fake(answers % ("3, 11, 0", 32)))
    with pytest.raises(AddonError, match=r"cannot make environments \(no ensurepip\)"):
        interpreters.examine(fake("echo no ensurepip >&2; exit 1"))
    with pytest.raises(AddonError, match=r"none: does not start \(No such file"):
        interpreters.find_interpreter(str(tmp_path / "none"))
    found = interpreters.find_interpreter()
    assert found.version[:2] in interpreters.VERSIONS
    assert found.path.is_absolute()


def test_none_found_says_where_one_comes_from(monkeypatch):
    monkeypatch.setattr(interpreters, "candidates", lambda: iter(()))
    with pytest.raises(AddonError, match=r"no Python 3.11 or 3.12 was found; .*install.*or choose one"):
        interpreters.find_interpreter()
    for system, word in (("win32", "winget"), ("darwin", "brew"), ("linux", "apt")):
        monkeypatch.setattr(sys, "platform", system)
        assert word in interpreters.where_from()
