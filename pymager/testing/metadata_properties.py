"""The part of the metadata store's contract about properties: short texts that are set in one atomic step."""

import pytest

from pymager.ports import MAX_PROPERTY_LENGTH, MetadataStore, Original
from pymager.testing.metadata_originals import RACERS, an_original, race


@pytest.mark.asyncio
class PropertyContract:
    """A property is set only if it has the expected value, and it is no row and no lease."""

    async def test_a_property_has_no_value_until_it_is_set(self, metadata: MetadataStore, other: MetadataStore) -> None:
        assert await metadata.get_property("color") is None
        assert await metadata.set_property("color", "red", None) == "red"
        assert await metadata.get_property("color") == "red"
        assert await other.get_property("color") == "red"
        assert await other.get_property("shape") is None

    async def test_a_property_that_has_a_value_is_not_set_again(
        self, metadata: MetadataStore, other: MetadataStore
    ) -> None:
        await metadata.set_property("color", "red", None)
        assert await other.set_property("color", "blue", None) == "red"
        assert await metadata.set_property("color", "blue", "green") == "red"
        assert await other.get_property("color") == "red"

    async def test_a_property_is_replaced_if_it_has_the_expected_value(
        self, metadata: MetadataStore, other: MetadataStore
    ) -> None:
        await metadata.set_property("color", "red", None)
        assert await other.set_property("color", "blue", "red") == "blue"
        assert await metadata.set_property("color", "blue", "blue") == "blue"
        assert await metadata.get_property("color") == "blue"

    @pytest.mark.parametrize("first", [True, False])
    async def test_of_many_concurrent_changes_exactly_one_succeeds(
        self, metadata: MetadataStore, other: MetadataStore, first: bool
    ) -> None:
        if not first:
            await metadata.set_property("color", "red", None)
        expected = None if first else "red"
        stores = (metadata, other)
        values = [f"color{number}" for number in range(RACERS)]
        outcomes = await race(
            stores[number % 2].set_property("color", value, expected) for number, value in enumerate(values)
        )
        assert outcomes.raised == []
        assert set(outcomes.returned) == {await metadata.get_property("color")}
        assert outcomes.returned[0] in values

    async def test_names_and_values_of_the_maximum_length_come_back(self, metadata: MetadataStore) -> None:
        name, value = "n" * MAX_PROPERTY_LENGTH, "v" * MAX_PROPERTY_LENGTH
        assert await metadata.set_property(name, value, None) == value
        assert await metadata.get_property(name) == value

    async def test_a_property_is_no_row_and_survives_a_tidy(self, metadata: MetadataStore) -> None:
        original = an_original("color")
        await metadata.add(original)
        await metadata.set_property("color", "red", None)
        assert await metadata.get("color") == original
        await metadata.tidy(-1.0)
        rows: list[Original] = []
        cursor: str | None = None
        while True:  # page by page: a cursor can be at a property
            page = await metadata.list_page(cursor, 1)
            rows += page.items
            if (cursor := page.next) is None:
                break
        assert rows == [original]
        assert await metadata.get_property("color") == "red"
