"""Medians with intervals that assume nothing about the noise."""
import math
import statistics


def median_interval(values, confidence=0.95):
    """The median and its interval by order statistics; with fewer than six values the interval is all of them."""
    ordered = sorted(values)
    count = len(ordered)
    cut, tail = 0, 0.0
    while cut < count // 2:  # how many can be cut from either end
        tail += math.comb(count, cut) / 2**count
        if 2 * tail > 1 - confidence:
            break
        cut += 1
    low = ordered[max(cut - 1, 0)]
    high = ordered[min(count - cut, count - 1)]
    return statistics.median(ordered), low, high


def paired_ratios(ours, theirs):
    """Ratio of one's value to the other's, of the rounds in which both have one."""
    return [a / b for a, b in zip(ours, theirs) if a is not None and b]
