"""A training drill: a fault that is hidden in a recorded mesh, hints for points, and a score."""

from __future__ import annotations

import re

import msgspec

from meshdoctor.model.findings import Cause, Diagnosis
from meshdoctor.model.pages import FAMILY_NAMES
from meshdoctor.model.subject import Subject

FULL = 100
HINT_COSTS, WRONG_COSTS = 15, 10
PROBLEM_WORTH = 30  # of the points: the object is the rest
NOTHING = "nothing"
_PROBLEM = re.compile(r"[A-Z]{2,4}-\d{3}")


class Verdict(msgspec.Struct, frozen=True):
    """What an answer was: `solved` ends the drill, `says` is told to who answered."""

    solved: bool
    says: str


class Drill(msgspec.Struct):
    """One drill. `causes` is what is really wrong, the worst first; none where the mesh is sound."""

    causes: tuple[Cause, ...]
    hints: int = 0
    wrong: int = 0
    lost: int = 0  # points that a half answer cost

    @property
    def score(self) -> int:
        """Points that are left, 0 to 100."""
        return max(0, FULL - HINT_COSTS * self.hints - WRONG_COSTS * self.wrong - self.lost)

    @property
    def reported(self) -> str:
        """What the people who called say: harm that was seen, not its cause."""
        hurt = [w for cause in self.causes if cause.observed for w in cause.impact.workloads]
        rates = [cause.impact.requests_failed_per_s for cause in self.causes if cause.observed]
        failed = max((rate for rate in rates if rate is not None), default=None)
        who = f"trouble at {', '.join(dict.fromkeys(hurt))}" if hurt else "nobody could say who suffers, or whether anybody does"
        return f"{who}{f'; about {failed:.1f} requests fail each second' if failed else ''}."

    def hint(self) -> str:
        """The next hint, from far to near; the last one names the object."""
        known = self._hints()
        if self.hints >= len(known):
            return "There are no more hints."
        said = known[self.hints]
        self.hints += 1
        return said

    def _hints(self) -> tuple[str, ...]:
        if not self.causes:
            return ("Is anything failing at all? Compare what istiod sent with what the proxies took.", "Trust what you saw.")
        cause = self.causes[0]
        family = FAMILY_NAMES.get(cause.problem.partition("-")[0], "")
        look = next((e.command for e in cause.evidence if e.command), "")
        return tuple(
            hint
            for hint in (
                f"It is about {family}." if family else "",
                f"Look at {cause.subject.kind} objects{f' in {cause.subject.namespace}' if cause.subject.namespace else ''}.",
                f"This shows it: {look}" if look else "",
                f"{cause.title}: {cause.subject}.",
            )
            if hint
        )

    def answer(self, text: str) -> Verdict:
        """Judge `KIND/NS/NAME`, with the problem's id before or behind it for all points, or `nothing`."""
        words = text.split()
        if [w.lower() for w in words] == [NOTHING]:
            return self._nothing()
        problem = next((w.upper() for w in words if _PROBLEM.fullmatch(w.upper())), "")
        named = next((w for w in words if w.count("/") == 2), "")
        if not named and not problem:
            return Verdict(False, f"An answer is KIND/NAMESPACE/NAME, a problem's id, or both; or {NOTHING!r}. It cost nothing.")
        right = next((c for c in self.causes if _is(c.subject, named)), None)
        if right is None or not named:
            return self._elsewhere(problem, named)
        if problem and problem != right.problem:
            self.wrong += 1
            return Verdict(False, f"The object is right; {problem} is not what is wrong with it.")
        if not problem:
            self.lost = PROBLEM_WORTH
        return Verdict(True, f"Right: {right.problem} {right.title}. {right.summary}")

    def _nothing(self) -> Verdict:
        if not self.causes:
            return Verdict(True, "Right: nothing is wrong with this mesh.")
        self.wrong += 1
        return Verdict(False, "No: something is wrong.")

    def _elsewhere(self, problem: str, named: str) -> Verdict:
        """The object is not the one: say what of the answer is right."""
        if problem and any(c.problem == problem for c in self.causes):
            self.wrong += bool(named)
            return Verdict(False, f"{problem} it is. At which object?" if not named else f"{problem} it is, at another object.")
        self.wrong += 1
        return Verdict(False, "No.")

    @property
    def solution(self) -> str:
        """What was wrong."""
        if not self.causes:
            return "Nothing is wrong with this mesh."
        return "\n".join(f"{c.problem} {c.subject}: {c.title}. {c.summary}" for c in self.causes[:3])


def drill_of(diagnosis: Diagnosis) -> Drill:
    """The drill that a mesh is: its causes that are seen to harm, else all of them."""
    observed = tuple(c for c in diagnosis.causes if c.observed)
    return Drill(observed or diagnosis.causes)


def _is(subject: Subject, named: str) -> bool:
    kind, _, rest = named.partition("/")
    namespace, _, name = rest.partition("/")
    return (kind.lower(), namespace, name) == (subject.kind.lower(), subject.namespace, subject.name)
