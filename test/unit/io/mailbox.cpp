// Mailboxes between threads: nothing is lost, order is kept, a sleeping loop wakes.
#include <atomic>
#include <thread>
#include <vector>

#include "fixture.hpp"

using namespace penstock;
using namespace penstock::io;
using namespace penstock::io::testing;

TEST_CASE("messages from many threads all arrive, each sender's in its order", "[threads]") {
    auto ring = make_ring(each_engine());
    constexpr int senders = 4;
    constexpr int messages = 5'000;
    std::vector<int> last(senders, -1);
    int received = 0;
    bool in_order = true;
    std::vector<std::thread> threads;
    for (int sender = 0; sender < senders; ++sender) {
        threads.emplace_back([&, sender] {
            for (int i = 0; i < messages; ++i) {
                ring->mailbox().post([&, sender, i] {
                    in_order = in_order && last[sender] == i - 1;
                    last[sender] = i;
                    ++received;
                });
            }
        });
    }
    run_until(*ring, [&] { return received == senders * messages; });
    for (auto& thread : threads) thread.join();
    CHECK(in_order);
}

TEST_CASE("a loop that sleeps without a deadline is woken by a message", "[threads]") {
    auto ring = make_ring(each_engine());
    for (int round = 0; round < 200; ++round) {
        bool delivered = false;
        std::thread sender([&] { ring->mailbox().post([&] { delivered = true; }); });
        while (!delivered) {
            ring->wait(never);
            ring->run_ready();
        }
        sender.join();
    }
    SUCCEED("every message woke the loop");
}
