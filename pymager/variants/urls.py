"""From a variant's URL to what it asks for: the grammar, then the policy."""

from dataclasses import dataclass

from pymager.variants.grammar import Grammar, Requested
from pymager.variants.policy import Policy


@dataclass(frozen=True, slots=True)
class VariantUrls:
    """Parses the URLs of variants, and checks that they ask for something allowed."""

    grammar: Grammar
    policy: Policy

    def parse(self, name: str, query: str = "", *, signed: bool = False) -> Requested:
        """What a URL asks for; `name` and `query` as for `Grammar.parse`.

        Raises `InvalidName`, `UnsupportedFormat`, `InvalidOption`, `UnknownPreset`, `SizeNotAllowed` and
        `OptionNotAllowed`.
        """
        requested = self.grammar.parse(name, query)
        self.check(requested, signed=signed)
        return requested

    def check(self, requested: Requested, *, signed: bool = False) -> None:
        """Check what a URL asks for; a signed one is only bound by hard limits.

        Raises `UnsupportedFormat`, `SizeNotAllowed` and `OptionNotAllowed`.
        """
        (self.policy.check_signed if signed else self.policy.check)(requested)
