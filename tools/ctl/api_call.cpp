#include "ctl/api_call.hpp"

#include <cerrno>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include "base/bytes.hpp"
#include "base/secret.hpp"
#include "io/both.hpp"

namespace penstock::ctl {

namespace {

/// Past this many 1xx it is no answer.
constexpr int most_interim = 16;
/// More than the largest answer there is: the whole configuration of 100,000 routes.
constexpr std::size_t longest_answer = std::size_t{1} << 30;

std::string head_of(const Request& request, const Callee& callee, std::string_view credentials) {
    std::string head = fmt::format(
        "{} {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: penstockctl\r\nConnection: close\r\n{}",
        request.method, request.path, callee.authority, credentials);
    if (!request.body.empty()) {
        head += fmt::format("Content-Type: application/json\r\nContent-Length: {}\r\n",
                            request.body.size());
    } else if (request.method != "GET") {
        head += "Content-Length: 0\r\n";
    }
    for (const auto& [name, value] : request.fields) head += fmt::format("{}: {}\r\n", name, value);
    return head += "\r\n";
}

}  // namespace

ApiCall::ApiCall(io::Ring& ring, const Callee& callee, const Request& request,
                 std::string_view credentials, TakePiece take)
    : ring_(ring),
      callee_(callee),
      request_(request),
      take_(std::move(take)),
      head_(head_of(request, callee, credentials)) {}

ApiCall::~ApiCall() {
    cleanse(head_);
}

io::Task<void> ApiCall::run() {
    int error = EHOSTUNREACH;
    for (std::size_t i = 0; i < callee_.addresses.size() && error != 0 && !interrupted_; ++i) {
        if (stream_) stream_->close();
        stream_.reset();
        error = co_await connect_to(callee_.addresses[i]);
    }
    if (error == 0) {
        connected_ = true;
        deadline_ = ring_.now() + callee_.timeout;
        server_ = std::make_unique<http::h1::H1Upstream>(*stream_);
        sending_ = true;
        io::Task<void> sender = send(this);
        io::Task<void> receiver = receive(this);
        co_await io::both(sender, receiver);
    } else if (failure_.empty()) {
        failure_ = std::strerror(error);
    }
    server_.reset();
    if (stream_) stream_->close();
    stream_.reset();
    ended_ = true;
}

io::Task<int> ApiCall::connect_to(const net::Address& address) {
    failure_.clear();
    auto made = ring_.connect_socket(address.family());
    if (!made) co_return made.error() < 0 ? -made.error() : made.error();
    stream_.emplace(**made);
    const TimePoint deadline = ring_.now() + callee_.connect_timeout;
    int error = co_await (*made)->connect(address.data(), address.size(), deadline);
    if (error != 0 || callee_.tls == nullptr) co_return error;
    auto session = callee_.tls->connect(**made, callee_.server, nullptr);
    if (session == nullptr) co_return ENOMEM;
    stream_->secure(std::move(session));
    error = co_await stream_->session().handshake(deadline);
    if (error == EPROTO) failure_ = fmt::format("TLS: {}", stream_->session().failure());
    co_return error;
}

io::Task<void> ApiCall::send(ApiCall* self) {
    const http::Outgoing request{
        .head = self->head_, .data = self->request_.body, .last = true, .trailers = {}};
    // A failure shows in the answer, which may have come all the same, or in its absence.
    const int error = co_await self->server_->send(request, self->callee_.timeout);
    self->sending_ = false;
    if (error == ETIMEDOUT) self->stream_->interrupt(ETIMEDOUT);
}

io::Task<void> ApiCall::receive(ApiCall* self) {
    http::ResponseHead head;
    const bool has_head = co_await self->receive_head(head);
    if (has_head) {
        self->keep_head(head);
        self->server_->start_body(head.framing);
        co_await self->receive_body();
    }
    // Answered before the request was read whole: the rest of it interests nobody.
    if (self->sending_) self->stream_->interrupt(ECANCELED);
}

io::Task<bool> ApiCall::receive_head(http::ResponseHead& head) {
    const http::Method method = request_.method == "GET" ? http::Method::get : http::Method::other;
    for (int heads = 0; heads < most_interim; ++heads) {
        const http::ReadResult read = co_await server_->read_response(head, method, deadline_);
        if (!read.ok()) {
            fail(read);
            co_return false;
        }
        if (!head.is_interim()) co_return true;
    }
    failure_ = "no end of interim answers";
    co_return false;
}

io::Task<void> ApiCall::receive_body() {
    const bool is_followed = take_ && answer_.status == 200;
    while (!server_->body_ended()) {
        const http::BodyPiece piece = co_await server_->read_body(patience());
        if (!piece.result.ok()) {
            fail(piece.result);
            co_return;
        }
        if (is_followed) {
            if (!take_(piece.data)) co_return;
        } else if (answer_.body.size() + piece.data.size() > longest_answer) {
            failure_ = "the answer is too large";
            co_return;
        } else {
            answer_.body += piece.data;
        }
    }
}

/// What is followed may take as long as it goes on.
TimePoint ApiCall::patience() const noexcept {
    return take_ && answer_.status == 200 ? ring_.now() + callee_.silence : deadline_;
}

void ApiCall::keep_head(const http::ResponseHead& head) {
    answer_.status = head.status;
    for (const auto& entry : head.fields) {
        answer_.fields.emplace_back(to_lower(head.fields.name(entry)), head.fields.value(entry));
    }
}

void ApiCall::fail(const http::ReadResult& result) {
    switch (result.outcome) {
        case http::ReadOutcome::timed_out:
            failure_ = "no answer in time";
            break;
        case http::ReadOutcome::refused:
            failure_ =
                fmt::format("the answer is not HTTP as it should be: {}", result.refusal.reason);
            break;
        case http::ReadOutcome::failed:
            failure_ = result.error == ETIMEDOUT ? "no answer in time"
                       : result.error == EPROTO
                           ? fmt::format("TLS: {}", stream_->session().failure())
                           : std::strerror(result.error);
            break;
        default:
            failure_ = "the connection was closed before the answer's end";
            break;
    }
}

void ApiCall::interrupt() noexcept {
    interrupted_ = true;
    if (stream_) stream_->interrupt(ECANCELED);
}

Result<Answer> ApiCall::take_outcome() {
    if (interrupted_) return Failure{Error{"interrupted"}};
    if (!failure_.empty()) return Failure{Error{failure_}};
    return std::move(answer_);
}

}  // namespace penstock::ctl
