#include "control/openapi.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "base/bytes.hpp"
#include "control/preconditions.hpp"
#include "control/router.hpp"
#include "model/json_schema.hpp"
#include "model/json_writer.hpp"

namespace penstock::control {

namespace {

using model::JsonList;
using model::JsonObject;
using model::SchemaOf;

struct Schema {
    std::string_view name;
    std::string_view json;
};

/// Of what no list of fields describes.
constexpr std::array schemas{
    Schema{"Health", R"({"type":"object","properties":{"status":{"type":"string"}},
"required":["status"]})"},
    Schema{"Document", R"({"type":"object"})"},
    Schema{"Problem", R"({"description":"RFC 9457","type":"object","properties":{
"type":{"type":"string","format":"uri-reference"},"title":{"type":"string"},
"status":{"type":"integer"},"detail":{"type":"string"},
"errors":{"type":"array","items":{"type":"object","properties":{
"pointer":{"description":"Of the bad field: RFC 6901","type":"string"},
"detail":{"type":"string"},"type":{"type":"string"}},"required":["pointer","detail"]}}},
"required":["type","title","status","detail"]})"},
    Schema{"Routes", R"({"type":"array","items":{"$ref":"#/components/schemas/Route"}})"},
    Schema{"AuthProviders",
           R"({"type":"array","items":{"$ref":"#/components/schemas/AuthProvider"}})"},
    Schema{"Certificates",
           R"({"type":"array","items":{"$ref":"#/components/schemas/Certificate"}})"},
    Schema{"Certificate", R"({"description":"A domain, with one certificate of each kind of key.",
"type":"object","properties":{"domain":{"type":"string"},"certificates":{"type":"array","items":{
"type":"object","properties":{"keyKind":{"type":"string"},"keyBits":{"type":"integer"},
"names":{"type":"array","items":{"type":"string"}},"issuer":{"type":"string"},
"serial":{"type":"string"},"notBefore":{"type":"string","format":"date-time"},
"notAfter":{"type":"string","format":"date-time"},
"fingerprint":{"description":"SHA-256","type":"string"},
"ocsp":{"description":"Whether a response is stapled.","type":"boolean"}},
"required":["keyKind","names","issuer","serial","notBefore","notAfter","fingerprint"]}}},
"required":["domain","certificates"]})"},
    Schema{"Config", R"({
"description":"Secrets are left out of answers; left out of a PUT, they stay.",
"type":"object","additionalProperties":false,"properties":{
"version":{"const":1},"process":{
"description":"Flags of the program, for its next start: maxHeaderBytes …",
"type":"object"},"routes":{"$ref":"#/components/schemas/Routes"},
"authProviders":{"$ref":"#/components/schemas/AuthProviders"},
"certificates":{"type":"array","items":{"$ref":"#/components/schemas/CertificateUpload"}}}})"},
    Schema{"Revision", R"({"type":"object","properties":{"revision":{"type":"integer","minimum":1},
"when":{"type":"string","format":"date-time"},"what":{"type":"string"},"by":{"type":"string"}},
"required":["revision","when","what","by"]})"},
    Schema{"Revisions", R"({"type":"array","items":{"$ref":"#/components/schemas/Revision"}})"},
    Schema{"Rollback", R"({"type":"object","additionalProperties":false,
"properties":{"revision":{"type":"integer","minimum":1}},"required":["revision"]})"},
    Schema{"Upgrade", R"({"type":"object","properties":{
"pid":{"description":"Of the process that serves now.","type":"integer"},
"replaces":{"description":"Of the one that drains.","type":"integer"}},
"required":["pid","replaces"]})"},
    Schema{"Histogram", R"({"description":"Of the last 60 seconds, in milliseconds.",
"type":"object","properties":{"count":{"type":"integer"},"mean":{"type":"number"},
"p50":{"type":"number"},"p90":{"type":"number"},"p99":{"type":"number"},
"p99.9":{"type":"number"},"max":{"type":"number"}},
"required":["count","mean","p50","p90","p99","p99.9","max"]})"},
    Schema{"Requests", R"({"type":"object","properties":{"received":{"type":"integer"},
"completed":{"type":"integer"},"rejected":{"type":"integer"},"aborted":{"type":"integer"},
"active":{"type":"integer"},"queued":{"type":"integer"},
"unrouted":{"description":"Of everything only: no route took them.","type":"integer"}},
"required":["received","completed","rejected","aborted","active","queued"]})"},
    Schema{"Series", R"({"description":"What everything, a route and a backend are counted by.",
"type":"object","properties":{
"rate":{"description":"Requests a second.","type":"object","properties":{"1s":{"type":"number"},
"10s":{"type":"number"},"60s":{"type":"number"}}},
"errors":{"description":"By kind, those that have occurred.","type":"object",
"additionalProperties":{"type":"integer"}},
"status":{"type":"object","additionalProperties":{"type":"integer"}},
"bytes":{"type":"object","properties":{"in":{"type":"integer"},"out":{"type":"integer"}}},
"tunnels":{"type":"integer"},"unmeasured":{"type":"integer"},
"latency":{"type":"object","additionalProperties":{"$ref":"#/components/schemas/Histogram"}}},
"required":["rate","errors","status","bytes","latency"]})"},
    Schema{"RouteSummary", R"({"allOf":[{"$ref":"#/components/schemas/Series"},{"type":"object",
"properties":{"vHost":{"type":"string"},"id":{"type":"string"},
"requests":{"$ref":"#/components/schemas/Requests"},"retries":{"type":"integer"}},
"required":["vHost","id","requests","retries"]}]})"},
    Schema{"Stats", R"({"allOf":[{"$ref":"#/components/schemas/Series"},{"type":"object",
"properties":{"uptime":{"description":"Seconds.","type":"number"},
"requests":{"$ref":"#/components/schemas/Requests"},"retries":{"type":"integer"},
"connections":{"type":"object","properties":{"accepted":{"type":"integer"},
"active":{"type":"integer"}},"required":["accepted","active"]},
"shedding":{"type":"object","properties":{"now":{"type":"boolean"},
"episodes":{"type":"integer"},"requests":{"type":"integer"}},
"required":["now","episodes","requests"]},
"process":{"type":"object","properties":{"workers":{"type":"integer"},
"residentBytes":{"type":"integer"},"cpuSeconds":{"type":"number"},
"histogramBytes":{"type":"integer"}},"required":["workers","residentBytes","cpuSeconds"]},
"routes":{"type":"array","items":{"$ref":"#/components/schemas/RouteSummary"}}},
"required":["uptime","requests","retries","connections","shedding","process","routes"]}]})"},
    Schema{"BackendStats", R"({"allOf":[{"$ref":"#/components/schemas/Series"},{"type":"object",
"properties":{"id":{"type":"string"},"hostname":{"type":"string"},"port":{"type":"integer"},
"state":{"type":"string","enum":["alive","dead","maintenance"]},
"targets":{"description":"Each of the addresses that its name stands for.","type":"array","items":{
"type":"object","properties":{"address":{"type":"string"},"state":{"type":"string"},
"isDead":{"type":"boolean"},"deadSinceUnixMs":{"type":"integer"},
"failureCount":{"type":"integer"},
"circuit":{"type":"string","enum":["closed","open","half-open"]}},
"required":["address","state","isDead","failureCount"]}},
"attempts":{"type":"object","additionalProperties":{"type":"integer"}}},
"required":["id","hostname","port","state","targets","attempts"]}]})"},
    Schema{"Metrics", R"({"type":"string",
"description":"Text exposition format 0.0.4 (docs/metrics.md)."})"},
    Schema{"EventStream", R"({"type":"string",
"description":"Server-sent events; data is one JSON object (docs/events.md)."})"},
    Schema{"RouteStats", R"({"allOf":[{"$ref":"#/components/schemas/Series"},{"type":"object",
"properties":{"vHost":{"type":"string"},"id":{"type":"string"},
"requests":{"$ref":"#/components/schemas/Requests"},"retries":{"type":"integer"},
"admission":{"type":"object","properties":{"active":{"type":"integer"},
"queued":{"type":"integer"},"reqActiveLength":{"type":"integer"},
"reqQueueLength":{"type":"integer"}},"required":["active","queued"]},
"backends":{"type":"array","items":{"$ref":"#/components/schemas/BackendStats"}}},
"required":["vHost","id","requests","admission","backends"]}]})"},
};

