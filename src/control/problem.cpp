#include "control/problem.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "model/json_writer.hpp"

namespace penstock::control {

using http::Status;

ApiResponse problem(Status status, std::string_view detail, const model::FieldErrors& errors) {
    ApiResponse response;
    response.status = status;
    response.content_type = "application/problem+json";
    std::string& out = response.body;
    out = R"({"type":"about:blank","title":)";
    model::write_string(out, http::reason_phrase(status));
    out += fmt::format(R"(,"status":{},"detail":)", http::code(status));
    model::write_string(out, detail);
    for (std::size_t i = 0; i < errors.size() && i < model::most_errors; ++i) {
        out += i == 0 ? R"(,"errors":[{"pointer":)" : R"(,{"pointer":)";
        model::write_string(out, errors[i].pointer);
        out += R"(,"detail":)";
        model::write_string(out, errors[i].detail);
        out += '}';
    }
    out += errors.empty() ? "}" : "]}";
    return response;
}

ApiResponse problem(const model::SyntaxError& error) {
    return problem(Status::bad_request, "The body is not valid JSON: " + error.text());
}

ApiResponse problem(const model::FieldErrors& errors) {
    const bool only_conflicts = std::all_of(errors.begin(), errors.end(), [](const auto& error) {
        return error.kind == model::FieldErrorKind::conflict;
    });
    if (only_conflicts)
        return problem(Status::conflict, "Something else has this already.", errors);
    const std::string_view count = errors.size() == 1 ? "A field is" : "Some fields are";
    return problem(Status::unprocessable_content,
                   fmt::format("{} not acceptable; nothing has changed.", count), errors);
}

ApiResponse not_supported_yet() {
    return problem(Status::not_implemented, "This endpoint is not supported yet.");
}

}  // namespace penstock::control
