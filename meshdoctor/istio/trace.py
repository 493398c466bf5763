"""What Istio's configuration does with one request: the VirtualService rule, the subset, the DestinationRule, and who lost.

Sources: istio.io, VirtualService, DestinationRule, Gateway, Sidecar and PeerAuthentication references; "Protocol
selection"; "Traffic management problems" (where DestinationRules are looked up).
"""

from __future__ import annotations

from collections.abc import Generator, Iterator

import msgspec

from meshdoctor.istio.destination import destination_steps
from meshdoctor.istio.gateways import MESH, gateway_names, server_hosts
from meshdoctor.istio.hosts import Registered, fqdn, long_name, matches, registered
from meshdoctor.istio.imports import is_imported
from meshdoctor.istio.matching import Call, mismatch
from meshdoctor.istio.protocols import HTTP, protocol_at
from meshdoctor.istio.routing import delegate_of
from meshdoctor.istio.steps import BLACKHOLE, PASSTHROUGH, Lost, Step
from meshdoctor.istio.visibility import export_path, exports, sees
from meshdoctor.istio.workloads import is_gateway
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.networking import Destination, Gateway, HTTPRoute, L4Route, RouteDestination, VirtualService
from meshdoctor.model.workloads import Pod


class Chosen(msgspec.Struct, frozen=True):
    """The rule that takes a call."""

    virtual_service: VirtualService
    rule: HTTPRoute | L4Route
    path: str


def enter(mesh: Mesh, pod: Pod, call: Call) -> tuple[Call, Step]:
    """The call as the Gateway that takes it on a gateway pod sees it, and that step: `is_end` where none takes it."""
    lost: list[Lost] = []
    for gateway in sorted(mesh[Gateway].everywhere(), key=_age):
        if not gateway.spec.selector.items() <= pod.labels.items():
            continue
        for number, server in enumerate(gateway.spec.servers):
            at = f"spec.servers[{number}]"
            if server.port.number != call.port:
                lost.append(Lost(gateway.subject, f"it is for port {server.port.number}", f"{at}.port.number"))
            elif not any(matches(h.name, call.host) for h in server_hosts(gateway, server)):
                lost.append(Lost(gateway.subject, f"its hosts are {', '.join(server.hosts)}", f"{at}.hosts"))
            else:
                taken = msgspec.structs.replace(call, gateway=f"{gateway.namespace}/{gateway.name}")
                says = f"{gateway.subject} takes {call.host} on port {call.port} ({server.port.protocol})"
                return taken, Step("gateway", says, gateway.subject, at, lost=tuple(lost))
    return call, Step("gateway", f"no Gateway of this pod takes {call.host} on port {call.port}", is_end=True, lost=tuple(lost))


def _age(thing: Gateway) -> tuple[float, str, str]:
    return thing.created.timestamp() if thing.created else 0.0, thing.namespace, thing.name


def trace_from(mesh: Mesh, pod: Pod, call: Call) -> tuple[Step, ...]:
    """The steps of a call that a pod makes, or that a gateway pod is asked."""
    call = from_pod(call, pod)
    if not is_gateway(pod):
        return trace(mesh, call)
    taken, step = enter(mesh, pod, call)
    return (step,) if step.is_end else (step, *trace(mesh, taken))


def from_pod(call: Call, pod: Pod) -> Call:
    """The call with that pod as its client."""
    return msgspec.structs.replace(call, namespace=pod.namespace, labels=pod.labels)


def trace(mesh: Mesh, call: Call) -> tuple[Step, ...]:
    """The steps of a call from its client's proxy to the pods that may answer it, in their order."""
    name = long_name(mesh, call.host, call.namespace)
    return tuple(_steps(mesh, msgspec.structs.replace(call, host=name)))


def _steps(mesh: Mesh, call: Call) -> Iterator[Step]:
    if call.gateway != MESH:  # its servers decide what it takes, not the registry
        chosen = yield from _virtual_service(mesh, call, is_http=True)
        if chosen is None:
            return
        yield from _rule(mesh, call, chosen)
        return
    found = [r for r in registered(mesh, call.host) if sees(mesh, call.namespace, r.origin)]
    known = [r for r in found if is_imported(mesh, call.namespace, (r.host,), r.namespace)]
    yield _host_step(mesh, call, found, known)
    ports = sorted({p for r in known for p in r.ports})
    if ports and call.port not in ports:
        says = (
            f"{call.host} has no port {call.port} (it has {', '.join(map(str, ports))}): no route, the packet goes to its address"
        )
        yield Step("port", says, known[0].origin.subject, "spec.ports", is_end=True)
        return
    protocol = protocol_at(known, call.port)
    if known:
        yield Step(
            "protocol", f"port {call.port} is {protocol.name}: {protocol.why}", path=protocol.path, subject=known[0].origin.subject
        )
    is_http = protocol.name in {*HTTP, "auto"}
    chosen = yield from _virtual_service(mesh, call, is_http=is_http)
    if chosen is None:
        if known:
            yield from destination_steps(mesh, call, Destination(host=call.host), known, weight="")
        return
    yield from _rule(mesh, call, chosen)


