// Configuration: the routes, certificates and auth providers in force, and the only way to change
// them.
//
// Owned by the control thread. A change is checked against all other routes, committed to the
// store, then published; the epoch it returns has passed when every worker serves it.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <penstock/config.hpp>
#include <penstock/result.hpp>

#include "base/log.hpp"
#include "control/auth_providers.hpp"
#include "control/certificates.hpp"
#include "control/event_bus.hpp"
#include "control/names.hpp"
#include "control/own_addresses.hpp"
#include "control/store/store.hpp"
#include "control/stored_rows.hpp"
#include "http/status.hpp"
#include "model/field_error.hpp"
#include "model/process_flags.hpp"
#include "snapshot/publisher.hpp"

namespace penstock::control {

/// Why a change was not made: fields to mend, or else a status and what happened.
struct Refusal {
    http::Status status = http::Status::conflict;
    std::string detail;
    model::FieldErrors errors;
    /// Not empty: nothing speaks against the change but that these names of backends have not been
    /// looked up; when they have been, it can be asked for again. Made before, it would leave
    /// requests without a backend meanwhile.
    std::vector<std::string> unknown_names{};
};

/// The store does not give what it was given to keep: 500.
inline Failure<Refusal> unreadable(std::string what, model::FieldErrors errors = {}) {
    return Failure{
        Refusal{http::Status::internal_server_error, std::move(what), std::move(errors)}};
}

/// The hostnames of its backends that have to be looked up.
std::set<std::string> names_in(const RouteConfig& route);

/// A certificate that has passed check_certificate(), and what it was made of.
struct CheckedCertificate {
    CertificateConfig config;
    CertificatePtr certificate;
};

class Configuration {
  public:
    /// Check: everything but the change itself (?dryRun=true). Apply at once: though names have
    /// not been looked up, for the time before anything is served.
    enum class Mode { apply, apply_at_once, check };
    /// The epoch of the publication; 0 where nothing was published.
    using Outcome = Result<std::uint64_t, Refusal>;
    /// By whom a change is unless somebody else is named.
    static constexpr const char* administrator = "admin";
    /// How a change is asked for, and in whose name.
    struct Order {
        Order(Mode m = Mode::apply, std::string_view who = administrator) : mode(m), by(who) {}
        Mode mode;
        std::string by;
    };
    using Routes = std::map<std::string, RouteConfig, std::less<>>;

    /// What has been created, changed and deleted goes to `events`, when it is in force.
    Configuration(Store& store, snapshot::Publisher& publisher, ControlEvents& events,
                  Names& names);
    Configuration(const Configuration&) = delete;
    Configuration& operator=(const Configuration&) = delete;

    /// Where no backend may be; before load(). What the store holds all the same gets no requests.
    void keep_clear_of(OwnAddresses own) { own_ = std::move(own); }

    /// At start: publishes what the store holds.
    Outcome load();

    /// Who knows which flags the program has; before load(). Without it there are none.
    void check_process_by(model::ProcessCheck check) { process_check_ = std::move(check); }
    model::FieldErrors check_process(const model::ProcessFlags& process) const;
    /// JSON: the flags that the next start takes from here.
    const std::string& process() const noexcept { return process_; }

    const Routes& routes() const noexcept { return routes_; }
    /// Null where there is none of that vHost; valid until the next change.
    const RouteConfig* find(std::string_view v_host) const;
    /// That of the same id, or where the draft has none, of the same vHost.
    const RouteConfig* find_same(const RouteConfig& draft) const;

    /// Creates the route or replaces the one of the same vHost. It has passed model::check() and
    /// its ids are complete.
    Outcome put(RouteConfig route, Order order = {});
    /// The vHost exists.
    Outcome remove(const std::string& v_host, Order order = {});
    /// What comes with all routes in one change.
    struct Whole {
        /// The only ones that were uploaded; nothing: those there are stay.
        std::optional<std::vector<CheckedCertificate>> certificates{};
        /// The only ones; nothing: those there are stay.
        std::optional<std::vector<CheckedAuthProvider>> auth_providers{};
        /// The document's `process`, checked; nothing: it stays.
        std::optional<std::string> process{};
        std::string what = "the whole configuration";
        std::string by = administrator;
        std::vector<RowChange> rows{};  // of the node, stored with it
    };
    /// Makes these the only routes, in one publication. They come from model::parse_config().
    Outcome replace_all(std::vector<RouteConfig> routes, Mode mode = Mode::apply) {
        return replace_all(std::move(routes), mode, Whole());
    }
    Outcome replace_all(std::vector<RouteConfig> routes, Mode mode, Whole whole);
    /// Makes everything as it was right after that revision, in one publication, secrets and
    /// maintenance included; that is a revision of its own.
    Outcome roll_back(std::uint64_t number, Order order = {});
    /// The last changes, oldest first.
    Result<std::vector<Revision>> revisions() const { return store_.revisions(); }
    /// The number of the last change; 0: there has been none.
    std::uint64_t last_revision() const noexcept { return last_revision_; }
    /// Takes a backend of a route out of use, or back into it (POST and DELETE .../dead). Both
    /// exist. Back into it also revives one that requests found dead.
    Outcome set_maintenance(const std::string& v_host, const Backend& backend, bool on,
                            Order order = {});
    bool in_maintenance(const std::string& v_host, const Backend& backend) const;
    /// False: it is a name that has none yet.
    bool has_addresses(const Backend& backend) const { return !addresses_of(backend).empty(); }

