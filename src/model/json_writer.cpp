#include "model/json_writer.hpp"

#include <chrono>
#include <concepts>
#include <iterator>

#include <fmt/format.h>

#include "model/auth_provider_fields.hpp"
#include "model/jwks_text.hpp"
#include "model/units.hpp"

namespace penstock::model {

std::string& JsonObject::key(std::string_view name) {
    if (!first_) out_ += ',';
    first_ = false;
    write_string(out_, name);
    out_ += ':';
    return out_;
}

std::string& JsonList::next() {
    if (!first_) out_ += ',';
    first_ = false;
    return out_;
}

namespace {

/// Where the text goes: a type of this file, so that argument-dependent lookup finds every overload
/// of write.
struct Sink {
    std::string& out;
    Secrets secrets = Secrets::left_out;
};

void write(Sink sink, const std::string& text) {
    write_string(sink.out, text);
}
void write(Sink sink, bool value) {
    sink.out += value ? "true" : "false";
}
void write(Sink sink, double value) {
    fmt::format_to(std::back_inserter(sink.out), "{}", value);
}
void write(Sink sink, std::chrono::milliseconds value) {
    write_string(sink.out, format_duration(value));
}

/// The name of its type.
void write(Sink sink, const AuthProviderConfig::Method& method) {
    if (method.index() == 0)
        sink.out += "null";
    else
        write_string(sink.out, auth_types[method.index() - 1].name);
}

template <std::unsigned_integral U>
void write(Sink sink, U value) {
    fmt::format_to(std::back_inserter(sink.out), "{}", value);
}

template <class E>
requires std::is_enum_v<E>
void write(Sink sink, E value) {
    for (const auto& [named, name] : names_of(value)) {
        if (named == value) write_string(sink.out, name);
    }
}

template <class T>
void write(Sink sink, const std::optional<T>& value) {
    if (value)
        write(sink, *value);
    else
        sink.out += "null";
}

template <class T>
void write(Sink sink, const std::vector<T>& items) {
    JsonList list(sink.out);
    for (const T& item : items) write(Sink{list.next(), sink.secrets}, item);
}

template <class T>
void write(Sink sink, const std::map<std::string, T>& members) {
    JsonObject object(sink.out);
    for (const auto& [name, value] : members) write(Sink{object.key(name), sink.secrets}, value);
}

class ObjectWriter {
  public:
    explicit ObjectWriter(Sink sink) : object_(sink.out), secrets_(sink.secrets) {}

    template <class T>
    void operator()(std::string_view name, const T& value, const About& = {}) {
        write(Sink{object_.key(name), secrets_}, value);
    }
    template <class T>
    void secret(std::string_view name, const T& value, const About& = {}) {
        if (secrets_ == Secrets::included) (*this)(name, value);
    }
    template <class T>
    void accepted(std::string_view, const T&, const About& = {}) {}
    void jwks(std::string_view name, const std::string& text, const About& = {}) {
        std::string& out = object_.key(name);
        if (text.empty())
            out += "null";
        else
            out += secrets_ == Secrets::included ? text : without_secrets(text);
    }

  private:
    JsonObject object_;
    Secrets secrets_;
};

struct BackendsWithStatus {
    const std::vector<Backend>& backends;
    std::span<const BackendStatus> statuses;
};

void write(Sink sink, const BackendsWithStatus& all) {
    JsonList list(sink.out);
    for (std::size_t i = 0; i < all.backends.size(); ++i) {
        const bool known = i < all.statuses.size();
        write_backend(list.next(), all.backends[i], known ? all.statuses[i] : BackendStatus{});
    }
}

/// Backends come with their run-time state.
class RouteWriter : public ObjectWriter {
  public:
    RouteWriter(Sink sink, std::span<const BackendStatus> statuses)
        : ObjectWriter(sink), statuses_(statuses) {}

    using ObjectWriter::operator();
    void operator()(std::string_view name, const std::vector<Backend>& backends,
                    const About& = {}) {
        ObjectWriter::operator()(name, BackendsWithStatus{backends, statuses_});
    }

  private:
    std::span<const BackendStatus> statuses_;
};

template <class T>
requires requires(const T& t, ObjectWriter& writer) {
    visit_fields(t, writer);
}
void write(Sink sink, const T& value) {
    ObjectWriter writer(sink);
    visit_fields(value, writer);
}

}  // namespace

void write_backend(std::string& out, const Backend& backend, const BackendStatus& status) {
    ObjectWriter writer(Sink{out});
    visit_fields(backend, writer);
    writer("isDead", status.is_dead);
    writer("deadSince", status.dead_since);
    writer("failureCount", status.failure_count);
    writer("state", std::string(status.state));
}

void write_route(std::string& out, const RouteConfig& route,
                 std::span<const BackendStatus> statuses) {
    RouteWriter writer(Sink{out}, statuses);
    visit_fields(route, writer);
}

void write_configured(std::string& out, const RouteConfig& route, Secrets secrets) {
    write(Sink{out, secrets}, route);
}

void write_configured(std::string& out, const CertificateConfig& certificate, Secrets secrets) {
    write(Sink{out, secrets}, certificate);
}

void write_configured(std::string& out, const AuthProviderConfig& provider, Secrets secrets) {
    write(Sink{out, secrets}, provider);
}

}  // namespace penstock::model
