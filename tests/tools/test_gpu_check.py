"""tools/gpu_check.py: every step of it, at toy size on the CPU."""

import json
import subprocess
import sys
from pathlib import Path

TOOL = Path(__file__).resolve().parents[2] / "tools" / "gpu_check.py"


def check(folder):
    command = [sys.executable, str(TOOL), "--toy", "--out", str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_every_step_is_done_and_written_and_a_second_call_repeats_none(tmp_path):
    done = check(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    found = {path.stem: json.loads(path.read_text()) for path in tmp_path.iterdir()}
    assert set(found) == {"machine", "equality", "bench", "study"}
    assert not any("error" in step for step in found.values())
    times = [each for name, row in found["bench"].items() if name != "seconds" for each in row.values()]
    assert all(isinstance(each, float) for each in times)
    assert found["study"]["settings"] == 19
    before = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert check(tmp_path).returncode == 0
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == before
