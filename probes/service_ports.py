"""Ports of Services: the protocol they declare, the container ports they lead to, and Services that disagree."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from meshdoctor.istio.competing import by_age
from meshdoctor.istio.hosts import service_host
from meshdoctor.istio.injection import AMBIENT, IGNORED_NAMESPACES, INJECT, NAMESPACE_LABEL, namespace_labels, opted_out
from meshdoctor.istio.protocols import HTTP, KNOWN, OF_KUBERNETES, contradicts, declared, of_name
from meshdoctor.istio.routing import virtual_services_for
from meshdoctor.istio.workloads import is_in_mesh, makers, pods_of
from meshdoctor.model.cluster import Namespace, Service, ServicePort
from meshdoctor.model.kinds import WORKLOADS
from meshdoctor.model.mesh import USABLE, Mesh
from meshdoctor.model.networking import Gateway, ServiceEntry, VirtualService
from meshdoctor.model.workloads import Deployment, Pod, Workload
from probes.registry import Draft, fail, probe, quote

HEALTH = 15021  # the port that gateways answer load balancers on
MANAGED = "gateway.istio.io/managed"


@probe("RT-008", over=Service, needs=(Service, Pod, VirtualService))
def port_without_protocol(mesh: Mesh, service: Service) -> Iterator[Draft]:
    """A port of a Service of the mesh does not say what it speaks: it is guessed, and rules for HTTP may not apply.

    A remark where there are no such rules.
    """
    if _is_apart(service) or service.spec.type == "ExternalName":
        return
    pods = pods_of(mesh, service)
    ruled = _http_rules(mesh, service)
    in_mesh = any(is_in_mesh(p) for p in pods)
    for i, port in enumerate(service.spec.ports if in_mesh or not pods else ()):
        codes = _undeclared(service, port, in_mesh)
        if port.port != HEALTH and codes:
            said = f"appProtocol {port.app_protocol}" if port.app_protocol else f"name {port.name!r}" if port.name else "no name"
            yield fail(
                service,
                f"port {port.port} has {said}, which tells no protocol: it is guessed",
                at=f"spec.ports[{i}]",
                why=f"The HTTP rules of {ruled[0].subject} hold only where the guess is right." if ruled else "",
                evidence=(quote(service, f"spec.ports[{i}]", said), *(quote(v, "spec.http", "HTTP rules") for v in ruled[:1])),
                severity="low" if ruled else "info",
                also=(mesh.owner(p) for p in pods[:1]),
                codes=codes,
            )


def _http_rules(mesh: Mesh, service: Service) -> list[VirtualService]:
    """The VirtualServices with HTTP rules for the Service's own host, as far as they can be seen."""
    if mesh.state(VirtualService) not in USABLE:
        return []
    return [v for v in virtual_services_for(mesh, service_host(service, mesh.cluster.domain)) if v.spec.http]


def _is_apart(service: Service) -> bool:
    return service.namespace in IGNORED_NAMESPACES


def _undeclared(service: Service, port: ServicePort, in_mesh: bool) -> list[str]:
    """Who else says so: istioctl outside of the control plane, Kiali of what is in the mesh (it knows no well-known ports)."""
    istio = not declared(port) and not _is_istios(service)
    known = port.app_protocol.lower() in {*KNOWN, *OF_KUBERNETES} if port.app_protocol else bool(of_name(port.name))
    kiali = in_mesh and not known and port.protocol != "UDP" and "kiali_wizard" not in service.labels
    kiali_code = "KIA0602" if port.app_protocol else "KIA0601"
    return [code for code, says in (("IST0118", istio), (kiali_code, kiali)) if says]


def _is_istios(service: Service) -> bool:
    return "istio" in service.labels or service.labels.get("release") == "istio" or MANAGED in service.labels


