#include "control/certificates_api.hpp"

#include <ctime>
#include <utility>

#include <fmt/format.h>

#include "base/clock.hpp"
#include "control/paging.hpp"
#include "control/preconditions.hpp"
#include "control/problem.hpp"
#include "control/routes_api.hpp"
#include "model/host_pattern.hpp"
#include "model/json_writer.hpp"

namespace penstock::control {

namespace {

using http::Status;
using net::tls::Certificate;

std::string date_of(std::time_t seconds) {
    return rfc3339(static_cast<std::uint64_t>(seconds) * 1'000);
}

void write_certificate(std::string& out, const Certificate& certificate) {
    model::JsonObject object(out);
    model::write_string(object.key("keyKind"), name_of(certificate.key_kind()));
    object.key("keyBits") += std::to_string(certificate.key_bits());
    std::string& names = object.key("names");
    names += '[';
    for (std::size_t i = 0; i < certificate.names().size(); ++i) {
        if (i > 0) names += ',';
        model::write_string(names, certificate.names()[i]);
    }
    names += ']';
    model::write_string(object.key("issuer"), certificate.issuer());
    model::write_string(object.key("serial"), certificate.serial());
    model::write_string(object.key("notBefore"), date_of(certificate.not_before()));
    model::write_string(object.key("notAfter"), date_of(certificate.not_after()));
    model::write_string(object.key("fingerprint"), certificate.fingerprint());
    object.key("ocsp") += certificate.ocsp_response().empty() ? "false" : "true";
}

void write_domain(std::string& out, std::string_view domain, const CertificateSet& set) {
    model::JsonObject object(out);
    model::write_string(object.key("domain"), domain);
    std::string& list = object.key("certificates");
    list += '[';
    bool first = true;
    for (const CertificatePtr& certificate : set.by_kind) {
        if (certificate == nullptr) continue;
        if (!first) list += ',';
        first = false;
        write_certificate(list, *certificate);
    }
    list += ']';
}

std::string represent(std::string_view domain, const CertificateSet& set) {
    std::string json;
    write_domain(json, domain, set);
    return json;
}

/// Empty for none, so that no entity tag matches it.
std::string tag_of(std::string_view domain, const CertificateSet* set) {
    return set == nullptr ? std::string() : entity_tag(represent(domain, *set));
}

/// The domain that the path names, and its certificates; null where there are none.
struct Named {
    std::string domain;
    const CertificateSet* set = nullptr;
};

Named named_by(const Call& call) {
    auto domain = model::canonical_host_pattern(call.path.id);
    if (!domain) return {};
    const CertificateSet* set = call.configuration.certificates().find(*domain);
    return {std::move(domain).value(), set};
}

ApiResponse no_such_certificate() {
    return problem(Status::not_found, "There is no certificate for this domain.");
}

}  // namespace

ApiResponse list_certificates(const Call& call) {
    return list_of(
        call, call.configuration.certificates().domains(),
        [](std::string& out, const auto& item) { write_domain(out, item.first, item.second); });
}

ApiResponse put_certificate(const Call& call) {
    auto draft = model::draft_certificate(call.request.body);
    if (!draft) return problem(draft.error());
    const auto certificate = check_certificate(*draft, std::time(nullptr));
    if (certificate == nullptr) return problem(draft->errors);
    const std::string& domain = draft->value.domain;
    const CertificateSet* before = call.configuration.certificates().find(domain);
    if (auto failed = failed_precondition(call.request, tag_of(domain, before))) return *failed;

    const bool creates = before == nullptr;
    CertificateSet after = creates ? CertificateSet() : *before;
    after.of(certificate->key_kind()) = certificate;
    const auto outcome =
        call.configuration.put_certificate(draft->value, certificate, call.order());
    if (!outcome) return refused(outcome.error());

    ApiResponse response;
    response.wait_for_epoch = *outcome;
    response.status = creates ? Status::created : Status::ok;
    response.body = represent(domain, after);
    if (creates) {
        response.fields.emplace_back("Location", "/api/v1/certificates/" + percent_encode(domain));
    }
    response.fields.emplace_back("ETag", entity_tag(response.body));
    return response;
}

ApiResponse get_certificate(const Call& call) {
    const auto [domain, set] = named_by(call);
    if (set == nullptr) return no_such_certificate();
    return represented(call.request, represent(domain, *set));
}

ApiResponse delete_certificate(const Call& call) {
    const auto [domain, set] = named_by(call);
    if (set == nullptr) return no_such_certificate();
    if (auto failed = failed_precondition(call.request, tag_of(domain, set))) return *failed;
    const auto outcome = call.configuration.remove_certificates(domain, call.order());
    return without_content(outcome);
}

}  // namespace penstock::control
