// The heads of a request and of a response, once they have been parsed and judged.
//
// All views point into the block that the head came in: valid until the reader that filled them is
// asked for the next head. A head that has reached this form has passed every check of SPEC
// section 2.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "http/fields.hpp"
#include "http/status.hpp"

namespace penstock::http {

/// The methods that we treat in a way of their own; all the others pass as they are.
enum class Method : std::uint8_t { other, get, head, options, connect, trace };

/// How the end of a body is known (RFC 9112 section 6.3).
struct BodyFraming {
    enum class Kind : std::uint8_t {
        none,
        length,
        chunked,  // for HTTP/2: told by frames, of a length not known before
        until_close,
        tunnel,  // another protocol's bytes, to the connection's end
    };

    Kind kind = Kind::none;
    std::uint64_t length = 0;  // of Kind::length

    bool has_body() const noexcept {
        return kind != Kind::none && !(kind == Kind::length && length == 0);
    }
};

/// Why a message is not taken: what to answer, and a few words for whoever sent it.
struct Refusal {
    Status status = Status::bad_request;
    std::string_view reason;  // a literal
};

struct RequestHead {
    std::string_view bytes;  // the whole head, request line to the empty line's CRLF
    std::string_view method_text;
    std::string_view target;     // as received
    std::string_view path;       // origin-form, or "*"
    std::string_view authority;  // as received, in Host or in an absolute-form target
    Method method = Method::other;
    std::uint8_t major_version = 1;
    std::uint8_t minor_version = 1;  // of HTTP/1
    bool keep_alive = true;
    bool expects_continue = false;
    bool accepts_trailers = false;  // TE: trailers
    /// RFC 8441: stands here as the GET with Upgrade that HTTP/1.1 would send, but only switching
    /// protocols is a success.
    bool is_extended_connect = false;
    std::string_view upgrade;  // the value of Upgrade where Connection says so
    BodyFraming framing;
    FieldList fields;

    /// authority without port and trailing dot, lower case: what routes are looked up by.
    std::string_view host() const noexcept { return {host_.data(), host_size_}; }

    static constexpr std::size_t longest_host = 255;
    std::array<char, longest_host> host_;
    std::uint8_t host_size_ = 0;
};

struct ResponseHead {
    std::string_view bytes;
    std::string_view reason;
    std::uint16_t status = 0;
    std::uint8_t major_version = 1;
    std::uint8_t minor_version = 1;  // of HTTP/1
    bool keep_alive = true;
    std::string_view upgrade;
    BodyFraming framing;
    FieldList fields;

    bool is_interim() const noexcept { return status < 200 && status != 101; }
};

}  // namespace penstock::http
