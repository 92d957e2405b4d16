"""What is known of one scanner, and what follows from it and from what was set. Pure.

Learned is what its own behaviour has shown; a person at the device may set otherwise, and the fleet
has the last word. Nothing that is set destroys what was learned: it comes back when the setting goes.
"""

from __future__ import annotations

from collections.abc import Mapping

from pi_auto.frozen import frozen, replace
from pi_auto.typed import Any
from pi_auto.wire.scanner_settings import KEYBOARD, KINDS, LAYOUTS, SCANNER, ScannerSettings

LEARNED, PERSON, FLEET = "learned", "person", "fleet"  # who says so
NEW_FOR = 10  # codes: for so long a scanner may be calibrated without being asked
_MOST_WORDS = 8  # remembered of each sort


@frozen
class Facts:
    """What was learned of a scanner, and which words of settings have been acted on.

    `ending` and `gap_ns` are its habits as the decoder tells them; None is not known. `codes` are those that it
    has read, counted up to NEW_FOR.
    """

    kind: str | None = None
    layout: str | None = None
    ending: str | None = None
    gap_ns: int | None = None
    words: tuple[str, ...] = ()
    codes: int = 0

    @property
    def is_new(self) -> bool:
        """Whether it has read so little that it may be calibrated unasked, over restarts as well."""
        return self.codes < NEW_FOR

    def to_json(self) -> dict[str, Any]:
        """As the file keeps it; what is not known is left out."""
        told = {"kind": self.kind, "layout": self.layout, "ending": self.ending, "gap_ns": self.gap_ns}
        words = {"words": list(self.words)} if self.words else {}
        codes = {"codes": self.codes} if self.is_new else {}
        return {name: value for name, value in told.items() if value is not None} | words | codes

    @classmethod
    def from_json(cls, value: object) -> Facts:
        """Whatever of it can be used: a fact that is lost is learned again."""
        told = value if isinstance(value, dict) else {}
        gap, words = told.get("gap_ns"), told.get("words")
        ending, codes = told.get("ending"), told.get("codes")
        return cls(
            kind=_one_of(KINDS, told.get("kind")),
            layout=_one_of(LAYOUTS, told.get("layout")),
            ending=ending if isinstance(ending, str) else None,
            gap_ns=gap if isinstance(gap, int) and not isinstance(gap, bool) and gap > 0 else None,
            words=tuple(word for word in words if isinstance(word, str)) if isinstance(words, list) else (),
            codes=codes if isinstance(codes, int) and not isinstance(codes, bool) and codes >= 0 else NEW_FOR,
        )

    def forgotten(self) -> Facts:
        """What is left when all that was learned is forgotten: it is new again."""
        return Facts(words=self.words)

    def of_a_double(self) -> Facts:
        """What holds at first for each of two by the name that one had: which of them that was is not known."""
        return replace(self, codes=0)

    def calibrated(self, layout: str) -> Facts:
        """The same, with the layout that it has told by the calibration code: it need not be told again."""
        return replace(self, layout=layout, codes=NEW_FOR)

    def has_read(self, codes: int) -> Facts:
        """The same, and that it has read so many codes more."""
        return replace(self, codes=min(self.codes + codes, NEW_FOR))

    def acted_on(self, word: str) -> Facts:
        """The same, and that this word of a setting is used up."""
        return replace(self, words=(*self.words, word)[-_MOST_WORDS:])


@frozen
class Standing:
    """What holds for a scanner now, and who says so; `calibrates` if it may read a calibration code."""

    layout: str = LAYOUTS[0]
    layout_by: str | None = None
    kind: str | None = None
    kind_by: str | None = None
    calibrates: bool = False

    @property
    def is_scanner(self) -> bool:
        """Whether it needs no judging."""
        return self.kind == SCANNER

    @property
    def is_keyboard(self) -> bool:
        """Whether it is left alone."""
        return self.kind == KEYBOARD


def standing(facts: Facts, settings: Mapping[str, ScannerSettings]) -> Standing:
    """What follows; `settings` are PERSON's and FLEET's, as far as there are any."""
    said = [(who, settings[who]) for who in (PERSON, FLEET) if who in settings]
    layout, layout_by = _last([(LEARNED, facts.layout), *((who, one.layout) for who, one in said)])
    kind, kind_by = _last([(LEARNED, facts.kind), *((who, one.kind) for who, one in said)])
    armed = any(one.calibration and one.calibration not in facts.words for _, one in said)
    is_set = layout_by in (PERSON, FLEET)
    return Standing(
        layout or LAYOUTS[0], layout_by, kind, kind_by, calibrates=armed or (facts.is_new and not is_set)
    )


def armed_by(facts: Facts, settings: Mapping[str, ScannerSettings]) -> list[str]:
    """The words that allow a calibration now, to be used up by it."""
    words = (one.calibration for one in settings.values())
    return [word for word in words if word and word not in facts.words]


def to_forget(facts: Facts, settings: Mapping[str, ScannerSettings]) -> list[str]:
    """The words that ask to forget what was learned and have not been acted on."""
    words = (one.forget for one in settings.values())
    return [word for word in words if word and word not in facts.words]


def _last(said: list[tuple[str, str | None]]) -> tuple[str | None, str | None]:
    return next(((value, who) for who, value in reversed(said) if value), (None, None))


def _one_of(allowed: tuple[str, ...], value: object) -> str | None:
    return value if isinstance(value, str) and value in allowed else None
