"""The knowledge pages: complete, well-formed, and true to the reference where that is present."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import msgspec
import pytest

from meshdoctor.model.pages import FAMILIES, Page, code_of, own_advice, page, pages, problem_of
from probes.registry import all_probes

REFERENCE = Path(__file__).parents[2] / "shared" / "reference" / "problems.json"
PARAM = re.compile(r"\$\{([^}]*)\}")


def texts(page: Page) -> list[str]:
    return [page.title, page.means, page.detect, page.do, page.risk, page.rollback, page.verify] + [
        text for fix in page.fix for text in (fix.title, *fix.commands)
    ]


def test_there_are_182_pages_in_the_order_of_the_families() -> None:
    families = [problem.partition("-")[0] for problem in pages()]
    assert len(pages()) == 182
    assert families == sorted(families, key=FAMILIES.index)
    assert list(dict.fromkeys(families)) == list(FAMILIES)


def test_each_problem_has_a_rule_or_says_why_a_person_must_decide() -> None:
    ruled = {p.problem for p in all_probes()}
    assert {problem for problem, text in pages().items() if not text.asks} - ruled == set()
    assert {problem for problem, text in pages().items() if text.asks} & ruled == set()
    assert all(text.asks.endswith(".") for text in pages().values() if text.asks)


def test_rules_that_belong_to_no_problem_have_their_words() -> None:
    ours = {p.code for p in all_probes() if p.problem is None and p.rule.__module__.startswith("probes.")}
    assert ours == set(own_advice())
    assert all(words.means.endswith(".") and words.do.endswith(".") for words in own_advice().values())


def test_every_field_is_filled() -> None:
    for text in pages().values():
        assert [part for part in texts(text) if not part or part != part.strip()] == [], text.id
        assert text.fix, text.id
        assert text.docs, text.id
        assert all(fix.commands for fix in text.fix), text.id


def test_titles_stand_alone_as_headlines() -> None:
    titles = Counter(text.title for text in pages().values())
    assert [title for title, n in titles.items() if n > 1] == []
    assert [title for title in titles if len(title) >= 60 or title.endswith(".")] == []
    assert [title for title in titles if title[0].islower() and not title.startswith(("istiod ", "gRPC "))] == []


def test_prose_is_short_and_ends_as_sentences_do() -> None:
    for text in pages().values():
        for prose, most in ((text.means, 3), (text.detect, 3), (text.do, 2), (text.risk, 1), (text.verify, 1)):
            assert prose.endswith("."), (text.id, prose)
            assert len(re.findall(r"[.!?](?: [A-Z]|$)", prose)) <= most, (text.id, prose)
        assert re.match(r"(None|Low|Medium|High): \S", text.risk), text.id


def test_codes_are_well_formed() -> None:
    for text in pages().values():
        assert [code for code in text.codes if not re.fullmatch(r"(IST|KIA)\d{4}", code)] == [], text.id
        assert len(set(text.codes)) == len(text.codes), text.id


def test_placeholders_are_lower_snake_and_no_other_dollar_is_left() -> None:
    for text in pages().values():
        for part in texts(text):
            assert all(re.fullmatch(r"[a-z][a-z0-9_]*", name) for name in PARAM.findall(part)), (text.id, part)
            assert "${" not in PARAM.sub("", part), (text.id, part)


def test_pages_name_no_place_outside_the_product() -> None:
    for text in pages().values():
        for part in (*texts(text), *text.docs):
            assert not re.search(r"\bseed\b|src:|/work/|/tmp/|\bADJUSTED\b", part, re.IGNORECASE), (text.id, part)
        assert all(re.fullmatch(r"https://\S+", link) for link in text.docs), text.id


def test_severity_and_codes_are_those_of_the_reference() -> None:
    if not REFERENCE.is_file():
        pytest.skip("the reference problems.json is not beside this checkout")
    reference = {problem["id"]: problem for problem in json.loads(REFERENCE.read_text("utf-8"))}
    assert list(pages()) == list(reference)
    for problem, text in pages().items():
        detection = reference[problem]["detection"]
        assert (text.severity, text.confidence) == (reference[problem]["severity"], detection["confidence"]), problem
        assert {code for code in text.codes if code.startswith("IST")} == set(detection["istio_analysis_codes"])


def test_a_problem_and_its_code_name_each_other() -> None:
    assert code_of("INJ-001") == "MD0101"
    assert code_of("MTL-002") == "MD0702"
    assert code_of("RT-022") == "MD1122"
    assert code_of("OP-004") == "MD2204"
    for problem in pages():
        assert problem_of(code_of(problem)) == problem_of(problem.lower()) == (problem,)
        assert page(problem) is pages()[problem]
    for name in ("NO-001", "MTL", "MTL-2", ""):
        with pytest.raises(KeyError):
            code_of(name)


@pytest.mark.parametrize(
    ("code", "problems"),
    [
        ("md0702", ("MTL-002",)),
        ("ist0123", ("INJ-004", "AM-008")),
        ("KIA1107", ("RT-002",)),
        ("KIA0203", ("RT-003",)),
        ("mtl-002", ("MTL-002",)),
        ("MD0799", ()),
        ("MD0001", ()),
        ("MD9901", ()),
        ("IST9999", ()),
        ("nonsense", ()),
        ("", ()),
    ],
)
def test_problems_are_found_by_any_code(code: str, problems: tuple[str, ...]) -> None:
    assert problem_of(code) == problems


def test_unknown_and_missing_fields_are_errors() -> None:
    fields = msgspec.to_builtins(page("MTL-002"))
    assert msgspec.convert(fields, Page) == page("MTL-002")
    with pytest.raises(msgspec.ValidationError, match="unknown field"):
        msgspec.convert({**fields, "rule": ""}, Page)
    del fields["verify"]
    with pytest.raises(msgspec.ValidationError, match="missing required field"):
        msgspec.convert(fields, Page)
