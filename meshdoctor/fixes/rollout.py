"""Waits until a workload's controller has replaced its pods, and says what keeps it from that.

Source: kubernetes.io, "Deployment status", "StatefulSet rolling updates"; as `kubectl rollout status` judges it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

from meshdoctor.fixes.engine import read
from meshdoctor.fixes.patch import Object
from meshdoctor.kube.client import ApiClient

EVERY = 1.0
Tell = Callable[[str], None]


async def rolled_out(api: ApiClient, path: str, wait: float, tell: Tell = lambda _: None) -> str:
    """Empty once all its pods are of the newest template and available; else, after `wait` seconds, what is missing."""
    end = time.monotonic() + wait
    said = ""
    while True:
        thing = await read(api, path)
        if thing is None:
            return "it is gone"
        missing = unfinished(thing)
        if not missing:
            return ""
        if missing != said:
            said = missing
            tell(missing)
        if time.monotonic() > end:
            return f"{missing}, after {wait:.0f} s"
        await asyncio.sleep(EVERY)


def unfinished(thing: Object) -> str:
    """What a rollout still waits for; empty where it is done."""
    spec, status = thing.get("spec", {}), thing.get("status", {})
    if status.get("observedGeneration", 0) < thing["metadata"].get("generation", 0):
        return "its controller has not seen the change"
    if spec.get("paused"):
        return "it is paused"
    kind = thing["kind"]
    if kind == "DaemonSet":
        wanted = status.get("desiredNumberScheduled", 0)
        updated, ready, now = status.get("updatedNumberScheduled", 0), status.get("numberAvailable", 0), wanted
    else:
        wanted = spec.get("replicas", 1)
        updated, now = status.get("updatedReplicas", 0), status.get("replicas", 0)
        ready = status.get("availableReplicas", status.get("readyReplicas", 0))
        if kind == "StatefulSet" and wanted and status.get("currentRevision") == status.get("updateRevision"):
            updated = wanted  # a finished one counts no updated pods
    if updated < wanted:
        return f"{updated} of {wanted} pods are new{_trouble(status)}"
    if now > wanted:
        return f"{now - wanted} old pods end"
    return "" if ready >= wanted else f"{ready} of {wanted} new pods are ready{_trouble(status)}"


def _trouble(status: dict[str, Any]) -> str:
    """What its conditions complain of."""
    for condition in status.get("conditions") or ():
        kind, is_true = condition.get("type"), condition.get("status") == "True"
        if (kind == "ReplicaFailure" and is_true) or (kind == "Progressing" and not is_true):
            return f" ({condition.get('message', condition.get('reason', ''))})"
    return ""
