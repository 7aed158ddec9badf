#include "ctl/backend_table.hpp"

#include <fmt/format.h>

#include "ctl/words.hpp"

namespace penstock::ctl {

namespace {

JsonView numbers_of(const std::string& id, JsonView stats) {
    for (const JsonView backend : stats["backends"].items()) {
        if (backend["id"].text() == id) return backend;
    }
    return {};
}

/// The worst of its addresses' circuits.
Cell circuit_cell(JsonView backend) {
    std::string shown;
    for (const JsonView target : backend["targets"].items()) {
        const std::string circuit = target["circuit"].text();
        if (shown.empty() || circuit == "open" || (circuit == "half-open" && shown != "open"))
            shown = circuit;
    }
    return Cell(shown, shown == "open"        ? Tone::bad
                       : shown == "half-open" ? Tone::warning
                                              : Tone::plain);
}

}  // namespace

std::string address_of(JsonView backend) {
    const std::string host = backend["hostname"].text();
    const bool is_v6 = host.find(':') != std::string::npos;
    return fmt::format(fmt::runtime(is_v6 ? "[{}]:{}" : "{}:{}"), host, backend["port"].text());
}

Table backend_table(JsonView route, JsonView stats) {
    Table table({{"BACKEND"},
                 {"ADDRESS"},
                 {"PROTOCOL"},
                 {"WEIGHT", Align::right},
                 {"STATE"},
                 {"FAILURES", Align::right},
                 {"CIRCUIT"},
                 {"ACTIVE", Align::right},
                 {"RATE", Align::right},
                 {"P50", Align::right},
                 {"P99", Align::right}});
    for (const JsonView backend : route["backends"].items()) {
        const std::string id = backend["id"].text();
        const JsonView numbers = numbers_of(id, stats);
        const JsonView total = numbers["latency"]["total"];
        table.add({id, address_of(backend),
                   backend["protocol"].text() + (backend["tls"].is_true() ? " tls" : ""),
                   backend["weight"].text(), state_cell(backend["state"].text()),
                   backend["failureCount"].text(), circuit_cell(numbers),
                   numbers["attempts"]["active"].text(), rate(numbers["rate"]["10s"].number()),
                   latency(total, "p50"), latency(total, "p99")});
    }
    return table;
}

}  // namespace penstock::ctl