def _host_step(mesh: Mesh, call: Call, found: list[Registered], known: list[Registered]) -> Step:
    lost = [Lost(r.origin.subject, "the Sidecar of the client's namespace does not import it") for r in found if r not in known]
    hidden = [r for r in registered(mesh, call.host) if r not in found]
    lost += [Lost(r.origin.subject, f"it is not exported to {call.namespace}", export_path(r.origin)) for r in hidden]
    if known:
        what = ", ".join(dict.fromkeys(str(r.origin.subject) for r in known))
        return Step("host", f"{call.host} is {what}", subject=known[0].origin.subject, lost=tuple(lost))
    if mesh.mesh_config.registry_only:
        says = f"{call.host} is not in the registry: {BLACKHOLE}, since outboundTrafficPolicy is REGISTRY_ONLY"
        return Step("host", says, is_end=True, lost=tuple(lost), cluster=BLACKHOLE, decides="100")
    says = f"{call.host} is not in the registry: {PASSTHROUGH}, sent where DNS leads"
    return Step("host", says, lost=tuple(lost), cluster=PASSTHROUGH, decides="100")


def _virtual_service(mesh: Mesh, call: Call, *, is_http: bool) -> Generator[Step, None, Chosen | None]:
    """The VirtualService for the host, and its rule for the call. Returns what was chosen (a generator's return value)."""
    about = [(host, v) for v in mesh[VirtualService].everywhere() for host in _hosts(mesh, v) if matches(host, call.host)]
    lost, fit = [], []
    for host, each in about:
        reason = _unfit(mesh, call, each)
        if reason:
            lost.append(Lost(each.subject, reason[0], reason[1]))
        else:
            fit.append((host, each))
    if not fit:
        yield Step("virtual service", "no VirtualService is for this host: the default route", lost=tuple(lost), decides="none")
        return None
    ranked = sorted(fit, key=_rank)
    winner = ranked[0][1]
    lost += [Lost(v.subject, _why_second(ranked[0], (h, v)), "spec.hosts") for h, v in ranked[1:] if v is not winner]
    says, told = f"{winner.subject} is for {ranked[0][0]}", "" if _delegates(winner) else str(winner.subject)
    yield Step("virtual service", says, winner.subject, "spec.hosts", lost=tuple(lost), decides=told)
    return (yield from _rule_of(mesh, call, winner, is_http=is_http))


def _delegates(each: VirtualService) -> bool:
    """Whether istiod merges others into it, and names them in the routes it makes."""
    return any(r.delegate for r in each.spec.http)


def _hosts(mesh: Mesh, virtual_service: VirtualService) -> tuple[str, ...]:
    return tuple(fqdn(h, virtual_service.namespace, mesh.cluster.domain).lower() for h in virtual_service.spec.hosts)


def _unfit(mesh: Mesh, call: Call, each: VirtualService) -> tuple[str, str] | None:
    if not sees(mesh, call.namespace, each):
        return f"it is exported to {', '.join(exports(mesh, each)) or 'nobody'} only", "spec.exportTo"
    if call.gateway == MESH and not is_imported(mesh, call.namespace, _hosts(mesh, each), each.namespace):
        return "the Sidecar of the client's namespace does not import it", "spec.hosts"
    named = set(gateway_names(each))
    named |= {g for r in each.spec.http for m in r.match for g in gateway_names(each, m.gateways or None)}
    if call.gateway not in named:
        return f"it is for {', '.join(sorted(named))}", "spec.gateways"
    return None


def _rank(pair: tuple[str, VirtualService]) -> tuple[bool, int, float, str, str]:
    """The most specific host first, then the oldest."""
    host, each = pair
    created = each.created.timestamp() if each.created else 0.0
    return host.startswith("*"), -len(host), created, each.namespace, each.name


def _why_second(first: tuple[str, VirtualService], other: tuple[str, VirtualService]) -> str:
    if other[0] != first[0]:
        return f"{other[0]} is less specific than {first[0]}"
    return "an older VirtualService is for the same host"


