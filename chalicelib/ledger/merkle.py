"""Merkle trees as Certificate Transparency has them (RFC 6962, section 2.1): one hash that stands for a list of leaves.

    leaf hash   SHA-256(0x00 || leaf)
    node hash   SHA-256(0x01 || left || right)       left holds the largest power of two that is smaller than the list

The two prefixes keep a node from passing for a leaf. A path is what it takes to get from one leaf to the root: the
hashes beside it, from the leaf up. What a leaf is, and who signs a root, is left to checkpoints.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

HASH_BYTES = 32


def root(leaves: Sequence[bytes]) -> bytes:
    """The root over the leaves, in order. That of no leaf is the hash of nothing."""
    return _root([leaf_hash(leaf) for leaf in leaves])


def path(leaves: Sequence[bytes], index: int) -> tuple[bytes, ...]:
    """The path of the leaf at `index`, from the leaf up. Raises IndexError where there is none."""
    if not 0 <= index < len(leaves):
        raise IndexError(f"no leaf {index} among {len(leaves)}")
    return _path([leaf_hash(leaf) for leaf in leaves], index)


def root_by_path(leaf: bytes, index: int, size: int, hashes: Sequence[bytes]) -> bytes | None:
    """The root that a path leads to from the leaf at `index` of `size`; None where no such tree has a path so long.

    Whoever knows the root from elsewhere has proof when the two are one (RFC 9162, section 2.1.3.2).
    """
    if not 0 <= index < size:
        return None
    node, last, found = index, size - 1, leaf_hash(leaf)
    for beside in hashes:
        if last == 0:
            return None
        if node % 2 or node == last:
            found = _node_hash(beside, found)
            while node and not node % 2:
                node, last = node >> 1, last >> 1
        else:
            found = _node_hash(found, beside)
        node, last = node >> 1, last >> 1
    return found if last == 0 else None


def leaf_hash(leaf: bytes) -> bytes:
    """The hash that stands for a leaf."""
    return sha256(b"\x00" + leaf).digest()


def _node_hash(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


def _root(hashes: list[bytes]) -> bytes:
    if not hashes:
        return sha256().digest()
    if len(hashes) == 1:
        return hashes[0]
    split = _split(len(hashes))
    return _node_hash(_root(hashes[:split]), _root(hashes[split:]))


def _path(hashes: list[bytes], index: int) -> tuple[bytes, ...]:
    if len(hashes) == 1:
        return ()
    split = _split(len(hashes))
    left, right = hashes[:split], hashes[split:]
    if index < split:
        return (*_path(left, index), _root(right))
    return (*_path(right, index - split), _root(left))


def _split(size: int) -> int:
    """The largest power of two that is smaller than `size`, which is 2 or more."""
    return 1 << ((size - 1).bit_length() - 1)
