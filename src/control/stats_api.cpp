#include "control/stats_api.hpp"

#include <algorithm>
#include <array>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/bytes.hpp"
#include "control/paging.hpp"
#include "control/routes_api.hpp"
#include "control/statistics.hpp"
#include "model/json_writer.hpp"
#include "snapshot/request_record.hpp"

namespace penstock::control {

namespace {

using snapshot::Counts;
using snapshot::Histogram;
using snapshot::Phase;

/// Routes in an answer to /stats, whatever is asked for: the control thread adds each of them up.
constexpr PageLimit page_limit{.usual = 100, .most = 1'000};

/// With the kinds of members that there are here.
class Object : public model::JsonObject {
  public:
    using JsonObject::JsonObject;

    void number(std::string_view name, std::uint64_t value) {
        fmt::format_to(std::back_inserter(key(name)), "{}", value);
    }
    void decimal(std::string_view name, double value) {
        fmt::format_to(std::back_inserter(key(name)), "{:.3f}", value);
    }
    void truth(std::string_view name, bool value) { key(name) += value ? "true" : "false"; }
    void text(std::string_view name, std::string_view value) {
        model::write_string(key(name), value);
    }
};

/// Milliseconds; to the microsecond.
void write_duration(Object& object, std::string_view name, Duration value) {
    object.decimal(name, std::chrono::duration<double, std::milli>(value).count());
}

void write_latency(Object& into, std::string_view name, const Histogram& histogram) {
    Object object(into.key(name));
    object.number("count", histogram.count());
    write_duration(object, "mean", histogram.mean());
    write_duration(object, "p50", histogram.quantile(0.5));
    write_duration(object, "p90", histogram.quantile(0.9));
    write_duration(object, "p99", histogram.quantile(0.99));
    write_duration(object, "p99.9", histogram.quantile(0.999));
    write_duration(object, "max", histogram.max());
}

void write_rates(Object& into, const Rates& rates) {
    Object object(into.key("rate"));
    object.decimal("1s", rates.last_second);
    object.decimal("10s", rates.last_10_seconds);
    object.decimal("60s", rates.last_60_seconds);
}

/// Those that have occurred.
void write_errors(Object& into, const Counts& counts) {
    Object object(into.key("errors"));
    for (std::size_t kind = 1; kind < snapshot::error_kinds; ++kind) {
        if (counts.errors[kind] > 0)
            object.number(snapshot::error_names[kind], counts.errors[kind]);
    }
}

void write_status(Object& into, const Counts& counts) {
    constexpr std::array<std::string_view, 5> names{"1xx", "2xx", "3xx", "4xx", "5xx"};
    Object object(into.key("status"));
    for (std::size_t i = 0; i < names.size(); ++i) object.number(names[i], counts.status[i]);
}

void write_bytes(Object& into, const Counts& counts) {
    Object object(into.key("bytes"));
    object.number("in", counts.bytes_in);
    object.number("out", counts.bytes_out);
}

/// What all of them have alike, of everything, a route or a backend, behind `requests`.
void write_common(Object& into, const Counts& counts, const Rates& rates) {
    write_rates(into, rates);
    write_errors(into, counts);
    write_status(into, counts);
    write_bytes(into, counts);
    into.number("tunnels", counts.tunnelled);
    into.number("unmeasured", counts.unmeasured);
}

void write_requests(Object& object, const Counts& counts) {
    object.number("received", counts.received);
    object.number("completed", counts.completed);
    object.number("rejected", counts.rejected);
    object.number("aborted", counts.aborted);
    object.number("active", counts.active);
    object.number("queued", counts.queued);
    object.number("queuedForAuth", counts.queued_for_auth);
}

struct PhaseName {
    Phase phase;
    std::string_view name;
};
constexpr std::array phase_names{
    PhaseName{Phase::queue, "queue"}, PhaseName{Phase::connect, "connect"},
    PhaseName{Phase::first_byte, "firstByte"}, PhaseName{Phase::total, "total"}};

void write_latencies(Object& into, const Statistics& statistics, const snapshot::SeriesSet& set) {
    Object object(into.key("latency"));
    for (const auto& [phase, name] : phase_names) {
        Histogram histogram;
        statistics.add_latencies(set, phase, histogram);
        write_latency(object, name, histogram);
    }
}

/// `requests` to `latency`: of everything, or of a route.
void write_series(Object& into, const Statistics& statistics, const snapshot::SeriesSet& set,
                  bool is_everything) {
    Counts counts;
    Rates rates;
    statistics.add_counts(set, counts);
    statistics.add_rates(set, rates);
    {
        Object requests(into.key("requests"));
        write_requests(requests, counts);
        if (is_everything) requests.number("unrouted", statistics.unrouted());
    }
    into.number("retries", counts.retries);
    write_common(into, counts, rates);
    write_latencies(into, statistics, set);
}

void write_delivered(Object& into, std::string_view name, std::string_view done,
                     const Delivered& counted) {
    Object object(into.key(name));
    object.number(done, counted.delivered);
    object.number("dropped", counted.dropped);
}

ApiResponse live(std::string json) {
    ApiResponse response;
    response.fields.emplace_back("Cache-Control", "no-store");
    response.body = std::move(json);
    return response;
}

/// A route in a list: what a table of them shows.
void write_summary(std::string& out, const Statistics& statistics, const snapshot::Route& route) {
    const snapshot::SeriesSet& set = route.live->series;
    Counts counts;
    Rates rates;
    Histogram total;
    statistics.add_counts(set, counts);
    statistics.add_rates(set, rates);
    statistics.add_latencies(set, Phase::total, total);
    Object object(out);
    object.text("vHost", route.v_host);
    object.text("id", route.id);
    {
        Object requests(object.key("requests"));
        write_requests(requests, counts);
    }
    object.number("retries", counts.retries);
    write_common(object, counts, rates);
    Object latency(object.key("latency"));
    write_latency(latency, "total", total);
}

/// Returns how many routes there are on all pages.
std::size_t write_page(Object& into, const Call& call, const Statistics& statistics) {
    std::string& out = into.key("routes");
    out += '[';
    bool first = true;
    const auto write = [&](const auto& item) {
        const snapshot::Route* route = call.configuration.published(item.first);
        if (route == nullptr) return;
        if (!std::exchange(first, false)) out += ',';
        write_summary(out, statistics, *route);
    };
    const std::size_t count = visit_page(call, call.configuration.routes(), page_limit, write);
    out += ']';
    return count;
}

// --- backends ---

std::string_view name_of(snapshot::HealthState state) noexcept {
    switch (state) {
        case snapshot::HealthState::alive:
            return "alive";
        case snapshot::HealthState::dead:
            return "dead";
        case snapshot::HealthState::maintenance:
            break;
    }
    return "maintenance";
}

std::string_view name_of(snapshot::CircuitState state) noexcept {
    switch (state) {
        case snapshot::CircuitState::closed:
            return "closed";
        case snapshot::CircuitState::open:
            return "open";
        case snapshot::CircuitState::half_open:
            break;
    }
    return "half-open";
}

using Targets = std::vector<const snapshot::Upstream*>;  // the addresses of one backend

/// Each address with its own health and circuit; `state` is that of the best of them.
void write_targets(Object& into, const Statistics& statistics, const snapshot::Route& route,
                   const Targets& targets) {
    const auto state_of = [](const snapshot::Upstream* target) {
        return target->live->health.view().state;
    };
    snapshot::HealthState best = snapshot::HealthState::dead;  // also where there is no address
    for (const snapshot::Upstream* target : targets) {
        const auto state = state_of(target);
        if (state == snapshot::HealthState::alive || best == snapshot::HealthState::dead)
            best = state;
    }
    into.text("state", name_of(best));
    std::string& out = into.key("targets");
    out += '[';
    for (const snapshot::Upstream* target : targets) {
        if (target != targets.front()) out += ',';
        const snapshot::HealthView health = target->live->health.view();
        Object object(out);
        object.text("address", target->address.endpoint());
        object.text("state", name_of(health.state));
        object.truth("isDead", health.state != snapshot::HealthState::alive);
        if (health.dead_since_unix_ms > 0)
            object.number("deadSinceUnixMs", health.dead_since_unix_ms);
        object.number("failureCount", health.failures);
        if (route.circuit)
            object.text("circuit", name_of(target->live->circuit.state(statistics.now())));
    }
    out += ']';
}

void write_backend(std::string& out, const Statistics& statistics, const snapshot::Route& route,
                   const Backend& backend, const Targets& targets) {
    Counts counts;
    Rates rates;
    std::array<Histogram, snapshot::phases> histograms;
    for (const snapshot::Upstream* target : targets) {
        statistics.add_counts(target->live->series, counts);
        statistics.add_rates(target->live->series, rates);
        for (const auto& [phase, name] : phase_names) {
            statistics.add_latencies(target->live->series, phase,
                                     histograms[static_cast<std::size_t>(phase)]);
        }
    }
    Object object(out);
    object.text("id", backend.id);
    object.text("hostname", backend.hostname);
    object.number("port", backend.port);
    write_targets(object, statistics, route, targets);
    {
        Object attempts(object.key("attempts"));
        attempts.number("begun", counts.received);
        attempts.number("completed", counts.completed);
        attempts.number("failed", counts.rejected);
        attempts.number("aborted", counts.aborted);
        attempts.number("active", counts.active);
    }
    write_common(object, counts, rates);
    Object latency(object.key("latency"));
    for (const auto& [phase, name] : phase_names) {
        if (phase != Phase::queue)
            write_latency(latency, name, histograms[static_cast<std::size_t>(phase)]);
    }
}

void write_backends(Object& into, const Statistics& statistics, const snapshot::Route& route,
                    const RouteConfig& config) {
    std::vector<Targets> targets(config.backends.size());
    for (const snapshot::Upstream& upstream : route.upstreams)
        targets[upstream.backend].push_back(&upstream);
    std::string& out = into.key("backends");
    out += '[';
    for (std::size_t i = 0; i < config.backends.size(); ++i) {
        if (i > 0) out += ',';
        write_backend(out, statistics, route, config.backends[i], targets[i]);
    }
    out += ']';
}

}  // namespace

ApiResponse get_stats(const Call& call) {
    const Statistics statistics(call.configuration.totals(), Clock::now());
    std::string json;
    std::size_t routes = 0;
    {
        Object object(json);
        object.decimal("uptime", std::chrono::duration<double>(statistics.uptime()).count());
        write_series(object, statistics, statistics.everything(), true);
        {
            const Connections counted = statistics.connections();
            Object connections(object.key("connections"));
            connections.number("accepted", counted.accepted);
            connections.number("active", counted.active);
        }
        write_delivered(object, "accessLog", "written", statistics.access_log());
        write_delivered(object, "spans", "exported", statistics.spans());
        {
            Object shedding(object.key("shedding"));
            shedding.truth("now", statistics.shedding().is_on());
            shedding.number("episodes", statistics.shedding().episodes());
            shedding.number("requests", statistics.shed());
        }
        {
            const ProcessFacts facts = process_facts();
            Object process(object.key("process"));
            process.number("workers", statistics.workers());
            process.number("residentBytes", facts.resident_bytes);
            process.decimal("cpuSeconds", facts.cpu_seconds);
            process.number("histogramBytes", statistics.histogram_bytes());
        }
        routes = write_page(object, call, statistics);
    }
    ApiResponse response = live(std::move(json));
    response.fields.emplace_back("X-Total-Count", std::to_string(routes));
    return response;
}

ApiResponse get_route_stats(const Call& call) {
    const RouteConfig* config = route_of(call);
    const snapshot::Route* route =
        config == nullptr ? nullptr : call.configuration.published(config->v_host);
    if (route == nullptr) return no_such_route(call);
    const Statistics statistics(call.configuration.totals(), Clock::now());
    std::string json;
    {
        Object object(json);
        object.text("vHost", route->v_host);
        object.text("id", route->id);
        write_series(object, statistics, route->live->series, false);
        {
            const auto counted = route->live->gate.counts();
            Object admission(object.key("admission"));
            admission.number("active", counted.active);
            admission.number("queued", counted.queued);
            admission.number("reqActiveLength", config->req_active_length);
            admission.number("reqQueueLength", config->req_queue_length);
        }
        write_backends(object, statistics, *route, *config);
    }
    return live(std::move(json));
}

}  // namespace penstock::control
