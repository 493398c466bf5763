"""Server-side dry-run creates of a pod: the one write-shaped request, sent only where the operator asked for it."""

from __future__ import annotations

import time

import msgspec

from meshdoctor.kube.deny import Refused
from meshdoctor.kube.session import Session
from meshdoctor.model.dryrun import DryRun
from meshdoctor.model.errors import MeshdoctorError
from meshdoctor.model.workloads import Pod

NAME = "meshdoctor-dry-run"


SMALL = {"cpu": "1m", "memory": "1Mi"}
HARDENED = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "runAsUser": 65535,
    "seccompProfile": {"type": "RuntimeDefault"},
}
"""What Pod Security `restricted` demands: whatever is refused then is refused for what injection adds."""

CONTAINER = {
    "name": "pause",
    "image": "registry.k8s.io/pause:3.10",
    "resources": {"requests": SMALL, "limits": SMALL},
    "securityContext": HARDENED,
}


async def dry_run_pod(session: Session, namespace: str, labels: dict[str, str] | None = None) -> DryRun:
    """What admission does to a pause pod in a namespace; `dryRun=All`, so that nothing is stored. Raises Refused without leave."""
    body = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": NAME, "namespace": namespace, "labels": labels or {}},
        "spec": {"containers": [CONTAINER]},
    }
    began = time.perf_counter()
    path, headers = f"/api/v1/namespaces/{namespace}/pods?dryRun=All", {"Content-Type": "application/json"}
    try:
        async with session.gate, session.open(path, method="POST", headers=headers, content=msgspec.json.encode(body)) as response:
            pod = msgspec.json.decode(await response.aread(), type=Pod)
    except Refused:
        raise  # nobody gave leave for test pods: nothing was learnt of admission
    except MeshdoctorError as why:
        return DryRun(namespace=namespace, admitted=False, seconds=time.perf_counter() - began, error=str(why))
    return DryRun(namespace=namespace, admitted=True, injected=pod.proxy is not None, seconds=time.perf_counter() - began)
