"""The two shapes of a refusal that most malformed requests must meet. `@host@` stands for the route's host."""

from checks import one_of
from origin import OK, answers


def refuse(t, raw, *statuses, closes=True, method="GET"):
    """Answered with one of these statuses, closed, and not one byte of it upstream."""
    origin = t.origin(answers(OK))
    client = t.client()
    client.send(raw.replace(b"@host@", origin.host.encode()))
    answer = client.read_response(method)
    one_of(answer.status, statuses, "status")
    if closes:
        client.must_close()
    t.nothing_upstream(origin)
    return answer


def refuse_body(t, raw, *statuses):
    """As refuse, for a fault in the body: its head may be upstream by then, but never a whole request."""
    origin = t.origin(answers(OK))
    client = t.client()
    client.send(raw.replace(b"@host@", origin.host.encode()))
    answer = client.read_response()
    one_of(answer.status, statuses, "status")
    client.must_close()
    t.only_sentinel_upstream(origin)


def accept(t, raw, method="GET"):
    """Answered 200 and the connection kept; gives the request as the origin saw it."""
    origin = t.origin(answers(OK))
    client = t.client()
    answer = client.ask(raw.replace(b"@host@", origin.host.encode()), method)
    one_of(answer.status, [200], "status")
    received = origin.requests[0]
    if method != "HEAD":
        client.must_stay_open_for(origin.host)
    received.host = origin.host
    return received
