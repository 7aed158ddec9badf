// ReceivedHead: an HTTP/2 header block on its way in, put together as the head that HTTP/1.1 would
// have sent: what judges, edits and forwards requests knows one form.
//
// nghttp2 has decoded and judged each field by itself (RFC 9113 section 8.2 and 8.3); what concerns
// several of them, or what comes next, is judged here.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "http/h1/parser.hpp"
#include "http/message.hpp"
#include "io/buffer_pool.hpp"

namespace penstock::http::h2 {

/// What is wrong with a request: answered, or its stream is reset where it is malformed.
struct HeadFault {
    bool is_malformed = false;
    Refusal refusal{};
};

class ReceivedHead {
  public:
    /// `limits` outlives it.
    ReceivedHead(io::BufferPool& pool, const h1::HeadLimits& limits) noexcept
        : pool_(pool), limits_(limits) {}

    /// One field, pseudo-fields first. Past the limits nothing more is stored.
    void add(std::string_view name, std::string_view value);
    /// The block is whole. Views in `head` are valid as long as this. `ended`: no body follows.
    std::optional<HeadFault> finish_request(RequestHead& head, bool ended);
    std::optional<Refusal> finish_response(ResponseHead& head, Method method);

    /// Of a response; 0: none has come.
    std::uint16_t status() const noexcept { return status_; }
    /// Of an extended CONNECT for WebSocket: the key that was made for the backend.
    std::string_view websocket_key() const noexcept { return websocket_key_; }

  private:
    void add_pseudo(std::string_view name, std::string_view value);
    void append(std::string_view bytes);
    void append_field(std::string_view name, std::string_view value);
    void start_request_fields();
    bool join_crumbs(FieldList& fields);
    bool index_fields(FieldList& fields, unsigned most);
    std::optional<HeadFault> judge_pseudo_fields() const noexcept;
    void append_upgrade();

    io::BufferPool& pool_;
    const h1::HeadLimits& limits_;
    io::BlockRef text_;
    std::string method_;
    std::string scheme_;
    std::string authority_;
    std::string path_;
    std::string protocol_;
    std::string websocket_key_;
    std::uint32_t first_line_size_ = 0;
    std::uint32_t list_bytes_ = 0;
    std::uint32_t list_fields_ = 0;
    std::uint16_t status_ = 0;
    bool has_authority_ = false;
    bool host_differs_ = false;
    bool in_fields_ = false;
    bool too_large_ = false;
};

}  // namespace penstock::http::h2
