"""Reads the YAML of a test file into cases; a mistake anywhere is listed with its line."""

from collections.abc import Iterator, Mapping

from fairlift.engine.assignment import Reason
from fairlift.engine.campaign import JSON, AttributeType, Campaign

from fairlift_cli.assignment_tests.case_values import (
    count_value,
    json_tree,
    share_value,
    text_value,
)
from fairlift_cli.assignment_tests.cases import (
    Case,
    CaseFile,
    Expected,
    ExpectedShare,
    PairCase,
    SharesCase,
    Situation,
    VisitorCase,
)
from fairlift_cli.assignment_tests.situations import situations
from fairlift_cli.findings import did_you_mean
from fairlift_cli.side_files import MappingReader, SideFile
from fairlift_cli.yaml_tree import YamlList, YamlMapping, YamlValue
from fairlift_cli.yaml_values import WrongValue

# Of fewer, chance allows almost any share.
MIN_VISITORS, MAX_VISITORS = 1_000, 1_000_000
_VISITORS = 100_000

_SITUATION = ("name", "attributes", "matrix", "time", "holdout")
_VISITOR = (*_SITUATION, "campaign", "visitor", "customer", "visitor_in", "expect")
_SHARES = (*_SITUATION, "campaign", "visitors", "entering", "shares", "within")
_PAIR = (*_SITUATION, "visitors", "independent", "exclusive")


