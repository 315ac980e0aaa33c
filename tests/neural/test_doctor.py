"""The doctor on this machine, and on ailments made for it."""

from pathlib import Path

from neural.cli.doctor import _show
from neural.doctor import Ailment, Check, checks, examine
from neural.jobs.context import JobContext
from neural.jobs.doctor import run


def fail(error: Exception):
    def examination() -> str:
        raise error

    return examination


def test_what_these_tests_need_is_healthy():
    quick = [check for check in checks(Path()) if check.name not in ("disk", "memory", "blender", "smplx")]
    assert len(quick) == 7
    findings = [examine(check) for check in quick]
    assert [finding for finding in findings if finding.state != "ok"] == []


def test_a_folder_that_does_not_exist_yet_has_its_parents_disk(tmp_path):
    [disk] = [check for check in checks(tmp_path / "a" / "b") if check.name == "disk"]
    assert str(tmp_path) in examine(disk).detail


def test_ailments():
    broken = examine(Check("video", fail(RuntimeError("Traceback\n  no codec")), "install av"))
    assert (broken.state, broken.detail, broken.mend) == ("broken", "no codec", "install av")
    missing = examine(Check("smplx", fail(ImportError()), "pip install smplx", optional=True))
    assert (missing.state, missing.detail) == ("missing", "ImportError")
    particular = examine(Check("disk", fail(Ailment("no permission", "choose another")), "free some space"))
    assert particular.mend == "choose another"


def test_only_what_is_needed_makes_it_ill(monkeypatch):
    optional = Check("smplx", fail(ImportError("no smplx")), "pip install smplx", optional=True)
    needed = Check("video", fail(ImportError("no av")), "pip install av")
    monkeypatch.setattr("neural.doctor.checks", lambda folder: [optional])
    assert run({}, JobContext())["healthy"]
    monkeypatch.setattr("neural.doctor.checks", lambda folder: [optional, needed])
    answer = run({}, JobContext())
    assert not answer["healthy"]
    assert _show(answer).splitlines()[-2:] == [
        "broken  video       no av",
        "                    -> pip install av",
    ]
