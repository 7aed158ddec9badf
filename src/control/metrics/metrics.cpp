#include "control/metrics/metrics.hpp"

#include <algorithm>
#include <chrono>
#include <tuple>
#include <utility>

#include "control/metrics/families.hpp"
#include "control/statistics.hpp"

namespace penstock::control {

namespace {

using Kind = Exposition::Kind;

constexpr Duration round_period = std::chrono::seconds(Meter::gather_seconds);
/// A route takes another's name only where it has had so many times its requests, so that two of
/// equal traffic do not take turns.
constexpr std::uint64_t clearly_busier = 2;

void write_delivered(Exposition& out, std::string_view name, std::string_view help,
                     std::string_view done, const Delivered& counted) {
    out.begin(name, Kind::counter, help);
    out.sample(label("outcome", done), counted.delivered);
    out.sample(label("outcome", "dropped"), counted.dropped);
}

double present_unix_seconds() {
    return static_cast<double>(unix_milliseconds()) / 1e3;
}

void write_one(Exposition& out, std::string_view name, Kind kind, std::string_view help,
               std::uint64_t value) {
    out.begin(name, kind, help);
    out.sample({}, value);
}

void write_one(Exposition& out, std::string_view name, Kind kind, std::string_view help,
               double value) {
    out.begin(name, kind, help);
    out.sample({}, value);
}

}  // namespace

Metrics::Metrics(io::Ring& ring, const Configuration& configuration, ControlEvents& events,
                 BuildInfo build, Metered::Bounds named)
    : ring_(ring),
      configuration_(configuration),
      events_(events),
      build_(std::move(build)),
      started_(present_unix_seconds()),
      metered_(configuration, named),
      busiest_(ring, configuration, [this](const std::vector<BusiestRoutes::Entry>& found) {
          name_the_busiest(found);
      }) {
    metered_.fill(Clock::now());
    // A route that is there from the start is counted whole.
    subscriptions_.push_back(events.subscribe<RouteCreated>(
        [this](const RouteCreated& event) { metered_.add(event.v_host, Clock::now()); }));
    subscriptions_.push_back(events.subscribe<RouteDeleted>(
        [this](const RouteDeleted& event) { metered_.remove(event.v_host); }));
    ring_.timers().arm(round_, ring_.now() + round_period);
}

Metrics::~Metrics() {
    ring_.timers().disarm(round_);
}

void Metrics::make_round() {
    ring_.timers().arm(round_, ring_.now() + round_period);
    const TimePoint now = Clock::now();
    metered_.gather(now);
    if (configuration_.routes().size() <= metered_.bounds().routes)
        metered_.fill(now);
    else
        busiest_.search(metered_.bounds().routes);
    // Last: what is remembered of a route or a backend's address, should it go, is of now.
    metered_.refresh(now);
}

/// The busiest get names first; where there is no room, in place of those that are clearly quieter.
void Metrics::name_the_busiest(const std::vector<BusiestRoutes::Entry>& found) {
    const TimePoint now = Clock::now();
    std::vector<BusiestRoutes::Entry> named;
    for (const auto& [v_host, row] : metered_.routes()) {
        const snapshot::Route* const route = configuration_.published(v_host);
        if (route != nullptr)
            named.push_back({BusiestRoutes::recent_requests(*route, now), v_host});
    }
    std::sort(named.begin(), named.end(),
              [](const auto& one, const auto& other) { return one.requests < other.requests; });
    metered_.refresh(now);
    auto quietest = named.begin();
    for (const BusiestRoutes::Entry& entry : found) {
        if (metered_.routes().contains(entry.v_host)) continue;
        if (metered_.routes().size() >= metered_.bounds().routes) {
            if (quietest == named.end() || entry.requests < clearly_busier * quietest->requests)
                return;
            metered_.remove(quietest->v_host);
            ++quietest;
        }
        metered_.add(entry.v_host, now);
    }
}

std::string Metrics::text(TimePoint now) {
    metered_.refresh(now);
    Exposition out;
    write_process(out, now);
    write_configuration(out);
    write_server_families(out, metered_);
    write_route_families(out, metered_);
    write_backend_families(out, metered_);
    write_certificates(out);
    return std::move(out).take();
}

void Metrics::write_process(Exposition& out, TimePoint now) const {
    out.begin("penstock_build_info", Kind::gauge, "1, with what runs.");
    out.sample(label("version", build_.version) + "," + label("commit", build_.commit) + "," +
                   label("engine", build_.engine),
               std::uint64_t{1});
    const Statistics statistics(configuration_.totals(), now);
    write_one(out, "penstock_uptime_seconds", Kind::gauge, "Since the start.",
              std::chrono::duration<double>(statistics.uptime()).count());
    write_one(out, "penstock_workers", Kind::gauge, "Threads that carry traffic.",
              std::uint64_t{statistics.workers()});
    write_one(out, "penstock_latency_memory_bytes", Kind::gauge,
              "Memory of latency histograms that is in use.",
              std::uint64_t{statistics.histogram_bytes()});
    const Connections connections = statistics.connections();
    write_one(out, "penstock_connections_accepted_total", Kind::counter,
              "Client connections that were accepted.", connections.accepted);
    write_one(out, "penstock_connections_active", Kind::gauge, "Client connections.",
              connections.active);
    write_one(out, "penstock_requests_unrouted_total", Kind::counter,
              "Requests that matched no route or could not be parsed; part of no other number.",
              statistics.unrouted());
    write_delivered(out, "penstock_access_log_lines_total",
                    "Lines of the access log; dropped: there was no room for them.", "written",
                    statistics.access_log());
    write_delivered(out, "penstock_spans_total",
                    "Spans of traces; dropped: no room, or the collector did not take them.",
                    "exported", statistics.spans());
    write_one(out, "penstock_shedding", Kind::gauge, "1: memory runs short, and requests get 503.",
              std::uint64_t{statistics.shedding().is_on()});
    write_one(out, "penstock_shedding_episodes_total", Kind::counter, "How often memory ran short.",
              statistics.shedding().episodes());
    write_one(out, "penstock_requests_shed_total", Kind::counter,
              "Requests that got 503 meanwhile.", statistics.shed());
    const ProcessFacts facts = process_facts();
    write_one(out, "process_cpu_seconds_total", Kind::counter, "CPU time of all threads.",
              facts.cpu_seconds);
    write_one(out, "process_resident_memory_bytes", Kind::gauge, "Resident memory.",
              facts.resident_bytes);
    write_one(out, "process_virtual_memory_bytes", Kind::gauge, "Address space.",
              facts.virtual_bytes);
    write_one(out, "process_open_fds", Kind::gauge, "Open file descriptors.", facts.open_fds);
    write_one(out, "process_max_fds", Kind::gauge, "How many there may be.", facts.most_fds);
    write_one(out, "process_start_time_seconds", Kind::gauge, "When the process began, Unix time.",
              started_);
}

void Metrics::write_configuration(Exposition& out) {
    const auto count = [](std::size_t size) { return std::uint64_t{size}; };
    write_one(out, "penstock_config_revision", Kind::gauge, "Number of the last change.",
              configuration_.last_revision());
    write_one(out, "penstock_snapshot_epoch", Kind::gauge, "Publications to the workers.",
              configuration_.epoch());
    write_one(out, "penstock_events_total", Kind::counter, "Events, as /api/v1/events tells them.",
              events_.last_sequence());
    write_one(out, "penstock_routes", Kind::gauge, "Routes.",
              count(configuration_.routes().size()));
    write_one(out, "penstock_routes_named", Kind::gauge,
              "Routes with a vhost label of their own; the others are (other).",
              count(metered_.routes().size()));
    write_one(out, "penstock_backends_left_out", Kind::gauge,
              "Backends of those that there was no room to name.",
              count(metered_.backends_left_out()));
    write_one(out, "penstock_auth_providers", Kind::gauge, "Auth providers.",
              count(configuration_.auth_providers().size()));
}

void Metrics::write_certificates(Exposition& out) {
    if (expiries_of_ != configuration_.last_revision()) find_expiries();
    write_one(out, "penstock_certificates", Kind::gauge,
              "Certificates, uploaded ones and those inside routes.", std::uint64_t{certificates_});
    out.begin("penstock_certificate_expiry_timestamp_seconds", Kind::gauge,
              "When a certificate expires, Unix time.");
    for (const Expiry& one : expiries_)
        out.sample(one.labels,
                   static_cast<std::uint64_t>(std::max<std::int64_t>(one.not_after, 0)));
}

/// Made anew with the configuration: there may be 100,000.
void Metrics::find_expiries() {
    struct Found {
        std::int64_t not_after;
        std::string_view domain;
        const net::tls::Certificate* certificate;
        std::string_view source;
    };
    std::vector<Found> found;
    configuration_.certificates().for_each(
        [&](std::string_view domain, const net::tls::Certificate& one, std::string_view source) {
            found.push_back({one.not_after(), domain, &one, source});
        });
    certificates_ = found.size();
    const auto shown = std::min(found.size(), most_certificates);
    std::partial_sort(found.begin(), found.begin() + static_cast<std::ptrdiff_t>(shown),
                      found.end(), [](const Found& one, const Found& other) {
                          return std::tie(one.not_after, one.domain) <
                                 std::tie(other.not_after, other.domain);
                      });
    expiries_.clear();
    for (std::size_t i = 0; i < shown; ++i) {
        expiries_.push_back(
            {found[i].not_after, label("domain", found[i].domain) + "," +
                                     label("key", name_of(found[i].certificate->key_kind())) + "," +
                                     label("source", found[i].source)});
    }
    expiries_of_ = configuration_.last_revision();
}

}  // namespace penstock::control
