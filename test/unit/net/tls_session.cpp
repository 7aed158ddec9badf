// TLS over both engines: handshakes, names, protocols, bytes, ends.
#include <cerrno>
#include <random>

#include <fcntl.h>

#include "tls_fixture.hpp"

using namespace penstock;
using namespace penstock::net;
using namespace penstock::net::tls;
using namespace penstock::net::tls::testing;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

struct TlsFixture {
    TlsFixture() : ring(io::testing::make_ring(io::testing::each_engine())) {
        names.serve("one.test", make_certificate("DNS:one.test"));
        names.serve("two.test", make_certificate("DNS:two.test"));
        context = make_context();
        client_context.reset(SSL_CTX_new(TLS_client_method()));
    }

    std::unique_ptr<ServerContext> make_context() {
        auto made = ServerContext::create(names, seed);
        REQUIRE(made);
        return std::move(*made);
    }

    void secure(Ends& ends, const char* name, ServerContext& with) const {
        ends.server.secure(with.accept(ends.server.socket()));
        ends.client.secure(client_session(client_context.get(), ends.client.socket(), name));
    }
    Shaken shaken(Ends& ends, const char* name) {
        secure(ends, name, *context);
        return shake_hands(*ring, ends);
    }

    std::unique_ptr<io::Ring> ring;
    Names names;
    TicketSeed seed = TicketSeed::make(Clock::now());
    std::unique_ptr<ServerContext> context;
    OpensslPtr<SSL_CTX> client_context;
};

std::string alert_of(const Ends& ends) {
    return std::string(ends.client.session().failure());
}

io::Task<void> send(Stream& stream, std::vector<std::string>& parts,
                    io::testing::Outcome& outcome) {
    std::vector<iovec> pieces;
    for (std::string& part : parts) pieces.push_back({part.data(), part.size()});
    outcome.error =
        co_await stream.send(pieces.data(), static_cast<unsigned>(pieces.size()), seconds(8));
    outcome.done = true;
}

io::Task<void> receive(Stream& stream, std::size_t size, io::testing::Outcome& outcome,
                       TimePoint deadline) {
    while (outcome.text.size() < size) {
        const io::ReceiveSize room =
            size > 65'536 ? io::ReceiveSize::large : io::ReceiveSize::small;
        io::Received received = co_await stream.receive(deadline, room);
        outcome.error = received.error;
        outcome.end = received.is_end();
        if (!received.block) break;
        outcome.text += received.block->filled();
    }
    outcome.done = true;
}

}  // namespace

TEST_CASE_METHOD(TlsFixture, "a handshake agrees, and bytes of every size pass both ways at once") {
    Ends ends(*ring);
    const Shaken shaken_ends = shaken(ends, "one.test");
    REQUIRE(shaken_ends.client == 0);
    REQUIRE(shaken_ends.server == 0);
    CHECK(ends.server.session().version() == "TLSv1.3");
    CHECK(ends.server.session().certificate()->covers("one.test"));
    std::mt19937 random(5);
    for (const std::size_t size : {1U, 100U, 16'000U, 16'384U, 16'385U, 130'000U, 1'000'000U}) {
        std::vector<std::string> parts{"head", std::string(size, 'x'), "", "tail"};
        for (char& c : parts[1]) c = static_cast<char>(random());
        const std::string whole = parts[0] + parts[1] + parts[3];
        std::vector<std::string> back = parts;
        std::array<io::testing::Outcome, 4> outcomes;
        const TimePoint deadline = ring->now() + seconds(8);
        io::spawn(send(ends.server, parts, outcomes[0]));
        io::spawn(send(ends.client, back, outcomes[1]));
        io::spawn(receive(ends.client, whole.size(), outcomes[2], deadline));
        io::spawn(receive(ends.server, whole.size(), outcomes[3], deadline));
        io::testing::run_until(*ring, [&] {
            return outcomes[0].done && outcomes[1].done && outcomes[2].done && outcomes[3].done;
        });
        CHECK(outcomes[0].error == 0);
        CHECK(outcomes[1].error == 0);
        CHECK(outcomes[2].text == whole);
        CHECK(outcomes[3].text == whole);
    }
}

TEST_CASE_METHOD(TlsFixture, "a name that is not served gets the alert unrecognized_name") {
    for (const char* name : {"three.test", static_cast<const char*>(nullptr)}) {
        Ends ends(*ring);
        const Shaken shaken_ends = shaken(ends, name);
        CHECK(shaken_ends.server == EPROTO);
        CHECK(shaken_ends.client == EPROTO);
        CHECK(alert_of(ends) == "tlsv1 unrecognized name");
    }
}

