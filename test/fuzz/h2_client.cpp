// A backend's HTTP/2 connection: its bytes, played into a ClientSession with requests under way.
//
// The first byte says how (see Manner); the rest is the backend's bytes. Requests are on streams 1,
// 3, 5 and 7: see exchange().
#include <array>
#include <optional>

#include "h2_wire.hpp"
#include "http/h2/client_session.hpp"
#include "io/both.hpp"

namespace {

using namespace penstock;
using namespace penstock::fuzz;
using namespace penstock::http;

constexpr std::size_t preface_size = 24;
constexpr Duration patience = std::chrono::hours(1);

/// How an input is played.
struct Manner {
    explicit Manner(std::uint8_t byte) noexcept
        : is_cut((byte & 1u) != 0),
          retires((byte & 2u) != 0),
          leaves_early((byte & 4u) != 0),
          is_reset((byte & 8u) != 0),
          asks_again((byte & 16u) != 0),
          reads_late((byte & 32u) != 0) {}

    bool is_cut;        // the bytes come in pieces
    bool retires;       // before the last piece
    bool leaves_early;  // the exchanges look at no body
    bool is_reset;      // no FIN at the end, but a close
    bool asks_again;    // once a stream has ended, as long as the session takes one
    bool reads_late;    // the backend, after all that it says
};

void check_response(const ResponseHead& head, Method method) {
    check_h2_fields(head.fields);
    PENSTOCK_ASSERT(head.status >= 100 && head.status <= 999);
    PENSTOCK_ASSERT(head.bytes.ends_with("\r\n"));
    PENSTOCK_ASSERT(head.major_version == 2);
    PENSTOCK_ASSERT(head.framing.kind != BodyFraming::Kind::until_close);
    if (method == Method::head || head.status < 200 || head.status == 204 || head.status == 304)
        PENSTOCK_ASSERT(!head.framing.has_body());
    for (const auto& entry : head.fields)
        PENSTOCK_ASSERT(entry.dropped || !is_hop_by_hop(entry.id));
}

/// One request and its response.
class Exchange {
  public:
    Exchange(h2::ClientSession& session, const Manner& manner, unsigned kind)
        : manner_(manner), stream_(session), kind_(kind) {}

    io::Task<void> run() {
        io::Task<void> sending = send();
        io::Task<void> receiving = receive();
        co_await io::both(sending, receiving);
        stream_.leave();
    }

  private:
    Method method() const noexcept { return kind_ == 2 ? Method::head : Method::get; }

    io::Task<void> send() {
        static const std::string data(70'000, 'x');  // more than a window
        static constexpr std::array<std::string_view, 4> heads{
            "GET / HTTP/1.1\r\nhost: a\r\n\r\n",
            "POST /p HTTP/1.1\r\nhost: a\r\nte: trailers\r\nexpect: 100-continue\r\n\r\n",
            "HEAD /?q HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n",
            "PUT /p HTTP/1.1\r\nhost: a\r\ncontent-length: 70000\r\n\r\n",
        };
        const Outgoing head{.head = heads[kind_], .last = kind_ % 2 == 0};
        const int error = co_await stream_.send(head, patience);
        if (error != 0 || kind_ % 2 == 0) co_return;
        const Outgoing body{
            .data = kind_ == 1 ? std::string_view("abc") : std::string_view(data),
            .last = true,
            .trailers = kind_ == 1 ? std::string_view("x-trailer: 1\r\n") : std::string_view{}};
        co_await stream_.send(body, patience);
    }

    io::Task<void> receive() {
        ResponseHead head;
        head.status = 0;
        while (head.status < 200) {
            const ReadResult result = co_await stream_.read_response(head, method(), never);
            if (result.outcome == ReadOutcome::refused)
                PENSTOCK_ASSERT(!result.refusal.reason.empty());
            if (!result.ok()) {
                stream_.interrupt(ECANCELED);
                co_return;
            }
            check_response(head, method());
            PENSTOCK_ASSERT(head.status != 101);
        }
        stream_.start_body(head.framing);
        bool ended = manner_.leaves_early;
        std::uint64_t bytes = 0;
        while (!ended) {
            const BodyPiece piece = co_await stream_.read_body(never);
            if (!piece.result.ok()) break;
            bytes += piece.data.size();
            PENSTOCK_ASSERT(bytes == stream_.body_bytes_read());
            ended = piece.last;
            if (!ended) continue;
            check_length(head.framing, bytes);
            check_trailers(stream_.trailers());
        }
        stream_.interrupt(ECANCELED);  // an answer came: the rest of the request is not wanted
    }

    const Manner& manner_;
    h2::ClientStream stream_;
    unsigned kind_;
};

/// All that use one session.
struct Users {
    unsigned under_way = 0;
    unsigned made = 0;
    bool session_done = false;
};

io::Task<void> exchange(h2::ClientSession& session, const Manner& manner, unsigned kind,
                        Users& users) {
    constexpr unsigned most = 40;
    ++users.under_way;
    ++users.made;
    {
        Exchange one(session, manner, kind);
        co_await one.run();
    }
    while (manner.asks_again && users.made < most && session.takes_streams()) {
        ++users.made;
        Exchange one(session, manner, users.made % 4);
        co_await one.run();
    }
    --users.under_way;
}

io::Task<void> run(h2::ClientSession& session, Users& users) {
    co_await session.run();
    users.session_done = true;
}

void play(Wire& wire, h2::ClientSession& session, const Manner& manner, std::string_view bytes) {
    wire.set_reading(!manner.reads_late);
    wire.turn();
    say_in_pieces(wire, bytes, manner.is_cut ? 2 : 1, [&] {
        if (manner.retires) session.retire();
    });
    wire.set_reading(true);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const Manner manner(data[0]);
    Wire wire(preface_size);
    Users users;
    {
        const h2::ClientLimits limits{.idle_limit = patience, .stall_limit = patience};
        h2::ClientSession session(wire.stream(), limits);
        io::spawn(run(session, users));
        for (unsigned kind = 0; kind < 4; ++kind) io::spawn(exchange(session, manner, kind, users));
        play(wire, session, manner, text_of(data, size).substr(1));
        if (manner.is_reset)
            wire.leave();
        else
            wire.finish();
        PENSTOCK_ASSERT(wire.turn_until([&] { return users.session_done; }));
        PENSTOCK_ASSERT(wire.turn_until([&] { return users.under_way == 0; }));
        PENSTOCK_ASSERT(!session.takes_streams() && session.is_idle());
    }
    PENSTOCK_ASSERT(manner.is_reset || wire.log().is_whole());
    return 0;
}
