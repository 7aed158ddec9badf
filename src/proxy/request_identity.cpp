#include "proxy/request_identity.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/bytes.hpp"
#include "base/clock.hpp"
#include "net/address.hpp"

namespace penstock::proxy {

namespace {

using http::FieldId;

constexpr std::size_t longest_request_id = 128;

bool is_visible_text(std::string_view text) noexcept {
    return std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

/// Without the brackets and the port that some proxies write ("[::1]:80", "192.0.2.1:80").
std::string_view bare_host(std::string_view hop) noexcept {
    if (hop.starts_with('[')) return hop.substr(1, hop.find(']') - 1);
    const std::size_t colon = hop.find(':');
    const bool is_only_colon = colon == hop.rfind(':');
    return is_only_colon ? hop.substr(0, colon) : hop;
}

/// The client of a trusted peer's chain; empty where the chain is, or names no address.
std::string_view client_in_chain(const http::RequestHead& request,
                                 const Settings& settings) noexcept {
    std::string_view farthest;  // the first hop, should all of them be trusted
    std::string_view client;
    bool is_unknown = false;  // the hop before said nothing of use: the next one stands for it
    for (const auto& entry : request.fields) {
        if (entry.id != FieldId::x_forwarded_for) continue;
        for_each_element(request.fields.value(entry), [&](std::string_view hop) {
            const std::string_view host = bare_host(hop);
            const auto address = net::Address::parse(host, 0);
            if (!address) {
                is_unknown = true;
                client = {};
                return;
            }
            if (farthest.empty()) farthest = host;
            if (is_unknown || !is_trusted_proxy(*address, settings)) client = host;
            is_unknown = false;
        });
    }
    if (is_unknown) return {};
    return client.empty() ? farthest : client;
}

/// The one traceparent that is well-formed; several are none (W3C Trace Context, section 3.2).
std::optional<http::TraceContext> received_trace(const http::RequestHead& request) noexcept {
    std::optional<http::TraceContext> found;
    bool is_second = false;
    for (const auto& entry : request.fields) {
        if (entry.id != FieldId::traceparent || entry.dropped) continue;
        if (std::exchange(is_second, true)) return std::nullopt;
        found = http::parse_traceparent(request.fields.value(entry));
    }
    return found;
}

/// Zero is no id.
std::uint64_t make_trace_part(Random& random) noexcept {
    const std::uint64_t part = random.next();
    return part != 0 ? part : 1;
}

}  // namespace

std::string_view believed(const http::RequestHead& request, const Peer& peer, FieldId id) noexcept {
    if (!peer.is_trusted()) return {};
    const auto* entry = request.fields.find(id);
    return entry == nullptr ? std::string_view{} : request.fields.value(*entry);
}

std::string_view client_address(const http::RequestHead& request, const Peer& peer,
                                const Settings& settings) noexcept {
    if (!peer.is_trusted()) return peer.host();
    const std::string_view client = client_in_chain(request, settings);
    if (!client.empty()) return client;
    const std::string_view told = bare_host(believed(request, peer, FieldId::x_real_ip));
    return net::Address::parse(told, 0) ? told : peer.host();
}

std::string_view RequestIdentity::id() noexcept {
    if (!id_.empty()) return id_;
    const std::string_view given = believed(request_, peer_, FieldId::x_request_id);
    if (!given.empty() && given.size() <= longest_request_id && is_visible_text(given)) {
        id_ = given;
    } else {
        write_uuid(made_id_.data(), make_uuid_v7(unix_milliseconds(), random_));
        id_ = {made_id_.data(), made_id_.size()};
    }
    return id_;
}

const RequestTrace& RequestIdentity::trace() noexcept {
    if (trace_) return *trace_;
    RequestTrace& trace = trace_.emplace();
    if (const auto received = received_trace(request_)) {
        trace.context = *received;
    } else if (settings_.traces) {
        trace.context.trace_high = make_trace_part(random_);
        trace.context.trace_low = make_trace_part(random_);
        trace.context.is_sampled = (random_.next() >> 32) < settings_.trace_share;
    }
    if (settings_.traces) trace.span = make_trace_part(random_);
    return trace;
}

std::string_view RequestIdentity::client() noexcept {
    if (client_.empty()) client_ = client_address(request_, peer_, settings_);
    return client_;
}

}  // namespace penstock::proxy
