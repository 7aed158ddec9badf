// HTTP/1 parsing with llhttp in its strict mode: heads in one go, chunked bodies piece by piece.
//
// A Parser serves one direction of one connection, message after message. It keeps no bytes: heads
// are parsed in place once HeadScanner has found their end, and a chunked body's data is moved
// together inside the caller's buffer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <llhttp.h>

#include "http/message.hpp"

namespace penstock::http::h1 {

struct HeadLimits {
    std::uint32_t header_bytes = 32 * 1024;  // the whole head
    std::uint32_t headers = 100;
    std::uint32_t uri = 8 * 1024;
};

/// The request line's own rules, for a line whose end has come (the head need not be whole). Empty:
/// it is fine.
std::optional<Refusal> judge_request_line(std::string_view line, std::uint32_t most_uri) noexcept;

/// The parts of "METHOD target HTTP/1.1", views into it; those behind a missing one are empty.
struct RequestLine {
    std::string_view method;
    std::string_view target;
    std::string_view version;
};
RequestLine split_request_line(std::string_view line) noexcept;

/// One of those that pass; llhttp's list of HTTP's methods.
bool is_known_method(std::string_view text) noexcept;

/// Method, target and version out of a line that has been judged.
void read_request_line(std::string_view line, RequestHead& head) noexcept;

/// False for fields that a trailer section may not carry (RFC 9110 section 6.5.1): framing, routing
/// and hop-by-hop ones.
bool may_trail(FieldId id) noexcept;

class Parser {
  public:
    enum class Role : std::uint8_t { requests, responses };

    explicit Parser(Role role) noexcept;
    Parser(const Parser&) = delete;
    Parser& operator=(const Parser&) = delete;

    /// `bytes` is exactly one head. Judges it too (http/framing.hpp).
    std::optional<Refusal> parse_request(std::string_view bytes, const HeadLimits& limits,
                                         RequestHead& head) noexcept;
    std::optional<Refusal> parse_response(std::string_view bytes, Method method,
                                          ResponseHead& head) noexcept;

    /// What decode_chunks() made of its input.
    struct Decoded {
        std::string_view data;     // inside the input, moved together
        std::size_t consumed = 0;  // of the input
        bool last = false;         // the last chunk and the trailer section have been read
        bool malformed = false;
    };
    /// The next bytes of the chunked body of the head parsed last. Overwrites the input.
    Decoded decode_chunks(char* bytes, std::size_t size) noexcept;

    /// After the last chunk: the trailer section, "name: value CRLF" each, without fields that
    /// frame or route.
    std::string_view trailers() const noexcept { return trailers_; }

    /// Extensions and trailers of one message, in bytes and in fields, past which decode_chunks()
    /// calls it malformed.
    void limit_chunk_overhead(std::uint32_t bytes, std::uint32_t trailers) noexcept {
        most_overhead_ = bytes;
        most_trailers_ = trailers;
    }

  private:
    struct Callbacks;

    bool parse_fields(std::string_view bytes, FieldList& fields) noexcept;
    bool agrees_on_chunks() const noexcept;
    bool count_overhead(std::size_t bytes) noexcept;
    bool add_trailer() noexcept;

    llhttp_t llhttp_;
    FieldList* fields_ = nullptr;  // while a head is parsed; null in a body
    std::string_view name_;
    std::string_view value_;
    bool list_full_ = false;
    char* data_start_ = nullptr;
    char* write_at_ = nullptr;
    std::uint32_t most_overhead_ = 32 * 1024;
    std::uint32_t overhead_ = 0;
    std::uint32_t most_trailers_ = 100;
    std::uint32_t trailer_count_ = 0;
    std::string trailer_name_;
    std::string trailer_value_;
    std::string trailers_;
};

}  // namespace penstock::http::h1
