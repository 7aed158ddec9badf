"""Attacks on the REST API (test/support/api_attacks.py): each is refused as it should be, the API answers another client at
once, and traffic goes on."""

import json
import signal

import api_attacks  # noqa: F401 (enters its attacks)
import api_crowds  # noqa: F401
import api_victim
import pki
from admin import bearer, private, trusting
from harness import PATIENCE, SANITIZED, Cut, Malformed, Silent, answers, at_least, case, contains, equal, expect, response
from polling import readable
from steady import SteadyLoad

ANSWER_WITHIN = 2.0 * PATIENCE  # seconds that another client waits at most right after an attack
BUDGET = 256 << 20              # bytes of bodies under way: docs/admin.md


def start(t, *flags, **options):
    proxy = t.start("--admin-token-file", private(t.folder(), "tokens", api_victim.TOKENS), "--log-level", "info", *flags, **options)
    return api_victim.Victim(proxy)


def keep(victim, backend):
    answer = victim.proxy.api("POST", api_victim.ROUTES, {"vHost": api_victim.KEPT, "backends": [backend]},
                              bearer(api_victim.WRITER))
    equal(answer.status, 201, "status of the route that no attack may change")


@case("every attack is refused as it should be, alone and without anybody else noticing", alone=True, deadline=240.0)
def all_of_them(t):
    at_least(len(api_victim.ATTACKS), 40, "attacks")
    origin = t.bare_origin(answers(response("200 OK", b"ok")))
    victim = start(t, workers=2)
    keep(victim, origin.backend)
    before = victim.kept()
    load = SteadyLoad(victim.proxy.address, api_victim.KEPT)
    faults = []
    for attack in api_victim.ATTACKS:
        try:
            attack.run(victim)
            equal(victim.answers_others(ANSWER_WITHIN), before, "the route that no attack may change")
        except (AssertionError, OSError, Cut, Silent, Malformed) as error:
            faults.append(f"{attack.name}: {error}")
        finally:
            victim.close()
        expect(victim.proxy.alive(), f"the process lives after: {attack.name}")
    failed, took = load.stop()
    print(f"{len(api_victim.ATTACKS)} attacks, {len(took)} requests meanwhile, {len(failed)} failed")
    equal(faults, [], "what was not refused as it should be")
    equal(failed, [], "requests of the data path that failed meanwhile")
    at_least(len(took), 100, "requests of the data path meanwhile")
    for secret in (api_victim.WRITER, api_victim.READER):
        expect(secret not in victim.proxy.stderr(), "no token is in the log")


@case("bodies under way have a bound in all: past it 503 with Retry-After, and room again when they have gone", alone=True,
      deadline=120.0)
def budget(t):
    if SANITIZED:
        t.skip("memory figures mean nothing under sanitizers")
    victim = start(t)
    keep(victim, t.bare_origin().backend)
    before = victim.proxy.rss_bytes()
    part, statuses = b" " * (32 << 20), []
    clients = [victim.raw() for _ in range(12)]
    for client in clients:
        client.send(victim.head("PUT /api/v1/config", "Content-Type: application/json", f"Content-Length: {64 << 20}"))
        client.try_send(part)  # it may be refused meanwhile
    for client in clients:
        if client.ended or readable(0.2, client.sock):
            answer = client.read_response("PUT")
            statuses.append(answer.status)
            expect(answer.fields.has("Retry-After"), "Retry-After of a 503")
    victim.kept()
    expect(victim.proxy.rss_bytes() - before < BUDGET + (128 << 20), "memory that the bodies take is bounded")
    equal(set(statuses), {503}, "statuses of what was refused")
    victim.close()
    document = victim.proxy.api("GET", "/api/v1/config", headers=bearer(api_victim.WRITER))
    spaces = document.body + b" " * (20 << 20)
    t.eventually(lambda: victim.proxy.api("PUT", "/api/v1/config", spaces, bearer(api_victim.WRITER)).status == 200,
                 "a large document's being taken once there is room")


def large_document(victim):
    """Makes the configuration some 8 MB large."""
    headers = {f"X-{i}": "v" * 100 for i in range(60)}
    document = victim.proxy.api("GET", "/api/v1/config", headers=bearer(api_victim.WRITER)).json
    document["routes"] += [{"vHost": f"r{i}.test", "backends": [], "headers": headers} for i in range(1_200)]
    text = json.dumps(document).encode()
    answer = victim.proxy.api("PUT", "/api/v1/config", text, bearer(api_victim.WRITER))
    equal(answer.status, 200, "status of the large document")
    at_least(len(answer.body), 6 << 20, "its bytes")
    return answer.body


@case("large answers that nobody reads have a bound in all: past it 503 with Retry-After, and room again when they have gone",
      alone=True, deadline=120.0)
def answers_budget(t):
    victim = start(t)
    keep(victim, t.bare_origin().backend)
    size, statuses = len(large_document(victim)), []
    clients = [victim.raw(receive_buffer=4096) for _ in range(BUDGET // size + 6)]
    for client in clients:
        client.send(victim.head("GET /api/v1/config"))
        statuses.append(client.read_head().status)
    fit = statuses.count(200)
    equal(statuses, [200] * fit + [503] * (len(clients) - fit), "statuses")
    at_least(fit, BUDGET // size // 2, "answers that fit")  # their memory may be twice their size
    contains(clients[-1].received, b"Retry-After", "the answer that has no room")
    victim.answers_others(ANSWER_WITHIN)
    victim.close()
    t.eventually(lambda: victim.proxy.api("GET", "/api/v1/config", headers=bearer(api_victim.READER)).status == 200,
                 "a large answer once there is room")


def write_unread(victim, document):
    """A client whose write is in force, and who has read no more of its answer than the head."""
    client = victim.raw()
    client.send(victim.with_body("PUT /api/v1/config", document))
    answer = client.read_head()
    equal(answer.status, 200, "status of the write")
    return client, int(answer.fields.need("Content-Length"))


@case("the answer to a write that is in force is not cut off to make room for others", alone=True, deadline=60.0)
def write_in_a_crowd(t):
    victim = start(t)
    keep(victim, t.bare_origin().backend)
    client, size = write_unread(victim, large_document(victim))
    for _ in range(1_100):
        victim.raw()
    victim.answers_others(ANSWER_WITHIN)
    equal(len(client.read_exactly(size)), size, "bytes of its answer")


@case("nor by a stop", alone=True, deadline=60.0)
def write_at_stop(t):
    victim = start(t)
    keep(victim, t.bare_origin().backend)
    client, size = write_unread(victim, large_document(victim))
    idle = victim.raw()
    equal(idle.ask(victim.head("GET /healthz")).status, 200, "status for a client that stays")
    victim.proxy.signal(signal.SIGTERM)
    idle.wait_end()
    equal(len(client.read_exactly(size)), size, "bytes of its answer")
    client.close()
    equal(victim.proxy.wait_exit(), 0, "exit code")


@case("the same under TLS: 1,100 silent connections do not lock anybody out", alone=True, deadline=60.0)
def silent_handshakes(t):
    pair, folder = pki.make("localhost", "IP:127.0.0.1"), t.folder()
    victim = start(t, "--admin-cert", private(folder, "cert", pair.cert), "--admin-key", private(folder, "key", pair.key),
                   admin_context=trusting(pair))
    keep(victim, t.bare_origin().backend)
    clients = [victim.raw() for _ in range(1_100)]
    victim.answers_others(ANSWER_WITHIN)
    for client in clients[-5:]:
        client.send(b"GET /healthz HTTP/1.1\r\n\r\n")
    victim.answers_others(ANSWER_WITHIN)
    victim.close()
