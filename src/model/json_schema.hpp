// The model's objects as JSON Schemas (2020-12, as OpenAPI 3.1 uses them), made from the list of
// fields that also reads, writes and validates them (route_fields.hpp).
//
// Pure functions, any thread; each appends an object to a string the caller owns. An inner object
// that has a schema of its own in the API's description is referred to:
// "#/components/schemas/Backend".
#pragma once

#include <string>

namespace penstock::model {

/// Of what a request gives, or of a merge patch (RFC 7396): nothing in it is required.
enum class SchemaOf : bool { whole, patch };

void write_route_schema(std::string& out, SchemaOf of);
/// With its run-time state, which answers show and requests may repeat.
void write_backend_schema(std::string& out, SchemaOf of);
void write_certificate_schema(std::string& out);
/// One of several, by its type.
void write_auth_provider_schema(std::string& out);

}  // namespace penstock::model
