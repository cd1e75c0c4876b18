"""`make simulate SEED=… STEPS=…`: the simulation for as long as one likes.

Worlds of at most 5,000 steps follow each other, each with the next seed, so that a failure is had again with the seed
it prints and no more steps than that. Those of odd seeds trade, those of even ones have accounts, entries, holds and
exchange alone. Exit code 1 where the product and the model disagree.
"""

from __future__ import annotations

import secrets
import sys
import time
import traceback

from tests.simulation.run import Run, in_memory

STEPS = 50_000
A_WORLD = 5_000
A_ROUND = 1_000


def main(arguments: list[str]) -> int:
    """Simulate so many steps from a seed on; the exit code."""
    seed, steps = (int(argument) if argument else None for argument in (*arguments, "", "")[:2])
    seed = secrets.randbelow(10**9) if seed is None else seed
    steps = STEPS if steps is None else steps
    print(f"seed {seed}, {steps} steps")
    begun, done, faults = time.monotonic(), 0, 0
    while done < steps:
        run = Run(seed, trades=seed % 2 == 1)
        if not _world(run, min(A_WORLD, steps - done), done, begun):
            return 1
        done, seed, faults = done + run.steps, seed + 1, faults + run.world.faults
    print(f"\n{done} steps, {faults} faults: the product is the model")
    return 0


def _world(run: Run, steps: int, before: int, begun: float) -> bool:
    """One world; whether it went well."""
    try:
        with in_memory(run.world):
            run.begin()
            while run.steps < steps:
                run.go(min(A_ROUND, steps - run.steps))
                rate = (before + run.steps) / (time.monotonic() - begun)
                print(f"\rseed {run.seed}: {before + run.steps} steps, {rate:.0f}/s ", end="", flush=True)
            run.prove()
    except BaseException:
        print(f"\nseed {run.seed}: failed at its step {run.steps}; the last {len(run.world.log)} steps:")
        print("\n".join(run.world.log))
        traceback.print_exc()
        print(f"have it again: make simulate SEED={run.seed} STEPS={steps}")
        return False
    return True


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
