#include "http/h2/stream.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "http/fields.hpp"
#include "http/h1/parser.hpp"
#include "http/h2/session.hpp"

namespace penstock::http::h2 {

namespace {

/// Of one message, as in HTTP/1 (see Parser).
constexpr std::uint32_t most_trailer_bytes = 32 * 1024;

}  // namespace

Stream::Stream(Session& session, std::int32_t id, void* owner) noexcept
    : session_(session),
      owner_(owner),
      id_(id),
      readable_(session.ring()),
      writable_(session.ring()) {}

Stream::~Stream() {
    while (first_ != nullptr) pop_front();
}

// --- receiving ---

void Stream::received(std::string_view data) {
    while (!data.empty()) {
        if (last_block_ == nullptr || last_block_->free_size() == 0) {
            io::Block* const block = session_.ring().buffers().small().release();
            block->next = nullptr;
            (first_ == nullptr ? first_ : last_block_->next) = block;
            last_block_ = block;
        }
        const std::size_t size = std::min(data.size(), last_block_->free_size());
        last_block_->append(data.substr(0, size));
        data.remove_prefix(size);
    }
    readable_.set();
}

bool Stream::received_trailer(std::string_view name, std::string_view value) {
    if (closed_) return true;
    trailer_bytes_ += static_cast<std::uint32_t>(name.size() + value.size()) + 4;
    if (trailer_bytes_ > most_trailer_bytes) {
        closed(EPROTO);
        return false;
    }
    if (h1::may_trail(field_id(name)))
        trailers_.append(name).append(": ").append(value).append("\r\n");
    return true;
}

void Stream::received_end() noexcept {
    if (closed_) return;
    input_complete_ = true;
    readable_.set();
}

void Stream::closed(int error) noexcept {
    closed_ = true;
    if (error_ == 0) error_ = error;
    readable_.set();
    writable_.set();
}

void Stream::start_body(const BodyFraming& framing) noexcept {
    body_bytes_ = 0;
    body_ended_ = !framing.has_body();
}

io::BlockRef Stream::pop_front() noexcept {
    io::Block* const block = std::exchange(first_, first_->next);
    if (first_ == nullptr) last_block_ = nullptr;
    return io::BlockRef(block);
}

/// What was lent has been used: the peer may send as much again.
void Stream::release_front() noexcept {
    const std::size_t bytes = std::exchange(lent_, 0);
    if (bytes == 0) return;
    first_->begin += static_cast<std::uint32_t>(bytes);
    if (first_->begin == first_->end) pop_front();
    if (!closed_ && !input_complete_) session_.consumed(id_, bytes);
}

BodyPiece Stream::body_at_hand() noexcept {
    BodyPiece piece{.last = body_ended_};
    if (body_ended_) return piece;
    release_front();
    if (first_ != nullptr) {
        piece.data = first_->filled();
        lent_ = piece.data.size();
        body_bytes_ += lent_;
    }
    const bool is_all = first_ == nullptr || first_->next == nullptr;
    piece.last = body_ended_ = is_all && input_complete_;
    return piece;
}

io::Task<BodyPiece> Stream::read_body(TimePoint deadline) {
    for (;;) {
        BodyPiece piece = body_at_hand();
        if (piece.last || !piece.data.empty()) co_return piece;
        const int error = stop_error_ != 0 ? std::exchange(stop_error_, 0) : error_;
        if (error != 0) {
            piece.result = {.outcome = ReadOutcome::failed, .error = error};
            co_return piece;
        }
        if (closed_ || session_.peer_finished()) {
            piece.result.outcome = ReadOutcome::truncated;
            co_return piece;
        }
        const bool in_time = co_await readable_.wait(deadline);
        if (!in_time) {
            piece.result = {.outcome = ReadOutcome::timed_out, .error = ETIMEDOUT};
            co_return piece;
        }
    }
}

void Stream::stop_reading(int error) noexcept {
    if (!readable_.has_waiter()) return;
    stop_error_ = error;
    readable_.set();
}

void Stream::interrupt(int error) noexcept {
    if (error_ == 0) error_ = error;
    readable_.set();
    writable_.set();
}

// --- sending ---

io::Task<int> Stream::send_body(const Outgoing& out, Duration stall_limit) {
    out_ = out.data;
    last_ = out.last;
    out_trailers_ = out.trailers;
    if (has_output()) session_.resume_sending(id_);
    session_.fill();
    while (send_error() == 0 && has_output()) {
        const std::size_t left = out_.size();
        const bool in_time = co_await writable_.wait(session_.ring().now() + stall_limit);
        if (!in_time && out_.size() == left && error_ == 0) {
            error_ = ETIMEDOUT;
        } else if (out_.size() == left && has_output()) {
            session_.fill();
        }
    }
    const bool unsent = has_output();
    out_ = out_trailers_ = {};
    if (!unsent) co_return 0;
    co_return send_error();
}

void Stream::finish_sending() noexcept {
    last_ = true;
    session_.resume_sending(id_);
    session_.fill();
}

void Stream::took(std::size_t bytes) noexcept {
    out_.remove_prefix(bytes);
    if (out_.empty() && !last_) writable_.set();
}

void Stream::end_was_sent() noexcept {
    end_sent_ = true;
    writable_.set();
}

}  // namespace penstock::http::h2
