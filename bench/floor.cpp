// penstock-floor: a bare TCP forwarder on our own engine, the cost below which no proxy of ours can
// go.
//
// One thread, one connection to the target for each client, no HTTP. bench/compare runs it beside
// the proxies.
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include <netinet/tcp.h>
#include <sched.h>

#include "base/bytes.hpp"
#include "io/both.hpp"
#include "io/ring.hpp"
#include "io/task.hpp"
#include "net/address.hpp"
#include "net/listen.hpp"

namespace {

using namespace penstock;

struct Options {
    net::Address listen;
    net::Address target;
    int cpu = -1;
    io::Engine engine = io::Engine::uring;
};

[[noreturn]] void usage(std::string_view wrong) {
    std::fprintf(
        stderr,
        "penstock-floor: %.*s\nusage: penstock-floor --listen ADDR:PORT --to ADDR:PORT [--cpu N] "
        "[--io uring|epoll]\n",
        static_cast<int>(wrong.size()), wrong.data());
    std::exit(2);
}

Options parse(int argc, char** argv) {
    Options options;
    for (int i = 1; i + 1 < argc; i += 2) {
        const std::string_view flag = argv[i];
        const std::string_view value = argv[i + 1];
        if (flag == "--listen" || flag == "--to") {
            const auto address = net::Address::parse_endpoint(value);
            if (!address) usage(value);
            (flag == "--to" ? options.target : options.listen) = *address;
        } else if (flag == "--cpu") {
            options.cpu = static_cast<int>(parse_decimal(value, 1023).value_or(0));
        } else if (flag == "--io") {
            options.engine = value == "epoll" ? io::Engine::epoll : io::Engine::uring;
        } else {
            usage(flag);
        }
    }
    if (options.listen.family() == AF_UNSPEC || options.target.family() == AF_UNSPEC)
        usage("missing address");
    return options;
}

io::Task<void> copy(io::Socket& from, io::Socket& to) {
    for (;;) {
        io::Received received = co_await from.receive(never);
        if (!received.block) {
            to.interrupt(ECANCELED);
            co_return;
        }
        iovec piece{received.block->data(), received.block->filled().size()};
        const int error = co_await to.send(&piece, 1, std::chrono::seconds(60));
        if (error != 0) {
            from.interrupt(error);
            co_return;
        }
    }
}

io::Task<void> forward(io::Ring& ring, int fd, const net::Address& target) {
    io::Socket& client = ring.adopt(fd);
    auto backend = ring.connect_socket(target.family());
    if (backend) {
        const int on = 1;
        ::setsockopt((*backend)->fd(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        const TimePoint deadline = ring.now() + std::chrono::seconds(2);
        const int error = co_await (*backend)->connect(target.data(), target.size(), deadline);
        if (error == 0) {
            io::Task<void> up = copy(client, **backend);
            io::Task<void> down = copy(**backend, client);
            co_await io::both(up, down);
        }
        (*backend)->close();
    }
    client.close();
}

io::Task<void> accept_all(io::Ring& ring, io::Listener& listener, const net::Address& target) {
    for (;;) {
        const int fd = co_await listener.accept();
        if (fd >= 0) io::spawn(forward(ring, fd, target));
    }
}

}  // namespace

int main(int argc, char** argv) {
    const Options options = parse(argc, argv);
    if (options.cpu >= 0) {
        cpu_set_t cpus;
        CPU_ZERO(&cpus);
        CPU_SET(static_cast<unsigned>(options.cpu), &cpus);
        ::sched_setaffinity(0, sizeof(cpus), &cpus);
    }
    auto ring = io::Ring::create(options.engine);
    auto fd = net::listen_on(options.listen);
    if (!ring || !fd) {
        std::fprintf(stderr, "penstock-floor: %s\n",
                     (ring ? fd.error() : ring.error()).message.c_str());
        return 1;
    }
    io::Listener listener(**ring, *fd);
    io::spawn(accept_all(**ring, listener, options.target));
    (*ring)->run_until([] { return false; });
}
