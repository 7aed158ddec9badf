"""Waiting for sockets, whatever their descriptors' numbers (select(2) takes none past 1,023)."""

import select


def readable(seconds, *files):
    """Those of `files` that have something to read, or an end, once there is one; [] after so many seconds."""
    return _waited(seconds, select.POLLIN, files)


def writable(seconds, *files):
    """The same for room to write."""
    return _waited(seconds, select.POLLOUT, files)


def _waited(seconds, event, files):
    poll = select.poll()
    by_number = {file if isinstance(file, int) else file.fileno(): file for file in files}
    for number in by_number:
        poll.register(number, event)
    return [by_number[number] for number, _ in poll.poll(seconds * 1000)]
