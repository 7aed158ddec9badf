#include "proxy/kept_body.hpp"

namespace penstock::proxy {

void KeptBody::add(std::string_view piece) {
    if (!whole_ || piece.empty()) return;
    if (!block_) block_ = pool_.large();
    if (block_->filled().size() + piece.size() > most_bytes) {
        whole_ = false;
        block_.reset();
        return;
    }
    block_->append(piece);
}

}  // namespace penstock::proxy
