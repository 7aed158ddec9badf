#include "net/tls/session.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <openssl/err.h>
#include <sys/socket.h>

#include "io/ring.hpp"

namespace penstock::net::tls {

namespace {

/// The most plaintext of one record (RFC 8446 section 5.1).
constexpr std::size_t most_in_record = 16 * 1024;
/// Header, padding and tag: more than any cipher of ours adds.
constexpr std::size_t record_overhead = 64;
/// Replies of the protocol's own that wait for something to be sent with; a peer that provokes more
/// has no good reason.
constexpr std::size_t most_unsent_control = 16 * 1024;

std::size_t total(const iovec* pieces, unsigned count) noexcept {
    std::size_t bytes = 0;
    for (unsigned i = 0; i < count; ++i) bytes += pieces[i].iov_len;
    return bytes;
}

void take_front(iovec*& pieces, unsigned& count, std::size_t bytes) noexcept {
    pieces->iov_base = static_cast<char*>(pieces->iov_base) + bytes;
    pieces->iov_len -= bytes;
    while (count > 0 && pieces->iov_len == 0) {
        ++pieces;
        --count;
    }
}

const char* last_reason() noexcept {
    const char* reason = ERR_reason_error_string(ERR_peek_last_error());
    return reason != nullptr ? reason : "the peer broke off";
}

}  // namespace

// --- what OpenSSL reads from and writes to ---

struct Session::Bio {
    static int read(BIO* bio, char* into, int size) {
        Session& session = *static_cast<Session*>(BIO_get_data(bio));
        BIO_clear_retry_flags(bio);
        if (!session.input_) {
            BIO_set_retry_read(bio);
            return -1;
        }
        const std::string_view bytes =
            session.input_->filled().substr(0, static_cast<std::size_t>(size));
        std::memcpy(into, bytes.data(), bytes.size());
        session.input_->begin += static_cast<std::uint32_t>(bytes.size());
        if (session.input_->filled().empty()) session.input_.reset();
        return static_cast<int>(bytes.size());
    }

    static int write(BIO* bio, const char* bytes, int size) {
        Session& session = *static_cast<Session*>(BIO_get_data(bio));
        io::BufferPool& pool = session.socket_.ring().buffers();
        if (!session.output_) session.output_ = pool.small();
        if (!pool.make_room(session.output_, static_cast<std::size_t>(size))) return -1;
        session.output_->append({bytes, static_cast<std::size_t>(size)});
        return size;
    }

    static long control(BIO*, int command, long, void*) {
        return command == BIO_CTRL_FLUSH ? 1 : 0;
    }

    static BIO_METHOD* method() {
        static BIO_METHOD* const made = [] {
            BIO_METHOD* fresh =
                BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "penstock");
            PENSTOCK_ASSERT(fresh != nullptr);
            BIO_meth_set_read(fresh, &Bio::read);
            BIO_meth_set_write(fresh, &Bio::write);
            BIO_meth_set_ctrl(fresh, &Bio::control);
            return fresh;
        }();
        return made;
    }
};

Session::Session(io::Socket& socket, OpensslPtr<SSL> ssl) : socket_(socket), ssl_(std::move(ssl)) {
    BIO* const bio = BIO_new(Bio::method());
    PENSTOCK_ASSERT(bio != nullptr);
    BIO_set_data(bio, this);
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl_.get(), bio, bio);
    SSL_set_app_data(ssl_.get(), this);
}

