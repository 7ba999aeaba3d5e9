"""What comes after a decision, or after the advice to give up, stands beside it."""

import math
from dataclasses import replace

import pytest
from fairlift_stats.messages import Day, Percent, Points
from fairlift_stats.sequential.anytime.counts import prior_strength
from fairlift_stats.sequential.looks import LookLog
from fairlift_stats.verdict import decide

from tests.stats.sequential.shop import CR, RPV, WEEK, daily, evidence, look, plan


def test_advice_to_give_up_keeps_its_words_while_the_campaign_still_runs() -> None:
    once = decide(plan(), daily(plan(), [*WEEK, -0.5]))
    later = decide(plan(), daily(plan(), [*WEEK, -0.5, 1.0, 1.5]))
    ended = decide(plan(), daily(plan(), [*WEEK, -0.5, *[1.5] * 7]))

    assert later.sentence() == once.sentence()
    assert (once.news(), later.advised_day) == ((), 7)
    assert later.news() == ("Advised to stop on November 8; still running on November 10.",)
    # When it is over the advice is of the past: nobody can win "by the end" any more.
    assert (ended.kind, ended.advised_day, ended.next_due) == ("stop_futile", 7, None)
    assert ended.news() == ()
    assert ended.number == once.number
    chance = once.headline.figure("chance")
    assert isinstance(chance, Percent)
    assert ended.sentence() == (
        "The campaign ended on November 15 without a winner. On November 8 the plan advised to "
        f"stop: even with the effect you planned for, coupon had a chance of at most "
        f"{100 * chance.value:.0f}% to win by the end."
    )


@pytest.mark.parametrize("language", ["en", "es", "ro"])
def test_advice_that_a_stop_by_hand_followed_is_told_with_the_day_of_the_stop(
    language: str,
) -> None:
    log = daily(plan(), [*WEEK, -0.5])
    stopped = look(plan(), 12, evidence("conversion_rate", "coupon", 0.1, 12))
    log = log.add(plan(), replace(stopped, closing="stopped", stopped_on="2026-11-10"))

    ended = decide(plan(), log)

    assert (ended.kind, ended.cause) == ("stop_futile", "hopeless")
    told = dict(ended.headline.figures)
    assert (told["day"], told["last"]) == (Day("2026-11-08"), Day("2026-11-10"))
    assert "10" in ended.sentence(language)


def test_advice_that_came_while_the_last_visitors_matured_does_not_come_after_the_end() -> None:
    log = daily(plan(), [*WEEK, -0.5])
    stopped = look(plan(), 12, evidence("conversion_rate", "coupon", 0.1, 12))
    log = log.add(plan(), replace(stopped, closing="stopped", stopped_on="2026-11-05"))

    told = dict(decide(plan(), log).headline.figures)

    assert told["day"] == told["last"] == Day("2026-11-08")


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


def test_harm_at_the_look_right_after_a_win_is_news_and_that_of_another_arm_is_not() -> None:
    made = plan(arms=("control", "a", "b"), futility=None)

    def after(**zs: float) -> list[str]:
        log = LookLog.begin(made)
        for day, by_arm in ((7, {"a": 4.5, "b": 0.0}), (8, zs)):
            found = (evidence("conversion_rate", arm, z, day) for arm, z in by_arm.items())
            log = log.add(made, look(made, day, *found))
        verdict = decide(made, log)
        assert (verdict.kind, verdict.variant, verdict.decided_day) == ("ship", "a", 7)
        return [message.key for message in verdict.since]

    assert after(a=-5.0, b=0.0) == ["since.harm", "since.turned"]
    assert after(a=3.0, b=-5.0) == ["since.figure"]
    assert after(a=0.0, b=0.0) == ["since.figure"]


def test_a_decision_at_the_last_look_has_no_news() -> None:
    won = decide(plan(), daily(plan(), [*WEEK, 4.0]))
    hurt = decide(plan(), daily(plan(), [*WEEK, -4.0]))

    assert (won.kind, won.since) == ("ship", ())
    assert (hurt.kind, hurt.decided_day, hurt.since) == ("stop_harm", 7, ())


@pytest.mark.parametrize(("later", "news"), [(-4.0, "since.figure"), (4.5, "since.turned")])
def test_what_comes_after_harm_stands_beside_it_too(later: float, news: str) -> None:
    hurt = decide(plan(), daily(plan(), [*WEEK, -4.0, 0.0, later]))

    assert (hurt.kind, hurt.decided_day) == ("stop_harm", 7)
    assert [message.key for message in hurt.since] == [news]
    assert hurt.since[0].figure("day") == Day("2026-11-10")


@pytest.mark.parametrize(
    ("units", "news"),
    [
        # Prior strength 28,000/8.212, 16,000 units: evidence of 97.7, and of 102.5.
        ({"control": 8230, "coupon": 7770}, ["since.figure"]),
        ({"control": 8231, "coupon": 7769}, ["since.split", "since.figure"]),
    ],
)
def test_a_split_that_breaks_after_a_win_is_the_first_news(
    units: dict[str, int], news: list[str]
) -> None:
    made = plan()
    log = daily(made, [*WEEK, 4.0]).add(
        made, look(made, 8, evidence("conversion_rate", "coupon", 3.0, 8), units=units)
    )

    verdict = decide(made, log)

    assert (verdict.kind, verdict.decided_day) == ("ship", 7)
    assert [message.key for message in verdict.since] == news
    k = prior_strength(28_000)
    log_e = math.lgamma(k) - math.lgamma(k + 16_000) + 16_000 * math.log(2)
    log_e += sum(math.lgamma(k / 2 + x) - math.lgamma(k / 2) for x in units.values())
    assert (math.exp(log_e) >= 100) == (news[0] == "since.split")


def test_the_figure_since_is_the_lift_of_all_data_or_else_the_difference() -> None:
    made = plan()
    log = daily(made, [*WEEK, 4.0, 3.0])
    contrast = log.looks[-1].evidence[0].contrast
    (since,) = decide(made, log).since
    assert since.figure("lift") == Percent(contrast.lift, 1, signed=True)

    without = daily(made, [*WEEK, 4.0, 3.0], control=0.0)
    (since,) = decide(made, without).since
    difference = without.looks[-1].evidence[0].contrast.difference
    assert since.figure("lift") == Points(difference, 2, signed=True)


def test_a_figure_that_came_back_to_none_has_not_turned() -> None:
    (since,) = decide(plan(), daily(plan(), [*WEEK, 4.0, 0.0])).since

    assert since.key == "since.figure"


def test_guardrails_are_news_only_where_the_winner_harms_them() -> None:
    made = plan(arms=("control", "a", "b"), metrics=(CR, RPV), futility=None)

    def after(**zs: float) -> list[str]:
        log = LookLog.begin(made)
        for day, by_arm in ((7, {"a": 9.0, "b": 9.0}), (8, zs)):
            won = evidence("conversion_rate", "a", 4.5, day)
            rails = (
                evidence("revenue_per_visitor", arm, z, day, se=0.02, control=2.0)
                for arm, z in by_arm.items()
            )
            log = log.add(made, look(made, day, won, *rails))
        verdict = decide(made, log)
        assert (verdict.kind, verdict.variant, verdict.decided_day) == ("ship", "a", 7)
        return [message.key for message in verdict.since]

    assert after(a=9.0, b=9.0) == ["since.figure"]
    assert after(a=9.0, b=-90.0) == ["since.figure"]
    assert after(a=-90.0, b=9.0) == ["since.harm", "since.figure"]
