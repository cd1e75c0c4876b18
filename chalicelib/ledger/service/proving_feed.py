"""The proof's walk along a tenant's feed: every entry once, added up, and held against the checkpoints over it."""

from __future__ import annotations

from collections.abc import Sequence

from chalicelib.core.errors import Defect
from chalicelib.ledger import merkle
from chalicelib.ledger.checkpoints import Checkpoint, Malformed, Position, follows, leaves, parse, position_of
from chalicelib.ledger.documents import digest
from chalicelib.ledger.rebuild import UNPROVED, Difference, OpenHolds, Proven, Totals, imbalance
from chalicelib.ledger.service.checkpoint_keys import check_signed
from chalicelib.ledger.store import checkpoints, feed, folding, proofs, proving
from chalicelib.ledger.store.checkpoints import Signed
from chalicelib.ledger.store.proving import Told
from chalicelib.storage.retry import pause

TRIES = 12
"""How often a number that the index does not show is looked for, for some seconds in all: it may only be late."""


class Walk:
    """How far a tenant's feed was walked (`reached`), what was found on the way, what it comes to (`totals`), and which
    holds are open then.

    With `since` it begins behind that number and ends after `most` entries or so: accounts go on from what was proved
    of them before, and checkpoints are proved by themselves.
    """

    def __init__(self, tenant: str, *, since: int | None = None, most: int = feed.LARGEST) -> None:
        position = folding.load_position(tenant)
        self.tenant = tenant
        self.since = since
        self.reached = since or 0
        self.at_head = False
        self.entries = 0
        self.totals = Totals(0 if position is None else position.value.upto, since=since)
        self.holds = OpenHolds()
        self.chain = Chain(tenant) if since is None else None
        self.found: list[Difference] = []
        self._end = self.reached + most
        self._bases: dict[str, Proven] = {}

    def base(self, account_id: str) -> Proven:
        """How far an account was proved before; see `read_bases`."""
        return self._bases.get(account_id, UNPROVED)

    def open_since(self, account_id: str) -> int:
        """The number behind which the entries of an account are whose lines were not proved before this walk."""
        since = self.base(account_id).open_since
        return (self.since or 0) if since is None else since

    def read_bases(self, account_ids: Sequence[str]) -> None:
        """Read how far accounts, at most 100, were proved before: nothing, where the walk begins with the first."""
        if self.since is not None:
            self._bases |= proofs.load_proven(self.tenant, [a for a in account_ids if a not in self._bases])

    def go_on(self) -> None:
        """Walk on to the head of the feed, or as far as this walk goes. A number that nobody has is told, and
        passed."""
        head, tries = feed.head(self.tenant), 0
        self.at_head = head <= self._end
        head = min(head, self._end)
        for _ in range(proving.MOST_PAGES):
            if self.reached >= head:
                return
            told = proving.feed_after(self.tenant, self.reached)
            if told and told[0].number == self.reached + 1:
                self._take_run(told)
                tries = 0
            elif tries < TRIES:
                pause(tries)
                tries += 1
            else:
                self._pass_gap(told[0].number if told else head + 1)
        raise Defect("the feed has no end")

    def close(self) -> None:
        """Say that no more entries come: a checkpoint over more of them is over entries that are not there."""
        if self.chain is not None:
            self.chain.close()

    def _take_run(self, told: Sequence[Told]) -> None:
        """Take entries as far as their numbers follow each other."""
        for one in told:
            if one.number == self.reached:
                self.found.append(Difference("number_twice", one.entry_id, {"number": one.number}))
            elif one.number == self.reached + 1 <= self._end:
                self._take(one)
            else:
                return

    def _take(self, told: Told) -> None:
        self.reached = told.number
        if told.item is None:
            self.found.append(Difference("entry_missing", told.entry_id, {"number": told.number}))
            self._chain(told.number, told.entry_id, None)
            return
        self.entries += 1
        found = digest(told.item)
        if unbalanced := imbalance(told.item):
            self.found.append(Difference("entry_unbalanced", told.entry_id, {"number": told.number, **unbalanced}))
        self.totals.take(told.number, told.item, found)
        self.holds.take(told.item)
        self._chain(told.number, told.entry_id, found)

    def _pass_gap(self, behind: int) -> None:
        facts = {"first": self.reached + 1, "last": behind - 1}
        self.found.append(Difference("number_missing", self.tenant, facts))
        for number in range(self.reached + 1, behind):
            self._chain(number, "", None)
        self.reached = behind - 1

    def _chain(self, number: int, entry_id: str, found: bytes | None) -> None:
        if self.chain is not None:
            self.chain.take(number, entry_id, found)


class Chain:
    """A tenant's checkpoints from the first (or those behind a position) to the one on record, each held against the
    entries that it is over."""

    def __init__(self, tenant: str, *, since: Position | None = None) -> None:
        recorded = checkpoints.positions([tenant]).get(tenant)
        self.tenant = tenant
        self.count = 0
        self.found: list[Difference] = []
        self._recorded = Position() if recorded is None else recorded.value
        self._position = since or Position()
        self._next: tuple[Checkpoint, Signed] | None = None
        self._run: list[tuple[str, bytes | None]] = []
        self._broken = False
        self._look()

    def take(self, number: int, entry_id: str, found: bytes | None) -> None:
        """Hold the entry of a number against the checkpoint that covers it. `found`: its digest; None: it is lost."""
        if self._next is None:
            return
        checkpoint, file = self._next
        self._run.append((entry_id, found))
        if number == checkpoint.last:
            self._compare(checkpoint, file)
            self._position = position_of(checkpoint)
            self._run.clear()
            self.count += 1
            self._look()

    def close(self) -> None:
        """Say that the feed ends here."""
        if self._next is not None:
            checkpoint, _ = self._next
            facts = {"first": checkpoint.first, "last": checkpoint.last, "found": len(self._run)}
            self.found.append(Difference("checkpoint_beyond_feed", self._name(), facts))
        elif not self._broken and self._position != self._recorded:
            self.found.append(Difference("checkpoint_position_differs", self._name(), {}))

    @property
    def waiting(self) -> bool:
        """Whether a checkpoint is still to be held against its entries."""
        return self._next is not None

    @property
    def position(self) -> Position:
        """Where the chain is proved up to."""
        return self._position

    def _look(self) -> None:
        """Read the next checkpoint, if the record says that there is one."""
        self._next = None
        if self._position.number >= self._recorded.number:
            return
        try:
            self._next = self._read()
        except (Defect, Malformed) as error:
            self._broken = True
            self.found.append(Difference("checkpoint_broken", self._name(), {"reason": str(error)}))

    def _read(self) -> tuple[Checkpoint, Signed]:
        file = checkpoints.read_file(self.tenant, self._position.number + 1)
        checkpoint = parse(file.signed)
        check_signed(checkpoint, file)
        if not follows(checkpoint, self.tenant, self._position):
            raise Malformed("it does not follow the one before")
        if merkle.root(leaves(checkpoint.first, file.digests)).hex() != checkpoint.root:
            raise Malformed("its digests do not lead to its root")
        return checkpoint, file

    def _compare(self, checkpoint: Checkpoint, file: Signed) -> None:
        for index, ((entry_id, found), signed) in enumerate(zip(self._run, file.digests, strict=True)):
            if found is not None and found != signed:
                facts = {"number": checkpoint.first + index, "checkpoint": checkpoint.number}
                self.found.append(Difference("entry_altered", entry_id, facts))

    def _name(self) -> str:
        return f"checkpoint {self._position.number + 1}"
