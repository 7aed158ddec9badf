#include "proxy/guard.hpp"

#include <array>
#include <variant>

#include "base/bytes.hpp"
#include "proxy/guards/method.hpp"

namespace penstock::proxy {

namespace {

using http::FieldId;
using http::Status;

/// In the order of AuthProvider::Method, which indexes it.
constexpr std::array methods{&guards::basic, &guards::bearer, &guards::jwt, &guards::http,
                             &guards::callback};
static_assert(methods.size() == std::variant_size_v<snapshot::AuthProvider::Method>);

io::Task<Verdict> say(const Verdict& verdict) {
    co_return verdict;
}

/// Two of them: this proxy would judge one, and the backend might act on the other.
bool is_ambiguous(const http::FieldList& fields) noexcept {
    unsigned found = 0;
    for (const auto& entry : fields) found += entry.id == FieldId::authorization ? 1 : 0;
    return found > 1;
}

Verdict denied(std::string_view reason, std::string_view challenge) noexcept {
    return {.passes = false,
            .answer = {Status::unauthorized, "http_request_denied", reason, challenge}};
}

}  // namespace

io::Task<Verdict> Guard::check() {
    if (route_.auth == nullptr) {
        static const Verdict missing = unavailable("the route's auth provider is missing");
        return say(missing);
    }
    if (is_ambiguous(request_.fields)) {
        static const Verdict ambiguous{
            .passes = false, .answer = refusal(Status::bad_request, "more than one Authorization")};
        return say(ambiguous);
    }
    return methods[route_.auth->method.index()](*this);
}

std::string_view Guard::credentials(std::string_view scheme) const noexcept {
    const auto* const entry = request_.fields.find(FieldId::authorization);
    if (entry == nullptr) return {};
    const std::string_view value = request_.fields.value(*entry);
    // auth-scheme 1*SP token68 (RFC 9110 section 11.4).
    if (value.size() <= scheme.size() || value[scheme.size()] != ' ' ||
        !equals_lower(value.substr(0, scheme.size()), scheme))
        return {};
    return trim_ows(value.substr(scheme.size()));
}

Verdict Guard::ask() const noexcept {
    return denied("credentials are wanted", route_.auth->challenge);
}

Verdict Guard::refuse() const noexcept {
    return refuse(route_.auth->second_challenge);
}

Verdict Guard::refuse(std::string_view challenge) noexcept {
    return denied("the credentials are not good", challenge);
}

Verdict Guard::unavailable(std::string_view reason) noexcept {
    return {.passes = false,
            .answer = {Status::service_unavailable, "proxy_internal_error", reason,
                       "Retry-After: 10\r\n"}};
}

}  // namespace penstock::proxy
