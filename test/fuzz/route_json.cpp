// Routes from JSON: what passes can be written, and read again as the same route.
#include <algorithm>
#include <string>

#include "model/json_syntax.hpp"
#include "model/json_writer.hpp"
#include "model/route.hpp"
#include "model/validate.hpp"
#include "target.hpp"

namespace {

using namespace penstock;
using namespace penstock::fuzz;
using namespace penstock::model;

void check_syntax_error(std::string_view text, const SyntaxError& error) {
    PENSTOCK_ASSERT(!error.message.empty());
    const auto lines = static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')) + 1;
    PENSTOCK_ASSERT(error.line <= lines);
    PENSTOCK_ASSERT(error.column <= text.size() + 1);
    PENSTOCK_ASSERT((error.line == 0) == (error.column == 0));
}

void check_errors(const FieldErrors& errors) {
    for (const FieldError& error : errors) {
        PENSTOCK_ASSERT(error.pointer.empty() || error.pointer.front() == '/');
        PENSTOCK_ASSERT(!error.detail.empty());
    }
}

/// Keys are never written: whoever puts back what it got gets the stored ones.
void restore_secrets(RouteConfig& route, const RouteConfig& from) {
    if (route.ssl && from.ssl) route.ssl->key = from.ssl->key;
    for (std::size_t i = 0; i < route.backends.size() && i < from.backends.size(); ++i)
        route.backends[i].client_key = from.backends[i].client_key;
}

/// The route that `draft` holds has the same values, and is as valid, as `route`.
void check_same(Drafted<RouteConfig> draft, const RouteConfig& route) {
    PENSTOCK_ASSERT(draft.has_value());
    PENSTOCK_ASSERT(draft->errors.empty());
    restore_secrets(draft->value, route);
    PENSTOCK_ASSERT(validate(draft->value).empty());
    PENSTOCK_ASSERT(draft->value == route);
}

std::string written(const RouteConfig& route) {
    std::string json;
    write_route(json, route);
    return json;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text = text_of(data, size);
    Drafted<RouteConfig> draft = draft_route(text);
    if (!draft) {
        check_syntax_error(text, draft.error());
        return 0;
    }
    // Both judges of syntax agree: where the parser is content, the scan finds no fault.
    PENSTOCK_ASSERT(find_syntax_error(text).line == 0);
    check_errors(draft->errors);
    Draft<RouteConfig> checked = *draft;
    check(checked);
    check_errors(checked.errors);

    RouteConfig route = draft->value;
    const FieldErrors wrong = validate(route);
    check_errors(wrong);
    if (!draft->errors.empty() || !wrong.empty()) return 0;
    const std::string json = written(route);
    check_same(draft_route(json), route);
    check_same(patch_route(route, "{}"), route);
    // In a document it stands as it does alone.
    const auto document = parse_config("{\"version\":1,\"routes\":[" + json + "]}");
    PENSTOCK_ASSERT(document.has_value());
    PENSTOCK_ASSERT(document->value.routes.size() == 1);
    PENSTOCK_ASSERT(document->value.routes[0].v_host == route.v_host);
    for (const FieldError& error : document->errors) {
        const bool write_only = error.pointer.ends_with("ey");  // /ssl/key, /backends/0/clientKey
        const bool is_pem = !error.code.empty();
        PENSTOCK_ASSERT(write_only || is_pem || error.kind == FieldErrorKind::unsupported);
    }
    return 0;
}
