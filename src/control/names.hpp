// Names: the hostnames that backends are reached by, their addresses, and when to ask again.
//
// Control thread only. A name is looked up when it is first wanted, and again when its TTL ends,
// for as long as a route uses it. A failed lookup keeps the last good answer. Looking up is
// somebody else's part (net/resolver.hpp), whose answers come to take().
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/clock.hpp"
#include "base/intrusive_list.hpp"
#include "io/event.hpp"
#include "io/task.hpp"
#include "io/timer_wheel.hpp"
#include "net/resolver.hpp"

namespace penstock::control {

class NamesWanted;

class Names {
  public:
    static constexpr std::chrono::seconds least_ttl{1};
    static constexpr std::chrono::seconds longest_ttl{300};
    /// After a failed lookup: doubled with each further one, up to the second.
    static constexpr std::chrono::seconds first_retry{1};
    static constexpr std::chrono::seconds longest_retry{30};

    using LookUp = std::function<void(const std::string& name)>;
    /// The addresses of a name that these routes use have changed. False where that could not be
    /// published: it is called again with the next answer.
    using Changed = std::function<bool(const std::set<std::string>& v_hosts)>;

    /// `timers` must outlive this.
    Names(io::TimerWheel& timers, LookUp look_up) : timers_(timers), look_up_(std::move(look_up)) {}
    Names(const Names&) = delete;
    Names& operator=(const Names&) = delete;
    ~Names();

    void on_change(Changed callback) { changed_ = std::move(callback); }

    /// True once its first lookup has ended, or has taken too long to be waited for.
    bool knows(const std::string& name) const;
    /// Empty where it has never been resolved; sorted, whatever order the servers give.
    std::vector<net::Address> addresses(const std::string& name, std::uint16_t port) const;

    /// From now on the route uses just these names; none: it has gone.
    void use(const std::string& v_host, std::set<std::string> names);
    /// The answer to one look_up().
    void take(const std::string& name, const net::NameAnswer& answer, TimePoint now);

    std::vector<std::string> unknown() const;
    /// How many names are looked after.
    std::size_t size() const noexcept { return entries_.size(); }

    /// Nobody waits for a lookup any longer: the process is ending.
    void release();

  private:
    friend class NamesWanted;

    struct Entry : io::Timer {
        Entry(Names& n, const std::string& text) : Timer(&due), names(n), name(text) {}

        Names& names;
        std::string name;
        std::vector<net::Address> v4;  // of the last good answer, sorted
        std::vector<net::Address> v6;
        std::set<std::string> users;  // vHosts
        unsigned wanted = 0;          // by how many NamesWanted
        unsigned failures = 0;        // in a row
        bool answered = false;
        bool overdue = false;      // waited for in vain
        bool unpublished = false;  // its users have not seen the present addresses
    };

    static void due(io::Timer& timer);
    Entry& entry_of(const std::string& name);
    void forget_if_unused(const std::string& name);
    bool keep(Entry& entry, const net::NameAnswer& answer);
    void fail(Entry& entry, const net::NameAnswer& answer);
    void tell_waiters();

    io::TimerWheel& timers_;
    LookUp look_up_;
    Changed changed_ = [](const std::set<std::string>&) { return true; };
    std::unordered_map<std::string, std::unique_ptr<Entry>> entries_;
    std::unordered_map<std::string, std::set<std::string>> names_of_;  // by vHost
    IntrusiveList<NamesWanted> waiters_;
    bool released_ = false;
};

/// Names that somebody waits for before a change is made; they are looked up from its making on,
/// and looked after as long as it lives.
class NamesWanted : public ListNode<NamesWanted> {
  public:
    static constexpr Duration patience = std::chrono::seconds(5);

    NamesWanted(io::Ring& ring, Names& names, std::vector<std::string> wanted);
    NamesWanted(const NamesWanted&) = delete;
    NamesWanted& operator=(const NamesWanted&) = delete;
    ~NamesWanted();

    /// Returns when Names knows them all, at the latest after `patience`.
    io::Task<void> until_known();

  private:
    friend class Names;

    struct Deadline : io::Timer {
        explicit Deadline(NamesWanted& w) noexcept : Timer(&passed), wanted(w) {}
        static void passed(io::Timer& timer);
        NamesWanted& wanted;
    };

    /// Sets known_ where nothing is missing any more.
    void look();

    io::Ring& ring_;
    Names& names_;
    std::vector<std::string> wanted_;
    std::size_t first_unknown_ = 0;
    io::Event known_;
    Deadline deadline_{*this};
};

}  // namespace penstock::control
