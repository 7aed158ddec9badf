#include "model/json_syntax.hpp"

#include <algorithm>
#include <optional>
#include <vector>

#include <fmt/format.h>

#include "base/bytes.hpp"
#include "model/json_location.hpp"

namespace penstock::model {

namespace {

/// Length of the well-formed UTF-8 sequence (RFC 3629) at the front of `text`; 0 where it is
/// ill-formed.
std::size_t utf8_sequence(std::string_view text) noexcept {
    const auto byte = [text](std::size_t i) {
        return i < text.size() ? static_cast<unsigned char>(text[i])
                               : static_cast<unsigned char>(0);
    };
    const auto continues = [&](std::size_t i) { return (byte(i) & 0xc0) == 0x80; };
    const unsigned char lead = byte(0);
    if (lead < 0x80) return 1;
    if (lead >= 0xc2 && lead <= 0xdf) return continues(1) ? 2 : 0;
    if (lead >= 0xe0 && lead <= 0xef) {
        const bool overlong = lead == 0xe0 && byte(1) < 0xa0;
        const bool surrogate = lead == 0xed && byte(1) > 0x9f;
        return continues(1) && continues(2) && !overlong && !surrogate ? 3 : 0;
    }
    if (lead >= 0xf0 && lead <= 0xf4) {
        const bool overlong = lead == 0xf0 && byte(1) < 0x90;
        const bool beyond = lead == 0xf4 && byte(1) > 0x8f;
        return continues(1) && continues(2) && continues(3) && !overlong && !beyond ? 4 : 0;
    }
    return 0;
}

bool is_hex_digit(char c) noexcept {
    const char lower = ascii_lower(c);
    return is_digit(c) || (lower >= 'a' && lower <= 'f');
}

/// A cursor over the text; each step returns what is wrong, or nullptr and stands behind what it
/// has read.
class Scanner {
  public:
    explicit Scanner(std::string_view text) noexcept : text_(text) {}

    std::size_t position() const noexcept { return at_; }

    const char* document() {
        skip_space();
        if (at_end()) return "the document is empty";
        do {
            if (const char* wrong = step()) return wrong;
        } while (!open_.empty());
        skip_space();
        return at_end() ? nullptr : "nothing may follow the document's value";
    }

  private:
    /// One value or the opening of one, then the closings and the separator behind it.
    const char* step() {
        skip_space();
        if (const char* wrong = value()) return wrong;
        if (just_opened_) return nullptr;
        while (!open_.empty()) {
            skip_space();
            if (take(',')) return open_.back() == '{' ? key() : nullptr;
            if (!take(open_.back() == '{' ? '}' : ']')) {
                return open_.back() == '{' ? "expected ',' or '}'" : "expected ',' or ']'";
            }
            open_.pop_back();
        }
        return nullptr;
    }

    const char* value() {
        just_opened_ = false;
        const char c = peek();
        if (c == '{' || c == '[') return open();
        if (c == '"') return string();
        if (c == '-' || is_digit(c)) return number();
        for (const std::string_view word : {"true", "false", "null"}) {
            if (!text_.substr(at_).starts_with(word)) continue;
            at_ += word.size();
            return nullptr;
        }
        return at_end() ? "the document ends too early" : "expected a value";
    }

    const char* open() {
        if (open_.size() >= deepest_json) return "nested too deeply";
        const char opening = text_[at_++];
        skip_space();
        if (take(opening == '{' ? '}' : ']')) return nullptr;
        open_.push_back(opening);
        just_opened_ = true;
        return opening == '{' ? key() : nullptr;
    }

    const char* key() {
        skip_space();
        if (peek() != '"')
            return at_end() ? "the document ends too early" : "expected a key in quotes";
        if (const char* wrong = string()) return wrong;
        skip_space();
        return take(':') ? nullptr : "expected ':'";
    }

    const char* string() {
        const std::size_t opening = at_++;
        while (!at_end() && peek() != '"') {
            const std::size_t length = utf8_sequence(text_.substr(at_));
            if (length == 0) return "not UTF-8";
            if (static_cast<unsigned char>(peek()) < 0x20)
                return "a control character must be escaped";
            if (peek() == '\\') {
                if (const char* wrong = escape()) return wrong;
            } else {
                at_ += length;
            }
        }
        if (take('"')) return nullptr;
        at_ = opening;
        return "this string does not end";
    }

    const char* escape() {
        const std::string_view rest = text_.substr(at_);
        if (rest.size() < 2) return "this escape does not end";
        if (rest[1] != 'u') {
            if (std::string_view("\"\\/bfnrt").find(rest[1]) == std::string_view::npos)
                return "unknown escape";
            at_ += 2;
            return nullptr;
        }
        if (rest.size() < 6 || !std::all_of(rest.begin() + 2, rest.begin() + 6, is_hex_digit)) {
            return "\\u needs four hex digits";
        }
        at_ += 6;
        return nullptr;
    }

    const char* number() {
        take('-');
        if (!is_digit(peek())) return "expected a digit";
        if (take('0') && is_digit(peek())) return "a number has no leading zeros";
        digits();
        if (take('.')) {
            if (!is_digit(peek())) return "expected a digit";
            digits();
        }
        if (take('e') || take('E')) {
            if (!take('+')) take('-');
            if (!is_digit(peek())) return "expected a digit";
            digits();
        }
        return nullptr;
    }

    void digits() noexcept {
        while (is_digit(peek())) ++at_;
    }
    void skip_space() noexcept {
        while (!at_end() && std::string_view(" \t\r\n").find(text_[at_]) != std::string_view::npos)
            ++at_;
    }
    bool at_end() const noexcept { return at_ >= text_.size(); }
    char peek() const noexcept { return at_end() ? '\0' : text_[at_]; }
    bool take(char c) noexcept {
        if (at_end() || text_[at_] != c) return false;
        ++at_;
        return true;
    }

    std::string_view text_;
    std::size_t at_ = 0;
    std::vector<char> open_;  // the containers around the cursor, '{' or '['
    bool just_opened_ = false;
};

}  // namespace

SyntaxError find_syntax_error(std::string_view text) {
    Scanner scanner(text);
    const char* wrong = scanner.document();
    if (wrong == nullptr)
        return {"not JSON (a number out of range, or an escape without its pair?)", 0, 0};
    const TextPlace place = place_at(text, scanner.position());
    return {wrong, place.line, place.column};
}

}  // namespace penstock::model
