"""Real calls between workloads of the rig, made in their own containers, and what came of them."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tests.rig.conftest import HOME, kubectl

ANSWERED = ("200", "403")  # a refusal by an AuthorizationPolicy has been let through by TLS


@dataclass(frozen=True)
class Try:
    """One call of a pod to a host and port; `number` marks it in logs: the path of HTTP, the size of what TCP sends."""

    namespace: str
    pod: str
    host: str
    port: int
    number: int
    tcp: bool = False
    times: int = 1

    @property
    def path(self) -> str:
        return f"/mdt-{self.number}"

    @property
    def script(self) -> str:
        if self.tcp:
            load = f"fortio load -quiet -n 1 -c 1 -qps 0 -timeout 3s -payload-size {self.number} tcp://{self.host}:{self.port}"
            call = f"$({load} 2>&1 | grep -q 'tcp OK : 1 ' && echo 200)"
        else:
            curl = f"fortio curl -quiet -timeout 3s http://{self.host}:{self.port}{self.path}"
            call = f"$({curl} 2>&1 | grep -m1 '^HTTP/' | cut -d' ' -f2)"
        once_more = f"case $s in 200|403) ;; *) sleep 0.3; s={call};; esac"  # a busy machine fails by chance
        return f"for i in $(seq {self.times}); do s={call}; {once_more}; echo {self.number} $s; done"


def make(kubeconfig: str, tries: Iterable[Try]) -> dict[int, bool]:
    """Make the calls, those of one pod one after the other; number to whether an answer came."""
    by_pod: dict[tuple[str, str], list[Try]] = {}
    for each in tries:
        by_pod.setdefault((each.namespace, each.pod), []).append(each)
    answered: dict[int, bool] = {}
    with ThreadPoolExecutor(4) as pool:
        jobs = [pool.submit(_run, kubeconfig, where, some) for where, some in by_pod.items()]
        for line in (line for job in jobs for line in job.result().splitlines()):
            number, _, word = line.partition(" ")
            if number.isdigit():
                answered[int(number)] = answered.get(int(number), False) or word in ANSWERED
    return answered


def _run(kubeconfig: str, where: tuple[str, str], some: list[Try]) -> str:
    script = "; ".join(t.script for t in some)
    command = [str(HOME / "bin/kubectl"), "--kubeconfig", kubeconfig, "-n", where[0], "exec", where[1], "-c", "app", "--"]
    return subprocess.run([*command, "sh", "-c", script], capture_output=True, text=True, timeout=600, check=False).stdout


def log_lines(kubeconfig: str, namespace: str, pod: str, begin: datetime) -> list[dict[str, Any]]:
    """What a pod's proxy logged of calls that ended since then. Not of the last seconds: those go on while pod after pod is read."""
    since = f"--since-time={begin:%Y-%m-%dT%H:%M:%SZ}"
    text = kubectl(kubeconfig, "-n", namespace, "logs", pod, "-c", "istio-proxy", since)
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def inbound_lines(kubeconfig: str, namespace: str, pod: str, begin: datetime) -> list[dict[str, Any]]:
    """The calls since then in which a pod's proxy handed something to its application."""
    made = log_lines(kubeconfig, namespace, pod, begin)
    return [m for m in made if str(m.get("upstream_cluster") or "").lower().startswith("inbound")]
