"""Assertions with words: what was looked at, what came, what should have come."""


class Failed(AssertionError):
    """A case's expectation did not hold."""


class Skipped(Exception):
    """The case cannot run here; the text says why."""


def shorten(value, limit=600):
    text = repr(value)
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text)} characters)"


def expect(condition, what):
    if not condition:
        raise Failed(what)


def equal(got, wanted, what):
    if got != wanted:
        raise Failed(f"{what}: got {shorten(got)}, wanted {shorten(wanted)}")


def one_of(got, allowed, what):
    if got not in allowed:
        raise Failed(f"{what}: got {shorten(got)}, wanted one of {shorten(sorted(allowed))}")


def contains(whole, part, what):
    if part not in whole:
        raise Failed(f"{what}: {shorten(part)} is not in {shorten(whole)}")


def lacks(whole, part, what):
    if part in whole:
        raise Failed(f"{what}: {shorten(part)} is in {shorten(whole)}")


def at_most(got, limit, what):
    if got > limit:
        raise Failed(f"{what}: {got} is more than {limit}")


def at_least(got, limit, what):
    if got < limit:
        raise Failed(f"{what}: {got} is less than {limit}")
