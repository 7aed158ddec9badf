#include "control/stream_sender.hpp"

#include <cerrno>
#include <string>

#include "http/h1/writer.hpp"
#include "io/both.hpp"

namespace penstock::control {

namespace {

/// How often the client's welcome is looked at.
constexpr Duration welcome_period = std::chrono::seconds(5);
/// What a client may send while it is being sent to, in bytes.
constexpr std::size_t most_unasked = 64 * 1024;

class Sending {
  public:
    Sending(net::Stream& stream, ResponseStream& body, const StreamTerms& terms)
        : stream_(stream), body_(body), terms_(terms) {}

    io::Task<bool> run() {
        io::Task<void> sending = send_all();
        io::Task<void> watching = watch_client();
        co_await io::both(sending, watching);
        co_return is_whole_;
    }

  private:
    io::Task<void> send_all() {
        TimePoint welcome_until = stream_.ring().now() + welcome_period;
        std::string piece;
        bool goes_on = true;
        int error = 0;
        while (goes_on && error == 0) {
            goes_on = co_await body_.next(piece);
            if (stream_.ring().now() >= welcome_until) {
                if (!terms_.is_welcome()) break;
                welcome_until = stream_.ring().now() + welcome_period;
            }
            if (!piece.empty()) error = co_await send_piece(piece);
            piece.clear();
        }
        if (error == 0) error = co_await send_end();
        is_whole_ = error == 0 && !has_left_;
        is_done_ = true;
        stream_.cancel_receive(ECANCELED);
    }

    io::Task<int> send_piece(const std::string& piece) {
        http::h1::ChunkFrame frame;
        iovec pieces[3];
        unsigned count = 1;
        if (terms_.framing == StreamFraming::chunked)
            count = frame.frame(piece, pieces);
        else
            pieces[0] = http::h1::piece_of(piece);
        const int error = co_await stream_.send(pieces, count, terms_.stall_limit);
        co_return error;
    }

    io::Task<int> send_end() {
        if (terms_.framing == StreamFraming::until_close || has_left_) co_return 0;
        iovec last = http::h1::piece_of("0\r\n\r\n");
        const int error = co_await stream_.send(&last, 1, terms_.stall_limit);
        co_return error;
    }

    io::Task<void> watch_client() {
        std::size_t left = most_unasked;
        while (!is_done_) {
            io::Received received = co_await stream_.receive(never);
            if (is_done_) co_return;
            const bool goes_on = received.block && received.block->filled().size() < left;
            if (!goes_on) break;
            left -= received.block->filled().size();
        }
        if (is_done_) co_return;
        has_left_ = true;
        body_.end();
    }

    net::Stream& stream_;
    ResponseStream& body_;
    const StreamTerms& terms_;
    bool is_done_ = false;
    bool is_whole_ = false;
    bool has_left_ = false;
};

}  // namespace

io::Task<bool> send_stream(net::Stream& stream, ResponseStream& body, const StreamTerms& terms) {
    Sending sending(stream, body, terms);
    const bool whole = co_await sending.run();
    co_return whole;
}

}  // namespace penstock::control
