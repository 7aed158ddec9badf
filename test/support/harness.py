"""All that a case's file needs, under one name: `from harness import ...`."""

from checks import (Failed, Skipped, at_least, at_most, contains, equal, expect, lacks, one_of)
from client import Client
from origin import (ENDLESS, OK, Origin, answers, answers_then_closes, echoes, endless, held, named,
                    never_answers)
from peer import DEADLINE, PATIENCE, Cut, Peer, Silent
from ports import free_port
from proxy import SANITIZED, SCALE, Proxy, binary, expect_refused, run_program
from refusals import accept, refuse, refuse_body
from runner import case, cases
from trial import in_threads
from wire import Fields, Malformed, Request, Response, chunk, chunked, request, response

__all__ = [name for name in dir() if not name.startswith("_")]
