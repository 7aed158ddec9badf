#include "base/secret.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include <string.h>

namespace penstock {

namespace {

constexpr std::size_t least_capacity = 1'024;

}  // namespace

void cleanse(void* bytes, std::size_t size) noexcept {
    if (size > 0) ::explicit_bzero(bytes, size);
}

void cleanse(std::string& text) noexcept {
    cleanse(text.data(), text.capacity());
    text.clear();
}

SecretText::SecretText(SecretText&& other) noexcept
    : bytes_(std::move(other.bytes_)),
      size_(std::exchange(other.size_, 0)),
      capacity_(std::exchange(other.capacity_, 0)) {}

SecretText& SecretText::operator=(SecretText&& other) noexcept {
    if (this == &other) return *this;
    clear();
    bytes_ = std::move(other.bytes_);
    size_ = std::exchange(other.size_, 0);
    capacity_ = std::exchange(other.capacity_, 0);
    return *this;
}

std::size_t SecretText::capacity_with(std::size_t size) const noexcept {
    if (size_ + size <= capacity_) return capacity_;
    return std::max({size_ + size, 2 * capacity_, least_capacity});
}

void SecretText::append(std::string_view more) {
    if (more.empty()) return;
    if (const std::size_t capacity = capacity_with(more.size()); capacity != capacity_) {
        auto larger = std::make_unique_for_overwrite<char[]>(capacity);
        if (size_ > 0) std::memcpy(larger.get(), bytes_.get(), size_);
        cleanse(bytes_.get(), size_);
        bytes_ = std::move(larger);
        capacity_ = capacity;
    }
    std::memcpy(bytes_.get() + size_, more.data(), more.size());
    size_ += more.size();
}

void SecretText::clear() noexcept {
    cleanse(bytes_.get(), size_);
    bytes_.reset();
    size_ = capacity_ = 0;
}

}  // namespace penstock
