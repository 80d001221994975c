"""Queues of work that arrives at random and is done by several at once.

`load` is in erlangs: arrivals a second times the seconds that one takes, which is how many are
busy on average (Little 1961).
"""

from math import ceil, inf, log

from scipy.stats import poisson


def busy(load: float, *, share: float = 0.999) -> int:
    """Return how many are busy at most, for `share` of the time, where nothing ever waits.

    With Poisson arrivals and any distribution of the work's duration, those that are busy are
    Poisson too (M/G/infinity).
    """
    return int(poisson.ppf(share, load))


def waits(servers: int, load: float) -> float:
    """Return the share of arrivals that find all `servers` busy (Erlang C); 1 from `load` on.

    Computed by the recursion of Erlang B, which does not overflow.
    """
    if load >= servers:
        return 1.0
    blocked = 1.0
    for number in range(1, servers + 1):
        blocked = load * blocked / (number + load * blocked)
    return blocked / (1 - load / servers * (1 - blocked))


def mean_wait(servers: int, load: float, *, seconds: float, variation: float = 1.0) -> float:
    """Return the mean seconds that an arrival waits before its work begins.

    `seconds` is what one takes, `variation` the squared coefficient of variation of that: 1 for
    exponential durations, 0 for constant ones (Allen and Cunneen 1978).
    """
    if load >= servers:
        return inf
    return waits(servers, load) / (servers - load) * seconds * (1 + variation) / 2


def slow_wait(
    servers: int, load: float, *, seconds: float, share: float = 0.99, variation: float = 1.0
) -> float:
    """Return the seconds that `share` of the arrivals do not wait longer than.

    Who has to wait does so about exponentially long.
    """
    waiting = waits(servers, load)
    if load >= servers:
        return inf
    if waiting <= 1 - share:
        return 0.0
    mean = mean_wait(servers, load, seconds=seconds, variation=variation)
    return mean / waiting * log(waiting / (1 - share))


def servers_for(load: float, *, seconds: float, longest_wait: float, share: float = 0.99) -> int:
    """Return the fewest servers with which `share` of the arrivals wait `longest_wait` at most."""
    servers = max(1, ceil(load))
    while slow_wait(servers, load, seconds=seconds, share=share) > longest_wait:
        servers += 1
    return servers


def drain_seconds(backlog: int, *, servers: int, seconds: float, arrivals: float = 0.0) -> float:
    """Return how long `servers` take for a backlog while `arrivals` a second come on top."""
    rate = servers / seconds - arrivals
    return backlog / rate if rate > 0 else inf
