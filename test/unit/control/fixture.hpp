// An API over an empty configuration, without sockets and without workers.
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <catch2/catch_test_macros.hpp>

#include "control/api.hpp"
#include "control/event_feed.hpp"
#include "control/metrics/metrics.hpp"
#include "control/store/memory.hpp"
#include "control/stored_rows.hpp"
#include "io/ring.hpp"
#include "model/json_document.hpp"

namespace penstock::control {

/// Remembers what was committed, and refuses where told to.
class TestStore final : public MemoryStore {
  public:
    Result<void> commit(std::span<const RowChange> changes, const Revision* revision) override {
        if (!failure.empty()) return Failure{Error{failure}};
        if (commits >= most_commits) return Failure{Error{"the disk is full"}};
        ++commits;
        last_commit.clear();
        for (const RowChange& change : changes) {
            if (change.kind == RowKind::route)
                last_commit.emplace_back(change.id, change.value.has_value());
            if (change.kind == RowKind::certificate && change.value)
                last_key = read_certificate_row({change.id, *change.value})->key;
        }
        return MemoryStore::commit(changes, revision);
    }
    Result<void> end_group(bool keep) override {
        ++groups;
        return MemoryStore::end_group(keep);
    }
    /// As if it had been there before.
    void hold(const RowChange& row) {
        REQUIRE(MemoryStore::commit(std::span(&row, 1), nullptr).has_value());
    }

    std::string last_key;  // of a certificate
    std::string failure;
    int commits = 0;
    int groups = 0;
    int most_commits = 1'000'000;                           // those after fail
    std::vector<std::pair<std::string, bool>> last_commit;  // vHost, and whether it stays
};

class ApiFixture {
  public:
    ApiResponse ask(std::string_view method, std::string_view target, std::string_view body = "") {
        ApiRequest request = request_of(method, target, body);
        return api.handle(request);
    }
    /// With one more field, set by `change`.
    template <class Change>
    ApiResponse ask_with(std::string_view method, std::string_view target, std::string_view body,
                         Change change) {
        ApiRequest request = request_of(method, target, body);
        change(request);
        return api.handle(request);
    }

    static unsigned status(const ApiResponse& response) { return http::code(response.status); }
    static std::string field(const ApiResponse& response, std::string_view name) {
        const auto at = std::find_if(response.fields.begin(), response.fields.end(),
                                     [name](const auto& field) { return field.first == name; });
        return at == response.fields.end() ? "(none)" : at->second;
    }
    /// The string at a pointer of the response's JSON.
    static std::string text_at(const ApiResponse& response, std::string_view pointer) {
        const auto document = model::JsonDocument::parse(response.body);
        REQUIRE(document.has_value());
        std::string_view text;
        if (document->root().at_pointer(pointer).get(text) != simdjson::SUCCESS) return "(none)";
        return std::string(text);
    }
    /// The route that answers for a host.
    std::string served(std::string_view host) const {
        const snapshot::Route* route = publisher.current().match(host);
        return route == nullptr ? "none" : route->v_host;
    }

    TestStore store;
    snapshot::Publisher publisher;
    ControlEvents events;
    io::TimerWheel timers{TimePoint{}};
    std::vector<std::string> looked_up;
    Names names{timers, [this](const std::string& name) { looked_up.push_back(name); }};
    Configuration configuration{store, publisher, events, names};
    std::unique_ptr<io::Ring> ring = io::Ring::create(io::Engine::epoll).value();
    EventFeed feed{*ring, events, publisher};
    Metrics metrics{*ring, configuration, events, {"1.2.3", "abc", "epoll"}};
    Api api{configuration, feed, metrics, AccessRules({"admin.example"})};

    static ApiRequest request_of(std::string_view method, std::string_view target,
                                 std::string_view body) {
        ApiRequest request;
        request.method = method;
        request.target = target;
        request.body = body;
        request.host = "127.0.0.1:9080";
        if (!body.empty()) request.content_type = "application/json";
        return request;
    }
};

inline constexpr std::string_view simple_route =
    R"({"vHost":"a.example","id":"a","backends":[{"id":"b1","hostname":"10.0.0.1","port":80}]})";

}  // namespace penstock::control
