// Random identifiers for routes and backends that were given none: UUID version 4 (RFC 9562
// section 5.4).
//
// Any thread. From getrandom(2), so that ids cannot be foretold; aborts where the kernel gives no
// entropy.
#pragma once

#include <string>

namespace penstock::model {

/// 36 characters, lower case.
std::string make_uuid();

}  // namespace penstock::model
