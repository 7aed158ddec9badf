// The embedding program: the request as it sees it, and what its answer means.
#include <utility>

#include "proxy/callback_questions.hpp"
#include "proxy/guards/method.hpp"
#include "proxy/worker.hpp"

namespace penstock::proxy::guards {

namespace {

using Outcome = CallbackQuestions::Outcome;

AuthRequest request_of(const Guard& guard) {
    const http::RequestHead& head = guard.request();
    AuthRequest request{.method = std::string(head.method_text),
                        .target = std::string(head.target),
                        .host = std::string(head.host()),
                        .client = std::string(guard.identity().client()),
                        .fields = {}};
    request.fields.reserve(head.fields.size());
    for (const auto& entry : head.fields) {
        // What Connection takes away, the backend does not get either.
        if (!entry.dropped)
            request.fields.emplace_back(head.fields.name(entry), head.fields.value(entry));
    }
    return request;
}

Verdict verdict_of(Outcome outcome, const Guard& guard) noexcept {
    switch (outcome) {
        case Outcome::allowed:
            return Guard::pass();
        case Outcome::refused:
            return guard.refuse();
        case Outcome::forbidden:
            return {.passes = false,
                    .answer = {http::Status::forbidden,
                               "http_request_denied",
                               "the request is not allowed",
                               {}}};
        case Outcome::overloaded:
            return Guard::unavailable("too many requests are being judged");
        case Outcome::failed:
        case Outcome::abandoned:
            break;
    }
    return Guard::unavailable("the request could not be judged");
}

}  // namespace

io::Task<Verdict> callback(Guard& guard) {
    AuthRequest request = request_of(guard);
    CallbackQuestions& questions = guard.worker().callback_questions();
    const Outcome outcome = co_await questions.ask(request, guard);
    co_return verdict_of(outcome, guard);
}

}  // namespace penstock::proxy::guards
