#include "control/metrics/families.hpp"

#include <array>
#include <string>
#include <vector>

#include <fmt/format.h>

namespace penstock::control {

namespace {

using Kind = Exposition::Kind;
using Rows = std::vector<const MeteredRow*>;
using snapshot::Phase;

/// What the rows of one kind of object are called, and what they count.
struct Scope {
    std::string_view prefix;
    std::string_view begun;  // family
    std::string_view begun_help;
    std::string_view answered;  // family, by code
    std::string_view ended;     // family, by outcome
    std::string_view rejected;  // an outcome
    std::string_view active;    // family
    std::string_view of;        // in help: "requests", "attempts"
    bool has_queue;
};

constexpr Scope server{"penstock_server_",
                       "requests_received_total",
                       "Request heads that matched a route, of all routes that there have been.",
                       "requests_total",
                       "requests_ended_total",
                       "rejected",
                       "requests_active",
                       "requests",
                       true};
constexpr Scope route{"penstock_",
                      "requests_received_total",
                      "Request heads that matched the route.",
                      "requests_total",
                      "requests_ended_total",
                      "rejected",
                      "requests_active",
                      "requests",
                      true};
constexpr Scope backend{"penstock_backend_",
                        "attempts_begun_total",
                        "Attempts at the backend.",
                        "responses_total",
                        "attempts_ended_total",
                        "failed",
                        "attempts_active",
                        "attempts",
                        false};

constexpr std::array<std::string_view, 6> codes{"1xx", "2xx", "3xx", "4xx", "5xx", "none"};

struct LatencyFamily {
    Phase phase;
    std::string_view of_request;  // its name there
    std::string_view of_backend;
    std::string_view help;
};
constexpr std::array latency_families{
    LatencyFamily{Phase::queue, "request_queue_seconds", "",
                  "Time in the route's queue, of requests that queued."},
    LatencyFamily{Phase::connect, "request_connect_seconds", "connect_seconds",
                  "Time to connect to a backend, of those whose attempt made a connection."},
    LatencyFamily{Phase::first_byte, "request_first_byte_seconds", "first_byte_seconds",
                  "Time from the dispatch to the final response's head."},
    LatencyFamily{Phase::total, "request_duration_seconds", "duration_seconds",
                  "Time to the response's end, of what was completed and is no tunnel."},
};

std::string name_in(const Scope& scope, std::string_view family) {
    return fmt::format("{}{}", scope.prefix, family);
}

void write_counter(Exposition& out, const Scope& scope, std::string_view family,
                   std::string_view help, const Rows& rows, Tally::Place place) {
    out.begin(name_in(scope, family), Kind::counter, help);
    for (const MeteredRow* row : rows) out.sample(row->labels, row->tally[place]);
}

void write_level(Exposition& out, const Scope& scope, std::string_view family,
                 std::string_view help, const Rows& rows, std::uint64_t Levels::*level) {
    out.begin(name_in(scope, family), Kind::gauge, help);
    for (const MeteredRow* row : rows) out.sample(row->labels, row->levels.*level);
}

void write_ends(Exposition& out, const Scope& scope, const Rows& rows) {
    out.begin(
        name_in(scope, scope.answered), Kind::counter,
        fmt::format("Ended {} by the class of the final status; none: there was none.", scope.of));
    std::array<std::string, codes.size()> code_labels;
    for (std::size_t i = 0; i < codes.size(); ++i) code_labels[i] = label("code", codes[i]);
    for (const MeteredRow* row : rows) {
        for (std::size_t i = 0; i < codes.size(); ++i)
            out.sample(row->labels, row->tally[Tally::status + i], code_labels[i]);
    }
    out.begin(name_in(scope, scope.ended), Kind::counter,
              fmt::format("Ended {} by how they ended.", scope.of));
    const std::array outcomes{std::pair(Tally::completed, label("outcome", "completed")),
                              std::pair(Tally::rejected, label("outcome", scope.rejected)),
                              std::pair(Tally::aborted, label("outcome", "aborted"))};
    for (const MeteredRow* row : rows) {
        for (const auto& [place, text] : outcomes) out.sample(row->labels, row->tally[place], text);
    }
}

/// Kinds that have not occurred are left out: most never do.
void write_errors(Exposition& out, const Scope& scope, const Rows& rows) {
    out.begin(name_in(scope, "errors_total"), Kind::counter,
              "Errors by kind, as in Proxy-Status (RFC 9209).");
    for (std::size_t kind = 1; kind < snapshot::error_kinds; ++kind) {
        const std::string text = label("kind", snapshot::error_names[kind]);
        for (const MeteredRow* row : rows) {
            const std::uint64_t count = row->tally[Tally::errors + kind];
            if (count > 0) out.sample(row->labels, count, text);
        }
    }
}

void write_bytes(Exposition& out, const Scope& scope, const Rows& rows) {
    out.begin(name_in(scope, "body_bytes_total"), Kind::counter,
              scope.has_queue
                  ? "Body bytes from (in) and to (out) clients, tunnels' included."
                  : "Body bytes to (in) and from (out) the backend, tunnels' included.");
    const std::string in = label("direction", "in");
    const std::string outward = label("direction", "out");
    for (const MeteredRow* row : rows) {
        out.sample(row->labels, row->tally[Tally::bytes_in], in);
        out.sample(row->labels, row->tally[Tally::bytes_out], outward);
    }
}

void write_histogram(Exposition& out, const MeteredRow& row, Phase phase,
                     const std::vector<std::string>& bounds) {
    std::uint64_t count = 0;
    for (std::size_t i = 0; i < latency_buckets; ++i) {
        count += row.tally[Tally::bucket(phase, i)];
        out.part("_bucket", row.labels, count, bounds[i]);
    }
    out.part("_sum", row.labels, static_cast<double>(row.tally[Tally::latency_sum(phase)]) / 1e6);
    out.part("_count", row.labels, count);
}

/// Of routes and backends where anything has been measured: most phases never occur.
void write_latencies(Exposition& out, const Scope& scope, const Rows& rows) {
    std::vector<std::string> bounds;
    for (const double bound : latency_bounds)
        bounds.push_back(label("le", fmt::format("{}", bound)));
    bounds.push_back(label("le", "+Inf"));
    for (const LatencyFamily& family : latency_families) {
        const auto name = scope.has_queue ? family.of_request : family.of_backend;
        if (name.empty()) continue;
        out.begin(name_in(scope, name), Kind::histogram, family.help);
        for (const MeteredRow* row : rows) {
            const bool is_empty = [&] {
                for (std::size_t i = 0; i < latency_buckets; ++i) {
                    if (row->tally[Tally::bucket(family.phase, i)] > 0) return false;
                }
                return !row->labels.empty();
            }();
            if (!is_empty) write_histogram(out, *row, family.phase, bounds);
        }
    }
}

void write_scope(Exposition& out, const Scope& scope, const Rows& rows) {
    write_counter(out, scope, scope.begun, scope.begun_help, rows, Tally::received);
    write_ends(out, scope, rows);
    write_level(out, scope, scope.active, fmt::format("Of {} under way.", scope.of), rows,
                &Levels::active);
    if (scope.has_queue) {
        write_level(out, scope, "requests_queued", "Requests that wait for a slot or for auth.",
                    rows, &Levels::queued);
        write_level(out, scope, "requests_queued_for_auth",
                    "Of those that wait, the ones that wait for auth.", rows,
                    &Levels::queued_for_auth);
        write_counter(out, scope, "retries_total", "Further attempts on other backends.", rows,
                      Tally::retries);
    }
    write_errors(out, scope, rows);
    write_bytes(out, scope, rows);
    write_counter(out, scope, "tunnels_total", "Switched protocols, and ended.", rows,
                  Tally::tunnels);
    write_counter(out, scope, "unmeasured_latencies_total",
                  "Latencies for which there was no memory.", rows, Tally::unmeasured);
    write_latencies(out, scope, rows);
}

template <class Value>
void write_gate(Exposition& out, const Metered& metered, std::string_view name,
                std::string_view help, Value value) {
    out.begin(name, Kind::gauge, help);
    for (const auto& [v_host, row] : metered.routes()) {
        if (row.most_active > 0) out.sample(row.labels, value(row));
    }
}

template <class Value>
void write_state(Exposition& out, const Metered& metered, std::string_view name,
                 std::string_view help, Value value) {
    out.begin(name, Kind::gauge, help);
    for (const auto& [v_host, row] : metered.routes()) {
        for (const MeteredBackend& one : row.backends)
            out.sample(one.labels, static_cast<std::uint64_t>(value(one)));
    }
}

bool has_counted(const MeteredRow& row) {
    return row.tally[Tally::received] > 0 || row.levels.active > 0 || row.levels.queued > 0;
}

}  // namespace

void write_server_families(Exposition& out, const Metered& metered) {
    write_scope(out, server, {&metered.everything()});
}

void write_route_families(Exposition& out, const Metered& metered) {
    Rows rows;
    for (const auto& [v_host, row] : metered.routes()) rows.push_back(&row);
    if (has_counted(metered.rest())) rows.push_back(&metered.rest());
    write_scope(out, route, rows);
    write_gate(out, metered, "penstock_admission_active", "Requests that hold one of its slots.",
               [](const MeteredRoute& row) { return row.gate_active; });
    write_gate(out, metered, "penstock_admission_active_limit", "Slots: reqActiveLength.",
               [](const MeteredRoute& row) { return row.most_active; });
    write_gate(out, metered, "penstock_admission_queued", "Requests in the queue for a slot.",
               [](const MeteredRoute& row) { return row.gate_queued; });
    write_gate(out, metered, "penstock_admission_queue_limit",
               "How many may wait in the queue: reqQueueLength.",
               [](const MeteredRoute& row) { return row.most_queued; });
}

void write_backend_families(Exposition& out, const Metered& metered) {
    Rows rows;
    for (const auto& [v_host, row] : metered.routes()) {
        for (const MeteredBackend& one : row.backends) rows.push_back(&one);
    }
    write_scope(out, backend, rows);
    write_state(out, metered, "penstock_backend_up",
                "1: alive, at one address at least; 0: dead or in maintenance.",
                [](const MeteredBackend& one) { return one.is_alive; });
    write_state(out, metered, "penstock_backend_in_maintenance",
                "1: taken out of use by an administrator.",
                [](const MeteredBackend& one) { return one.in_maintenance; });
    write_state(out, metered, "penstock_backend_circuit_open", "1: its circuit is open.",
                [](const MeteredBackend& one) { return one.is_circuit_open; });
    write_state(out, metered, "penstock_backend_failures",
                "Failures since it was last alive again or put back into use.",
                [](const MeteredBackend& one) { return one.failures; });
}

}  // namespace penstock::control
