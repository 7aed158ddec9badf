#include "http/h1/stream_sink.hpp"

#include <array>

#include "http/h1/writer.hpp"

namespace penstock::http::h1 {

namespace {

class Pieces {
  public:
    void add(std::string_view bytes) noexcept {
        if (!bytes.empty()) pieces_[count_++] = piece_of(bytes);
    }
    void add_body(const Outgoing& out) noexcept {
        if (!out.chunked) {
            add(out.data);
            return;
        }
        if (!out.data.empty()) count_ += chunk_.frame(out.data, pieces_.data() + count_);
        if (!out.last) return;
        add("0\r\n");
        add(out.trailers);
        add("\r\n");
    }
    iovec* data() noexcept { return pieces_.data(); }
    unsigned count() const noexcept { return count_; }

  private:
    std::array<iovec, 7> pieces_;
    unsigned count_ = 0;
    ChunkFrame chunk_;
};

}  // namespace

io::Task<int> StreamSink::send(const Outgoing& out, Duration stall_limit) {
    Pieces pieces;
    pieces.add(out.head);
    pieces.add_body(out);
    if (pieces.count() == 0) co_return 0;
    const int error = co_await stream_.send(pieces.data(), pieces.count(), stall_limit);
    co_return error;
}

}  // namespace penstock::http::h1
