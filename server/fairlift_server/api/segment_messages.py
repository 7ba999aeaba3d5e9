"""Results by segment as the contract's SegmentResult."""

from collections.abc import Iterator

from fairlift.v1 import results_service_pb2 as pb
from fairlift_stats.effects import CannotSay
from fairlift_stats.messages import Message, Verbatim
from fairlift_stats.report.segment_report import SegmentFamily, SegmentLift

from fairlift_server.api.language import ReaderLanguage
from fairlift_server.api.metric_messages import cannot_say_message, interval_to
from fairlift_server.results.segment_cuts import SegmentCut


def segments_to(
    cut: SegmentCut, reader: ReaderLanguage, confidence: float
) -> Iterator[pb.SegmentResult]:
    """The segments of one attribute: one result for each treatment."""
    for family in cut.families:
        heterogeneity = family.heterogeneity
        yield pb.SegmentResult(
            attribute=cut.attribute,
            metric=family.metric,
            heterogeneity_p_value=None if heterogeneity is None else heterogeneity.p_value,
            segments=(
                *(
                    _segment(family.variant, lift, reader.text(lift.message), confidence)
                    for lift in family.segments
                ),
                *(
                    pb.SegmentResult.Segment(
                        value=label,
                        variant=family.variant,
                        units=cut.units[family.metric, label, family.variant],
                        sentence=reader.text(_left_out(family, label, cannot_say)),
                    )
                    for label, cannot_say in family.left_out.items()
                ),
            ),
        )


def _left_out(family: SegmentFamily, segment: str, cannot_say: CannotSay) -> Message:
    if segment == family.alone:
        return Message.of("segment.alone", segment=Verbatim(segment))
    reason = cannot_say_message(cannot_say.reason)
    return Message.of("segment.left_out", segment=Verbatim(segment), why=reason)


def _segment(
    variant: str, lift: SegmentLift, sentence: str, confidence: float
) -> pb.SegmentResult.Segment:
    return pb.SegmentResult.Segment(
        value=lift.segment,
        variant=variant,
        units=lift.n,
        raw_lift=lift.raw,
        raw_lift_interval=interval_to(lift.raw_interval, confidence),
        lift=lift.lift,
        lift_interval=interval_to(lift.interval, confidence),
        sentence=sentence,
        p_value=lift.p_value,
        adjusted_p_value=lift.adjusted_p,
    )
