#include "proxy/kept_body.hpp"

#include <cstring>

namespace penstock::proxy {

void KeptBody::add(std::string_view piece) {
    if (!whole_ || piece.empty()) return;
    if (!block_) block_ = pool_.large();
    if (block_->filled().size() + piece.size() > most_bytes) {
        whole_ = false;
        block_.reset();
        return;
    }
    std::memcpy(block_->free_space(), piece.data(), piece.size());
    block_->end += static_cast<std::uint32_t>(piece.size());
}

}  // namespace penstock::proxy