    /// Changes from here to end_group() share one commit and one publication: each sees those
    /// before it, no worker sees any, and the epochs that they return are promised. Within, only
    /// put(), remove() and those of certificates and auth providers; nothing else runs meanwhile.
    /// False: the store refuses; changes are made one by one, and say why.
    bool begin_group();
    /// True: all of them are stored and published. False: none is, and everything is as it was.
    bool end_group();

    /// Those that were uploaded.
    const Certificates& certificates() const noexcept { return certificates_; }
    /// What they were made of, as stored, by domain and kind of key.
    Result<std::vector<CertificateConfig>> certificate_configs() const;
    /// Both come from check_certificate(). The next handshake uses it; connections go on.
    Outcome put_certificate(const CertificateConfig& config, CertificatePtr certificate,
                            Order order = {});
    /// All of the domain, which has some.
    Outcome remove_certificates(const std::string& domain, Order order = {});
    /// Those that the store has.
    const AuthProviders& auth_providers() const noexcept { return auth_providers_; }
    /// It comes from check_auth_provider(). The routes that name it are published anew with it.
    Outcome put_auth_provider(CheckedAuthProvider provider, Order order = {});
    /// There is one; refused while a route names it.
    Outcome remove_auth_provider(const std::string& id, Order order = {});
    /// Those that are the embedding program itself: of this process, not stored. Null: it goes, and
    /// the routes that name it let nobody in.
    Outcome set_program_provider(const std::string& id, AuthProviderPtr provider);
    bool has_program_provider(std::string_view id) const { return program_providers_.contains(id); }
    /// Adds what is wrong with the auth provider that the route names: there must be one.
    void check_auth_provider_of(const RouteConfig& route, std::string_view base,
                                model::FieldErrors& errors) const;

    /// The route's `ssl`, checked; null where it has none, and where something is wrong with it,
    /// which is added to `errors` with pointers under `base`.
    CertificatePtr certificate_for(const RouteConfig& route, std::string_view base,
                                   model::FieldErrors& errors) const;

    /// Publishes the route anew because its backends' state has changed; nothing is stored. 0 where
    /// there is no such route, or no room (Publisher::has_room).
    std::uint64_t refresh(std::string_view v_host);
    /// The same for several in one publication; false where there was no room for it.
    bool refresh_all(const std::set<std::string>& v_hosts);
    /// Called with each route that has been published.
    using RoutePublished = std::function<void(const RouteConfig&, const snapshot::Route&)>;
    void on_route_published(RoutePublished callback) { route_published_ = std::move(callback); }
    /// Called with each auth provider that is in force from now on; null: it has gone.
    using AuthProviderChanged = std::function<void(const std::string& id, const AuthProviderPtr&)>;
    void on_auth_provider_changed(AuthProviderChanged callback) {
        auth_provider_changed_ = std::move(callback);
    }
    /// A backend's address where it is published still.
    struct PublishedBackend {
        const RouteConfig* config = nullptr;  // null: it is not
        const snapshot::Route* route = nullptr;
        const snapshot::Upstream* upstream = nullptr;
    };
    PublishedBackend find(snapshot::BackendName backend) const;
    /// The route as published, with its live state; null where there is none.
    const snapshot::Route* published(const std::string& v_host) const {
        return publisher_.find(v_host);
    }
    /// What the workers that serve it have counted beside that.
    const snapshot::Totals& totals() const { return std::as_const(publisher_).totals(); }
    /// Of the last publication.
    std::uint64_t epoch() const noexcept { return publisher_.epoch(); }

  private:
    using Holders = std::unordered_map<std::string, std::string>;  // to the vHost that has it
    /// Several routes and certificates that change in one publication.
    struct Replacement {
        std::map<std::string, std::optional<RouteConfig>, std::less<>> routes;  // empty: it goes
        std::map<std::string, CertificatePtr, std::less<>> of_routes;  // of their `ssl`, by vHost
        std::vector<CertificateChange> certificates;
        std::map<std::string, std::optional<CheckedAuthProvider>, std::less<>> auth_providers;
        std::optional<std::string> process;
        std::vector<RowChange> rows;  // to be stored beside those of routes
    };
    /// For the list of revisions.
    struct Reason {
        std::string what;
        std::string by = administrator;
    };

