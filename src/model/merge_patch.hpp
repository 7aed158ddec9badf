// JSON merge patch (RFC 7396): what a PATCH of the API means.
//
// Pure function, any thread. As the RFC has it, null removes a member, so that its default holds
// again.
#pragma once

#include <string>

#include <simdjson.h>

namespace penstock::model {

/// The JSON text of `target` with `patch` applied. Both come from JsonDocument: the depth is
/// bounded, and neither may hold a key twice.
std::string merge_patch(simdjson::dom::element target, simdjson::dom::element patch);

}  // namespace penstock::model
