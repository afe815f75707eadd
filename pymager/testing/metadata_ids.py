"""The part of the metadata store's contract about ids: they are compared byte for byte."""

import pytest

from pymager.errors import NotFound
from pymager.ports import MetadataStore
from pymager.testing.metadata_originals import an_original

SIMILAR_IDS = {
    "case": ["cafe", "CAFE", "Cafe", "cafE"],
    "accents": ["resume", "résume", "resumé", "résumé", "re\N{COMBINING ACUTE ACCENT}sume"],
    "trailing characters": ["cat", "cat_", "cat-", "cat0", "cat\N{COMBINING ACUTE ACCENT}", "cat__"],
    "case of other scripts": ["σ", "ς", "Σ", "ж", "Ж", "𐐀", "𐐨", "ß", "ss", "SS", "ẞ", "i", "I", "ı", "İ"],
    "look-alikes": ["a", "а", "ɑ", "ａ", "𝒂", "ª", "fi", "ﬁ"],
    "digits": ["1", "１", "١", "𝟏", "01"],
    "kana": ["は", "ハ", "ﾊ", "ば", "ぱ", "は\N{COMBINING KATAKANA-HIRAGANA VOICED SOUND MARK}"],
    "ignorable characters": ["ae", "a\N{COMBINING GRAPHEME JOINER}e", "a\N{VARIATION SELECTOR-16}e", "æ"],
    "joiners": ["می\u200cخواهم", "میخواهم", "അവന്\u200d", "അവന്", "क्\u200dष", "क्\u200cष", "क्ष"],
    "patterns": ["a_c", "abc", "a__", "_", "-", "--"],
}
IDS_BY_SCRIPT = [
    "катя", "γάτα", "חתול", "قطة", "猫", "고양이", "ネコ", "बिल्ली", "แมว", "ድመት", "կատու", "კატა", "பூனை", "ᏪᏌ",
    "ཞི་མི".replace("་", ""), "ᠮᠤᠤᠷ", "𐌺𐌰𐍄𐍄𐌰", "𠀀𠮷", "𒀀", "𞤀",
]  # fmt: skip


@pytest.mark.asyncio
class IdContract:
    """Ids that differ in one byte are different ids, however similar they look."""

    @pytest.mark.parametrize("ids", SIMILAR_IDS.values(), ids=SIMILAR_IDS.keys())
    async def test_similar_ids_are_different(
        self, metadata: MetadataStore, other: MetadataStore, ids: list[str]
    ) -> None:
        originals = {id: an_original(id) for id in ids}
        for original in originals.values():
            await metadata.add(original)
        listed = (await other.list_page(None, 100)).items
        assert {original.id: original for original in listed} == originals
        for id in ids:
            assert await metadata.remove(id) == originals.pop(id)
            with pytest.raises(NotFound):
                await other.get(id)
            for remaining, original in originals.items():
                assert await other.get(remaining) == original

    async def test_ids_of_every_script_work(self, metadata: MetadataStore, other: MetadataStore) -> None:
        originals = {id: an_original(id) for id in IDS_BY_SCRIPT}
        for original in originals.values():
            await metadata.add(original)
        for id, original in originals.items():
            assert await other.get(id) == original

    @pytest.mark.parametrize("character", ["a", "é", "猫", "𠀀"])
    async def test_an_id_of_200_bytes_is_compared_to_its_last_byte(
        self, metadata: MetadataStore, other: MetadataStore, character: str
    ) -> None:
        longest = (character * 200).encode()[:199].decode(errors="ignore")
        ids = [longest + "x" * (200 - len(longest.encode()) - 1) + last for last in "abA"]
        assert {len(id.encode()) for id in ids} == {200}
        originals = [an_original(id) for id in ids]
        for original in originals:
            await metadata.add(original)
        for original in originals:
            assert await other.remove(original.id) == original
