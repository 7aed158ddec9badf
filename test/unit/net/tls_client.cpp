// The client's side of TLS: who is trusted, what is resumed, what arrives unasked, and what is
// wrong with credentials.
#include <algorithm>

#include "net/tls/client_context.hpp"
#include "tls_fixture.hpp"

using namespace penstock;
using namespace penstock::net;
using namespace penstock::net::tls;
using namespace penstock::net::tls::testing;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

using Part = CredentialFault::Part;

struct ClientFixture {
    ClientFixture() : ring(io::testing::make_ring(io::testing::each_engine())) {
        const std::time_t now = std::time(nullptr);
        const MadeCertificate made = issue(key, {.names = "DNS:one.test"});
        pem = made.pem();
        names.serve("one.test", *Certificate::parse(pem, key.pem(), now));
        names.serve("two.test", *Certificate::parse(pem, key.pem(), now));
        auto made_context = ServerContext::create(names, TicketSeed::make(Clock::now()));
        REQUIRE(made_context);
        server = std::move(*made_context);
        context = make({pem, {}, {}});
    }

    static std::shared_ptr<const ClientContext> make(const ClientCredentials& credentials) {
        auto made = ClientContext::create(credentials);
        REQUIRE(made);
        return *made;
    }

    Shaken shaken(Ends& ends, std::string_view name, ResumableSessions* sessions = nullptr) {
        ends.server.secure(server->accept(ends.server.socket()));
        ends.client.secure(
            context->connect(ends.client.socket(), ServerIdentity::of(name), sessions));
        return shake_hands(*ring, ends);
    }

    std::unique_ptr<io::Ring> ring;
    MadeKey key = MadeKey::ec();
    std::string pem;
    Names names;
    std::unique_ptr<ServerContext> server;
    std::shared_ptr<const ClientContext> context;
    SessionLimit limit;
};

io::Task<void> send_text(Stream& stream, const std::string& given, bool& done) {
    std::string text = given;
    iovec piece{text.data(), text.size()};
    const int error = co_await stream.send(&piece, 1, seconds(8));
    CHECK(error == 0);
    done = true;
}

io::Task<void> receive_text(Stream& stream, std::string& text, TimePoint deadline) {
    io::Received received = co_await stream.receive(deadline);
    if (received.block) text = received.block->filled();
}

/// One text from here to there.
std::string pass(io::Ring& ring, Stream& from, Stream& to, const std::string& text) {
    bool sent = false;
    std::string received;
    io::spawn(send_text(from, text, sent));
    io::spawn(receive_text(to, received, ring.now() + seconds(8)));
    io::testing::run_until(ring, [&] { return sent && !received.empty(); });
    return received;
}

std::vector<Part> parts_of(const ClientCredentials& credentials) {
    std::vector<Part> parts;
    for (const CredentialFault& fault : ClientContext::faults_of(credentials))
        parts.push_back(fault.part);
    return parts;
}

struct CountingWatcher final : io::SocketWatcher {
    void on_unawaited_input(io::Socket&) override { ++calls; }
    int calls = 0;
};

}  // namespace

TEST_CASE_METHOD(ClientFixture, "a server is who it should be, or the handshake says why not") {
    Ends ends(*ring);
    CHECK(shaken(ends, "one.test").client == 0);
    CHECK(ends.client.session().fault() == Session::Fault::none);
    CHECK(ends.client.session().alpn() == "http/1.1");
    CHECK(pass(*ring, ends.client, ends.server, "hello") == "hello");
    CHECK(pass(*ring, ends.server, ends.client, "olleh") == "olleh");

    Ends other(*ring);  // served, but with a certificate for another name
    CHECK(shaken(other, "two.test").client == EPROTO);
    CHECK(other.client.session().fault() == Session::Fault::certificate);
    CHECK(other.client.session().failure() == "hostname mismatch");

    Ends unknown(*ring);
    CHECK(shaken(unknown, "three.test").client == EPROTO);
    CHECK(unknown.client.session().fault() == Session::Fault::alert);

    const MadeKey stranger = MadeKey::ec();
    const std::string strange = issue(stranger, {.names = "DNS:one.test"}).pem();
    context = make({strange, {}, {}});
    Ends untrusted(*ring);
    CHECK(shaken(untrusted, "one.test").client == EPROTO);
    CHECK(untrusted.client.session().fault() == Session::Fault::certificate);
}

TEST_CASE_METHOD(ClientFixture, "sessions are resumed: the newest first, each of TLS 1.3 once") {
    ResumableSessions sessions(limit);
    for (int turn = 0; turn < 5; ++turn) {
        Ends ends(*ring);
        REQUIRE(shaken(ends, "one.test", &sessions).client == 0);
        CHECK(ends.client.session().was_resumed() == (turn > 0));
        // A ticket comes with the first bytes behind the handshake.
        CHECK(pass(*ring, ends.server, ends.client, "x") == "x");
        CHECK(sessions.size() == 1);
    }
    CHECK(sessions.take() != nullptr);
    CHECK(sessions.take() == nullptr);
}

