// JSON in: elements of a parsed document into configuration values, collecting every error on the
// way.
//
// Control thread (or any other: no state but the arguments). This part knows types; what values
// mean is validate.hpp.
#pragma once

#include <penstock/auth_provider.hpp>
#include <penstock/config.hpp>
#include <simdjson.h>

#include "model/field_error.hpp"

namespace penstock::model {

/// `pointer` is where `value` stands in its document. Fields that are absent keep their defaults;
/// unknown ones, wrong types and out-of-range numbers are added to `errors`, and what could not be
/// read keeps its default.
RouteConfig read_route(simdjson::dom::element value, const std::string& pointer,
                       FieldErrors& errors);
Backend read_backend(simdjson::dom::element value, const std::string& pointer, FieldErrors& errors);
CertificateConfig read_certificate(simdjson::dom::element value, const std::string& pointer,
                                   FieldErrors& errors);

AuthProviderConfig read_auth_provider(simdjson::dom::element value, const std::string& pointer,
                                      FieldErrors& errors);

/// "an object", "a string" … for messages about what stands where something else should.
std::string_view kind_of(simdjson::dom::element value) noexcept;

}  // namespace penstock::model
