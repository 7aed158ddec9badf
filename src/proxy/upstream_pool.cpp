#include "proxy/upstream_pool.hpp"

#include <algorithm>
#include <utility>

#include "io/frame_pool.hpp"

namespace penstock::proxy {

void UpstreamConnection::on_unawaited_input(io::Socket&) {
    // While leased, the exchange reads what came.
    if (is_linked() && !stream_.absorbed_input()) pool_.close(this);
}

UpstreamPool::~UpstreamPool() {
    close_idle();
    PENSTOCK_ASSERT(is_unused());
    ring_.timers().disarm(timer_);
}

UpstreamConnection* UpstreamPool::lease() noexcept {
    if (idle_.empty()) return nullptr;
    UpstreamConnection& connection = idle_.back();
    connection.unlink();
    --idle_count_;
    connection.stream().watch(nullptr);
    return &connection;
}

UpstreamConnection* UpstreamPool::add(io::Socket& socket) {
    ++total_;
    return new (io::FramePool::allocate(sizeof(UpstreamConnection)))
        UpstreamConnection(socket, *this);
}

void UpstreamPool::give_back(UpstreamConnection* connection, std::uint32_t most,
                             Duration idle) noexcept {
    net::Stream& stream = connection->stream();
    if (idle_count_ >= most || !stream.is_quiet() || stream.is_interrupted()) {
        close(connection);
        return;
    }
    connection->idle_since_ = ring_.now();
    stream.watch(connection);
    idle_.push_back(*connection);
    ++idle_count_;
    idle_limit_ = idle;
    if (!timer_.is_armed()) ring_.timers().arm(timer_, ring_.now() + idle_limit_);
    // Last: an end that has come meanwhile closes the connection here and now.
    stream.expect_input();
    if (!stream.is_quiet()) close(connection);
}

void UpstreamPool::close(UpstreamConnection* connection) noexcept {
    if (connection->is_linked()) {
        connection->unlink();
        --idle_count_;
    }
    connection->stream().close();
    connection->~UpstreamConnection();
    io::FramePool::release(connection, sizeof(UpstreamConnection));
    --total_;
}

void UpstreamPool::close_idle() noexcept {
    while (!idle_.empty()) close(&idle_.front());
    multiplexed_.for_each([](UpstreamSession& session) {
        if (session.is_idle()) session.retire();
    });
}

void UpstreamPool::retire() noexcept {
    close_idle();
    sessions_.clear();
    multiplexed_.for_each([](UpstreamSession& session) { session.retire(); });
}

void UpstreamPool::abort() noexcept {
    multiplexed_.for_each([](UpstreamSession& session) { session.abort(); });
}

UpstreamSession* UpstreamPool::find_session() noexcept {
    UpstreamSession* found = nullptr;
    multiplexed_.for_each([&](UpstreamSession& session) {
        if (found == nullptr && session.is_usable()) found = &session;
    });
    return found;
}

UpstreamSession& UpstreamPool::open_session(io::Socket& socket, const snapshot::Upstream& upstream,
                                            const UpstreamSession::Terms& terms) {
    auto* const session = new UpstreamSession(*this, socket, upstream, terms);
    multiplexed_.push_back(*session);
    io::spawn(session->run());
    return *session;
}

std::uint32_t UpstreamPool::stream_limit() noexcept {
    if (!multiplexed_.empty()) note_stream_limit(multiplexed_.back().most_streams());
    return stream_limit_;
}

void UpstreamPool::forget(UpstreamSession& session) noexcept {
    session.unlink();
    delete &session;
}

void UpstreamPool::on_timer(io::Timer& timer) {
    static_cast<IdleTimer&>(timer).pool.close_expired();
}

void UpstreamPool::close_expired() noexcept {
    const TimePoint now = ring_.now();
    while (!idle_.empty() && idle_.front().idle_since_ + idle_limit_ <= now) close(&idle_.front());
    if (!idle_.empty()) ring_.timers().arm(timer_, idle_.front().idle_since_ + idle_limit_);
}

UpstreamPool& UpstreamPools::of(const snapshot::Upstream& upstream) {
    const std::uint32_t id = upstream.live->id;
    if (id >= pools_.size()) pools_.resize(std::max<std::size_t>(id + 1, pools_.size() * 2));
    auto& pool = pools_[id];
    if (pool == nullptr || pool->generation() != upstream.live->generation) {
        if (pool != nullptr) retire(id, pool->generation());
        pool = std::make_unique<UpstreamPool>(ring_, session_limit_, upstream.live->generation);
    }
    return *pool;
}

void UpstreamPools::retire(std::uint32_t backend_id, std::uint32_t generation) noexcept {
    drop_unused_retired();
    if (backend_id >= pools_.size()) return;
    auto& pool = pools_[backend_id];
    if (pool == nullptr || pool->generation() != generation) return;
    pool->retire();
    if (!pool->is_unused()) retired_.push_back(std::move(pool));
    pool.reset();
}

void UpstreamPools::close_idle() noexcept {
    for (auto& pool : pools_) {
        if (pool != nullptr) pool->close_idle();
    }
}

void UpstreamPools::retire_all() noexcept {
    for (auto& pool : pools_) {
        if (pool != nullptr) pool->retire();
    }
}

void UpstreamPools::abort_all() noexcept {
    for (auto& pool : pools_) {
        if (pool != nullptr) pool->abort();
    }
    for (auto& pool : retired_) pool->abort();
}

bool UpstreamPools::are_unused() noexcept {
    drop_unused_retired();
    return retired_.empty() && std::all_of(pools_.begin(), pools_.end(), [](const auto& pool) {
               return pool == nullptr || pool->is_unused();
           });
}

void UpstreamPools::drop_unused_retired() noexcept {
    std::erase_if(retired_, [](const auto& pool) { return pool->is_unused(); });
}

}  // namespace penstock::proxy