def _rule_of(mesh: Mesh, call: Call, winner: VirtualService, *, is_http: bool) -> Generator[Step, None, Chosen | None]:
    named: dict[str, tuple[HTTPRoute | L4Route, ...]] = {"tls": winner.spec.tls, "tcp": winner.spec.tcp}
    if is_http and winner.spec.http:
        named = {"http": winner.spec.http}
    lost: list[Lost] = []
    for kind, rules in named.items():
        for number, rule in enumerate(rules):
            at = f"spec.{kind}[{number}]"
            reason = mismatch(rule, winner, call)
            if reason is not None:
                lost.append(Lost(winner.subject, reason, at))
                continue
            later = [i for i, r in enumerate(rules[number + 1 :], number + 1) if mismatch(r, winner, call) is None]
            lost += [
                Lost(winner.subject, f"it would take the request, but {at} stands before it", f"spec.{kind}[{i}]") for i in later
            ]
            name = f" {rule.name!r}" if isinstance(rule, HTTPRoute) and rule.name else ""
            yield Step("rule", f"rule {number}{name} takes it", subject=winner.subject, path=at, lost=tuple(lost))
            return Chosen(winner, rule, at)
    says = "none of its rules takes the request: 404 NR"
    yield Step("rule", says, subject=winner.subject, is_end=True, lost=tuple(lost), decides="404" if is_http else "")
    return None


def _rule(mesh: Mesh, call: Call, chosen: Chosen) -> Iterator[Step]:
    rule, subject, at = chosen.rule, chosen.virtual_service.subject, chosen.path
    if isinstance(rule, HTTPRoute):
        if rule.delegate is not None:
            yield from _delegate(mesh, call, chosen, rule)
            return
        for says, path in _options(rule):
            yield Step("rule does", says, subject=subject, path=f"{at}.{path}" if path else at)
        if rule.redirect or rule.direct_response:
            what = "redirect" if rule.redirect else "directResponse"
            yield Step(
                "answer",
                f"the proxy answers itself ({what}): nobody behind it is asked",
                subject,
                f"{at}.{what}",
                is_end=True,
                decides="redirect" if rule.redirect else "direct response",
            )
            return
    if not rule.route:
        yield Step("route", "it has no destination: 404 NR", subject=subject, path=at, is_end=True)
    total = sum(r.weight for r in rule.route)
    for number, each in enumerate(rule.route):
        yield from _weighted(mesh, call, chosen, each, f"{at}.route[{number}]", total)


def _delegate(mesh: Mesh, call: Call, chosen: Chosen, rule: HTTPRoute) -> Iterator[Step]:
    found = delegate_of(mesh, chosen.virtual_service, rule)
    at = f"{chosen.path}.delegate"
    if found is None:
        yield Step(
            "delegate", "the VirtualService it delegates to does not exist: 404 NR", chosen.virtual_service.subject, at, is_end=True
        )
        return
    yield Step("delegate", f"{found.subject} decides", subject=chosen.virtual_service.subject, path=at)
    inner = msgspec.structs.replace(found, spec=msgspec.structs.replace(found.spec, gateways=chosen.virtual_service.spec.gateways))
    picked = yield from _rule_of(mesh, call, inner, is_http=True)
    if picked is not None and not (isinstance(picked.rule, HTTPRoute) and picked.rule.delegate):
        yield from _rule(mesh, call, picked)


def _options(rule: HTTPRoute) -> Iterator[tuple[str, str]]:
    """What a rule does besides choosing a destination."""
    if rule.timeout:
        yield f"timeout {rule.timeout}", "timeout"
    if rule.retries:
        on = rule.retries.retry_on or "the default conditions"
        each = f", {rule.retries.per_try_timeout} each" if rule.retries.per_try_timeout else ""
        yield f"{rule.retries.attempts} retries on {on}{each}", "retries"
    else:
        yield "2 retries on the default conditions (not configured)", ""
    if rule.fault:
        yield "a fault is injected", "fault"
    if rule.rewrite:
        yield f"rewritten: {', '.join(f'{k} {v}' for k, v in rule.rewrite.items())}", "rewrite"
    for number, mirror in enumerate(rule.mirrors):
        yield f"a copy goes to {mirror.destination.host}", f"mirrors[{number}]"
    if rule.mirror:
        yield f"a copy goes to {rule.mirror.host}", "mirror"


def _weighted(mesh: Mesh, call: Call, chosen: Chosen, each: RouteDestination, at: str, total: int) -> Iterator[Step]:
    share = "" if total == 0 else f"{100 * each.weight / total:.0f} % of the requests"
    if total and not each.weight:
        return
    host = fqdn(each.destination.host, chosen.virtual_service.namespace, mesh.cluster.domain).lower()
    target = msgspec.structs.replace(each.destination, host=host)
    subset = f", subset {target.subset}" if target.subset else ""
    says = f"to {host}{subset}{f', {share}' if share else ''}"
    found = [r for r in registered(mesh, host) if sees(mesh, call.namespace, r.origin)]
    subject = chosen.virtual_service.subject
    yield Step("route", says, subject=subject, path=f"{at}.destination")
    if not found:
        yield Step(
            "cluster", f"{host} is not in the registry of {call.namespace}: 503 NC", subject, f"{at}.destination.host", is_end=True
        )
        return
    yield from destination_steps(mesh, call, target, found, weight=share)
