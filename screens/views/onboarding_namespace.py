"""One namespace on its way into the mesh: its checks with their proof, and its workloads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import ClassVar

from textual.binding import Binding, BindingType

from meshdoctor.model.findings import Status
from meshdoctor.model.onboarding import CheckResult, NamespaceResult, WorkloadResult
from meshdoctor.model.subject import Subject
from screens.seen import Seen, findings_by_id
from screens.text import Run, badge
from screens.views.document import DocumentView
from screens.views.onboarding import about_namespace, scanned
from screens.widgets.doc import LABEL, Item
from screens.widgets.listing import Listing

ORDER = (Status.FAIL, Status.ERROR, Status.UNKNOWN, Status.WARN, Status.PASS)
ROLES = {"in the mesh": ("●", "ok"), "partly": ("◐", "warn"), "to restart": ("◐", "warn"), "outside": ("○", "dim")}


class OnboardingNamespace(DocumentView):
    """The checks of one namespace, worst first."""

    about = "Every check with its answer and proof. enter opens the finding it rests on; y copies the command that shows it."
    labels = (LABEL, 0)
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "proof", id="onboarding_namespace.open", tooltip="the finding that the check rests on"),
        Binding(
            "E",
            "enrol",
            "enrol",
            id="onboarding_namespace.enrol",
            tooltip="the wizard, for it or the selected workload",
        ),
        Binding("S", "strict", "STRICT", id="onboarding_namespace.strict", tooltip="the wizard that ends plain text, for the same"),
        Binding("y", "copy", "copy command", id="onboarding_namespace.copy", tooltip="copy the command that shows it again"),
        Binding("e", "yaml", "YAML", id="onboarding_namespace.yaml", tooltip="the namespace as it is now"),
    ]

    def __init__(self, namespace: str) -> None:
        super().__init__()
        self.namespace = namespace

    @property
    def topic(self) -> Subject:
        return Subject(kind="Namespace", name=self.namespace)

    @property
    def crumb(self) -> str:
        return self.namespace

    def fill(self, seen: Seen) -> None:
        found = scanned(seen, (self.namespace,))
        result = found.namespaces[0] if found and found.namespaces else None
        if result is None:
            self.head.set_items([Item(f"The namespace {self.namespace} is not there.")])
            self.doc.set_items([])
            return
        self.head.set_items(about_namespace(result))
        self.doc.set_items([*_checks(result.checks), *_workloads(result)])

    async def on_listing_opened(self, event: Listing.Opened) -> None:
        event.stop()
        await self.action_open()

    @property
    def _check(self) -> CheckResult | None:
        payload = self.doc.item.payload if self.doc.item else None
        return payload if isinstance(payload, CheckResult) else None

    async def action_open(self) -> None:
        from screens.views.proof import Proof

        known = findings_by_id(self.seen.diagnosis if self.seen else None)
        found = next((known[i] for i in (self._check.findings if self._check else ()) if i in known), None)
        if found is not None:
            await self.boss.open(Proof(found))
        elif self._check is not None:
            evidence = next((e for e in self._check.evidence if e.quote or e.says), None)
            words = f"{evidence.says}: {evidence.quote}" if evidence else self._check.says
            self.boss.say(words, "dim")

    def action_copy(self) -> None:
        command = next((e.command for e in (self._check.evidence if self._check else ()) if e.command), "")
        if command:
            self.boss.copy(command, f"the command: {command}")
        else:
            self.boss.say("There is no command here.", "dim")

    @property
    def _workload(self) -> str:
        payload = self.doc.item.payload if self.doc.item else None
        return payload.subject.name if isinstance(payload, WorkloadResult) else ""

    async def action_enrol(self) -> None:
        from screens.views.enrolment import enrol

        await enrol(self, self.namespace, self._workload)

    async def action_strict(self) -> None:
        from screens.views.strict import strict

        await strict(self, f"{self.namespace}/{self._workload}" if self._workload else self.namespace)

    async def action_yaml(self) -> None:
        from screens.views.yaml import YamlView

        await self.boss.open(YamlView(Subject(kind="Namespace", name=self.namespace)))


def _checks(checks: Iterable[CheckResult]) -> Iterator[Item]:
    """The checks that apply, worst first, blocking ones before the others; then what does not apply, by the reason."""
    counting = [c for c in checks if c.status in ORDER]
    skipped: dict[str, list[str]] = {}
    for check in checks:
        if check.status is Status.SKIPPED:
            skipped.setdefault(check.says, []).append(check.id)
    for check in sorted(counting, key=lambda c: (ORDER.index(c.status), c.weight != "blocking")):
        yield from _check(check)
    for why, ids in skipped.items():
        yield Item((badge("SKIPPED"), Run(f"  {', '.join(ids)}: {why}", "dim")), key=f"skipped {ids[0]}", payload=why)


def _check(check: CheckResult) -> Iterator[Item]:
    mark = badge(str(check.status))
    head = (Run(f"{mark.text:<10}", mark.role), Run(f"{check.id:>3}  "), Run(check.title, "strong"))
    yield Item(head, note="blocks" if check.blocks else "", key=f"check {check.id}", payload=check)
    yield Item(check.says, "dim" if check.status is Status.PASS else "", indent=15)
    if check.do:
        yield Item(f"do: {check.do}", "dim", indent=15)


def _workloads(result: NamespaceResult) -> Iterator[Item]:
    if result.workloads:
        yield Item("")
        yield Item("WORKLOADS", "head")
    for workload in result.workloads:
        yield Item(_workload(workload), key=f"{workload.subject}", payload=workload)


def _workload(workload: WorkloadResult) -> tuple[Run, ...]:
    glyph, role = ROLES.get(workload.state, ("○", "dim"))
    share = "" if workload.pods is None else f"  {workload.in_mesh}/{workload.pods} in the mesh"
    by = f"  new pods by {workload.revision}" if workload.revision else ""
    return (
        Run(f"{glyph} {workload.state:<12}", role),
        Run(f"  {workload.subject.kind} {workload.subject.name}"),
        Run(share + by, "dim"),
    )
