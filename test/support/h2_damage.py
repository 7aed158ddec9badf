"""Damage to an HTTP/2 conversation, of chance."""


def damaged(chance, frames, random_frame):
    """`frames`, of which a few bytes or frames were changed, left out, repeated or put elsewhere."""
    for _ in range(chance.randrange(1, 4)):
        at = chance.randrange(len(frames))
        how = chance.randrange(5)
        if how == 0:
            broken = bytearray(frames[at])
            broken[chance.randrange(len(broken))] = chance.randrange(256)
            frames[at] = bytes(broken)
        elif how == 1 and len(frames) > 1:
            del frames[at]
        elif how == 2:
            frames.insert(chance.randrange(len(frames)), frames[at])
        elif how == 3:
            frames.insert(at, random_frame(chance))
        else:
            frames.insert(chance.randrange(len(frames)), frames.pop(at))
    return frames