TEST_CASE_METHOD(ClientFixture, "no more sessions are kept than have room") {
    ResumableSessions sessions(limit);
    Ends ends(*ring);
    REQUIRE(shaken(ends, "one.test", &sessions).client == 0);
    for (std::size_t i = 0; i < 2 * ResumableSessions::most; ++i) {
        REQUIRE(SSL_new_session_ticket(ends.server.session().native()) == 1);
        CHECK(pass(*ring, ends.server, ends.client, "x") == "x");
    }
    CHECK(sessions.size() == ResumableSessions::most);
    CHECK(limit.total() == ResumableSessions::most);
}

TEST_CASE("over all servers there is a limit, and it takes from who has been still the longest") {
    const auto made = [] { return OpensslPtr<SSL_SESSION>(SSL_SESSION_new()); };
    SessionLimit limit(3);
    ResumableSessions first(limit);
    ResumableSessions second(limit);
    {
        ResumableSessions third(limit);
        first.keep(made());
        third.keep(made());
        second.keep(made());
        first.keep(made());
        CHECK(third.size() == 0);
        CHECK(first.size() == 2);
        CHECK(second.size() == 1);
        third.keep(made());
        CHECK(second.size() == 0);
        CHECK(limit.total() == 3);
    }
    CHECK(limit.total() == 2);
    first.clear();
    CHECK(limit.total() == 0);
}

TEST_CASE_METHOD(ClientFixture, "tickets on an idle connection are TLS's own, bytes are not") {
    ResumableSessions sessions(limit);
    Ends ends(*ring);
    REQUIRE(shaken(ends, "one.test", &sessions).client == 0);
    CHECK(pass(*ring, ends.client, ends.server, "request") == "request");
    CHECK(pass(*ring, ends.server, ends.client, "response") == "response");
    CHECK(ends.client.is_quiet());
    const std::size_t before = sessions.size();

    CountingWatcher watcher;
    ends.client.watch(&watcher);
    ends.client.expect_input();
    // Nothing but a ticket: sent by a handshake that has nothing else to do.
    REQUIRE(SSL_new_session_ticket(ends.server.session().native()) == 1);
    int error = -1;
    io::spawn(shake(ends.server.session(), error, ring->now() + seconds(8)));
    io::testing::run_until(*ring, [&] { return error >= 0 && watcher.calls > 0; });
    REQUIRE(error == 0);
    CHECK(ends.client.absorbed_input());
    CHECK(ends.client.is_quiet());
    CHECK(sessions.size() == before + 1);

    bool sent = false;
    watcher.calls = 0;
    const std::string unasked = "unasked";
    io::spawn(send_text(ends.server, unasked, sent));
    io::testing::run_until(*ring, [&] { return sent && watcher.calls > 0; });
    CHECK_FALSE(ends.client.absorbed_input());
    CHECK_FALSE(ends.client.is_quiet());
    ends.client.watch(nullptr);
}

TEST_CASE("whom a server has to be: a name, or an address in its plainest form") {
    const auto is = [](std::string_view host, std::string_view name, bool is_address) {
        const ServerIdentity identity = ServerIdentity::of(host);
        return identity.name == name && identity.is_address == is_address;
    };
    CHECK(is("a.test", "a.test", false));
    CHECK(is("a.test.", "a.test", false));
    CHECK(is("127.0.0.1", "127.0.0.1", true));
    CHECK(is("[::1]", "::1", true));
    CHECK(is("0:0::1", "::1", true));
}

TEST_CASE("credentials are refused part by part") {
    const MadeKey key = MadeKey::ec();
    const std::string cert = issue(key, {.names = ""}).pem();
    const std::string ca = issue(key, {.names = "", .is_ca = true}).pem();
    CHECK(parts_of({}).empty());
    CHECK(parts_of({ca + cert, cert + ca, key.pem()}).empty());
    CHECK(parts_of({"PEM", {}, {}}) == std::vector{Part::authorities});
    CHECK(parts_of({cert + key.pem(), {}, {}}) == std::vector{Part::authorities});
    CHECK(parts_of({{}, cert, MadeKey::ec().pem()}) == std::vector{Part::key});
    CHECK(parts_of({{}, cert, MadeKey::rsa().pem()}) == std::vector{Part::key});
    CHECK(parts_of({"x", "y", "z"}) == std::vector{Part::authorities, Part::chain, Part::key});
    const MadeKey weak = MadeKey::rsa(512);
    CHECK(parts_of({{}, issue(weak, {.names = ""}).pem(), weak.pem()}) == std::vector{Part::chain});
}