std::string reference(std::string_view kind, std::string_view name) {
    return fmt::format(R"({{"$ref":"#/components/{}/{}"}})", kind, name);
}

/// "/routes/:vHost" as OpenAPI writes it: "/routes/{vHost}".
std::string template_of(std::string_view pattern) {
    std::string path;
    for (std::size_t at = 0; at < pattern.size();) {
        const std::size_t end = std::min(pattern.find('/', at + 1), pattern.size());
        const std::string_view segment = pattern.substr(at, end - at);  // with its "/"
        path += segment.starts_with("/:") ? fmt::format("/{{{}}}", segment.substr(2)) : segment;
        at = end;
    }
    return path;
}

bool is_read(const Endpoint& endpoint) {
    return endpoint.method == "GET";
}

/// Conditional requests make sense of what has an entity tag.
bool has_tag(const Endpoint& endpoint) {
    return endpoint.pattern.starts_with("/api/") &&
           endpoint.pattern.find("/stats") == std::string_view::npos &&
           endpoint.pattern.find("/process/") == std::string_view::npos &&
           endpoint.query != QueryUse::samples;
}

void write_parameters(std::string& out, const Endpoint& endpoint) {
    JsonList list(out);
    const auto refer = [&](std::string_view name) { list.next() += reference("parameters", name); };
    if (endpoint.pattern.find(":vHost") != std::string_view::npos) refer("vHost");
    if (endpoint.pattern.find(":id") != std::string_view::npos) refer("id");
    if (endpoint.query == QueryUse::dry_run) refer("dryRun");
    if (endpoint.query == QueryUse::paging) {
        refer("limit");
        refer("after");
        refer("match");
    }
    if (endpoint.query == QueryUse::samples) {
        refer("requests");
        refer("lastEventId");
    }
    if (!has_tag(endpoint)) return;
    if (is_read(endpoint))
        refer("ifNoneMatch");
    else
        refer("ifMatch");
}

void write_content(std::string& out, std::string_view media_type, std::string_view schema) {
    JsonObject content(out);
    JsonObject media(content.key(media_type));
    media.key("schema") += reference("schemas", schema);
}

void write_responses(std::string& out, const Endpoint& endpoint) {
    JsonObject responses(out);
    for (const unsigned status : endpoint.description.statuses) {
        if (status == 0) continue;
        JsonObject response(responses.key(std::to_string(status)));
        model::write_string(response.key("description"),
                            http::reason_phrase(static_cast<http::Status>(status)));
        if (!endpoint.description.gives.empty())
            write_content(response.key("content"), endpoint.description.media_type,
                          endpoint.description.gives);
    }
    if (is_read(endpoint) && has_tag(endpoint))
        responses.key("304") += R"({"description":"Not Modified"})";
    responses.key("default") += reference("responses", "Problem");
}

void write_operation(std::string& out, const Endpoint& endpoint) {
    JsonObject operation(out);
    model::write_string(operation.key("operationId"), endpoint.description.name);
    model::write_string(operation.key("summary"), endpoint.description.summary);
    write_parameters(operation.key("parameters"), endpoint);
    if (!endpoint.description.takes.empty()) {
        JsonObject body(operation.key("requestBody"));
        body.key("required") += "true";
        write_content(
            body.key("content"),
            endpoint.method == "PATCH" ? "application/merge-patch+json" : "application/json",
            endpoint.description.takes);
    }
    write_responses(operation.key("responses"), endpoint);
}

void write_paths(std::string& out) {
    JsonObject paths(out);
    const auto endpoints = all_endpoints();
    for (std::size_t i = 0; i < endpoints.size();) {  // those of a path stand together
        JsonObject path(paths.key(template_of(endpoints[i].pattern)));
        const std::string_view pattern = endpoints[i].pattern;
        for (; i < endpoints.size() && endpoints[i].pattern == pattern; ++i)
            write_operation(path.key(to_lower(endpoints[i].method)), endpoints[i]);
    }
}

void write_schemas(std::string& out) {
    JsonObject into(out);
    model::write_route_schema(into.key("Route"), SchemaOf::whole);
    model::write_route_schema(into.key("RoutePatch"), SchemaOf::patch);
    model::write_backend_schema(into.key("Backend"), SchemaOf::whole);
    model::write_backend_schema(into.key("BackendPatch"), SchemaOf::patch);
    model::write_certificate_schema(into.key("CertificateUpload"));
    model::write_auth_provider_schema(into.key("AuthProvider"));
    for (const auto& [name, json] : schemas) into.key(name) += json;
}

constexpr std::string_view parameters = R"({
"vHost":{"name":"vHost","in":"path","required":true,"schema":{"type":"string"},
"description":"The route's host, percent-encoded."},
"id":{"name":"id","in":"path","required":true,"schema":{"type":"string"},
"description":"Percent-encoded."},
"dryRun":{"name":"dryRun","in":"query","schema":{"type":"boolean","default":false},
"description":"Check everything, change nothing."},
"limit":{"name":"limit","in":"query","schema":{"type":"integer","minimum":1},
"description":"How many at most."},
"after":{"name":"after","in":"query","schema":{"type":"string"},
"description":"Begin behind this one."},
"match":{"name":"match","in":"query","schema":{"type":"string"},
"description":"Only those whose key has these characters somewhere in it."},
"ifMatch":{"name":"If-Match","in":"header","schema":{"type":"string"},
"description":"Only while this is its entity tag (412)."},
"requests":{"name":"requests","in":"query","schema":{"const":"sampled"},
"description":"Some of the requests, too."},
"lastEventId":{"name":"Last-Event-ID","in":"header","schema":{"type":"string"},
"description":"Go on behind the event of this id."},
"ifNoneMatch":{"name":"If-None-Match","in":"header","schema":{"type":"string"},
"description":"Only where this is not its entity tag (304)."}})";

std::string make_document() {
    std::string out;
    {
        JsonObject document(out);
        document.key("openapi") += R"("3.1.0")";
        document.key("info") += R"({"title":"Penstock","version":"1","summary":)"
                                R"("Routes, backends and certificates of a running proxy.",)"
                                R"("license":{"name":"MIT","identifier":"MIT"}})";
        document.key("servers") += R"([{"url":"/"}])";
        document.key("security") += R"([{},{"token":[]}])";
        write_paths(document.key("paths"));
        JsonObject components(document.key("components"));
        write_schemas(components.key("schemas"));
        components.key("parameters") += parameters;
        components.key("responses") +=
            R"({"Problem":{"description":"What is wrong.","content":{"application/problem+json":)"
            R"({"schema":{"$ref":"#/components/schemas/Problem"}}}}})";
        components.key("securitySchemes") += R"({"token":{"type":"http","scheme":"bearer"}})";
    }
    return out;
}

}  // namespace

ApiResponse get_openapi(const Call& call) {
    static const std::string document = make_document();
    return represented(call.request, document);
}

}  // namespace penstock::control
