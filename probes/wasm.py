"""Wasm modules that proxies do not get or cannot run."""

from __future__ import annotations

import re
from collections.abc import Iterator

from meshdoctor.istio.selecting import labels_of
from meshdoctor.istio.workloads import by_owner, injected_pods
from meshdoctor.model.envoy import Envoy
from meshdoctor.model.findings import Evidence
from meshdoctor.model.istiod import Istiod
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.security import WasmPlugin
from meshdoctor.model.text import counted
from meshdoctor.model.workloads import Deployment, Pod
from probes.registry import Draft, fail, probe, quote
from probes.xds import connected

FAILED = re.compile(r"wasm.*(fail|error|cannot|could not|unable|denied|timeout|no such host)", re.IGNORECASE)


@probe("EF-004", needs=(WasmPlugin, Pod, Envoy, Istiod, Deployment))
def module_does_not_run(mesh: Mesh) -> Iterator[Draft]:
    """A proxy cannot fetch or start a Wasm module: as the plugin says, requests fail or go on without it."""
    told: dict[str, tuple[WasmPlugin, list[Pod], str, str]] = {}
    for pod, text, source in _complaints(mesh) if len(mesh[WasmPlugin]) else ():
        plugin = _meant(mesh, pod, text)
        if plugin is not None:
            told.setdefault(str(plugin.subject), (plugin, [], text, source))[1].append(pod)
    for plugin, pods, text, source in told.values():
        closes = plugin.spec.fail_strategy != "FAIL_OPEN"
        where = counted(len(pods), "proxy", "proxies")
        says = f"its module does not run in {where}; requests {'fail' if closes else 'go on without it'}"
        command = f"kubectl -n {pods[0].namespace} logs {pods[0].name} -c istio-proxy --since=5m"
        evidence = (Evidence(f"{pods[0].name} says", source, text, command), quote(plugin, "spec.url", plugin.spec.url))
        yield fail(
            plugin,
            says,
            at="spec.url",
            evidence=evidence,
            severity=None if closes else "medium",
            also=(*pods, *by_owner(mesh, pods)),
        )


def _complaints(mesh: Mesh) -> Iterator[tuple[Pod, str, str]]:
    """What proxies said of Wasm in the last minute, and what they refuse now."""
    for proxy in connected(mesh):
        pod = mesh[Pod].get(proxy.namespace, proxy.name)
        error = proxy.types["ECDS"].error if "ECDS" in proxy.types else ""
        if pod is not None and error:
            yield pod, error, f"/debug/syncz of {proxy.istiod}"
    for pod in injected_pods(mesh):
        envoy = mesh.envoy(pod)
        for _, line in reversed(envoy.logs.lines if envoy and envoy.has("logs") else ()):
            if FAILED.search(line):
                yield pod, line, f"istio-proxy log of {pod.name}"
                break


def _meant(mesh: Mesh, pod: Pod, text: str) -> WasmPlugin | None:
    """The plugin that a complaint is about: one that covers the pod, by its name in the text where there are several."""
    spaces = dict.fromkeys((pod.namespace, mesh.mesh_config.root_namespace))
    those = [w for ns in spaces for w in mesh[WasmPlugin].within(ns) if labels_of(w).items() <= pod.labels.items()]
    named = [w for w in those if w.name in text or (w.spec.url and w.spec.url in text)]
    return next(iter(named or those), None)
