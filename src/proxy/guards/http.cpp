// Somebody else decides: the request is told to a URL, whose answer it is.
#include "proxy/forwarded_headers.hpp"
#include "proxy/guards/method.hpp"
#include "proxy/hook_calls.hpp"
#include "proxy/worker.hpp"

namespace penstock::proxy::guards {

io::Task<Verdict> http(Guard& guard) {
    const auto& hook = std::get<snapshot::HttpHook>(guard.provider()->method);
    ::penstock::http::h1::HeadBuffer head(guard.worker().ring().buffers());
    write_hook_head(head, guard.request(),
                    {.hook = hook,
                     .identity = guard.client().identity,
                     .scheme = guard.client().scheme,
                     .node_name = guard.worker().settings().node_name});
    if (head.overflowed()) co_return Guard::unavailable("the head is too large for the auth hook");
    const HookCalls::Outcome outcome =
        co_await guard.worker().hook_calls().ask(guard.provider(), head.bytes(), guard);
    if (outcome.answer == nullptr) co_return Guard::unavailable(outcome.failure);
    Verdict verdict{.passes = outcome.answer->passes(), .hook = outcome.answer};
    verdict.answer.hook = verdict.passes ? nullptr : outcome.answer.get();
    co_return verdict;
}

}  // namespace penstock::proxy::guards
