"""The plan of an enrolment: its waves, what is left out, what stands in the way, and that nothing else changes."""

from __future__ import annotations

import difflib
from functools import cached_property

from meshdoctor.enrolment import blockers as find
from meshdoctor.enrolment import ways
from meshdoctor.enrolment.blockers import Blocker
from meshdoctor.enrolment.others import Compared, Turn, compared, turns
from meshdoctor.enrolment.supposed import injected, labelled, only
from meshdoctor.enrolment.waves import Wave, is_in, label_wave, own_wave, sorted_out, workload_waves
from meshdoctor.enrolment.ways import Way
from meshdoctor.model.cluster import Namespace
from meshdoctor.model.errors import ClusterError, UsageError
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.sources import Unseen
from meshdoctor.model.subject import Subject
from meshdoctor.onboarding.workloads import Unit, units_of


class Enrolment:
    """One namespace, or one workload of it, and the mesh as it is. Its parts are worked out when they are asked for.

    Raises UsageError where there is no such namespace or workload, or no webhook would inject it; ClusterError where
    namespaces, pods or workloads were not read.
    """

    def __init__(self, mesh: Mesh, namespace: str, workload: str = "", revision: str = "") -> None:
        self.mesh, self.wanted = mesh, revision
        try:
            self.namespace = _namespace(mesh, namespace)
            self.units = units_of(mesh, namespace)
            self.unit = _unit(self.units, namespace, workload) if workload else None
            self.way = self._way()
            self.able, self.left = sorted_out(mesh, (self.unit,) if self.unit else self.units, self.way.revision)
        except Unseen as unseen:
            reason = unseen.source.reason or unseen.source.state
            raise ClusterError(f"{unseen.source.name} could not be read: {reason}.", "Nothing is written blindly.") from unseen
        if self.unit is not None and self.left:
            raise UsageError(f"{self.unit.subject} cannot be taken in: {self.left[0].why}.")

    def _way(self) -> Way:
        if self.unit is None:
            return ways.of_namespace(self.mesh, self.namespace, self.wanted)
        return ways.of_workload(self.mesh, self.namespace, str(self.unit.subject), self.unit.template, self.wanted)

    @property
    def about(self) -> Subject:
        """The namespace or the workload."""
        return self.unit.subject if self.unit else self.namespace.subject

    @property
    def argument(self) -> str:
        """How it is named to the command."""
        return f"{self.namespace.name} {self.unit.subject.name}" if self.unit else self.namespace.name

    @property
    def again(self) -> str:
        """The command that goes on with it."""
        revision = f" --revision {self.wanted}" if self.wanted else ""
        return f"meshdoctor enrol {self.argument}{revision} --write"

    @cached_property
    def waves(self) -> tuple[Wave, ...]:
        """What is left to do, in order; none where all are in."""
        if self.unit is not None:
            return () if is_in(self.unit, self.way.revision) else (own_wave(self.unit, self.way),)
        first = (label_wave(self.namespace.subject, self.way),) if self.way.add else ()
        return (*first, *workload_waves(self.able, self.way.revision))

    @property
    def own(self) -> frozenset[Subject]:
        """The workloads that it is about: what becomes of them is no surprise. A namespace's label is about all of its own."""
        return frozenset(u.subject for u in ((self.unit,) if self.unit else self.units))

    @cached_property
    def after(self) -> Mesh:
        """The mesh as it would be."""
        return injected(self._labelled, self.able, self.way.revision)

    @cached_property
    def _labelled(self) -> Mesh:
        return labelled(self.mesh, self.namespace, self.way, self.unit)

    @cached_property
    def others(self) -> Compared:
        """Every other workload as it is, against the mesh as it would be."""
        return compared(self.mesh, self.after, self.own)

    @cached_property
    def turned(self) -> tuple[Turn, ...]:
        """What becomes of the calls to and from those that are taken in."""
        try:
            return turns(self.mesh, self.after, self.own)
        except Unseen:
            return ()  # said among what could not be compared

    @cached_property
    def _checked(self) -> tuple[tuple[Blocker, ...], tuple[Blocker, ...]]:
        before, after = self.mesh, self._labelled
        if self.unit is not None:
            unit = self.unit
            before, after = only(before, unit), only(after, unit)
        return find.of_checks(before, after, self.namespace.name)

    @cached_property
    def blockers(self) -> tuple[Blocker, ...]:
        """What stands in the way; nothing where all are in already."""
        if not self.waves:
            return ()
        try:
            policies = tuple(find.of_policies(self.after, self.able, self.turned))
        except Unseen as unseen:
            says = str(unseen)
            policies = (
                Blocker("unseen", "Policies could not be read", says, "Without them nobody can say what they would refuse."),
            )
        found = (
            *find.of_namespace(self.mesh, self.namespace),
            *self._checked[0],
            *policies,
            *find.of_pairs(self.turned),
            *find.of_ports(self.after, self.able),
            *self._surprises(),
        )
        return tuple(dict.fromkeys(found))

    def _surprises(self) -> tuple[Blocker, ...]:
        return tuple(Blocker("others", "Another workload would change", d, "Look at it first.") for d in self.others.differences)

    @property
    def known(self) -> tuple[Blocker, ...]:
        """What does not block, and is to be known."""
        return self._checked[1]

    def left_words(self) -> tuple[str, ...]:
        """What no wave is about, in words."""
        return tuple(f"{one.subject}: {one.why}" for one in self.left)


def _namespace(mesh: Mesh, name: str) -> Namespace:
    found = mesh[Namespace].get("", name)
    if found is None:
        near = difflib.get_close_matches(name, [n.name for n in mesh[Namespace]], 3, 0.5)
        raise UsageError(f"There is no namespace {name!r}.", do=f"Near: {', '.join(near)}." if near else "")
    return found


def _unit(units: tuple[Unit, ...], namespace: str, text: str) -> Unit:
    """A workload by NAME or KIND/NAME."""
    kind, _, name = text.rpartition("/")
    fits = [u for u in units if u.subject.name == name and kind.lower() in ("", u.subject.kind.lower())]
    if len(fits) == 1:
        return fits[0]
    known = ", ".join(f"{u.subject.kind}/{u.subject.name}" for u in units)
    says = f"No workload {text!r} runs" if not fits else f"Several workloads are named {text!r}"
    raise UsageError(f"{says} in namespace {namespace}.", do=f"There are: {known}." if known else "")
