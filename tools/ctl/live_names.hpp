// Names of what the API has, for completion.
//
// Blocking, main thread; a second at most, and nothing where the API cannot be asked: a shell waits
// for it.
#pragma once

#include <string>
#include <vector>

#include "ctl/client.hpp"
#include "ctl/completion.hpp"

namespace penstock::ctl {

/// Those of a kind (VHOST, BACKEND, DOMAIN, PROVIDER, REVISION) that begin with `typed`; nothing
/// for other kinds. `before`: the positionals that stand before it.
std::vector<Candidate> live_names(const ConnectionOptions& connection, const std::string& kind,
                                  const std::vector<std::string>& before, const std::string& typed);

}  // namespace penstock::ctl