class CaseReader:
    """Reads the documents of one file."""

    def __init__(
        self,
        file: SideFile,
        campaigns: Mapping[str, Campaign],
        attributes: Mapping[str, AttributeType],
        found: CaseFile,
    ) -> None:
        self._file = file
        self._path = file.name
        self._campaigns = campaigns
        self._attributes = attributes
        self._found = found

    def read(self, tree: YamlValue) -> None:
        """Adds the cases of a document, or its mistakes."""
        if not isinstance(tree, YamlMapping):
            rule = "is not a mapping; a test file begins with `tests:`"
            self._file.mistake("", rule, tree.position)
            return
        document = self._mapping(tree, "")
        document.check_keys(("tests",))
        listed: tuple[YamlValue, ...] = document.take("tests", _list, ())
        for index, item in enumerate(listed):
            if isinstance(item, YamlMapping):
                self._read_case(item, f"tests[{index}].")
            else:
                self._file.mistake(f"tests[{index}]", "must be a mapping", item.position)

    def _read_case(self, tree: YamlMapping, where: str) -> None:
        mistakes = len(self._found.mistakes)
        keys = self._mapping(tree, where)
        if not keys.take("name", text_value, ""):
            keys.mistake("name", "is missing; say in a sentence what is promised")
        is_pair = "independent" in keys or "exclusive" in keys
        is_shares = not is_pair and ("shares" in keys or "entering" in keys)
        keys.check_keys(_PAIR if is_pair else _SHARES if is_shares else _VISITOR)
        read = self._pair if is_pair else self._shares if is_shares else self._visitor
        cases = list(read(keys))
        # A case with a mistake would fail for a reason that is not the campaign's.
        if len(self._found.mistakes) == mistakes:
            self._found.cases += cases

    def _visitor(self, keys: MappingReader) -> Iterator[Case]:
        campaign = self._campaign(keys)
        expected = self._expected(keys, campaign)
        visitor_in = self._variant(keys, "visitor_in", campaign)
        if visitor_in and ("visitor" in keys or "customer" in keys):
            keys.mistake("visitor_in", "finds a visitor by itself; remove visitor and customer")
        for name, situation in self._situations(keys, campaign):
            yield VisitorCase(
                self._path,
                keys.line,
                name,
                campaign.id if campaign else "",
                situation,
                expected,
                visitor=keys.take("visitor", text_value, "visitor-1"),
                customer=keys.take("customer", text_value, ""),
                visitor_in=visitor_in,
            )

    def _expected(self, keys: MappingReader, campaign: Campaign | None) -> Expected:
        expect = keys.mapping("expect")
        if expect is None:
            if "expect" not in keys:
                keys.mistake("expect", "is missing; expect a variant, a reason or a payload")
            return Expected()
        expect.check_keys(("variant", "reason", "payload"))
        if not any(key in expect for key in ("variant", "reason", "payload")):
            keys.mistake("expect", "is empty; expect a variant, a reason or a payload")
        reason = expect.take("reason", text_value, "")
        if reason and reason not in list(Reason):
            reasons = [str(each) for each in Reason]
            hint = did_you_mean(reason, reasons) or f"; reasons are {', '.join(reasons)}"
            expect.mistake("reason", f"is {reason}, which is not a reason{hint}")
        payload = expect.take("payload", json_tree, None)
        if payload is not None and not (isinstance(payload, dict) and payload):
            expect.mistake("payload", "must be a mapping such as {coupon: WELCOME10}")
        entries: dict[str, JSON] | None = payload if isinstance(payload, dict) else None
        return Expected(
            self._variant(expect, "variant", campaign) or None,
            reason or None,
            entries,
            {entry.key: entry.position.line for entry in expect.entries},
        )

    def _shares(self, keys: MappingReader) -> Iterator[Case]:
        campaign = self._campaign(keys)
        within = keys.take("within", share_value, None)
        shares: dict[str, ExpectedShare] = {}
        if listed := keys.mapping("shares"):
            for entry in listed.entries:
                self._check_variant(listed, entry.key, entry.key, campaign)
                share = listed.take(entry.key, share_value, 0.0)
                shares[entry.key] = ExpectedShare(share, entry.position.line, within)
            if not shares:
                keys.mistake("shares", "is empty; name a variant and its share")
            if sum(bounds.share for bounds in shares.values()) > 1 + 1e-3:
                keys.mistake("shares", "are more than 100% together")
        entering = None
        if "entering" in keys:
            share = keys.take("entering", share_value, 0.0)
            entering = ExpectedShare(share, keys.line_of("entering"), within)
        for name, situation in self._situations(keys, campaign):
            yield SharesCase(
                self._path,
                keys.line,
                name,
                campaign.id if campaign else "",
                situation,
                self._visitors(keys),
                entering,
                shares,
            )

    def _pair(self, keys: MappingReader) -> Iterator[Case]:
        if "independent" in keys and "exclusive" in keys:
            keys.mistake("exclusive", "cannot be combined with independent; keep one")
        key = "independent" if "independent" in keys else "exclusive"
        names = keys.take(key, _two_texts, ("", ""))
        campaigns = [self._known(keys, key, name) for name in names if name]
        for name, situation in self._situations(keys, *campaigns):
            pair = (names[0], names[1])
            is_exclusive = key == "exclusive"
            yield PairCase(
                self._path, keys.line, name, pair, situation, self._visitors(keys), is_exclusive
            )

    def _situations(
        self, keys: MappingReader, *campaigns: Campaign | None
    ) -> Iterator[tuple[str, Situation]]:
        return situations(keys, campaigns, self._campaigns.values(), self._attributes)

    def _campaign(self, keys: MappingReader) -> Campaign | None:
        name = keys.take("campaign", text_value, "")
        if not name:
            if "campaign" not in keys:
                keys.mistake("campaign", "is missing; name the campaign that is tested")
            return None
        return self._known(keys, "campaign", name)

    def _known(self, keys: MappingReader, key: str, name: str) -> Campaign | None:
        campaign = self._campaigns.get(name)
        if campaign is None:
            hint = did_you_mean(name, self._campaigns) or "; is its file among those given?"
            keys.mistake(key, f"is {name}, which no campaign file defines{hint}")
        return campaign

    def _variant(self, keys: MappingReader, key: str, campaign: Campaign | None) -> str:
        name = keys.take(key, text_value, "")
        if name:
            self._check_variant(keys, key, name, campaign)
        return name

    def _check_variant(
        self, keys: MappingReader, key: str, name: str, campaign: Campaign | None
    ) -> None:
        variants = [variant.id for variant in campaign.variants] if campaign else [name]
        if name not in variants:
            hint = did_you_mean(name, variants) or f"; its variants are {', '.join(variants)}"
            of = campaign.id if campaign else ""
            keys.mistake(key, f"is {name}, which is not a variant of {of}{hint}")

    def _visitors(self, keys: MappingReader) -> int:
        return keys.take(
            "visitors",
            lambda tree: count_value(tree, least=MIN_VISITORS, most=MAX_VISITORS),
            _VISITORS,
        )

    def _mapping(self, tree: YamlMapping, where: str) -> MappingReader:
        return MappingReader(tree, self._file, where)


def _list(tree: YamlValue) -> tuple[YamlValue, ...]:
    if not isinstance(tree, YamlList):
        raise WrongValue("must be a list")
    return tree.items


def _two_texts(tree: YamlValue) -> tuple[str, str]:
    if not isinstance(tree, YamlList) or len(tree.items) != 2:
        raise WrongValue("must be a list of two campaigns, such as [popup, free-shipping]")
    first, second = map(text_value, tree.items)
    if first == second:
        raise WrongValue(f"names {first} twice; name two campaigns")
    return first, second
