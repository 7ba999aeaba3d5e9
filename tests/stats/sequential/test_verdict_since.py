"""What comes after a decision, or after the advice to give up, stands beside it."""

from fairlift_stats.messages import Day
from fairlift_stats.sequential.looks import LookLog
from fairlift_stats.verdict import decide

from tests.stats.sequential.shop import CR, RPV, WEEK, daily, evidence, look, plan


def test_advice_to_give_up_keeps_its_words_and_says_that_the_campaign_still_runs() -> None:
    once = decide(plan(), daily(plan(), [*WEEK, -0.5]))
    later = decide(plan(), daily(plan(), [*WEEK, -0.5, 1.0, 1.5]))
    ended = decide(plan(), daily(plan(), [*WEEK, -0.5, *[1.5] * 7]))

    assert later.sentence() == ended.sentence() == once.sentence()
    assert (once.news(), later.advised_day) == ((), 7)
    assert later.news() == ("Advised to stop on November 8; still running on November 10.",)
    assert ended.news() == (
        "Advised to stop on November 8; the campaign ended on November 15 without a winner.",
    )
    assert ended.next_due is None


def test_what_comes_after_a_win_stands_beside_it_and_changes_nothing() -> None:
    once = decide(plan(), daily(plan(), [*WEEK, 4.0]))
    since = decide(plan(), daily(plan(), [*WEEK, 4.0, *[3.0] * 6, 3.5]))
    turned = decide(plan(), daily(plan(), [*WEEK, 4.0, 1.0, -1.0, -4.5]))

    for later in (since, turned):
        assert (later.kind, later.number, later.sentence()) == (
            once.kind, once.number, once.sentence()
        )  # fmt: skip
        assert later.reasons == once.reasons
        assert later.facts == once.facts
        assert later.decided_day == 7
    assert [message.key for message in since.since] == ["since.figure"]
    assert since.since[0].figure("day") == Day("2026-11-15")
    assert [message.key for message in turned.since] == ["since.harm", "since.turned"]
    assert "has shown harm: coupon makes conversion rate worse" in turned.news()[0]


def test_news_of_a_winner_names_a_guardrail_that_was_harmed_since() -> None:
    made = plan(metrics=(CR, RPV))
    log = LookLog.begin(made)
    for day, rail_z in ((7, 9.0), (8, -90.0)):
        won = evidence("conversion_rate", "coupon", 4.0, day)
        rail = evidence("revenue_per_visitor", "coupon", rail_z, day, se=0.02, control=2.0)
        # On the second day conversion cannot be compared: there is no figure of it to tell.
        log = log.add(made, look(made, day, *((won, rail) if day == 7 else (rail,))))

    verdict = decide(made, log)

    assert (verdict.kind, verdict.decided_day) == ("ship", 7)
    assert [message.key for message in verdict.since] == ["since.harm"]
    assert "revenue per visitor" in verdict.news()[0]
