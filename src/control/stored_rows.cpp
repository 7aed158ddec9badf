#include "control/stored_rows.hpp"

#include <utility>

#include <fmt/format.h>

#include "control/certificates.hpp"
#include "model/auth_provider.hpp"
#include "model/json_document.hpp"
#include "model/json_writer.hpp"
#include "model/route.hpp"

namespace penstock::control {

namespace {

Failure<Error> unreadable(RowKind kind, const Row& row) {
    return Failure{Error{
        fmt::format("The store's {} of \"{}\" is not what was put there.", name_of(kind), row.id)}};
}

template <class T>
Result<T> read(RowKind kind, const Row& row, model::Drafted<T> (*draft)(std::string_view)) {
    auto drafted = draft(row.value);
    if (!drafted || !drafted->errors.empty()) return unreadable(kind, row);
    return std::move(drafted->value);
}

}  // namespace

std::string certificate_row_id(std::string_view domain, net::tls::Certificate::KeyKind kind) {
    return fmt::format("{}/{}", domain, name_of(kind));
}

RowChange row_of(const RouteConfig& route) {
    RowChange change{RowKind::route, route.v_host, std::string()};
    model::write_configured(*change.value, route, model::Secrets::included);
    return change;
}

RowChange row_of(const CertificateConfig& config, net::tls::Certificate::KeyKind kind) {
    RowChange change{RowKind::certificate, certificate_row_id(config.domain, kind), std::string()};
    model::write_configured(*change.value, config, model::Secrets::included);
    return change;
}

RowChange row_of(const AuthProviderConfig& config) {
    RowChange change{RowKind::auth_provider, config.id, std::string()};
    model::write_configured(*change.value, config, model::Secrets::included);
    return change;
}

RowChange row_of(const std::string& v_host, const Marks& marks) {
    if (marks.empty()) return {RowKind::maintenance, v_host, std::nullopt};
    std::string json = "[";
    for (const std::string& authority : marks) {
        if (json.size() > 1) json += ',';
        model::write_string(json, authority);
    }
    return {RowKind::maintenance, v_host, json + ']'};
}

Result<RouteConfig> read_route_row(const Row& row) {
    return read<RouteConfig>(RowKind::route, row, &model::draft_route);
}

Result<CertificateConfig> read_certificate_row(const Row& row) {
    return read<CertificateConfig>(RowKind::certificate, row, &model::draft_certificate);
}

Result<AuthProviderConfig> read_auth_provider_row(const Row& row) {
    return read<AuthProviderConfig>(RowKind::auth_provider, row, &model::draft_auth_provider);
}

Result<Marks> read_marks_row(const Row& row) {
    const auto document = model::JsonDocument::parse(row.value);
    simdjson::dom::array items;
    if (!document || document->root().get(items) != simdjson::SUCCESS)
        return unreadable(RowKind::maintenance, row);
    Marks marks;
    for (const auto item : items) {
        std::string_view authority;
        if (item.get(authority) != simdjson::SUCCESS) return unreadable(RowKind::maintenance, row);
        marks.emplace(authority);
    }
    return marks;
}

RowChange row_of_process(const std::string& json) {
    return {RowKind::process, "process",
            json == "{}" ? std::nullopt : std::optional<std::string>(json)};
}

}  // namespace penstock::control
