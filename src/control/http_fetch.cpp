#include "control/http_fetch.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include "base/bytes.hpp"

namespace penstock::control {

namespace {

using Document = HttpFetch::Document;

/// Past this many 1xx it is no answer.
constexpr int most_interim = 16;
constexpr std::size_t most_addresses_tried = 4;

Failure<Error> failure(std::string message) {
    return Failure{Error{std::move(message)}};
}

/// RFC 9111 section 5.2.2.1; what says that it is not to be kept is old at once.
std::optional<std::chrono::seconds> max_age_of(const http::FieldList& fields) {
    std::optional<std::chrono::seconds> found;
    for (const auto& entry : fields) {
        if (entry.id != http::FieldId::cache_control) continue;
        for_each_element(fields.value(entry), [&found](std::string_view directive) {
            constexpr std::string_view name = "max-age=";
            if (equals_ignoring_case(directive, "no-store") ||
                equals_ignoring_case(directive, "no-cache"))
                found = std::chrono::seconds(0);
            if (found || !equals_lower(directive.substr(0, name.size()), name)) return;
            const auto seconds = parse_decimal(directive.substr(name.size()), INT32_MAX);
            if (seconds) found = std::chrono::seconds(*seconds);
        });
    }
    return found;
}

}  // namespace

io::Task<Result<Document>> HttpFetch::run() {
    deadline_ = ring_.now() + limits_.timeout;
    const auto addresses = target_.addresses->get();
    if (addresses == nullptr) co_return failure("its name cannot be resolved");
    int error = EHOSTUNREACH;
    const std::size_t tries = std::min(addresses->size(), most_addresses_tried);
    for (std::size_t i = 0; i < tries && error != 0 && !interrupted_; ++i) {
        close();
        error = co_await connect_to((*addresses)[i]);
    }
    if (error != 0) close();
    if (error == EPROTO) co_return failure("TLS with it failed");
    if (error != 0) co_return failure(fmt::format("no connection: {}", std::strerror(error)));
    Result<Document> document = co_await ask();
    close();
    co_return document;
}

io::Task<int> HttpFetch::connect_to(const net::Address& address) {
    auto made = ring_.connect_socket(address.family());
    if (!made) co_return made.error();
    stream_.emplace(**made);
    int error = co_await (*made)->connect(address.data(), address.size(), deadline_);
    if (error == 0 && target_.tls != nullptr) {
        net::tls::Session::Cause cause;
        error = co_await target_.tls->secure(*stream_, BackendProtocol::http1, nullptr, deadline_,
                                             cause);
    }
    co_return error;
}

std::string HttpFetch::request_head() const {
    if (!content_) {
        return fmt::format(
            "GET {} HTTP/1.1\r\nHost: {}\r\n"
            "Accept: application/jwk-set+json, application/json\r\nConnection: close\r\n\r\n",
            target_.path, target_.authority);
    }
    return fmt::format(
        "POST {} HTTP/1.1\r\nHost: {}\r\nContent-Type: {}\r\nContent-Length: {}\r\n"
        "Connection: close\r\n\r\n",
        target_.path, target_.authority, content_->type, content_->text.size());
}

io::Task<Result<Document>> HttpFetch::ask() {
    request_ = request_head();
    http::h1::H1Upstream server(*stream_);
    const http::Outgoing request{
        .head = request_, .data = content_ ? content_->text : std::string_view(), .last = true};
    const int error = co_await server.send(request, limits_.timeout);
    if (error != 0) co_return failure("the connection was closed");
    http::ResponseHead head;
    const int status = co_await read_head(server, head);
    if (status == 0) co_return failure("no answer that is HTTP, in time");
    Document document{.status = status, .text = {}, .max_age = max_age_of(head.fields)};
    if (status / 100 != 2) co_return document;  // what else it says is not for us
    server.start_body(head.framing);
    while (!server.body_ended()) {
        const http::BodyPiece piece = co_await server.read_body(deadline_);
        if (!piece.result.ok()) co_return failure("the answer did not come whole");
        if (document.text.size() + piece.data.size() > limits_.longest)
            co_return failure("the answer is too large");
        document.text += piece.data;
    }
    co_return document;
}

/// The status of the final response; 0: there is none.
io::Task<int> HttpFetch::read_head(http::h1::H1Upstream& server, http::ResponseHead& head) {
    for (int heads = 0; heads < most_interim; ++heads) {
        const http::ReadResult read =
            co_await server.read_response(head, http::Method::other, deadline_);
        if (!read.ok()) co_return 0;
        if (!head.is_interim()) co_return head.status;
    }
    co_return 0;
}

void HttpFetch::close() noexcept {
    if (!stream_) return;
    stream_->close();
    stream_.reset();
}

void HttpFetch::interrupt() noexcept {
    interrupted_ = true;
    if (stream_) stream_->interrupt(ECANCELED);
}

}  // namespace penstock::control