TEST_CASE_METHOD(TlsFixture, "names are compared in lower case and without their last dot") {
    Ends ends(*ring);
    CHECK(shaken(ends, "ONE.test").server == 0);
    Ends dotted(*ring);
    CHECK(shaken(dotted, "two.test.").server == 0);
    CHECK(dotted.server.session().certificate()->covers("two.test"));
}

TEST_CASE_METHOD(TlsFixture, "of RSA and ECDSA side by side the client gets what it can check") {
    names.serve("both.test", make_certificate("DNS:both.test"));
    names.also(make_certificate("DNS:both.test", MadeKey::rsa()));
    for (const auto& [algorithms, type] :
         {std::pair{"ECDSA+SHA256", EVP_PKEY_EC}, std::pair{"RSA-PSS+SHA256", EVP_PKEY_RSA}}) {
        SSL_CTX_set1_sigalgs_list(client_context.get(), algorithms);
        Ends ends(*ring);
        REQUIRE(shaken(ends, "both.test").client == 0);
        OpensslPtr<X509> shown(SSL_get1_peer_certificate(ends.client.session().native()));
        CHECK(EVP_PKEY_get_base_id(X509_get0_pubkey(shown.get())) == type);
    }
}

TEST_CASE_METHOD(
    TlsFixture,
    "ALPN: http/1.1, none where none is offered, an alert where there is no common one") {
    Ends silent(*ring);
    REQUIRE(shaken(silent, "one.test").client == 0);
    CHECK(silent.server.session().alpn().empty());

    const std::string both(
        "\x03"
        "foo"
        "\x08"
        "http/1.1");
    SSL_CTX_set_alpn_protos(client_context.get(),
                            reinterpret_cast<const unsigned char*>(both.data()),
                            static_cast<unsigned>(both.size()));
    Ends ends(*ring);
    REQUIRE(shaken(ends, "one.test").client == 0);
    CHECK(ends.server.session().alpn() == "http/1.1");

    SSL_CTX_set_alpn_protos(client_context.get(),
                            reinterpret_cast<const unsigned char*>(both.data()), 4);
    Ends foreign(*ring);
    CHECK(shaken(foreign, "one.test").server == EPROTO);
    CHECK(alert_of(foreign) == "tlsv1 alert no application protocol");
}

TEST_CASE_METHOD(TlsFixture, "TLS 1.1 is refused, 1.2 is not") {
    SSL_CTX_set_max_proto_version(client_context.get(), TLS1_2_VERSION);
    Ends ends(*ring);
    REQUIRE(shaken(ends, "one.test").client == 0);
    CHECK(ends.server.session().version() == "TLSv1.2");
    SSL_CTX_set_cipher_list(client_context.get(), "DEFAULT@SECLEVEL=0");
    SSL_CTX_set_min_proto_version(client_context.get(), TLS1_VERSION);
    SSL_CTX_set_max_proto_version(client_context.get(), TLS1_1_VERSION);
    Ends old(*ring);
    CHECK(shaken(old, "one.test").server == EPROTO);
}

