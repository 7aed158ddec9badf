// JSON out: configuration values as the API gives them, keys in the order of SPEC section 3.
//
// Any thread; appends to a string the caller owns. Strings are escaped as RFC 8259 section 7 asks,
// UTF-8 passes as it is. Keys, tokens and hashes are write-only: they leave for the store alone.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <penstock/auth_provider.hpp>
#include <penstock/config.hpp>

#include "base/json_text.hpp"

namespace penstock::model {

/// A quoted, escaped JSON string.
inline void write_string(std::string& out, std::string_view text) {
    append_json_string(out, text);
}

/// An object, member by member; closed at its end.
class JsonObject {
  public:
    explicit JsonObject(std::string& out) : out_(out) { out_ += '{'; }
    JsonObject(const JsonObject&) = delete;
    JsonObject& operator=(const JsonObject&) = delete;
    ~JsonObject() { out_ += '}'; }

    /// Where the member's value is to be appended.
    std::string& key(std::string_view name);

  private:
    std::string& out_;
    bool first_ = true;
};

/// An array, item by item; closed at its end.
class JsonList {
  public:
    explicit JsonList(std::string& out) : out_(out) { out_ += '['; }
    JsonList(const JsonList&) = delete;
    JsonList& operator=(const JsonList&) = delete;
    ~JsonList() { out_ += ']'; }

    /// Where the next item is to be appended.
    std::string& next();

  private:
    std::string& out_;
    bool first_ = true;
};

/// What a backend is doing, beside what it is configured to be.
struct BackendStatus {
    bool is_dead = false;                   ///< dead or in maintenance: it takes no new requests
    std::optional<std::string> dead_since;  ///< RFC 3339
    std::uint64_t failure_count = 0;        ///< since it was last revived or put back
    std::string_view state = "alive";

    bool operator==(const BackendStatus&) const = default;
};

void write_backend(std::string& out, const Backend& backend, const BackendStatus& status = {});
/// `statuses`: by place in the route's backends; empty: all are alive.
void write_route(std::string& out, const RouteConfig& route,
                 std::span<const BackendStatus> statuses = {});

/// Secrets are for the store, never for an answer.
enum class Secrets : bool { left_out, included };

/// As they are configured, without run-time state.
void write_configured(std::string& out, const RouteConfig& route, Secrets secrets);
void write_configured(std::string& out, const CertificateConfig& certificate, Secrets secrets);
void write_configured(std::string& out, const AuthProviderConfig& provider, Secrets secrets);

}  // namespace penstock::model
