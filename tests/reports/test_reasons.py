"""Why a rule says what it says, as people and as programs read it."""

from __future__ import annotations

import json

from engine.builders import rule
from factories import app, known, machine, make, running

from doctor.cause import Cause
from doctor.engine import answers
from doctor.facts.value import Unknown
from doctor.reports import as_json, reasons
from doctor.reports.layout import plain
from doctor.servers.gunicorn.model import Settings

RULE = rule("let:\n  few: app.gunicorn.settings.workers < 2\n", expect="not few and app.name != 'blog'")
WORKERS = known(1, "/etc/shop.service", 12, "--workers 1")
FACTS = machine(
    app(gunicorns=(running(settings=make(Settings, workers=WORKERS)),)),
    app("blog", gunicorn=Unknown("permission denied", Cause.AMBIGUOUS)),
)


def test_in_words() -> None:
    text = plain(reasons.lines(RULE, answers.why(RULE, FACTS), 100))
    for words in (
        "GUN900 test-rule · shop\n     let    few: app.gunicorn.settings.workers < 2\n            is yes\n",
        "            app.gunicorn.settings.workers = 1 (/etc/shop.service:12)\n",
        "   case 1: fail\n     expect not few\n            is no\n",
        "GUN900 test-rule · blog\n",
        "            is unknown: permission denied\n",
    ):
        assert words in text


def test_as_data() -> None:
    told = json.loads(as_json.dumps(reasons.as_data(RULE, answers.why(RULE, FACTS))))
    assert (told["rule"], told["name"]) == ("GUN900", "test-rule")
    shop, blog = told["subjects"]
    [few] = shop["let"]
    assert (few["role"], few["name"], few["value"], few["unknown"]) == ("let", "few", True, None)
    [fact] = few["facts"]
    assert (fact["fact"], fact["value"], fact["unknown"]) == ("app.gunicorn.settings.workers", "1", None)
    assert (fact["places"][0]["path"], fact["places"][0]["line"]) == ("/etc/shop.service", 12)
    assert [condition["text"] for condition in shop["cases"][0]["conditions"]] == ["not few", "app.name != 'blog'"]
    assert shop["cases"][0]["outcome"] == "fail"
    assert (blog["let"][0]["value"], blog["let"][0]["unknown"]) == (None, "permission denied")


def test_of_nothing() -> None:
    assert plain(reasons.lines(RULE, (), 100)) == "There is no app that it could be asked of.\n"
