"""Rigify's generated rig: 706 bones, controls that hang on machinery, IK and FK."""

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
def test_generated_rig():
    """See rigify_checks.py. Generating the rig takes most of the time."""
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("rigify_checks.py"))],
        env=os.environ | {"PYTHONPATH": ""},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-6000:]
    assert done.stdout.count(": ok") == 5
