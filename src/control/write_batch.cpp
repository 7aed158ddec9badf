#include "control/write_batch.hpp"

#include <utility>
#include <vector>

namespace penstock::control {

io::Task<ApiResponse> WriteBatch::handle(const ApiRequest& request) {
    if (!Api::may_share_commit(request)) co_return api_.handle(request);
    Entry entry(ring_, request);
    const bool is_first = waiting_.empty();
    waiting_.push_back(entry);
    if (is_first) io::spawn(gather());
    co_await entry.answered.wait();
    co_return std::move(entry.response);
}

/// Of one batch, from its first write on.
io::Task<void> WriteBatch::gather() {
    co_await ring_.yield();  // whoever's bytes have come in this turn joins
    const TimePoint next = last_begun_ + window;
    if (last_was_shared_ && ring_.now() < next) co_await ring_.sleep(next - ring_.now());
    answer_all();
}

void WriteBatch::answer_all() {
    std::vector<Entry*> entries;
    std::vector<const ApiRequest*> requests;
    while (Entry* const entry = waiting_.pop_front()) {
        entries.push_back(entry);
        requests.push_back(&entry->request);
    }
    last_begun_ = ring_.now();
    last_was_shared_ = requests.size() > 1;
    std::vector<ApiResponse> responses = api_.handle_together(requests);
    for (std::size_t i = 0; i < entries.size(); ++i) {
        entries[i]->response = std::move(responses[i]);
        entries[i]->answered.set();
    }
}

}  // namespace penstock::control
