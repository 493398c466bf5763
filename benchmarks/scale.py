"""Time and memory of a diagnosis beside `istioctl analyze -A`, in one run: `uv run python benchmarks/scale.py [ROUNDS]`.

Expects a large mesh in the current context (the rig's `scale` makes one) and istioctl on the PATH.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time

OURS = [sys.executable, "-m", "meshdoctor", "diagnose", "-o", "json"]
THEIRS = ["istioctl", "analyze", "-A", "-i", os.environ.get("ISTIO_NAMESPACE", "istio-d"), "-o", "json"]


def measured(command: list[str]) -> tuple[float, float, float]:
    """(seconds, seconds of processor, peak megabytes) of one run."""
    with tempfile.TemporaryFile() as out:
        began = time.perf_counter()
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.DEVNULL)
        _, _, usage = os.wait4(process.pid, 0)
        process.returncode = 0  # waited for above
    scale = 1024 if sys.platform == "linux" else 1024 * 1024
    return time.perf_counter() - began, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / scale


def pods() -> int:
    """How many pods the current context has."""
    listed = subprocess.run(["kubectl", "get", "pods", "-A", "-o", "name"], capture_output=True, text=True, check=True)
    return len(listed.stdout.splitlines())


def main(rounds: int) -> None:
    """Alternate the two, print each round and the ratio of the best."""
    if not (shutil.which("istioctl") and shutil.which("kubectl")):
        raise SystemExit("scale: istioctl and kubectl must be on the PATH")
    count = pods()
    print(f"{count} pods" + ("" if count >= 1000 else ": fill the mesh first, this says nothing about scale"))
    ours, theirs = [], []
    for _ in range(rounds):
        theirs.append(measured(THEIRS))
        ours.append(measured(OURS))
        for name, (seconds, cpu, memory) in (("istioctl", theirs[-1]), ("meshdoctor", ours[-1])):
            print(f"{name:12} {seconds:6.2f} s   {cpu:6.2f} s cpu   {memory:6.0f} MB")
    fastest, theirs_fastest = min(ours)[0], min(theirs)[0]
    least, theirs_least = min(o[2] for o in ours), min(t[2] for t in theirs)
    print(f"best: {fastest / theirs_fastest:.2f} x the time, {least / theirs_least:.2f} x the memory of istioctl analyze -A")


if __name__ == "__main__":
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # as installed: the second start finds its bytecode
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
