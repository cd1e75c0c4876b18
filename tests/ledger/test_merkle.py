"""Merkle trees: the published vectors, and that every path holds until a bit of it changes."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.ledger.merkle import leaf_hash, path, root, root_by_path

# The test vectors of Certificate Transparency's reference implementation (RFC 6962 trees).
LEAVES = [
    bytes.fromhex(leaf)
    for leaf in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
PATHS = {
    (0, 1): [],
    (0, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (5, 8): [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 3): ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"],
    (1, 5): [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
}

leaves_of_any_tree = st.lists(st.binary(max_size=40), min_size=1, max_size=70)


@pytest.mark.parametrize("size", range(len(ROOTS)))
def test_roots_are_those_of_certificate_transparency(size: int) -> None:
    assert root(LEAVES[:size]).hex() == ROOTS[size]


@pytest.mark.parametrize(("index", "size"), PATHS)
def test_paths_are_those_of_certificate_transparency(index: int, size: int) -> None:
    assert [beside.hex() for beside in path(LEAVES[:size], index)] == PATHS[index, size]


def test_every_leaf_of_every_size_is_proved_by_its_path() -> None:
    for size in range(1, 66):
        leaves = [bytes([number]) for number in range(size)]
        for index, leaf in enumerate(leaves):
            assert root_by_path(leaf, index, size, path(leaves, index)) == root(leaves), (index, size)


@settings(max_examples=60, deadline=None)
@given(leaves_of_any_tree, st.data())
def test_a_leaf_or_path_with_one_bit_changed_leads_elsewhere(leaves: list[bytes], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(leaves) - 1))
    whole = [leaves[index], *path(leaves, index)]
    struck = data.draw(st.sampled_from([i for i, part in enumerate(whole) if part] or [None]))
    if struck is None:
        return
    bit = data.draw(st.integers(0, len(whole[struck]) * 8 - 1))
    whole[struck] = (int.from_bytes(whole[struck], "big") ^ (1 << bit)).to_bytes(len(whole[struck]), "big")

    assert root_by_path(whole[0], index, len(leaves), whole[1:]) != root(leaves)


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 70), st.data())
def test_a_leaf_is_proved_at_its_own_place_only(size: int, data: st.DataObject) -> None:
    leaves = [bytes([number]) for number in range(size)]
    index, other = data.draw(st.lists(st.integers(0, size - 1), min_size=2, max_size=2, unique=True))

    assert root_by_path(leaves[index], other, size, path(leaves, index)) != root(leaves)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 13])
def test_a_path_that_is_too_short_or_too_long_leads_nowhere(size: int) -> None:
    leaves = [bytes([number]) for number in range(size)]
    for index, leaf in enumerate(leaves):
        hashes = path(leaves, index)
        assert root_by_path(leaf, index, size, (*hashes, leaf_hash(b"more"))) is None
        assert not hashes or root_by_path(leaf, index, size, hashes[:-1]) is None


@pytest.mark.parametrize(("index", "size"), [(-1, 2), (2, 2), (0, 0)])
def test_no_tree_has_a_leaf_outside_of_it(index: int, size: int) -> None:
    assert root_by_path(b"", index, size, ()) is None
    with pytest.raises(IndexError):
        path([b""] * size, index)


def test_a_node_cannot_pass_for_a_leaf() -> None:
    inner = [leaf_hash(leaf) for leaf in LEAVES[:2]]

    assert root([b"".join(inner)]) != root(LEAVES[:2])
