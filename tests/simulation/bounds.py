"""How many stop requests one id may cost, as a formula; what is counted must not exceed it.

A request is repeated after 15 s, 30 s … 10 min where it was refused or nobody knows what became of
it, and after 60 s, 120 s … 10 min where it was accepted and shows no effect, which is less often.
Whatever starts this anew adds one life to a task: a process that ended before it had written down
what it did, other credentials or another project, somebody who starts the task again or claims in
its status that it had ended, an acceptance without effect. What is in a request that fails as a
whole is sent in halves each time; and what certainly had no effect (503) is sent once more as soon
as its channel permits:

    requests(T) ≤ lives * (1 + unsent + halvings) * (1 + repeats(T))

T are the seconds from the first of them to the last, so that it bounds any stretch of them. What
the gateway turns away (429) is not one of them: DCS never hears of it, and the key rests.
"""

from __future__ import annotations

from typing import Final

REPEAT_S: Final = 15.0
EFFECT_S: Final = 60.0
PAUSE_S_MAX: Final = 600.0

HALVINGS: Final = 6
"""Requests in which one id of 50 is, when a batch is halved until it is alone."""


WINDOWS: Final = 8
"""Windows of a burst of requests that leave because nothing more comes."""


def repeats(seconds: float, first_s: float = REPEAT_S) -> int:
    """Return how many pauses fit into so many seconds, each twice as long as the one before."""
    count, pause_s, left_s = 0, first_s, seconds
    while left_s >= pause_s:
        left_s -= pause_s
        count += 1
        pause_s = min(2.0 * pause_s, PAUSE_S_MAX)
    return count


def requests_max(
    seconds: float, *, lives: int = 1, spoils: bool = False, unsent: bool = False
) -> int:
    """Return how many requests at most may name one id.

    Args:
        seconds: For which it can be requested at all.
        lives: How often that began anew.
        spoils: Whether requests with this id fail as a whole.
        unsent: Whether some of them had no effect, as DCS says.
    """
    each = 1 + int(unsent) + (HALVINGS if spoils else 0)
    return lives * each * (1 + repeats(seconds))


def calls_max(ids: int) -> int:
    """Return how many requests of one burst at most name so many ids, if none of them spoils it.

    They may come one by one; but looking for a guilty id would cost twice as many.
    """
    return ids + WINDOWS
