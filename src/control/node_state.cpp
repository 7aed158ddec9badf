#include "control/node_state.hpp"

#include <charconv>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "base/log.hpp"
#include "base/random.hpp"

namespace penstock::control {

namespace {

using net::tls::TicketSeed;

constexpr const char* id_row = "id";
constexpr const char* tickets_row = "tickets";
constexpr const char* file_row = "config-file";

std::optional<std::string> find(const std::vector<Row>& rows, std::string_view id) {
    for (const Row& row : rows) {
        if (row.id == id) return row.value;
    }
    return std::nullopt;
}

template <class Number>
bool read(std::string_view text, Number& number, int base) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
    return error == std::errc{} && end == text.data() + text.size();
}

/// The secret in hex, and since when: "0a1b… 1700000000000".
std::string text_of(const TicketSeed& seed, const Moment& moment) {
    std::string text;
    for (const unsigned char byte : seed.secret) text += fmt::format("{:02x}", byte);
    const auto age = std::chrono::duration_cast<std::chrono::milliseconds>(moment.now - seed.since);
    return fmt::format("{} {}", text, moment.unix_ms - static_cast<std::uint64_t>(age.count()));
}

std::optional<TicketSeed> seed_of(std::string_view text, const Moment& moment) {
    constexpr std::size_t digits = 2 * TicketSeed::size;
    TicketSeed seed;
    std::uint64_t since = 0;
    if (text.size() < digits + 2 || !read(text.substr(digits + 1), since, 10)) return std::nullopt;
    for (std::size_t i = 0; i < seed.secret.size(); ++i) {
        if (!read(text.substr(2 * i, 2), seed.secret[i], 16)) return std::nullopt;
    }
    // The clock may have been set back: then its period begins now.
    const std::uint64_t age = moment.unix_ms > since ? moment.unix_ms - since : 0;
    seed.since = moment.now - std::chrono::milliseconds(age);
    return seed;
}

Result<void> store_row(Store& store, const char* id, std::string value) {
    const RowChange change{RowKind::node, id, std::move(value)};
    return store.commit(std::span(&change, 1), nullptr);
}

void warn_unless(const Result<void>& stored, const char* what) {
    if (!stored) log(LogLevel::warn, what, {{"reason", std::string_view(stored.error().message)}});
}

}  // namespace

Result<NodeState> load_node_state(Store& store, const Moment& moment) {
    const auto rows = store.rows(RowKind::node);
    if (!rows) return Failure{rows.error()};
    NodeState state;
    if (const auto id = find(*rows, id_row)) {
        state.id = *id;
    } else {
        state.id = fmt::format("{:08x}", Random().next() & 0xffffffff);
        warn_unless(store_row(store, id_row, state.id), "the node's id could not be stored");
    }
    const auto stored = find(*rows, tickets_row);
    const auto seed = stored ? seed_of(*stored, moment) : std::nullopt;
    state.tickets = seed ? seed->at(moment.now) : TicketSeed::make(moment.now);
    warn_unless(store_tickets(store, state.tickets, moment), "the ticket keys could not be stored");
    return state;
}

Result<void> store_tickets(Store& store, const TicketSeed& seed, const Moment& moment) {
    return store_row(store, tickets_row, text_of(seed.at(moment.now), moment));
}

RowChange applied_file_row(std::string hash) {
    return {RowKind::node, file_row, std::move(hash)};
}

Result<std::string> applied_file(Store& store) {
    const auto rows = store.rows(RowKind::node);
    if (!rows) return Failure{rows.error()};
    return find(*rows, file_row).value_or(std::string());
}

}  // namespace penstock::control
