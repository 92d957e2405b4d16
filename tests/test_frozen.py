"""Values that never change, without the weight of dataclasses."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from pi_auto.frozen import frozen, replace


@frozen
class Place:
    """A test's own."""

    spool: str
    number: int = 1


@frozen
class Hidden:
    """One that says itself how it is shown."""

    secret: str

    def __repr__(self) -> str:
        return "Hidden(…)"


@frozen
class Other:
    """The same fields."""

    spool: str
    number: int = 1


def test_fields_are_given_in_order_or_by_name_and_have_their_defaults() -> None:
    assert (Place("a").spool, Place("a").number) == ("a", 1)
    assert Place("a", 2) == Place(number=2, spool="a") == Place("a", number=2)


@pytest.mark.parametrize(
    ("given", "named"),
    [((), {}), (("a", 1, 2), {}), (("a",), {"spool": "b"}), (("a",), {"colour": 1}), ((), {"number": 1})],
    ids=["missing", "too many", "twice", "unknown", "one missing"],
)
def test_what_cannot_be_one_is_refused_by_the_names_of_its_fields(given: Any, named: Any) -> None:
    with pytest.raises(TypeError, match="Place is made of spool, number; given: "):
        Place(*given, **named)


def test_nothing_of_it_can_be_changed() -> None:
    place: Any = Place("a")
    with pytest.raises(AttributeError, match=r"Place\.number cannot be changed"):
        place.number = 2
    with pytest.raises(AttributeError, match=r"Place\.spool cannot be changed"):
        del place.spool
    assert place == Place("a", 1)


def test_equal_values_of_one_class_are_equal_and_hash_alike() -> None:
    assert Place("a") == Place("a", 1)
    assert len({Place("a"), Place("a"), Place("b")}) == 2
    other: object = Other("a")
    assert Place("a") != other


def test_it_shows_its_fields_unless_its_class_says_otherwise() -> None:
    assert repr(Place("a")) == "Place(spool='a', number=1)"
    assert "told" not in repr(Hidden("told"))


def test_it_is_matched_by_position() -> None:
    match Place("a", 7):
        case Place(spool, number):
            assert (spool, number) == ("a", 7)
        case _:
            pytest.fail("not matched")


def test_a_copy_has_some_fields_changed() -> None:
    assert replace(Place("a", 2), spool="b") == Place("b", 2)
    with pytest.raises(TypeError, match="colour"):
        replace(Place("a"), colour=1)


def test_the_functions_of_dataclasses_take_it_for_one() -> None:
    assert [field.name for field in dataclasses.fields(Place)] == ["spool", "number"]
    assert dataclasses.asdict(Place("a")) == {"spool": "a", "number": 1}
    assert dataclasses.replace(Place("a"), number=3) == Place("a", 3)
