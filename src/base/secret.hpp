// What must not stay in memory after use: keys, tokens, and the text that they came in.
//
// Not thread-safe. Cleansing is for what a core dump, a swapped page or a later fault in this
// process could give away; while it is in use a secret is in memory like everything else.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace penstock {

/// Overwrites `size` bytes, which the compiler may not leave out.
void cleanse(void* bytes, std::size_t size) noexcept;
/// The same for a text and the room behind it; it is empty afterwards.
void cleanse(std::string& text) noexcept;

/// A text that grows, and leaves nothing behind where it grows, moves or ends.
class SecretText {
  public:
    SecretText() = default;
    SecretText(SecretText&& other) noexcept;
    SecretText& operator=(SecretText&& other) noexcept;
    ~SecretText() { clear(); }

    std::string_view view() const noexcept { return {bytes_.get(), size_}; }
    std::size_t size() const noexcept { return size_; }
    std::size_t capacity() const noexcept { return capacity_; }
    /// What append() will make the capacity of, for `size` more bytes.
    std::size_t capacity_with(std::size_t size) const noexcept;
    void append(std::string_view more);
    /// Gives its memory back too.
    void clear() noexcept;

  private:
    std::unique_ptr<char[]> bytes_;
    std::size_t size_ = 0;
    std::size_t capacity_ = 0;
};

}  // namespace penstock
