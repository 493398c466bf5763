"""What somebody supposes: that the mesh, a namespace, a workload or one of its ports had another mode."""

from __future__ import annotations

from typing import Literal

import msgspec

from meshdoctor.istio.mtls import age, scope_of, selects
from meshdoctor.istio.running import Running, workloads
from meshdoctor.model.base import ObjectMeta
from meshdoctor.model.errors import UsageError
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.networking import WorkloadSelector
from meshdoctor.model.security import MutualTLS, PeerAuthentication, PeerAuthenticationSpec

MODES = ("STRICT", "PERMISSIVE", "DISABLE")
TEMPLATE_LABELS = {"pod-template-hash", "controller-revision-hash", "statefulset.kubernetes.io/pod-name", "pod-template-generation"}
INJECTED_LABELS = ("security.istio.io/", "service.istio.io/", "istio.io/")


class Wish(msgspec.Struct, frozen=True):
    """What to suppose: `mesh`, a namespace, or a workload (with a port or without) has another mode."""

    text: str
    mode: str
    namespace: str = ""
    workload: str = ""
    port: int = 0

    @property
    def scope(self) -> Literal["mesh", "namespace", "workload"]:
        return "workload" if self.workload else "namespace" if self.namespace else "mesh"


def parse(text: str) -> Wish:
    """`mesh=STRICT`, `NAMESPACE=MODE`, `NAMESPACE/WORKLOAD=MODE` or `NAMESPACE/WORKLOAD:PORT=MODE`. Raises UsageError."""
    place, _, mode = text.partition("=")
    if mode not in MODES or not place:
        raise UsageError(f"--what-if {text!r} is not WHERE=MODE.", do=f"MODE is one of {', '.join(MODES)}; e.g. bank=STRICT.")
    if place == "mesh":
        return Wish(text, mode)
    namespace, _, rest = place.partition("/")
    workload, colon, port = rest.partition(":")
    if colon and not (port.isdigit() and 0 < int(port) < 65536):
        raise UsageError(f"--what-if {text!r}: {port!r} is no port.", do="Give the workload's port: bank/ledger-v1:8080=STRICT.")
    if ":" in namespace or (rest and not workload):
        raise UsageError(f"--what-if {text!r}: only a workload has ports.", do="Name it: NAMESPACE/WORKLOAD:PORT=MODE.")
    return Wish(text, mode, namespace, workload, int(port or 0))


def supposed(mesh: Mesh, wish: Wish) -> tuple[PeerAuthentication, bool]:
    """The policy that would say what is wished, and whether it would be a new one.

    The oldest of a scope decides, so a new one beside it would be ignored: the one that decides is changed.
    """
    root = mesh.mesh_config.root_namespace
    if wish.scope == "workload":
        return _for_workload(mesh, wish)
    namespace = wish.namespace or root
    if wish.namespace == root:
        raise UsageError(f"{root} is the root namespace: a policy there is the mesh's.", do=f"Ask for mesh={wish.mode}.")
    if wish.namespace and wish.namespace not in {w.namespace for w in workloads(mesh)}:
        raise UsageError(f"No workload runs in namespace {wish.namespace!r}.", do="`meshdoctor mtls` shows the workloads.")
    there = sorted((p for p in mesh[PeerAuthentication].within(namespace) if scope_of(p, root) == wish.scope), key=age)
    if there:
        return _changed(there[0], mtls=MutualTLS(mode=wish.mode)), False
    spec = PeerAuthenticationSpec(mtls=MutualTLS(mode=wish.mode))
    return PeerAuthentication(metadata=ObjectMeta(name="default", namespace=namespace), spec=spec), True


def _for_workload(mesh: Mesh, wish: Wish) -> tuple[PeerAuthentication, bool]:
    running = _named(mesh, wish)
    if running.namespace == mesh.mesh_config.root_namespace:
        raise UsageError("In the root namespace a PeerAuthentication cannot select workloads.", do=f"Ask for mesh={wish.mode}.")
    labels = running.pods[0].labels if running.pods else running.labels
    own = (p for p in mesh[PeerAuthentication].within(wish.namespace) if p.spec.selector and p.spec.selector.wanted)
    old = min((p for p in own if selects(p, wish.namespace, labels)), key=age, default=None)
    mode = MutualTLS(mode=wish.mode)
    ports = {**(old.spec.port_level_mtls if old else {}), str(wish.port): mode} if wish.port else None
    if old is not None:
        return (_changed(old, port_level_mtls=ports) if ports else _changed(old, mtls=mode)), False
    wanted = {k: v for k, v in running.labels.items() if k not in TEMPLATE_LABELS and not k.startswith(INJECTED_LABELS)}
    spec = PeerAuthenticationSpec(
        selector=WorkloadSelector(match_labels=wanted), mtls=None if ports else mode, port_level_mtls=ports or {}
    )
    return PeerAuthentication(metadata=ObjectMeta(name=running.subject.name, namespace=wish.namespace), spec=spec), True


def _named(mesh: Mesh, wish: Wish) -> Running:
    for running in workloads(mesh):
        if (running.namespace, running.subject.name) == (wish.namespace, wish.workload):
            return running
    known = sorted(w.subject.name for w in workloads(mesh) if w.namespace == wish.namespace)
    do = f"There are: {', '.join(known[:10])}." if known else "`meshdoctor mtls` shows the workloads."
    raise UsageError(f"No workload {wish.namespace}/{wish.workload}.", do=do)


def _changed(policy: PeerAuthentication, **spec: object) -> PeerAuthentication:
    return msgspec.structs.replace(policy, spec=msgspec.structs.replace(policy.spec, **spec))