Session::~Session() {
    // A connection that ends without close_notify is no reason not to resume its session.
    SSL_set_shutdown(ssl_.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
}

Session& Session::of(const SSL* ssl) noexcept {
    return *static_cast<Session*>(SSL_get_app_data(ssl));
}

// --- the handshake ---

Session::Step Session::judge(int result) noexcept {
    if (result > 0) return Step::done;
    switch (SSL_get_error(ssl_.get(), result)) {
        case SSL_ERROR_WANT_READ:
            return Step::wants_input;
        case SSL_ERROR_ZERO_RETURN:
            ended_ = true;
            return Step::ended;
        default:
            note_failure();
            failed_ = true;
            return Step::failed;
    }
}

void Session::note_failure() noexcept {
    if (fault_ != Fault::none) return;
    const long verdict = SSL_get_verify_result(ssl_.get());
    const unsigned long error = ERR_peek_last_error();
    const char* reason = last_reason();
    fault_ = Fault::protocol;
    if (verdict != X509_V_OK) {
        fault_ = Fault::certificate;
        reason = X509_verify_cert_error_string(verdict);
    } else if (ERR_GET_LIB(error) == ERR_LIB_SSL && ERR_GET_REASON(error) >= SSL_AD_REASON_OFFSET) {
        fault_ = Fault::alert;
    }
    if (*failure_ == '\0') failure_ = reason;
}

int Session::take_input(io::Received received) noexcept {
    if (received.block) {
        input_ = std::move(received.block);
        return 0;
    }
    return received.error != 0 ? received.error : ECONNRESET;
}

io::Task<int> Session::flush(Duration stall_limit) {
    // A block of its own: what OpenSSL writes meanwhile must not move what the kernel reads.
    const io::BlockRef sending = std::move(output_);
    iovec piece{sending->data() + sending->begin, sending->filled().size()};
    const int error = co_await socket_.send(&piece, 1, stall_limit);
    co_return error;
}

io::Task<int> Session::handshake(TimePoint deadline) {
    io::Ring& ring = socket_.ring();
    for (;;) {
        ERR_clear_error();
        const Step step = judge(SSL_do_handshake(ssl_.get()));
        // Tickets leave with the first response where its request has come already.
        if (output_ && !(step == Step::done && input_)) {
            const int error = co_await flush(std::max(deadline - ring.now(), Duration::zero()));
            if (error != 0) co_return error;
        }
        if (step == Step::done) break;
        if (step != Step::wants_input) co_return EPROTO;
        io::Received received = co_await socket_.receive(deadline);
        if (const int error = take_input(std::move(received)); error != 0) co_return error;
    }
    established_ = true;
    co_return 0;
}

// --- receiving ---

io::Task<io::Received> Session::receive(TimePoint deadline, io::ReceiveSize size) {
    for (;;) {
        io::Received decrypted = decrypt(size);
        if (decrypted.block || decrypted.error != 0 || ended_) co_return decrypted;
        io::Received received = co_await socket_.receive(deadline, size);
        const int error = take_input(std::move(received));
        if (error != 0) {
            decrypted.error = error;
            co_return decrypted;
        }
    }
}

/// What is there: a block, the end (ended_), an error, or nothing.
io::Received Session::decrypt(io::ReceiveSize size) noexcept {
    io::Received received;
    if (failed_) {
        received.error = EPROTO;
        return received;
    }
    if (ended_ || !has_pending()) return received;
    io::BufferPool& pool = socket_.ring().buffers();
    io::BlockRef block = size == io::ReceiveSize::large ? pool.large() : pool.small();
    ERR_clear_error();
    std::size_t read = 0;
    int result = 1;
    while (block->free_size() > 0 &&
           (result = SSL_read_ex(ssl_.get(), block->free_space(), block->free_size(), &read)) > 0) {
        block->end += static_cast<std::uint32_t>(read);
    }
    const Step step = judge(result);
    limit_replies();
    if (block->end > 0) {
        received.block = std::move(block);
    } else if (step == Step::failed || failed_) {
        received.error = EPROTO;
    }
    return received;
}

void Session::limit_replies() noexcept {
    if (!output_ || output_->filled().size() <= most_unsent_control) return;
    failed_ = true;
    fault_ = Fault::protocol;
    failure_ = "too many messages that want a reply";
}

bool Session::has_pending() const noexcept {
    return input_ || SSL_has_pending(ssl_.get()) != 0;
}

bool Session::absorb_unasked() noexcept {
    do {
        if (!input_ && socket_.has_pending()) input_ = socket_.take_pending();
        char first = 0;
        std::size_t read = 0;
        ERR_clear_error();
        // What wants more has read all there was.
        if (judge(SSL_peek_ex(ssl_.get(), &first, 1, &read)) != Step::wants_input) return false;
        limit_replies();
    } while (socket_.has_pending() && !failed_);
    return !socket_.input_ended() && !failed_;
}

// --- sending ---

io::Task<int> Session::send(iovec* pieces, unsigned count, Duration stall_limit) {
    while (count > 0 && pieces->iov_len == 0) {
        ++pieces;
        --count;
    }
    while (count > 0 || output_) {
        if (!encrypt(pieces, count)) co_return EPROTO;
        const int error = co_await flush(stall_limit);
        if (error != 0) co_return error;
    }
    co_return 0;
}

/// As many records as one block holds.
bool Session::encrypt(iovec*& pieces, unsigned& count) noexcept {
    io::BufferPool& pool = socket_.ring().buffers();
    const std::size_t left = total(pieces, count);
    if (!output_) {
        const bool is_long = left + record_overhead > io::BufferPool::small_capacity;
        output_ = is_long ? pool.large() : pool.small();
    } else {
        pool.make_room(output_, std::min(left, most_in_record) + record_overhead);
    }
    while (count > 0) {
        const std::size_t room = output_->free_size();
        if (room <= record_overhead) break;
        const std::size_t most = std::min(most_in_record, room - record_overhead);
        // What does not fill a record waits for the next block, where it may.
        if (most < most_in_record && total(pieces, count) > most) break;
        if (!encrypt_record(pieces, count, most)) return false;
    }
    return true;
}

bool Session::encrypt_record(iovec*& pieces, unsigned& count, std::size_t most) noexcept {
    ERR_clear_error();
    std::size_t written = 0;
    if (count == 1 || pieces->iov_len >= most) {
        const std::size_t size = std::min(pieces->iov_len, most);
        if (judge(SSL_write_ex(ssl_.get(), pieces->iov_base, size, &written)) != Step::done)
            return false;
        take_front(pieces, count, size);
        return true;
    }
    // A head and the first of its body, or a chunk with its frame: one record.
    const io::BlockRef gathered = socket_.ring().buffers().small();
    most = std::min<std::size_t>(most, gathered->capacity);
    while (count > 0 && gathered->end < most) {
        const std::size_t size = std::min(pieces->iov_len, most - gathered->end);
        gathered->append({static_cast<const char*>(pieces->iov_base), size});
        take_front(pieces, count, size);
    }
    return judge(SSL_write_ex(ssl_.get(), gathered->data(), gathered->end, &written)) == Step::done;
}

void Session::say_goodbye() noexcept {
    if (!established_ || failed_ || std::exchange(said_goodbye_, true)) return;
    ERR_clear_error();
    SSL_shutdown(ssl_.get());
    if (!output_) return;
    const std::string_view bytes = output_->filled();
    ::send(socket_.fd(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    output_.reset();
}

// --- what was agreed on ---

std::string_view Session::alpn() const noexcept {
    const unsigned char* name = nullptr;
    unsigned size = 0;
    SSL_get0_alpn_selected(ssl_.get(), &name, &size);
    return {reinterpret_cast<const char*>(name), size};
}

bool Session::was_resumed() const noexcept {
    return SSL_session_reused(ssl_.get()) != 0;
}

std::string_view Session::version() const noexcept {
    return SSL_get_version(ssl_.get());
}

std::string_view Session::cipher() const noexcept {
    return SSL_get_cipher_name(ssl_.get());
}

}  // namespace penstock::net::tls