@probe(
    "MD5109",
    over=Service,
    needs=(Service,),
    codes=("IST0150",),
    title="An ExternalName Service takes over other destinations on its port",
    severity="low",
)
def external_name_without_protocol(_mesh: Mesh, service: Service) -> Iterator[Draft]:
    """A port of an ExternalName Service declares TCP or nothing: as it has no address, it takes every request on that port."""
    if service.spec.type != "ExternalName" or _is_istios(service) or _is_apart(service):
        return
    for i, port in enumerate(service.spec.ports):
        if not declared(port) or port.name == "tcp":
            says = f"port {port.port} of an external name is {'plain TCP' if port.name == 'tcp' else 'of no declared protocol'}"
            yield fail(service, says, at=f"spec.ports[{i}]", evidence=(quote(service, f"spec.ports[{i}].name", port.name),))


@probe(
    "MD5110",
    over=Service,
    needs=(Service, Pod, *WORKLOADS),
    codes=("KIA0701",),
    title="A Service leads to a port that its Deployment does not declare",
    severity="info",
)
def port_not_declared(mesh: Mesh, service: Service) -> Iterator[Draft]:
    """The targetPort of a Service is none of the ports that the containers of its Deployment declare."""
    if service.namespace == mesh.mesh_config.root_namespace or _is_apart(service) or _is_gateway(service):
        return
    deployment = _behind(mesh, service)
    pods = pods_of(mesh, service)
    if deployment is None or (pods and not any(is_in_mesh(p) for p in pods)):
        return
    offered = [p for c in deployment.template.spec.containers for p in c.ports]
    known = {p.container_port for p in offered} | {p.name for p in offered}
    for i, port in enumerate(service.spec.ports if offered else ()):
        if port.target not in known and not (isinstance(port.target, str) and port.target.isdigit() and int(port.target) in known):
            yield fail(
                service,
                f"port {port.port} leads to {port.target}, which no container of {deployment.subject} declares",
                at=f"spec.ports[{i}]",
                also=(deployment,),
            )


def _is_gateway(service: Service) -> bool:
    """Gateways and waypoints: their proxies open what ports they are told."""
    return MANAGED in service.labels or service.labels.get("istio", "").endswith("gateway")


def _behind(mesh: Mesh, service: Service) -> Deployment | None:
    """The first Deployment whose pods a Service selects; one whose template has no labels is known by its own."""
    selector = service.spec.selector
    by_pods = (w for w in makers(mesh, service.namespace, selector) if isinstance(w, Deployment))
    by_name = (d for d in mesh[Deployment].matching(service.namespace, selector) if not d.template.metadata.labels)
    return next(iter((*by_pods, *by_name)), None) if selector else None


@probe("RT-013", needs=(Service, Namespace, *WORKLOADS))
def services_disagree(mesh: Mesh) -> Iterator[Draft]:
    """Two Services of a workload of the mesh use one port with different protocols, or lead to one port from different ones.

    It matters where the protocols differ: the workload's proxy can treat the port in one way only.
    """
    for kind in WORKLOADS:
        for workload in mesh[kind]:
            services = _services_of(mesh, workload) if _joins(mesh, workload) else ()
            if len(services) > 1:
                yield from _by_port(workload, services)
                yield from _by_target(workload, services)


def _services_of(mesh: Mesh, workload: Workload) -> list[Service]:
    labels = workload.template.metadata.labels.items()
    return [s for s in _selecting(mesh, workload.namespace, labels) if s.spec.selector.items() <= labels]


def _selecting(mesh: Mesh, namespace: str, labels: Iterable[tuple[str, str]]) -> list[Service]:
    """The Services of a namespace whose selector begins with one of these labels."""
    key = ("services by selector", namespace)
    known: dict[tuple[str, str], list[Service]] | None = mesh.memo.get(key)
    services = mesh[Service].within(namespace)
    if known is None:
        known = mesh.memo[key] = {}
        for service in services:
            if service.spec.selector:
                known.setdefault(min(service.spec.selector.items()), []).append(service)
    return [s for label in labels for s in known.get(label, ())]


def _joins(mesh: Mesh, workload: Workload) -> bool:
    """Whether its pods get a sidecar: the template says so, or its namespace (by label or revision) and it does not decline."""
    meta = workload.template.metadata
    if MANAGED in workload.labels or opted_out(meta.labels, meta.annotations):
        return False
    wanted = {**meta.annotations, **meta.labels}.get(INJECT, "")
    labels = namespace_labels(mesh, workload.namespace)
    by_namespace = labels.get(NAMESPACE_LABEL) == "enabled" or "istio.io/rev" in labels
    return wanted.lower() == "true" or by_namespace or labels.get(AMBIENT) == "ambient"