TEST_CASE_METHOD(TlsFixture, "close_notify is an end, a FIN without one is a broken connection") {
    Ends ends(*ring);
    REQUIRE(shaken(ends, "one.test").client == 0);
    // The client reads its ticket: the kernel answers a close() before that with RST.
    std::vector<std::string> first{"x"};
    io::testing::Outcome told;
    io::testing::Outcome heard;
    io::spawn(send(ends.server, first, told));
    io::spawn(receive(ends.client, 1, heard, ring->now() + seconds(8)));
    io::testing::run_until(*ring, [&] { return told.done && heard.done; });
    std::vector<std::string> parts{"last words"};
    io::testing::Outcome sent;
    io::spawn(send(ends.client, parts, sent));
    io::testing::run_until(*ring, [&] { return sent.done; });
    ends.close_client();
    io::testing::Outcome outcome;
    io::spawn(receive(ends.server, 1'000, outcome, ring->now() + seconds(8)));
    io::testing::run_until(*ring, [&] { return outcome.done; });
    CHECK(outcome.text == "last words");
    CHECK(outcome.end);

    Ends cut(*ring);
    REQUIRE(shaken(cut, "one.test").client == 0);
    cut.client.socket().shutdown_send();
    io::testing::Outcome broken;
    io::spawn(receive(cut.server, 1, broken, ring->now() + seconds(8)));
    io::testing::run_until(*ring, [&] { return broken.done; });
    CHECK(broken.error == ECONNRESET);
}

TEST_CASE_METHOD(TlsFixture,
                 "bytes that are no TLS end a handshake and a connection, with an alert") {
    Ends ends(*ring);
    ends.server.secure(context->accept(ends.server.socket()));
    std::vector<std::string> plain{"GET / HTTP/1.1\r\nHost: one.test\r\n\r\n"};
    io::testing::Outcome sent;
    io::spawn(send(ends.client, plain, sent));
    int outcome = -1;
    io::spawn(shake(ends.server.session(), outcome, ring->now() + seconds(8)));
    io::testing::run_until(*ring, [&] { return outcome >= 0; });
    CHECK(outcome == EPROTO);
    CHECK(ends.server.session().failure() == "http request");

    Ends later(*ring);
    REQUIRE(shaken(later, "one.test").client == 0);
    iovec piece{plain[0].data(), plain[0].size()};
    REQUIRE(::send(later.client.fd(), piece.iov_base, piece.iov_len, MSG_NOSIGNAL) > 0);
    io::testing::Outcome broken;
    io::spawn(receive(later.server, 1, broken, ring->now() + seconds(8)));
    io::testing::run_until(*ring, [&] { return broken.done; });
    CHECK(broken.error == EPROTO);
    CHECK(later.server.input_ended());
}

TEST_CASE_METHOD(TlsFixture,
                 "a wait has its deadline, and can be cancelled, without harm to what follows") {
    Ends ends(*ring);
    REQUIRE(shaken(ends, "one.test").client == 0);
    io::testing::Outcome late;
    io::spawn(receive(ends.server, 1, late, ring->now() + milliseconds(20)));
    io::testing::run_until(*ring, [&] { return late.done; });
    CHECK(late.error == ETIMEDOUT);

    io::testing::Outcome cancelled;
    io::spawn(receive(ends.server, 1, cancelled, never));
    ends.server.cancel_receive(ECANCELED);
    io::testing::run_until(*ring, [&] { return cancelled.done; });
    CHECK(cancelled.error == ECANCELED);

    std::vector<std::string> parts{"still there"};
    io::testing::Outcome sent;
    io::testing::Outcome received;
    io::spawn(send(ends.client, parts, sent));
    io::spawn(receive(ends.server, 11, received, ring->now() + seconds(8)));
    io::testing::run_until(*ring, [&] { return received.done && sent.done; });
    CHECK(received.text == "still there");
}

TEST_CASE_METHOD(TlsFixture, "a ticket resumes on every worker, but under no other certificate") {
    for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
        SSL_CTX_set_max_proto_version(client_context.get(), version);
        const auto ask = [&](ServerContext& with, SSL_SESSION* resume) {
            Ends ends(*ring);
            secure(ends, "one.test", with);
            if (resume != nullptr) SSL_set_session(ends.client.session().native(), resume);
            REQUIRE(shake_hands(*ring, ends).client == 0);
            // A ticket of TLS 1.3 comes with the first bytes behind the handshake.
            std::vector<std::string> parts{"x"};
            io::testing::Outcome sent;
            io::testing::Outcome received;
            io::spawn(send(ends.server, parts, sent));
            io::spawn(receive(ends.client, 1, received, ring->now() + seconds(8)));
            io::testing::run_until(*ring, [&] { return sent.done && received.done; });
            const bool was_resumed = ends.server.session().was_resumed();
            return std::pair(was_resumed, SSL_get1_session(ends.client.session().native()));
        };
        const auto other_worker = make_context();
        const auto [first, ticket] = ask(*context, nullptr);
        CHECK_FALSE(first);
        const auto [again, renewed] = ask(*other_worker, ticket);
        CHECK(again);
        // The same name, another certificate.
        Names changed;
        changed.serve("one.test", make_certificate("DNS:one.test"));
        auto after_swap = ServerContext::create(changed, seed);
        REQUIRE(after_swap);
        const auto [swapped, last] = ask(**after_swap, renewed);
        CHECK_FALSE(swapped);
        for (SSL_SESSION* one : {ticket, renewed, last}) SSL_SESSION_free(one);
    }
}

TEST_CASE("ticket keys: the same for all workers, good for a period and the next, then gone") {
    const TimePoint start{seconds(1'000)};
    TicketSeed seed = TicketSeed::make(start);
    TicketKeys one(seed);
    TicketKeys two(seed);
    const TicketKeys::Key first = one.current(start);
    CHECK(first.name == two.current(start).name);
    CHECK(first.cipher == two.current(start).cipher);
    CHECK(first.mac != first.cipher);

    const TimePoint next = start + TicketKeys::period;
    CHECK(one.current(next).name != first.name);
    CHECK(one.find(first.name, next) != nullptr);
    CHECK(one.find(first.name, next)->cipher == first.cipher);
    CHECK(one.find(first.name, next + TicketKeys::period) == nullptr);
    // One that was asleep meanwhile has come to the same keys.
    CHECK(two.current(next + TicketKeys::period).name ==
          one.current(next + TicketKeys::period).name);
    CHECK(TicketSeed::make(start).secret != seed.secret);
}
