"""What each format says, and that no text of a mesh becomes markup, a command or a link."""

from __future__ import annotations

import json
import os
import re
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree as ET

import jsonschema
import msgspec

from meshdoctor.model.findings import Diagnosis
from meshdoctor.reports import github, html, junit, markdown, sarif, schema, text
from tests.reports.diagnoses import diagnosis, hostile
from tests.reports.sarif_schema import LOG


def test_sarif_fits_its_schema_and_names_file_and_line() -> None:
    log = json.loads(sarif.findings(diagnosis()))
    jsonschema.validate(log, LOG)
    if whole := os.environ.get("MESHDOCTOR_SARIF_SCHEMA"):
        jsonschema.validate(log, json.loads(Path(whole).read_text()))
    (run,) = log["runs"]
    results = {(r["ruleId"], "suppressions" in r): r for r in run["results"]}
    place = results["MD5401", False]["locations"][0]["physicalLocation"]
    assert place == {"artifactLocation": {"uri": "mesh/cart%20service.yaml"}, "region": {"startLine": 5, "startColumn": 17}}
    assert results["MD5401", True]["suppressions"][0]["justification"] == "old & <known> (until 2026-12-31)"
    assert (results["MD1101", False]["kind"], results["MD1101", False]["level"]) == ("open", "none")
    rule = run["tool"]["driver"]["rules"][results["MD1101", False]["ruleIndex"]]
    assert (rule["id"], "RT-001" in rule["properties"]["tags"], len(rule["help"]["text"]) > 50) == ("MD1101", True, True)


def test_sarif_of_nothing_and_of_hostile_text() -> None:
    for found in (diagnosis("apiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n"), hostile()):
        jsonschema.validate(json.loads(sarif.findings(found)), LOG)


def test_junit_has_one_case_a_rule() -> None:
    found = diagnosis()
    root = ET.fromstring(junit.findings(found))
    cases = {c.get("classname"): c for c in root.iter("testcase")}
    assert len(cases) == len(found.checks) == int(root.get("tests", ""))
    broken, route = cases["meshdoctor.MD5401"], cases["meshdoctor.MD1101"]
    failure = broken.find("failure")
    assert failure is not None
    assert "cart service.yaml:5:17" in (failure.text or "")
    assert (route.find("failure"), route.find("skipped") is not None) == (None, True)
    assert int(root.get("failures", "")) == sum(c.find("failure") is not None for c in cases.values()) == 2


def test_junit_fails_on_warnings_only_when_strict() -> None:
    twice = "apiVersion: v1\nkind: Service\nmetadata: {name: a}\n"
    found = diagnosis(f"{twice}---\n{twice}")
    assert [int(ET.fromstring(junit.findings(found, strict=s)).get("failures", "")) for s in (False, True)] == [0, 1]
    assert "system-out" in junit.findings(found)


def test_junit_of_hostile_text_parses() -> None:
    assert ET.fromstring(junit.findings(hostile())).get("name") == "meshdoctor"


def test_github_has_one_command_a_finding() -> None:
    lines = github.findings(diagnosis()).splitlines()
    assert all(re.match(r"::(error|warning|notice) ", line) for line in lines)
    assert any(line.startswith("::error file=mesh/cart service.yaml,line=5,col=17,title=MD5401 IST0106 ") for line in lines)
    assert "1 findings suppressed" in lines[-1]


def test_github_properties_cannot_be_left() -> None:
    line = next(x for x in github.findings(hostile()).splitlines() if "a%2Cb%3Ac%25d.yaml" in x)
    head, _, message = line.removeprefix("::").partition("::")
    assert head.startswith("error file=a%2Cb%3Ac%25d.yaml,line=")
    assert "%250A" in message
    assert "\x1b" not in line


def test_markdown_keeps_hostile_text_as_text() -> None:
    said = markdown.findings(hostile())
    rows = [line for line in said.splitlines() if line.startswith("| FAIL")]
    assert rows
    for row in rows:
        bare = re.sub(r"\\.", "", row)  # what is left once escaped signs are gone
        assert not re.search(r"[`*\[<]|@\w|://|#\d", bare)
        assert bare.count("|") == 6


def test_markdown_tells_what_was_suppressed() -> None:
    said = markdown.findings(diagnosis())
    assert "1 suppressed" in said
    assert "old \\& \\<known\\>" in said


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        assert not [name for name, _ in attrs if name.startswith("on") or name in {"href", "src"}]


def test_html_is_static_and_escaped() -> None:
    for found in (diagnosis(), hostile()):
        page = Tags()
        page.feed(html.findings(found))
        assert "script" not in page.seen
        assert {"table", "style"} <= page.seen
    assert "old &amp; &lt;known&gt;" in html.findings(diagnosis())


def test_text_shows_the_line_and_a_mark_below_it() -> None:
    said = text.findings(diagnosis(), line=lambda _, number: f"spec: line {number} of the file")
    lines = said.splitlines()
    shown = lines.index("           5 | spec: line 5 of the file")
    assert lines[shown + 1].index("^") - lines[shown].index("spec") == 16
    assert "1 suppressed" in said
    assert "\x1b" not in text.findings(hostile())


def test_json_lists_what_was_suppressed_and_fits_its_types() -> None:
    told = json.loads(schema.encode(schema.findings(diagnosis())))
    (item,) = told["suppressed"]
    assert (item["finding"]["code"], item["until"], item["reason"]) == ("MD5401", "2026-12-31", "old & <known>")
    assert told["known"] == 0
    jsonschema.validate(told | {"schema": schema.DIAGNOSIS, "causes": []}, schema.published())


def test_every_format_says_the_same_faults() -> None:
    found: Diagnosis = diagnosis()
    for said in (sarif.findings(found), junit.findings(found), github.findings(found), html.findings(found), text.findings(found)):
        assert "MD5400" in said
        assert "MD5401" in said


def test_text_tells_the_first_and_counts_the_rest() -> None:
    ports = "---\n".join(
        f"apiVersion: v1\nkind: Service\nmetadata: {{name: s{n}}}\nspec: {{ports: [{{port: many}}]}}\n" for n in range(510)
    )
    told = text.findings(diagnosis(ports))
    assert "and 10 more findings (-o json has them all):" in told
    assert told.splitlines()[-3].split(maxsplit=2)[:2] == ["10", "MD5401"]


def test_a_large_document_is_not_indented() -> None:
    assert "\n" in schema.encode({"a": [1]})
    large = {"a": ["x" * (schema.READ + 1)]}
    assert schema.encode(large) == msgspec.json.encode(large).decode()


def test_json_in_pieces_is_the_same() -> None:
    small = schema.diagnosis(diagnosis())
    large = small | {"findings": diagnosis().findings * 4_000}  # past the length that is indented
    for found in (small, large):
        assert b"".join(schema.pieces(found)) == schema.encode(found).encode()
    assert len(list(schema.pieces(large))) > 2