def _by_port(workload: Workload, services: list[Service]) -> Iterator[Draft]:
    ports: dict[int, dict[str, list[Service]]] = {}
    for service in services:
        for port in service.spec.ports:
            ports.setdefault(port.port, {}).setdefault(port.protocol or "TCP", []).append(service)
    for number, by_protocol in ports.items():
        if len(by_protocol) > 1:
            those = [s for found in by_protocol.values() for s in found]
            says = f"{_names(those)} use port {number} with {' and '.join(sorted(by_protocol))}"
            at = "spec.template.metadata.labels"
            yield fail(workload, says, at=at, severity="info", also=those, codes=("IST0116",))


def _by_target(workload: Workload, services: list[Service]) -> Iterator[Draft]:
    targets: dict[str, list[tuple[Service, ServicePort]]] = {}
    for service in services:
        for port in service.spec.ports:
            targets.setdefault(str(port.target), []).append((service, port))
    for target, those in targets.items():
        ports = sorted({p.port for _, p in those})
        if len(ports) > 1:
            says = f"{_names(s for s, _ in those)} lead to its port {target} from {', '.join(map(str, ports))}"
            at = _container_port(workload, target)
            yield fail(workload, says, at=at, severity="info", also=[s for s, _ in those], codes=("IST0137",))
        yield from _otherwise(workload, target, sorted(those, key=lambda each: by_age(each[0])))


def _otherwise(workload: Workload, target: str, those: list[tuple[Service, ServicePort]]) -> Iterator[Draft]:
    """A younger Service that declares another protocol for a port: what is guessed beside it is treated alike."""
    spoken = [(s, p, _treated(p)) for s, p in those if declared(p)]
    for service, port, protocol in spoken[1:]:
        older, first, counts = spoken[0]
        if protocol != counts and service is not older:
            at = f"spec.ports[{service.spec.ports.index(port)}]"
            yield fail(
                service,
                f"it declares {protocol} for port {target} of {workload.subject}; {older.subject} declares {counts}, "
                "is older and counts",
                at=at,
                why="A proxy treats a port of its workload in one way only: the other protocol's rules and metrics do not apply.",
                evidence=(
                    quote(service, at, port.app_protocol or port.name),
                    quote(older, f"spec.ports[{older.spec.ports.index(first)}]", first.app_protocol or first.name),
                ),
                also=(workload, older),
                since=service.created,
                codes=(),
            )


def _treated(port: ServicePort) -> str:
    protocol = declared(port)
    return "http" if protocol in HTTP else protocol


def _names(services: Iterable[Service]) -> str:
    return ", ".join(sorted({s.name for s in services}))


def _container_port(workload: Workload, target: str) -> str:
    for i, container in enumerate(workload.template.spec.containers):
        for j, port in enumerate(container.ports):
            if target in (str(port.container_port), port.name):
                return f"spec.template.spec.containers[{i}].ports[{j}]"
    return "spec.template.spec.containers"


@probe(
    "MD5111",
    needs=(Gateway, ServiceEntry),
    codes=("KIA0601",),
    title="The name of a port does not fit its protocol",
    severity="info",
)
def name_against_protocol(mesh: Mesh) -> Iterator[Draft]:
    """A port of a Gateway or ServiceEntry has another protocol than its name begins with: who reads the name is misled."""
    places = [(g, f"spec.servers[{i}].port", s.port) for g in mesh[Gateway] for i, s in enumerate(g.spec.servers)]
    more = [(e, f"spec.ports[{i}]", p) for e in mesh[ServiceEntry] for i, p in enumerate(e.spec.ports)]
    for thing, path, port in (*places, *more):
        if contradicts(port.name, port.protocol):
            says = f"its port {port.name!r} is {port.protocol}"
            yield fail(thing, says, at=f"{path}.name", evidence=(quote(thing, f"{path}.name", port.name),))
