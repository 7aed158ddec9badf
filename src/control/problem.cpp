#include "control/problem.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "model/json_writer.hpp"

namespace penstock::control {

using http::Status;

namespace {

std::string type_of(std::string_view code) {
    return "urn:problem-type:penstock:" + std::string(code);
}

/// "certificate-expired" becomes "Certificate expired".
std::string title_of(std::string_view code) {
    std::string title(code);
    std::replace(title.begin(), title.end(), '-', ' ');
    title.front() = static_cast<char>(title.front() - 'a' + 'A');
    return title;
}

}  // namespace

ApiResponse problem(Status status, std::string_view detail, const model::FieldErrors& errors) {
    ApiResponse response;
    response.status = status;
    response.content_type = "application/problem+json";
    std::string& out = response.body;
    const std::string_view code = errors.size() == 1 ? errors.front().code : "";
    out = R"({"type":)";
    model::write_string(out, code.empty() ? "about:blank" : type_of(code));
    out += R"(,"title":)";
    model::write_string(out, code.empty() ? http::reason_phrase(status) : title_of(code));
    out += fmt::format(R"(,"status":{},"detail":)", http::code(status));
    model::write_string(out, detail);
    for (std::size_t i = 0; i < errors.size() && i < model::most_errors; ++i) {
        out += i == 0 ? R"(,"errors":[{"pointer":)" : R"(,{"pointer":)";
        model::write_string(out, errors[i].pointer);
        out += R"(,"detail":)";
        model::write_string(out, errors[i].detail);
        if (!errors[i].code.empty()) {
            out += R"(,"type":)";
            model::write_string(out, type_of(errors[i].code));
        }
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

}  // namespace penstock::control
