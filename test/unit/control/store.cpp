// Both kinds of store, and what a SqliteStore keeps when writes fail or the power does.
#include "control/store/store.hpp"

#include <filesystem>
#include <map>
#include <memory>
#include <set>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <fcntl.h>
#include <unistd.h>

#include "control/node_state.hpp"
#include "control/store/memory.hpp"
#include "control/store/open.hpp"
#include "control/store/sqlite.hpp"
#include "control/stored_rows.hpp"
#include "power_loss.hpp"

using namespace penstock;
using namespace penstock::control;

namespace {

struct Folder {
    Folder() { REQUIRE(::mkdtemp(path.data()) != nullptr); }
    ~Folder() { std::filesystem::remove_all(path); }
    std::string file(const std::string& name = "s.db") const { return path + "/" + name; }

    std::string path = "/tmp/penstock-store-XXXXXX";
};

std::unique_ptr<Store> opened(const std::string& path, const char* vfs = nullptr) {
    auto store = SqliteStore::open(path, vfs);
    if (!store) FAIL(store.error().message);
    return std::move(*store);
}

using Key = std::pair<RowKind, std::string>;
using Rows = std::map<Key, std::string>;

Rows rows_of(Store& store) {
    Rows all;
    for (const RowKind kind :
         {RowKind::route, RowKind::certificate, RowKind::maintenance, RowKind::node}) {
        const auto rows = store.rows(kind);
        REQUIRE(rows.has_value());
        for (const Row& row : *rows) all[{kind, row.id}] = row.value;
    }
    return all;
}

void change(const std::vector<RowChange>& changes, Rows& rows) {
    for (const RowChange& one : changes) {
        if (one.value)
            rows[{one.kind, one.id}] = *one.value;
        else
            rows.erase({one.kind, one.id});
    }
}

Revision revision(std::uint64_t number) {
    return {number, 1'000 + number, "change " + std::to_string(number), "admin"};
}

/// Two rows of one text that tells the number, some pages long.
std::vector<RowChange> pair_of(std::uint64_t number) {
    const std::string text(1 + number * 1'237 % 9'000, static_cast<char>('a' + number % 26));
    return {{RowKind::route, "one", std::to_string(number) + text},
            {RowKind::certificate, "two", std::to_string(number) + text}};
}

/// The number of the pair in the store; 0 where there is none.
std::uint64_t number_in(Store& store) {
    const Rows rows = rows_of(store);
    if (rows.empty()) return 0;
    CHECK(rows.at({RowKind::route, "one"}) == rows.at({RowKind::certificate, "two"}));
    const std::uint64_t number =
        std::strtoull(rows.at({RowKind::route, "one"}).c_str(), nullptr, 10);
    const auto revisions = store.revisions();
    REQUIRE(revisions.has_value());
    CHECK(revisions->back().number == number);
    return number;
}

}  // namespace

TEST_CASE("every kept revision can be gone back to, as it was", "[store]") {
    const Folder folder;
    const bool in_memory = GENERATE(true, false);
    CAPTURE(in_memory);
    auto store = in_memory ? std::make_unique<MemoryStore>() : opened(folder.file());
    Random random(7);
    Rows now;
    std::map<std::uint64_t, Rows> then;
    for (std::uint64_t number = 1; number <= 130; ++number) {
        std::vector<RowChange> changes;
        for (std::uint64_t i = 0; i <= random.below(4); ++i) {
            RowChange one{RowKind(random.below(3)), "id" + std::to_string(random.below(6)), {}};
            if (random.below(3) > 0) one.value = std::to_string(random.next());
            changes.push_back(std::move(one));  // a row may change twice in one commit
        }
        const Revision made = revision(number);
        REQUIRE(store->commit(changes, &made).has_value());
        change(changes, now);
        then[number] = now;
    }
    const RowChange own{RowKind::node, "id", "x"};
    REQUIRE(store->commit(std::span(&own, 1), nullptr).has_value());
    if (in_memory) {  // another process has it by its content
        const auto content = store->lend();
        REQUIRE(content.has_value());
        auto read = read_content(*content);
        REQUIRE(read.has_value());
        ::close(*content);
        store = std::make_unique<MemoryStore>(std::move(*read));
    } else {
        store.reset();
        store = opened(folder.file());
    }
    const auto kept = store->revisions();
    REQUIRE(kept.has_value());
    REQUIRE(kept->size() == Store::kept_revisions);
    CHECK(kept->front() == revision(31));
    CHECK(kept->back() == revision(130));
    for (const Revision& one : *kept) {
        Rows back = rows_of(*store);
        const auto changes = store->changes_back_to(one.number);
        REQUIRE(changes.has_value());
        change(*changes, back);
        back.erase({RowKind::node, "id"});
        CHECK(back == then[one.number]);
    }
    CHECK(rows_of(*store).at({RowKind::node, "id"}) == "x");
}

TEST_CASE("a store that is lent is another's, and what that one commits is undone when it is back",
          "[store]") {
    const Folder folder;
    auto store = opened(folder.file());
    const RowChange first{RowKind::route, "a", "1"};
    const Revision one = revision(1);
    REQUIRE(store->commit(std::span(&first, 1), &one).has_value());
    const auto lent = store->lend();
    REQUIRE(lent.has_value());
    CHECK(*lent == -1);
    CHECK_FALSE(store->rows(RowKind::route).has_value());
    CHECK_FALSE(store->commit(std::span(&first, 1), nullptr).has_value());
    {
        auto other = opened(folder.file());
        CHECK(rows_of(*other) == Rows{{{RowKind::route, "a"}, "1"}});
        const RowChange second{RowKind::route, "a", "2"};
        const Revision two = revision(2);
        REQUIRE(other->commit(std::span(&second, 1), &two).has_value());
        // It is back only when nobody has it any more; until then each use tries again.
        CHECK_FALSE(store->take_back().has_value());
        CHECK_FALSE(store->rows(RowKind::route).has_value());
    }
    CHECK(rows_of(*store) == Rows{{{RowKind::route, "a"}, "1"}});
    CHECK(store->revisions()->size() == 1);
    const Revision again = revision(2);
    CHECK(store->commit(std::span(&first, 1), &again).has_value());
}

TEST_CASE("content of a store in memory that nobody wrote is refused", "[store]") {
    const Folder folder;
    const std::string good = [] {
        MemoryStore store;
        const RowChange change{RowKind::route, "a", "1"};
        const Revision one = revision(1);
        REQUIRE(store.commit(std::span(&change, 1), &one).has_value());
        const auto content = store.lend();
        std::string bytes(4'096, '\0');
        const ssize_t size = ::pread(*content, bytes.data(), bytes.size(), 0);
        ::close(*content);
        return bytes.substr(0, static_cast<std::size_t>(size));
    }();
    const auto reads = [&folder](const std::string& bytes) {
        const int fd = ::open(folder.file().c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        REQUIRE(::write(fd, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
        const bool taken = read_content(fd).has_value();
        ::close(fd);
        return taken;
    };
    REQUIRE(reads(good));
    for (std::size_t size = 0; size < good.size(); ++size) {
        CAPTURE(size);
        CHECK_FALSE(reads(good.substr(0, size)));
    }
    CHECK_FALSE(reads(good + "x"));
}

TEST_CASE("the test's power loss drops what was not synced", "[store]") {
    const Folder folder;
    PowerLoss power;
    { opened(folder.file(), PowerLoss::name); }
    Database database(folder.file(), SQLITE_OPEN_READWRITE, PowerLoss::name);
    REQUIRE(database.execute("PRAGMA synchronous = OFF") == SQLITE_OK);
    REQUIRE(database.execute("INSERT INTO rows VALUES ('node', 'a', 'b', 0)") == SQLITE_OK);
    PowerLoss::write(power.synced(), folder.file("after"));
    int code = SQLITE_OK;
    Database after(folder.file("after/s.db"), SQLITE_OPEN_READWRITE, nullptr);
    CHECK(after.ask("SELECT count(*) FROM rows", code) == "0");
    CHECK(database.ask("SELECT count(*) FROM rows", code) == "1");
}

TEST_CASE("power loss at any moment: what was acknowledged is there, nothing is half there",
          "[store]") {
    const Folder folder;
    const std::uint64_t seed = GENERATE(1, 2, 3);
    Random random(seed);
    PowerLoss power;
    auto store = opened(folder.file(), PowerLoss::name);
    std::uint64_t acknowledged = 0;
    unsigned looked = 0;
    const auto lose_power = [&](std::uint64_t at_most) {
        PowerLoss::write(power.surviving(random), folder.file("after"));
        auto after = opened(folder.file("after/s.db"));
        const std::uint64_t found = number_in(*after);
        CAPTURE(acknowledged, found);
        CHECK(found >= acknowledged);
        CHECK(found <= at_most);
        ++looked;
    };
    for (std::uint64_t number = 1; number <= 60; ++number) {
        power.before_change = [&] {
            if (random.below(12) == 0) lose_power(number);
        };
        const Revision made = revision(number);
        REQUIRE(store->commit(pair_of(number), &made).has_value());
        power.before_change = [] {};
        acknowledged = number;
        lose_power(number);
    }
    CHECK(looked > 100);
    power.before_change = [] {};
}

TEST_CASE("a group of commits is kept as a whole or not at all", "[store]") {
    const Folder folder;
    const bool in_memory = GENERATE(true, false);
    const bool keep = GENERATE(true, false);
    CAPTURE(in_memory, keep);
    auto store = in_memory ? std::make_unique<MemoryStore>() : opened(folder.file());
    const Revision first = revision(1);
    REQUIRE(store->commit(pair_of(1), &first).has_value());
    const Rows before = rows_of(*store);

    REQUIRE(store->begin_group().has_value());
    for (std::uint64_t number = 2; number <= 4; ++number) {
        const Revision made = revision(number);
        REQUIRE(store->commit(pair_of(number), &made).has_value());
        CHECK(number_in(*store) == number);
    }
    const Revision last = revision(5);
    const RowChange gone{RowKind::certificate, "two", std::nullopt};
    REQUIRE(store->commit(std::span(&gone, 1), &last).has_value());
    REQUIRE(store->end_group(keep).has_value());

    if (!in_memory) {
        store.reset();
        store = opened(folder.file());
    }
    if (!keep) {
        CHECK(rows_of(*store) == before);
        CHECK(number_in(*store) == 1);
        const Revision again = revision(2);
        CHECK(store->commit(pair_of(2), &again).has_value());
        CHECK(number_in(*store) == 2);
        return;
    }
    CHECK(rows_of(*store).size() == 1);
    CHECK(store->revisions()->size() == 5);
    // Each of the group's revisions can be gone back to.
    Rows back = rows_of(*store);
    change(*store->changes_back_to(1), back);
    CHECK(back == before);
}

namespace {

/// A store with one acknowledged commit, on a file system that can be told to fail.
struct FailingStore {
    FailingStore() { REQUIRE(store->commit(pair_of(1), &first).has_value()); }

    const Folder folder;
    PowerLoss power;
    std::unique_ptr<Store> store = opened(folder.file(), PowerLoss::name);
    const Revision first = revision(1);
    const Revision second = revision(2);
};

}  // namespace

TEST_CASE_METHOD(FailingStore, "a commit that fails leaves nothing, and the next one works",
                 "[store]") {
    const auto [write_code, sync_code] =
        GENERATE(std::pair(SQLITE_FULL, SQLITE_OK), std::pair(SQLITE_IOERR_WRITE, SQLITE_OK),
                 std::pair(SQLITE_OK, SQLITE_IOERR_FSYNC), std::pair(SQLITE_READONLY, SQLITE_OK));
    CAPTURE(write_code, sync_code);
    power.write_code = write_code;
    power.sync_code = sync_code;
    const auto refused = store->commit(pair_of(2), &second);
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().message.find(folder.file()) != std::string::npos);
    CHECK_FALSE(store->commit(pair_of(2), &second).has_value());
    power.write_code = power.sync_code = SQLITE_OK;
    CHECK(number_in(*store) == 1);

    SECTION("a restart does not find it") {
        store.reset();
        CHECK(number_in(*opened(folder.file())) == 1);
    }
    SECTION("there is room again") {
        REQUIRE(store->commit(pair_of(2), &second).has_value());
        CHECK(number_in(*store) == 2);
        store.reset();
        CHECK(number_in(*opened(folder.file())) == 2);
    }
}

TEST_CASE_METHOD(FailingStore, "a group that fails at its end, or before, leaves nothing",
                 "[store]") {
    const bool at_end = GENERATE(true, false);
    const auto [write_code, sync_code] =
        GENERATE(std::pair(SQLITE_FULL, SQLITE_OK), std::pair(SQLITE_IOERR_WRITE, SQLITE_OK),
                 std::pair(SQLITE_OK, SQLITE_IOERR_FSYNC));
    CAPTURE(at_end, write_code, sync_code);
    const auto fail = [&] {
        power.write_code = write_code;
        power.sync_code = sync_code;
    };
    REQUIRE(store->begin_group().has_value());
    if (!at_end) fail();
    const bool committed = store->commit(pair_of(2), &second).has_value();
    if (at_end) fail();
    CHECK_FALSE((store->end_group(committed).has_value() && committed));
    power.write_code = power.sync_code = SQLITE_OK;
    CHECK(number_in(*store) == 1);
    store.reset();
    store = opened(folder.file(), PowerLoss::name);
    CHECK(number_in(*store) == 1);
    REQUIRE(store->begin_group().has_value());
    REQUIRE(store->commit(pair_of(2), &second).has_value());
    REQUIRE(store->end_group(true).has_value());
    CHECK(number_in(*store) == 2);
}

TEST_CASE_METHOD(FailingStore,
                 "a commit whose refusal came too late is undone with the next connection",
                 "[store]") {
    // All is written, then neither the sync works nor the old connection's end, nor a new one.
    power.sync_code = SQLITE_IOERR_FSYNC;
    REQUIRE_FALSE(store->commit(pair_of(2), &second).has_value());
    power.sync_code = SQLITE_OK;
    CHECK(number_in(*store) == 1);
    const Revision again = revision(2);
    REQUIRE(store->commit(pair_of(2), &again).has_value());
    CHECK(number_in(*store) == 2);
}

TEST_CASE("routes, certificates and marks come back as they were", "[store]") {
    RouteConfig route;
    route.id = "id \"quoted\" \\ \x01 \n";
    route.v_host = "*.a.example";
    route.aliases = {"b.example", "*"};
    route.strategy = BalancingStrategy::least_latency;
    route.auto_https = true;
    route.queue_timeout = std::chrono::milliseconds(1'500);
    route.headers = {{"X-Gone", std::nullopt}, {"X-Empty", ""}, {"X-Ü", "${request.id} ü"}};
    route.timeout = std::chrono::milliseconds(90'001);
    route.upgrades = {};
    route.max_body_bytes = UINT64_MAX / 4;
    route.circuit = CircuitConfig{.error_rate = 1.0 / 3, .min_requests = 7};
    route.health.probe.path = "/alive?x=\"y\"";
    route.backends.push_back({.id = "b",
                              .hostname = "x.example",
                              .port = 65'535,
                              .weight = 0,
                              .protocol = BackendProtocol::h2,
                              .tls = true,
                              .ca_cert = "CA",
                              .client_cert = "CERT",
                              .client_key = "SECRET\nKEY",
                              .proxy_protocol = 2});
    route.ssl = SslConfig{"CHAIN", "KEY"};
    const RowChange row = row_of(route);
    const auto read = read_route_row({row.id, *row.value});
    REQUIRE(read.has_value());
    CHECK(*read == route);
    CHECK(row_of(*read) == row);
    route.circuit.reset();
    CHECK(*read_route_row({"", *row_of(route).value}) == route);

    const CertificateConfig certificate{"*.c.example", "CHAIN", "KEY", "T0NTUA=="};
    const RowChange stored = row_of(certificate, net::tls::Certificate::KeyKind::rsa);
    CHECK(stored.id == "*.c.example/RSA");
    CHECK(*read_certificate_row({stored.id, *stored.value}) == certificate);

    const Marks marks{"10.0.0.1:80", "[::1]:80"};
    CHECK(*read_marks_row({"a", *row_of("a", marks).value}) == marks);
    CHECK_FALSE(row_of("a", {}).value.has_value());
    for (const char* bad : {"", "{}", "[1]", R"(["a")", R"({"vHost":1})"}) {
        CAPTURE(bad);
        CHECK_FALSE(read_marks_row({"a", bad}).has_value());
        if (std::string_view(bad) != "{}") CHECK_FALSE(read_route_row({"a", bad}).has_value());
    }
}

TEST_CASE("a node keeps its id and its ticket keys", "[store]") {
    const Folder folder;
    const Moment start{TimePoint{std::chrono::hours(1'000)}, 1'700'000'000'000};
    auto store = opened(folder.file());
    const auto first = load_node_state(*store, start);
    REQUIRE(first.has_value());
    CHECK(first->id.size() == 8);
    store.reset();

    // The monotonic clock begins anew with the machine; the wall clock tells how long it was.
    const auto later = [&](std::chrono::minutes after) {
        const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(after);
        const Moment moment{TimePoint{std::chrono::hours(5)},
                            start.unix_ms + static_cast<std::uint64_t>(ms.count())};
        auto again = load_node_state(*opened(folder.file()), moment);
        REQUIRE(again.has_value());
        CHECK(again->id == first->id);
        net::tls::TicketKeys keys(again->tickets);
        net::tls::TicketKeys before(first->tickets);
        CHECK(keys.current(moment.now).name == before.current(start.now + after).name);
        const auto old = net::tls::TicketKeys(first->tickets).current(start.now);
        return keys.find(old.name, moment.now) != nullptr;
    };
    CHECK(later(std::chrono::minutes(1)));
    CHECK(later(std::chrono::minutes(61)));
    CHECK_FALSE(later(std::chrono::minutes(121)));
}

TEST_CASE("a URL names a store", "[store]") {
    for (const char* good : {"memory:", "sqlite:x", "sqlite:/a b/%41?x.db"})
        CHECK(check_store_url(good).has_value());
    for (const char* bad : {"", "memory", "memory:x", "sqlite:", "sqlite", "mysql:x", "etcd:x"})
        CHECK_FALSE(check_store_url(bad).has_value());
    CHECK(open_store("memory:").has_value());
    const Folder folder;
    const auto odd = open_store("sqlite:" + folder.file("a b%41?x#y.db"));
    REQUIRE(odd.has_value());
    CHECK(std::filesystem::exists(folder.file("a b%41?x#y.db")));
}