    /// What a group has changed, as it was before.
    struct Group {
        std::map<std::string, std::optional<RouteConfig>, std::less<>> routes;  // all it touches
        std::map<std::string, CertificatePtr> of_routes;  // of their `ssl`, by vHost
        std::map<std::string, CertificateSet> certificates;
        std::map<std::string, std::optional<CheckedAuthProvider>> auth_providers;
        std::map<std::string, Marks> maintenance;
        std::set<std::string> names;  // of those before: their addresses are kept meanwhile
        std::uint64_t last_revision = 0;
        bool promises_epoch = false;
        bool has_failed = false;
        std::vector<std::function<void()>> when_published;
    };

    void keep_before(std::span<const snapshot::RouteChange> routes,
                     std::span<const CertificateChange> certificates);
    void keep_before(const std::string& auth_provider);
    void keep_names(std::set<std::string> names);
    void undo(Group& group);
    /// Now, or with the group's end, where there is one.
    void when_published(std::function<void()> action);

    model::FieldErrors conflicts_of(const RouteConfig& route) const;
    model::FieldErrors own_addresses_in(const RouteConfig& route, std::string_view base) const;
    std::vector<net::Address> addresses_of(const Backend& backend) const;
    std::vector<snapshot::BackendState> states_of(const RouteConfig& route) const;
    snapshot::RouteChange change_to(const RouteConfig& route) const;
    std::vector<std::string> unknown_names_of(std::span<const RouteConfig> routes,
                                              const Replacement& replacement) const;
    Result<void, Refusal> load_certificates();
    Result<void, Refusal> load_marks();
    Result<void, Refusal> load_process();
    Result<void, Refusal> load_auth_providers();
    Outcome commit(std::span<const snapshot::RouteChange> changes,
                   std::span<const CertificateChange> certificates, std::vector<RowChange> rows,
                   Reason reason);
    void add_rows_of(std::span<const snapshot::RouteChange> changes,
                     std::vector<RowChange>& rows) const;
    void add_rows_without(const std::string& domain, std::vector<RowChange>& rows) const;
    Result<void, Refusal> add_all(const std::vector<CheckedCertificate>& certificates,
                                  Replacement& replacement) const;
    AuthProviderPtr find_auth_provider(const std::optional<std::string>& id) const;
    AuthProviderPtr find_auth_provider(const std::optional<std::string>& id,
                                       const Replacement& replacement) const;
    std::set<std::string> users_of(std::string_view id) const;
    void use_all(std::vector<CheckedAuthProvider> providers, Replacement& replacement) const;
    void settle_auth_providers(Replacement& replacement) const;
    void take_auth_providers(Replacement& replacement);
    void set_auth_provider(const std::string& id, std::optional<CheckedAuthProvider> provider);
    void use_name_of(const std::string& id);
    void refresh_addresses_of(const std::string& id);
    bool refresh_auth_provider(const std::string& user);
    void add_events_of(std::span<const CertificateChange> changes,
                       std::vector<Event>& events) const;
    Outcome replace(Replacement replacement, Reason reason);
    Result<void, Refusal> take_back(const std::vector<RowChange>& changes, Replacement& replacement,
                                    std::map<std::string, Marks>& marks) const;
    Result<void, Refusal> take_back_route(const RowChange& change, Replacement& replacement) const;
    Result<void, Refusal> take_back_auth_provider(const RowChange& change,
                                                  Replacement& replacement) const;
    Result<void, Refusal> take_back_certificate(const RowChange& change,
                                                std::map<std::string, CertificateSet>& after) const;
    /// "Not yet": see Refusal::unknown_names.
    static Failure<Refusal> later(std::vector<std::string> unknown_names);
    void take_certificates(std::span<const snapshot::RouteChange> routes,
                           std::span<const CertificateChange> certificates);
    std::uint64_t publish(std::span<const snapshot::RouteChange> changes);
    /// A mark goes with its backend: forgets those of the vHost that `route` has no backend for.
    void forget_marks(const std::string& v_host, const RouteConfig* route);
    Marks marks_left(const std::string& v_host, const RouteConfig* route) const;
    std::set<std::string> alive_addresses(const std::string& v_host, const Backend& backend) const;
    bool revive(const std::string& v_host, const Backend& backend);
    void tell(std::optional<Event> event);
    void forget(std::string_view v_host);
    void remember(RouteConfig route);

    Store& store_;
    snapshot::Publisher& publisher_;
    ControlEvents& events_;
    Names& names_;
    OwnAddresses own_;
    model::ProcessCheck process_check_;
    std::string process_ = "{}";
    Routes routes_;
    Certificates certificates_;
    AuthProviders auth_providers_;
    std::map<std::string, AuthProviderPtr, std::less<>> program_providers_;  // by id
    Holders hosts_;                                                          // vHosts and aliases
    Holders ids_;
    std::map<std::string, Marks> maintenance_;  // by vHost; an id that moves starts without one
    std::uint64_t last_revision_ = 0;
    std::optional<Group> group_;
    RoutePublished route_published_;
    mutable LogLimit own_backend_warning_{std::chrono::seconds(10)};
    AuthProviderChanged auth_provider_changed_;
};

}  // namespace penstock::control
