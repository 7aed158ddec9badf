// The whole configuration as one document (SPEC section 9, /config): what PUT /config and --config
// share.
//
// Control thread only.
#pragma once

#include <string>

#include "control/configuration.hpp"
#include "model/route.hpp"

namespace penstock::control {

/// What is in force, without secrets: apply_document() takes it back unchanged.
Result<std::string> current_document(const Configuration& configuration);

/// Makes the document's routes, auth providers and certificates the only ones, in one publication.
/// Secrets that are absent are those stored under the same id or domain. `shown`: null, or what
/// current_document() says once it is in force.
Configuration::Outcome apply_document(model::Draft<model::ConfigDocument> draft,
                                      Configuration& configuration, Configuration::Mode mode,
                                      Configuration::Whole whole, std::string* shown);

}  // namespace penstock::control
