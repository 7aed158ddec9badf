// A client's HTTP/2 connection: what follows its preface, played into a ServerSession whose
// requests are answered in every way that exchanges answer.
//
// The first byte says how (see Manner); the rest is the client's bytes.
#include <set>

#include "h2_wire.hpp"
#include "http/h2/server_session.hpp"
#include "io/both.hpp"
#include "io/timed_event.hpp"

namespace {

using namespace penstock;
using namespace penstock::fuzz;
using namespace penstock::http;

constexpr std::string_view preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
constexpr Duration patience = std::chrono::hours(1);

/// How an input is played.
struct Manner {
    explicit Manner(std::uint8_t byte) noexcept
        : answer(byte & 7u),
          is_mixed((byte & 8u) != 0),
          is_cut((byte & 16u) != 0),
          end(byte >> 5 & 3u),
          drains((byte & 128u) != 0) {}

    unsigned answer;
    bool is_mixed;  // each stream is answered in another way
    bool is_cut;    // the bytes come in pieces
    unsigned
        end;      // by a FIN (1: of a client that reads nothing before), an abort, a client's close
    bool drains;  // before the last piece
};

void check_request(const RequestHead& head) {
    check_fields(head.bytes, head.fields);
    check_h2_fields(head.fields);
    PENSTOCK_ASSERT(h1::is_known_method(head.method_text));
    PENSTOCK_ASSERT(head.major_version == 2 && head.minor_version == 1);
    PENSTOCK_ASSERT(lines_of(head.bytes)[0] ==
                    std::string(head.method_text) + " " + std::string(head.target) + " HTTP/1.1");
    PENSTOCK_ASSERT(!head.path.empty());
    PENSTOCK_ASSERT(head.method == Method::connect || head.path.front() == '/' || head.path == "*");
    PENSTOCK_ASSERT(!head.host().empty());
    PENSTOCK_ASSERT(to_lower(head.host()) == head.host());
    unsigned hosts = 0;
    unsigned lengths = 0;
    unsigned cookies = 0;
    for (const auto& entry : head.fields) {
        if (entry.dropped) continue;
        if (entry.id == FieldId::host) ++hosts;
        if (entry.id == FieldId::content_length) ++lengths;
        if (entry.id == FieldId::cookie) ++cookies;
        PENSTOCK_ASSERT(!is_hop_by_hop(entry.id));
    }
    PENSTOCK_ASSERT(hosts == 1 && cookies <= 1);
    PENSTOCK_ASSERT(lengths == (head.framing.kind == BodyFraming::Kind::length ? 1u : 0u));
    PENSTOCK_ASSERT(head.framing.kind != BodyFraming::Kind::until_close);
    PENSTOCK_ASSERT(head.is_extended_connect || head.upgrade.empty());
}

/// One request: told of its client, and interrupted with it.
class Answer final : DownstreamWatcher {
  public:
    Answer(Downstream& client, unsigned way) : client_(client), left_(Wire::ring()), way_(way) {
        client_.watch(this);
    }
    ~Answer() { client_.watch(nullptr); }

    io::Task<void> run() {
        const h1::HeadLimits limits;
        const ReadResult result = co_await client_.read_request(head_, limits, never);
        if (result.outcome == ReadOutcome::refused) {
            PENSTOCK_ASSERT(!result.refusal.reason.empty());
            co_await send("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n", {}, true);
        }
        if (!result.ok()) co_return;
        check_request(head_);
        client_.start_body(head_.framing);
        switch (way_) {
            case 0:
                co_await send(ok_with_length, "ok", true);
                break;
            case 1:
                co_await echo(ok);
                break;
            case 2:
                co_await stream();
                break;
            case 3:
                co_await send("HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n", {}, false);
                co_await read_all();
                co_await send(ok_with_length, "ok", true);
                break;
            case 4:
                co_await wait_for_end();
                break;
            case 5:
                co_await tunnel();
                break;
            case 6:
                co_await stream_both_ways();
                break;
            default:
                co_await send(ok, "half", false);
                break;
        }
    }
    bool is_sending() const noexcept { return is_sending_; }

  private:
    static constexpr std::string_view ok = "HTTP/1.1 200 OK\r\nx-answer: yes\r\n\r\n";
    static constexpr std::string_view ok_with_length =
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n";
    static constexpr std::string_view switched =
        "HTTP/1.1 101 Switching\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
        "sec-websocket-accept: x\r\n\r\n";

    void on_client_change() noexcept override { left_.set(); }
    void abort(int error) noexcept override {
        client_.interrupt(error);
        left_.set();
    }

    io::Task<void> send(std::string_view head, std::string_view data, bool last,
                        std::string_view trailers = {}) {
        if (error_ != 0) co_return;
        const Outgoing out{.head = head, .data = data, .last = last, .trailers = trailers};
        is_sending_ = true;
        error_ = co_await client_.send(out, patience);
        is_sending_ = false;
    }

