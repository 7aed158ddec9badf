// WriteBatch: writes to the API that come within a millisecond share a commit and a publication.
//
// Control thread only. A commit is a write to the disk that the thread waits for; what arrives
// meanwhile goes into the next one. Somebody who writes alone, one request after the other, never
// waits for others: only where the last commit was shared does the next one wait until it is
// `window` old.
#pragma once

#include <cstddef>

#include "base/clock.hpp"
#include "base/intrusive_list.hpp"
#include "control/api.hpp"
#include "control/message.hpp"
#include "io/event.hpp"
#include "io/task.hpp"

namespace penstock::control {

class WriteBatch {
  public:
    static constexpr Duration window = std::chrono::milliseconds(1);

    /// Both must outlive this.
    WriteBatch(io::Ring& ring, Api& api) noexcept : ring_(ring), api_(api) {}
    WriteBatch(const WriteBatch&) = delete;
    WriteBatch& operator=(const WriteBatch&) = delete;

    /// Api::handle(), together with other writes where the request is one that can share. What
    /// `request` refers to lives until then.
    io::Task<ApiResponse> handle(const ApiRequest& request);

  private:
    struct Entry : ListNode<Entry> {
        Entry(io::Ring& ring, const ApiRequest& r) noexcept : request(r), answered(ring) {}
        const ApiRequest& request;
        ApiResponse response;
        io::Event answered;
    };

    io::Task<void> gather();
    void answer_all();

    io::Ring& ring_;
    Api& api_;
    IntrusiveList<Entry> waiting_;
    TimePoint last_begun_{};  // the last batch
    bool last_was_shared_ = false;
};

}  // namespace penstock::control
