"""What a manager asks: one line for the worth, one for the dates, and no dates said twice."""

from fairlift.v1 import results_service_pb2 as pb

from tests.cli.reports import report, shown

WORTH = "Showing Envío gratis to all visitors is worth €1,204 a week."
DATES = "Chance of a decision: 50% by December 2 and 80% by December 9."


def asked() -> pb.Report:
    found = report()
    found.verdict.kind = pb.VERDICT_KIND_KEEP_GOING
    found.verdict.reasons.add(code="chances", sentence="20% by then.")
    found.verdict.reasons.add(code="end", sentence="The plan ends on December 9.")
    found.worths.add(
        variant="free", weekly=1_204.0, sentence=WORTH, assumptions="It assumes 1,400 visitors."
    )
    found.forecast.sentence = DATES
    return found


def one_line(text: str) -> str:
    return " ".join(text.split())


def test_worth_and_dates_stand_between_the_action_and_the_reasons() -> None:
    text = one_line(shown(asked()))

    start = text.index("What to do:")
    order = [WORTH, "It assumes 1,400 visitors.", DATES, "The boundary was crossed"]
    places = [text.index(each, start) for each in order]
    assert places == sorted(places)
    # The dates are in the forecast.
    assert "20% by then" not in text
    assert "The plan ends on" not in text


def test_of_several_treatments_the_verdict_s_is_told_or_else_the_best() -> None:
    found = asked()
    found.worths.add(variant="popup", weekly=1_500.0, sentence="Popup: €1,500 a week.")

    best = shown(found)
    found.verdict.variant = "free"
    spoken = shown(found)

    assert "Popup: €1,500 a week." in best
    assert WORTH in one_line(spoken)
    assert "Popup" not in spoken


def test_a_report_without_them_has_neither_and_keeps_its_reasons() -> None:
    found = asked()
    found.ClearField("worths")
    found.ClearField("forecast")

    text = shown(found)

    assert "a week" not in text
    assert "The plan ends on December 9." in text


def test_a_missing_forecast_is_told_where_nothing_else_says_it() -> None:
    found = asked()
    found.forecast.sentence = "When a decision will come cannot be said: why."
    for reason, is_told in (
        (pb.NO_FORECAST_REASON_NO_TRAFFIC, True),
        (pb.NO_FORECAST_REASON_WAITS, False),
        (pb.NO_FORECAST_REASON_NO_EVIDENCE, False),
    ):
        found.forecast.no_forecast_reason = reason
        assert ("cannot be said: why" in shown(found)) == is_told
