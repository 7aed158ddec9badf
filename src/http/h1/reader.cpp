#include "http/h1/reader.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "io/ring.hpp"

namespace penstock::http::h1 {

namespace {

constexpr std::uint32_t most_response_head = 64 * 1024;
constexpr std::uint8_t most_leading_crlf = 2;
/// Body bytes past which the reads grow to large blocks.
constexpr std::uint64_t long_body = 64 * 1024;

ReadResult failure_of(int error) noexcept {
    return {.outcome = error == ETIMEDOUT ? ReadOutcome::timed_out : ReadOutcome::failed,
            .error = error};
}

ReadResult refuse(Status status, std::string_view reason) noexcept {
    return {.outcome = ReadOutcome::refused, .refusal = {status, reason}};
}

/// Not HTTP at all (HTTP/0.9, another protocol) is told by its first bytes: nobody waits for more
/// of it.
bool may_become_response(std::string_view bytes) noexcept {
    constexpr std::string_view start = "HTTP/1.";
    const std::size_t known = std::min(bytes.size(), start.size());
    return bytes.substr(0, known) == start.substr(0, known);
}

}  // namespace

io::BlockRef MessageReader::take_leftover() noexcept {
    return has_leftover() ? std::move(block_) : io::BlockRef{};
}

// --- heads ---

void MessageReader::skip_leading_crlf() noexcept {
    while (leading_crlf_ < most_leading_crlf && unread().starts_with("\r\n")) {
        block_->begin += 2;
        ++leading_crlf_;
    }
}

MessageReader::HeadState MessageReader::scan_head() noexcept {
    switch (scanner_.scan(unread())) {
        case HeadScanner::Outcome::incomplete:
            return HeadState::incomplete;
        case HeadScanner::Outcome::complete:
            return HeadState::complete;
        case HeadScanner::Outcome::malformed:
            break;
    }
    return HeadState::malformed;
}

ReadResult MessageReader::append_head(io::Received received) noexcept {
    if (received.error != 0) return failure_of(received.error);
    if (received.is_end()) {
        return {.outcome = unread().empty() ? ReadOutcome::closed : ReadOutcome::truncated};
    }
    if (unread().empty()) {
        block_ = std::move(received.block);
        return {};
    }
    // A head in pieces is put together in one block: its views must not have gaps.
    const std::string_view more = received.block->filled();
    if (!stream_.ring().buffers().make_room(block_, more.size()))
        return refuse(Status::request_header_fields_too_large, "head too large");
    block_->append(more);
    return {};
}

ReadResult MessageReader::judge_incomplete(const HeadLimits& limits) noexcept {
    const std::string_view bytes = unread();
    if (scanner_.has_first_line()) {
        if (auto refusal = judge_request_line(scanner_.first_line(bytes), limits.uri)) {
            return {.outcome = ReadOutcome::refused, .refusal = *refusal};
        }
    } else if (bytes.size() >
               std::size_t{limits.uri} + 64) {  // 64: room for the method and the version
        return refuse(Status::uri_too_long, "request target too long");
    }
    if (bytes.size() > limits.header_bytes) {
        return refuse(Status::request_header_fields_too_large, "request head too large");
    }
    return {};
}

io::Task<ReadResult> MessageReader::read_request(RequestHead& head, const HeadLimits& limits,
                                                 TimePoint deadline) {
    scanner_.reset();
    leading_crlf_ = 0;
    for (;;) {
        if (!scanner_.has_first_line()) skip_leading_crlf();
        const HeadState state = scan_head();
        if (state == HeadState::malformed)
            co_return refuse(Status::bad_request, "malformed request head");
        if (state == HeadState::complete) break;
        const ReadResult judged = judge_incomplete(limits);
        if (!judged.ok()) co_return judged;
        io::Received received = co_await stream_.receive(deadline);
        const ReadResult appended = append_head(std::move(received));
        if (!appended.ok()) co_return appended;
    }
    const std::string_view bytes = unread().substr(0, scanner_.head_size());
    if (bytes.size() > limits.header_bytes) {
        const ReadResult judged = judge_incomplete(limits);
        co_return judged;
    }
    if (const auto refusal = parser_.parse_request(bytes, limits, head)) {
        co_return ReadResult{.outcome = ReadOutcome::refused, .refusal = *refusal};
    }
    block_->begin += static_cast<std::uint32_t>(bytes.size());
    co_return ReadResult{};
}

io::Task<ReadResult> MessageReader::read_response(ResponseHead& head, Method method,
                                                  const TimePoint& deadline) {
    scanner_.reset();
    head_block_.reset();
    for (;;) {
        const HeadState state = scan_head();
        if (state == HeadState::malformed || !may_become_response(unread())) {
            co_return refuse(Status::bad_gateway, "malformed response head");
        }
        if (state == HeadState::complete) break;
        if (unread().size() > most_response_head)
            co_return refuse(Status::bad_gateway, "response head too large");
        io::Received received = co_await stream_.receive(deadline);
        const ReadResult appended = append_head(std::move(received));
        if (!appended.ok()) co_return appended;
    }
    const std::string_view bytes = unread().substr(0, scanner_.head_size());
    if (bytes.size() > most_response_head)
        co_return refuse(Status::bad_gateway, "response head too large");
    if (const auto refusal = parser_.parse_response(bytes, method, head)) {
        co_return ReadResult{.outcome = ReadOutcome::refused, .refusal = *refusal};
    }
    block_->begin += static_cast<std::uint32_t>(bytes.size());
    co_return ReadResult{};
}

// --- bodies ---

void MessageReader::start_body(const BodyFraming& framing) noexcept {
    framing_ = framing;
    remaining_ = framing.length;
    body_bytes_ = 0;
    body_ended_ = !framing.has_body();
}

io::ReceiveSize MessageReader::next_size() const noexcept {
    // A tunnel may be idle for hours: it must not hold a large block meanwhile.
    if (framing_.kind == BodyFraming::Kind::tunnel) return io::ReceiveSize::small;
    const std::uint64_t expected =
        framing_.kind == BodyFraming::Kind::length ? remaining_ : body_bytes_;
    return expected >= long_body ? io::ReceiveSize::large : io::ReceiveSize::small;
}

BodyPiece MessageReader::decode() noexcept {
    char* bytes = block_->data() + block_->begin;
    const Parser::Decoded decoded = parser_.decode_chunks(bytes, block_->end - block_->begin);
    block_->begin += static_cast<std::uint32_t>(decoded.consumed);
    BodyPiece piece{.data = decoded.data, .last = decoded.last};
    if (decoded.malformed) piece.result = refuse(Status::bad_request, "malformed chunked body");
    return piece;
}

BodyPiece MessageReader::body_at_hand() noexcept {
    BodyPiece piece{.last = body_ended_};
    if (body_ended_ || !has_leftover()) return piece;
    if (framing_.kind == BodyFraming::Kind::chunked) {
        piece = decode();
    } else {
        piece.data = unread();
        if (framing_.kind == BodyFraming::Kind::length) {
            piece.data = piece.data.substr(0, remaining_);
            remaining_ -= piece.data.size();
            piece.last = remaining_ == 0;
        }
        block_->begin += static_cast<std::uint32_t>(piece.data.size());
    }
    body_bytes_ += piece.data.size();
    body_ended_ = piece.last;
    return piece;
}

io::Task<BodyPiece> MessageReader::read_body(TimePoint deadline) {
    for (;;) {
        BodyPiece piece = body_at_hand();
        if (piece.last || !piece.data.empty() || !piece.result.ok()) co_return piece;
        io::Received received = co_await stream_.receive(deadline, next_size());
        if (received.error != 0) {
            piece.result = failure_of(received.error);
            co_return piece;
        }
        if (received.is_end()) {
            piece.last = body_ended_ = framing_.kind == BodyFraming::Kind::until_close ||
                                       framing_.kind == BodyFraming::Kind::tunnel;
            if (!piece.last) piece.result.outcome = ReadOutcome::truncated;
            co_return piece;
        }
        // The head's views point into the first block: it stays until the next head.
        if (!head_block_) head_block_ = std::move(block_);
        block_ = std::move(received.block);
    }
}

}  // namespace penstock::http::h1
