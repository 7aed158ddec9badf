// Finds the end of an HTTP/1 head and refuses bytes that have no place in one, before any parser
// sees them.
//
// Control bytes, bare CR and LF, NUL and folded lines are what request smuggling is made of; RFC
// 9112 section 2.2 lets a recipient be lenient, SPEC section 2 does not. One pass, 16 bytes at a
// time, resumable: bytes that have been scanned are not looked at again when more arrive.
#pragma once

#include <cstddef>
#include <string_view>

namespace penstock::http::h1 {

class HeadScanner {
  public:
    enum class Outcome : unsigned char { incomplete, complete, malformed };

    void reset() noexcept { *this = {}; }

    /// `bytes` starts at the head's first byte and has grown since the last call, or is the same.
    Outcome scan(std::string_view bytes) noexcept;

    /// After `complete`: the head's length with its empty line.
    std::size_t head_size() const noexcept { return line_start_; }
    /// The first line without its CRLF; empty until it is whole.
    std::string_view first_line(std::string_view bytes) const noexcept {
        return bytes.substr(0, first_line_size_);
    }
    bool has_first_line() const noexcept { return has_first_line_; }

  private:
    std::size_t scanned_ = 0;
    std::size_t line_start_ = 0;
    std::size_t first_line_size_ = 0;
    bool has_first_line_ = false;
};

}  // namespace penstock::http::h1
