"""The contract of `pymager.ports.Tree`: what `import` relies on."""

import pytest

from pymager.errors import NotFound
from pymager.ports import Tree

FILES = {
    "cat.jpg": b"a cat",
    "2024/05/dog.jpg": b"a dog" * 100_000,
    "2024/empty.jpg": b"",
}
"""Files that the tree of the tests has, by name. It can have more."""


class TreeContract:
    """Derive a class, and define the fixture `tree`: an open tree with `FILES`."""

    async def test_every_file_is_listed_once_with_its_size(self, tree: Tree) -> None:
        listed = [file async for file in tree.list()]
        assert len(listed) == len({file.name for file in listed})
        sizes = {file.name: file.size for file in listed}
        assert {name: len(body) for name, body in FILES.items()}.items() <= sizes.items()

    @pytest.mark.parametrize("name", FILES)
    async def test_a_file_is_described_and_opened_by_its_name(self, tree: Tree, name: str) -> None:
        listed = {file.name: file async for file in tree.list()}
        async with tree.open(name) as opened:
            body = b"".join([chunk async for chunk in opened.chunks])
        assert body == FILES[name]
        assert opened.file == await tree.stat(name) == listed[name]

    async def test_a_file_that_is_not_read_to_its_end_can_be_closed(self, tree: Tree) -> None:
        for _ in range(40):
            async with tree.open("2024/05/dog.jpg") as opened:
                assert await anext(opened.chunks)

    @pytest.mark.parametrize("name", ["dog.jpg", "2024", "cat.jpg.old"])
    async def test_a_file_that_does_not_exist_is_not_found(self, tree: Tree, name: str) -> None:
        with pytest.raises(NotFound):
            await tree.stat(name)
        with pytest.raises(NotFound):
            async with tree.open(name):
                pass
