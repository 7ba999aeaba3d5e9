"""The verdict of a report as data, and how far the campaign is."""

from collections.abc import Sequence

from fairlift.v1 import results_service_pb2 as pb
from fairlift_report.parts import LiftPicture, MeterView
from fairlift_report.table import Tone
from fairlift_report.view import ProgressView, VerdictView
from fairlift_stats.messages import Number, Percent

from fairlift_cli.figures import Figures, is_too_early
from fairlift_cli.report.freshness import data_end
from fairlift_cli.report.headline import key_figure_of, sureness
from fairlift_cli.report.report_context import ReportContext

_TONES: dict[int, Tone] = {
    pb.VERDICT_KIND_SHIP: "good",
    pb.VERDICT_KIND_STOP_HARM: "bad",
    pb.VERDICT_KIND_STOP_FUTILE: "careful",
    pb.VERDICT_KIND_KEEP_GOING: "calm",
    pb.VERDICT_KIND_DO_NOT_TRUST: "bad",
    pb.VERDICT_KIND_INCONCLUSIVE: "careful",
}
# Codes of reasons that say how often such a decision is wrong.
_PROOFS = ("false_alarm", "loss")
_NO_VERDICT: tuple[str, Tone] = ("", "calm")
# Where the bar of a meter stands in its sentence.
_BAR = "\0"


def verdict_name(verdict: pb.Verdict) -> tuple[str, Tone]:
    """The stable name of a verdict and the tone of its colour; no name while there is none."""
    if verdict.kind not in _TONES:  # none yet, or a newer server's
        return _NO_VERDICT
    if is_too_early(verdict.kind, verdict.cause):
        return "too_early", "calm"
    if (verdict.kind, verdict.cause) == (pb.VERDICT_KIND_KEEP_GOING, pb.VERDICT_CAUSE_STOPPED):
        return "undecided", "calm"
    name = pb.VerdictKind.Name(verdict.kind).removeprefix("VERDICT_KIND_").lower()
    return name, _TONES[verdict.kind]


def verdict_view(context: ReportContext, pictures: Sequence[LiftPicture]) -> VerdictView:
    """The verdict, why, and what to do; its figure is one of the pictures'."""
    verdict, figures = context.report.verdict, context.figures
    name, tone = verdict_name(verdict)
    if not name:
        sentence = verdict.sentence or context.say("report.no_verdict")
        return VerdictView(name, tone, "", sentence, "", "", "", "", "", (), None, None)
    decided = ""
    if verdict.HasField("decided_time"):
        day = figures.day_ended(verdict.decided_time)
        decided = context.say("report.decided", day=day)
    key_figure = key_figure_of(context, pictures)
    proof = _proof(verdict)
    return VerdictView(
        name,
        tone,
        figures.verdict_kind(verdict.kind, verdict.cause),
        verdict.sentence,
        context.adjustment_reason,
        context.say("report.action", action=verdict.action) if verdict.action else "",
        data_end(context),
        decided,
        sureness(context, name, proof, key_figure),
        tuple(reason for reason in context.reasons() if reason != proof),
        _evidence(context),
        key_figure,
    )


def meter(figures: Figures, key: str, filled: float, /, **places: Number | str) -> MeterView:
    """A share with the words around its bar; a share above 1 fills the bar."""
    sentence = figures.say(key, by=None, bar=_BAR, **places)
    before, _, after = sentence.partition(_BAR)
    return MeterView(min(max(filled, 0.0), 1.0), before.strip(), after.strip())


def _proof(verdict: pb.Verdict) -> str:
    """What the plan promises of a decision; it is said once, as how sure the verdict is."""
    if verdict.kind not in (pb.VERDICT_KIND_SHIP, pb.VERDICT_KIND_STOP_HARM):
        return ""
    return next((r.sentence for r in verdict.reasons if r.code in _PROOFS), "")


def _evidence(context: ReportContext) -> MeterView | None:
    verdict = context.report.verdict
    if verdict.kind != pb.VERDICT_KIND_KEEP_GOING or not verdict.HasField("evidence"):
        return None
    evidence = min(max(verdict.evidence, 0.0), 1.0)
    shown = context.figures.share(evidence, 0)
    return meter(context.figures, "report.evidence", evidence, share=shown)


def progress_view(context: ReportContext) -> ProgressView:
    """How many of the planned visitors and days are over, and what comes next."""
    return ProgressView(
        context.say("report.progress"), _meters(context), _analysed(context), _upcoming(context)
    )


def _meters(context: ReportContext) -> tuple[MeterView, ...]:
    report, campaign = context.report, context.sealed_campaign
    if campaign is None or not report.HasField("look") or not campaign.plan.planned_units:
        return ()
    figures, look, planned = context.figures, report.look, campaign.plan.planned_units
    units = meter(
        figures, "report.meter_visitors", look.units / planned,
        units=Number(look.units), planned=Number(planned),
    )  # fmt: skip
    # 28 is the contract's value of an absent field.
    days = campaign.plan.maximum_days if campaign.plan.HasField("maximum_days") else 28
    # Entry is over then; who has entered still matures.
    day = min(look.day, days)
    gone = meter(figures, "report.meter_days", day / days, day=Number(day), planned=Number(days))
    return units, gone


def _analysed(context: ReportContext) -> str:
    report = context.report
    if not report.HasField("look"):
        return ""
    look, day = report.look, context.day_of(report.look)
    share, number = Percent(look.information, 0), Number(look.number)
    return context.say("report.look", number=number, day=day, share=share)


def _upcoming(context: ReportContext) -> str:
    report, verdict = context.report, context.report.verdict
    if verdict.kind not in (pb.VERDICT_KIND_KEEP_GOING, pb.VERDICT_KIND_DO_NOT_TRUST):
        return ""
    if verdict.HasField("next_decision_time"):
        day = context.figures.day_ended(verdict.next_decision_time)
        return context.say("report.next_decision", day=day)
    if report.HasField("next_look_time"):
        time = context.figures.moment(report.next_look_time)
        return context.say("report.next_look", time=time)
    return ""
