"""What stands in the way is refused in whole sentences."""

from __future__ import annotations

import pytest

from meshdoctor.commands.obstacles import refuse_blocked
from meshdoctor.enrolment.blockers import Blocker
from meshdoctor.fixes.engine import Refused

ONE = Blocker("shop/web", "A caller would break", "it sends plain text", "")


@pytest.mark.parametrize(("do", "told"), [("", "Accept it by name"), ("Enrol it first.", "Enrol it first. Or accept it by name")])
def test_what_to_do_about_it(do: str, told: str) -> None:
    with pytest.raises(Refused) as why:
        refuse_blocked([Blocker(ONE.id, ONE.title, ONE.says, do), ONE], [])
    assert why.value.refusal.do == f"{told}: --force shop/web"
    assert why.value.refusal.says == "A caller would break: it sends plain text. And 1 more."


def test_what_was_accepted_is_no_obstacle() -> None:
    refuse_blocked([ONE], ["shop/web"])