    /// Piece by piece, as a relay does.
    io::Task<void> echo(std::string_view head) {
        co_await send(head, {}, false);
        for (bool ended = false; !ended && error_ == 0;) {
            BodyPiece piece = client_.body_at_hand();
            if (piece.data.empty() && !piece.last) piece = co_await client_.read_body(never);
            if (!piece.result.ok()) co_return;
            note(piece);
            ended = piece.last;
            co_await send({}, piece.data, ended, ended ? client_.trailers() : std::string_view{});
        }
    }

    io::Task<void> read_all() {
        for (bool ended = false; !ended;) {
            const BodyPiece piece = co_await client_.read_body(never);
            if (!piece.result.ok()) co_return;
            note(piece);
            ended = piece.last;
        }
    }

    io::Task<void> stream() {
        const std::string data(50'000, 'x');
        co_await send(ok, {}, false);
        co_await send({}, data, false);
        co_await send({}, data, true, "x-trailer: at the end\r\n");
    }

    io::Task<void> tunnel() {
        if (head_.is_extended_connect) {
            head_.framing = {BodyFraming::Kind::tunnel, 0};
            client_.start_body(head_.framing);
        }
        co_await echo(head_.is_extended_connect ? switched : ok);
        if (error_ == 0) client_.finish_sending();
    }

    io::Task<void> stream_both_ways() {
        io::Task<void> reading = read_all();
        io::Task<void> writing = stream();
        co_await io::both(reading, writing);
    }

    io::Task<void> wait_for_end() {
        while (!client_.peer_finished() && client_.input_error() == 0) {
            const bool set = co_await left_.wait();
            static_cast<void>(set);
        }
    }

    void note(const BodyPiece& piece) {
        bytes_ += piece.data.size();
        PENSTOCK_ASSERT(bytes_ == client_.body_bytes_read());
        PENSTOCK_ASSERT(head_.framing.kind != BodyFraming::Kind::length ||
                        bytes_ <= head_.framing.length);
        if (!piece.last) return;
        PENSTOCK_ASSERT(client_.body_ended());
        check_length(head_.framing, bytes_);
        check_trailers(client_.trailers());
    }

    Downstream& client_;
    RequestHead head_;
    io::TimedEvent left_;
    unsigned way_;
    std::uint64_t bytes_ = 0;
    int error_ = 0;
    bool is_sending_ = false;
};

class Server final : public h2::RequestHandler {
  public:
    explicit Server(const Manner& manner) noexcept : manner_(manner) {}

    io::Task<void> carry_out(Downstream& client) override {
        const std::int32_t id = static_cast<h2::ServerStream&>(client).core().id();
        PENSTOCK_ASSERT(id > 0 && id % 2 == 1);
        PENSTOCK_ASSERT(served_.insert(id).second);
        const auto count = static_cast<unsigned>(served_.size());
        Answer answer(client, (manner_.answer + (manner_.is_mixed ? count : 0)) % 8);
        answers_.insert(&answer);
        PENSTOCK_ASSERT(answers_.size() <= 2 * h2::ServerSession::most_streams);
        co_await answer.run();
        answers_.erase(&answer);
    }
    /// Whoever waits for a client's window waits for as long as the answer's deadline says.
    bool is_stalled() const noexcept {
        return std::any_of(answers_.begin(), answers_.end(),
                           [](const Answer* answer) { return answer->is_sending(); });
    }
    bool is_idle() const noexcept { return answers_.empty(); }

  private:
    const Manner& manner_;
    std::set<std::int32_t> served_;
    std::set<const Answer*> answers_;
};

io::Task<void> run(h2::ServerSession& session, bool& done) {
    io::BlockRef first;
    co_await session.run(first);
    done = true;
}

void play(Wire& wire, h2::ServerSession& session, const Manner& manner, std::string_view bytes) {
    wire.set_reading(manner.end != 1);
    wire.say(preface);
    say_in_pieces(wire, bytes, manner.is_cut ? 2 : 1, [&] {
        if (manner.drains) session.drain();
    });
    wire.set_reading(true);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const Manner manner(data[0]);
    static const h2::ServerLimits limits{.head = {.headers = 20, .uri = 200},
                                         .header_timeout = patience,
                                         .idle_timeout = patience,
                                         .stall_limit = patience};
    Wire wire(0);
    Server server(manner);
    bool done = false;
    h2::ServerSession session(wire.stream(), limits, server);
    io::spawn(run(session, done));
    play(wire, session, manner, text_of(data, size).substr(1));
    switch (manner.end) {
        case 2:
            session.abort(ECANCELED);
            break;
        case 3:
            wire.leave();
            break;
        default:
            wire.finish();
            break;
    }
    if (!wire.turn_until([&] { return done; })) {
        PENSTOCK_ASSERT(server.is_stalled());
        session.abort(ECANCELED);
        PENSTOCK_ASSERT(wire.turn_until([&] { return done; }));
    } else if (manner.end < 2) {
        PENSTOCK_ASSERT(wire.log().is_whole());
    }
    PENSTOCK_ASSERT(server.is_idle());
    return 0;
}
