#include "http/h1/head_scanner.hpp"

#include <bit>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace penstock::http::h1 {

namespace {

constexpr bool is_control(unsigned char byte) noexcept {
    return byte < 0x20 || byte == 0x7f;
}

/// The first control byte at or after `from`, or bytes.size().
std::size_t find_control(std::string_view bytes, std::size_t from) noexcept {
#ifdef __SSE2__
    const __m128i flip = _mm_set1_epi8(static_cast<char>(0x80));
    const __m128i limit = _mm_set1_epi8(static_cast<char>(0x20 ^ 0x80));
    const __m128i del = _mm_set1_epi8(0x7f);
    for (; from + 16 <= bytes.size(); from += 16) {
        const __m128i chunk =
            _mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes.data() + from));
        // SSE2 compares signed bytes only: shifting both sides by 0x80 makes the comparison
        // unsigned.
        const __m128i low = _mm_cmplt_epi8(_mm_xor_si128(chunk, flip), limit);
        const int found = _mm_movemask_epi8(_mm_or_si128(low, _mm_cmpeq_epi8(chunk, del)));
        if (found != 0)
            return from + static_cast<std::size_t>(std::countr_zero(static_cast<unsigned>(found)));
    }
#endif
    while (from < bytes.size() && !is_control(static_cast<unsigned char>(bytes[from]))) ++from;
    return from;
}

}  // namespace

HeadScanner::Outcome HeadScanner::scan(std::string_view bytes) noexcept {
    for (;;) {
        // A line that starts with white space folds the one before it (obs-fold). Looked at here,
        // as the line may begin in a later call than the one that ended its predecessor.
        if (has_first_line_ && scanned_ == line_start_ && line_start_ < bytes.size() &&
            (bytes[line_start_] == ' ' || bytes[line_start_] == '\t')) {
            return Outcome::malformed;
        }
        const std::size_t at = find_control(bytes, scanned_);
        // Only whole line ends are passed: a CR at the end of what is here is looked at again with
        // its LF.
        if (at == bytes.size()) {
            scanned_ = at;
            return Outcome::incomplete;
        }
        if (bytes[at] == '\t' && has_first_line_) {
            scanned_ = at + 1;
            continue;
        }
        if (bytes[at] != '\r') return Outcome::malformed;
        if (at + 1 == bytes.size()) {
            scanned_ = at;
            return Outcome::incomplete;
        }
        if (bytes[at + 1] != '\n') return Outcome::malformed;
        const bool empty_line = at == line_start_;
        if (empty_line && !has_first_line_) return Outcome::malformed;
        if (!has_first_line_) {
            has_first_line_ = true;
            first_line_size_ = at;
        }
        scanned_ = line_start_ = at + 2;
        if (empty_line) return Outcome::complete;
    }
}

}  // namespace penstock::http::h1
