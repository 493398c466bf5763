"""What is known of each problem: what it means, how it is found, the way out, and the codes other tools give it."""

from __future__ import annotations

import functools
import re
import tomllib
from importlib.resources import files
from typing import Literal

import msgspec

from meshdoctor.model.findings import Severity

Confidence = Literal["proof", "strong", "hint"]
RiskLevel = Literal["none", "low", "medium", "high"]
FixKind = Literal["guided", "manual", "last_resort"]

FAMILIES: tuple[str, ...] = (  # a family's place gives the first two digits of its codes: never reorder, only append
    *("INJ", "WH", "CP", "XDS", "PRX", "CRT", "MTL", "AZ", "JWT", "GW", "RT"),
    *("EG", "PR", "DNS", "MC", "AM", "UP", "OB", "PS", "EF", "GA", "OP"),
)

_PROBLEM = re.compile(r"([A-Z]+)-0(\d\d)", re.ASCII)
_CODE = re.compile(r"MD(\d\d)(\d\d)", re.ASCII)
FAMILY_NAMES = {
    "INJ": "injection",
    "WH": "webhooks",
    "CP": "control plane",
    "XDS": "configuration",
    "PRX": "proxies",
    "CRT": "certificates",
    "MTL": "mutual TLS",
    "AZ": "authorization",
    "JWT": "tokens",
    "GW": "gateways",
    "RT": "routes",
    "EG": "egress",
    "PR": "protocols",
    "DNS": "names",
    "MC": "several clusters",
    "AM": "ambient",
    "UP": "upgrades",
    "OB": "telemetry",
    "PS": "pod settings",
    "EF": "filters",
    "GA": "Gateway API",
    "OP": "operation",
}
"""What each family is about, in words."""


class PageFix(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A way out: commands with `${param}` where a name of the mesh goes."""

    title: str
    risk: RiskLevel
    kind: FixKind
    commands: tuple[str, ...]


class Page(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One problem, for an operator who has never met it."""

    id: str
    title: str
    severity: Severity
    confidence: Confidence
    codes: tuple[str, ...]  # of istioctl (IST) and Kiali (KIA), where they say the same
    means: str
    detect: str
    do: str
    risk: str
    rollback: str
    verify: str
    fix: tuple[PageFix, ...]
    docs: tuple[str, ...]
    asks: str = ""  # where no rule decides it: what only a person can answer, and where to look


class Advice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a finding means and what to do: the words of a problem's page, or of a rule that belongs to no problem."""

    means: str
    do: str


def advice(code: str, problem: str | None = None) -> Advice | None:
    """The words for a finding; nothing for rules of others, which bring none."""
    known = pages().get(problem or "")
    return Advice(known.means, known.do) if known else own_advice().get(code)


@functools.cache
def own_advice() -> dict[str, Advice]:
    """By code: the words for rules that belong to no problem."""
    text = tomllib.loads(files("meshdoctor").joinpath("pages", "own.toml").read_text("utf-8"))
    return {rule: Advice(entry["means"], entry["do"]) for entry in text["page"] for rule in entry["rules"]}


@functools.cache
def pages() -> dict[str, Page]:
    """All pages by problem, in the order of the families. Reading them takes some 25 ms, once."""
    found: dict[str, Page] = {}
    for family in FAMILIES:
        text = files("meshdoctor").joinpath("pages", f"{family.lower()}.toml").read_text("utf-8")
        for problem, fields in tomllib.loads(text).items():
            found[problem] = msgspec.convert({"id": problem, **fields}, Page)
    return found


def page(problem: str) -> Page:
    """The page of one problem; KeyError if there is none."""
    return pages()[problem]


def code_of(problem: str) -> str:
    """Our code of a problem: MTL-002 is MD0702; KeyError if it is no problem's name."""
    match = _PROBLEM.fullmatch(problem)
    if not match or match[1] not in FAMILIES:
        raise KeyError(problem)
    return f"MD{FAMILIES.index(match[1]) + 1:02}{match[2]}"


def problem_of(code: str) -> tuple[str, ...]:
    """The problems that a code names: one for ours (MD0702) and for a problem (MTL-002), any number for IST and KIA."""
    name = code.strip().upper()
    if match := _CODE.fullmatch(name):
        family = int(match[1])
        name = f"{FAMILIES[family - 1]}-0{match[2]}" if 0 < family <= len(FAMILIES) else ""
    return (name,) if name in pages() else _elsewhere().get(name, ())


@functools.cache
def _elsewhere() -> dict[str, tuple[str, ...]]:
    """The problems by the codes of other tools."""
    found: dict[str, tuple[str, ...]] = {}
    for problem, text in pages().items():
        for code in text.codes:
            found[code] = (*found.get(code, ()), problem)
    return found
