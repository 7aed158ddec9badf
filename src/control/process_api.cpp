#include "control/process_api.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include "control/problem.hpp"

namespace penstock::control {

namespace {

ApiResponse answer_to(const UpgradeOutcome& outcome) {
    using Kind = UpgradeOutcome::Kind;
    if (outcome.kind == Kind::refused) return problem(http::Status::conflict, outcome.detail);
    if (outcome.kind == Kind::failed)
        return problem(http::Status::internal_server_error, outcome.detail);
    ApiResponse response;
    response.body = fmt::format(R"({{"pid":{},"replaces":{}}})", outcome.pid, ::getpid());
    return response;
}

}  // namespace

ApiResponse upgrade_process(const Call& call) {
    if (!call.upgrade) {
        return problem(http::Status::conflict,
                       "This proxy is part of another program, which has to be started anew.");
    }
    ApiResponse response;
    response.later = [upgrade = call.upgrade](const GiveAnswer& give) {
        upgrade([give](const UpgradeOutcome& outcome) { give(answer_to(outcome)); });
    };
    return response;
}

}  // namespace penstock::control
