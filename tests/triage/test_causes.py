"""What explains what, and what comes first."""

from __future__ import annotations

import msgspec

from meshdoctor.model.findings import HINT, PROOF, STRONG, Finding, Harm, Impact, Severity, Status, finding_id
from meshdoctor.model.pages import code_of, pages
from meshdoctor.model.subject import Subject
from meshdoctor.triage.causes import causes_of, explained_by, explains, table
from meshdoctor.triage.relations import RELATIONS

ISTIOD = Subject(group="apps", kind="Deployment", namespace="istio-d", name="istiod")
CART = Subject(group="apps", kind="Deployment", namespace="shop", name="cart")
RULE = Subject(group="networking.istio.io", kind="DestinationRule", namespace="shop", name="plain")
PAYMENT = Subject(kind="Service", namespace="bank", name="payment")


def found(
    problem: str,
    subject: Subject,
    *also: Subject,
    severity: Severity = "high",
    confidence: float = PROOF,
    harm: Harm | None = None,
) -> Finding:
    code = code_of(problem)
    return Finding(
        id=finding_id(code, subject, ""),
        code=code,
        problem=problem,
        status=Status.FAIL if severity in ("critical", "high") else Status.WARN,
        severity=severity,
        confidence=confidence,
        subject=subject,
        also=also,
        harm=harm,
    )


def problems(*findings: Finding) -> list[str]:
    return [c.problem for c in causes_of(findings)]


def test_the_table_names_known_problems_and_relations() -> None:
    for row in table():
        assert row.relation in RELATIONS
        assert {row.cause, *row.symptoms} <= set(pages())


def test_a_dead_istiod_explains_disconnected_proxies() -> None:
    dead = found("CP-001", ISTIOD, severity="critical")
    lost = [found("XDS-003", Subject(kind="Deployment", namespace="shop", name=n)) for n in "abc"]
    causes = causes_of([*lost, dead])
    assert [c.problem for c in causes] == ["CP-001"]
    assert set(causes[0].explains) == {f.id for f in lost}


def test_one_object_with_a_problem_in_several_places_is_one_cause() -> None:
    first = found("RT-002", RULE, severity="critical", harm=Harm(("shop/cart",), 2.0))
    second = msgspec.structs.replace(first, id="another", path="spec.http[1]", harm=Harm(("shop/web",), 3.0), severity="high")
    other = found("RT-001", PAYMENT)
    causes = causes_of([other, second, first])
    assert [(c.problem, c.finding, c.explains) for c in causes] == [("RT-002", first.id, ("another",)), ("RT-001", other.id, ())]
    assert causes[0].impact == Impact(("shop/cart", "shop/web"), 3.0)


def test_tls_switched_off_explains_the_failures_of_its_client_only() -> None:
    off = found("MTL-002", RULE, PAYMENT, severity="critical")
    here = found("RT-017", PAYMENT, severity="critical")
    elsewhere = found("RT-017", Subject(kind="Service", namespace="bank", name="ledger"), severity="critical")
    assert explains(off, here)
    assert not explains(off, elsewhere)
    assert not explains(here, off)


def test_what_is_explained_is_told_in_the_order_of_the_findings() -> None:
    services = [Subject(kind="Service", namespace="bank", name=f"s{n}") for n in range(12)]
    off = found("MTL-002", RULE, *services, severity="critical")
    failing = [found("RT-017", service, severity="critical") for service in services]
    assert explained_by([off, *failing])[off.id] == failing


def test_hints_and_information_are_no_causes() -> None:
    assert problems(found("RT-003", RULE, confidence=HINT), found("RT-004", CART, severity="info")) == []


def test_a_healthy_mesh_has_none() -> None:
    assert causes_of([]) == ()


def test_observed_harm_comes_before_latent_risk() -> None:
    latent = found("GW-004", PAYMENT, severity="critical")
    observed = found("AZ-001", RULE, severity="high", harm=Harm(("shop/cart",), 2.0))
    assert problems(latent, observed) == ["AZ-001", "GW-004"]


def test_the_harm_of_symptoms_is_the_cause_s() -> None:
    off = found("MTL-002", RULE, PAYMENT)
    fails = found("RT-017", PAYMENT, harm=Harm(("shop/cart",), 4.0))
    cause = causes_of([off, fails])[0]
    assert (cause.problem, cause.impact.requests_failed_per_s, cause.impact.workloads) == ("MTL-002", 4.0, ("shop/cart",))


def test_two_that_explain_each_other_leave_one() -> None:
    budget = Subject(group="policy", kind="PodDisruptionBudget", namespace="istio-d", name="istiod")
    gone = found("RT-022", PAYMENT, severity="critical")
    blind = found("OB-001", PAYMENT)
    assert len(problems(gone, blind)) == 1
    assert problems(found("CP-003", ISTIOD, budget, severity="medium"), found("OP-001", budget, ISTIOD, severity="medium")) == [
        "CP-003"
    ]


def test_thousands_of_findings_are_joined_quickly_enough_to_finish() -> None:
    many = [found("XDS-003", Subject(kind="Pod", namespace="shop", name=f"p{i}"), confidence=STRONG) for i in range(5000)]
    assert problems(*many, found("CP-001", ISTIOD, severity="critical")) == ["CP-001"]
