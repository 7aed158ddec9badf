#include "control/store/memory_content.hpp"

#include <cerrno>
#include <cstring>

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/secret.hpp"

namespace penstock::control {

namespace {

constexpr std::string_view mark = "penstock memory store 1\n";

Failure<Error> failed(const char* what) {
    return Failure{Error{std::string(what) + ": " + std::strerror(errno)}};
}

/// Numbers and texts one after the other; whoever reads them knows which comes next.
class Writer {
  public:
    void put(std::uint64_t number) {
        bytes_.append({reinterpret_cast<const char*>(&number), sizeof(number)});
    }
    void put(std::string_view text) {
        put(std::uint64_t{text.size()});
        bytes_.append(text);
    }
    void put(const MemoryContent::Key& key) {
        put(static_cast<std::uint64_t>(key.first));
        put(std::string_view(key.second));
    }
    void put_mark() { bytes_.append(mark); }
    std::string_view bytes() const noexcept { return bytes_.view(); }

  private:
    SecretText bytes_;
};

class Reader {
  public:
    explicit Reader(std::string_view bytes) : left_(bytes) {}

    bool is_good() const noexcept { return good_; }
    bool is_at_end() const noexcept { return good_ && left_.empty(); }
    std::string_view raw(std::uint64_t size) {
        good_ = good_ && size <= left_.size();
        if (!good_) return {};
        const std::string_view taken = left_.substr(0, size);
        left_.remove_prefix(size);
        return taken;
    }
    std::uint64_t number() {
        std::uint64_t value = 0;
        const std::string_view bytes = raw(sizeof(value));
        if (good_) std::memcpy(&value, bytes.data(), sizeof(value));
        return value;
    }
    std::string text() { return std::string(raw(number())); }
    MemoryContent::Key key() {
        const std::uint64_t kind = number();
        good_ = good_ && kind < row_kind_names.size();
        return {static_cast<RowKind>(kind), text()};
    }

  private:
    std::string_view left_;
    bool good_ = true;
};

bool write_all(int fd, std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t written = ::write(fd, bytes.data(), bytes.size());
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return false;
        bytes.remove_prefix(static_cast<std::size_t>(written));
    }
    return true;
}

/// The file as memory, for as long as this lives; empty where it cannot be had.
class Mapped {
  public:
    explicit Mapped(int fd) noexcept {
        struct stat status {};
        if (::fstat(fd, &status) != 0 || status.st_size == 0) return;
        void* const at = ::mmap(nullptr, static_cast<std::size_t>(status.st_size), PROT_READ,
                                MAP_PRIVATE, fd, 0);
        if (at == MAP_FAILED) return;
        bytes_ = {static_cast<const char*>(at), static_cast<std::size_t>(status.st_size)};
    }
    Mapped(const Mapped&) = delete;
    Mapped& operator=(const Mapped&) = delete;
    ~Mapped() {
        if (!bytes_.empty()) ::munmap(const_cast<char*>(bytes_.data()), bytes_.size());
    }
    std::string_view bytes() const noexcept { return bytes_; }

  private:
    std::string_view bytes_;
};

MemoryContent::Kept read_kept(Reader& reader) {
    MemoryContent::Kept kept;
    kept.revision.number = reader.number();
    kept.revision.unix_ms = reader.number();
    kept.revision.what = reader.text();
    kept.revision.by = reader.text();
    for (std::uint64_t left = reader.number(); left > 0 && reader.is_good(); --left) {
        auto key = reader.key();
        const bool was_there = reader.number() != 0;
        auto value = reader.text();
        kept.before.emplace(std::move(key),
                            was_there ? std::optional(std::move(value)) : std::nullopt);
    }
    return kept;
}

}  // namespace

Result<int> write_content(const MemoryContent& content) {
    Writer writer;
    writer.put_mark();
    writer.put(std::uint64_t{content.rows.size()});
    for (const auto& [key, value] : content.rows) {
        writer.put(key);
        writer.put(std::string_view(value));
    }
    writer.put(std::uint64_t{content.revisions.size()});
    for (const auto& [revision, before] : content.revisions) {
        writer.put(revision.number);
        writer.put(revision.unix_ms);
        writer.put(std::string_view(revision.what));
        writer.put(std::string_view(revision.by));
        writer.put(std::uint64_t{before.size()});
        for (const auto& [key, value] : before) {
            writer.put(key);
            writer.put(std::uint64_t{value.has_value()});
            writer.put(std::string_view(value ? *value : std::string()));
        }
    }
    const int fd = ::memfd_create("penstock-store", MFD_CLOEXEC);
    if (fd < 0) return failed("memfd_create");
    if (write_all(fd, writer.bytes())) return fd;
    auto failure = failed("the store's content");
    ::close(fd);
    return failure;
}

Result<MemoryContent> read_content(int fd) {
    const Mapped file(fd);
    Reader reader(file.bytes());
    const bool is_ours = reader.raw(mark.size()) == mark;
    MemoryContent content;
    for (std::uint64_t left = reader.number(); left > 0 && reader.is_good(); --left) {
        auto key = reader.key();
        content.rows.insert_or_assign(std::move(key), reader.text());
    }
    for (std::uint64_t left = reader.number(); left > 0 && reader.is_good(); --left)
        content.revisions.push_back(read_kept(reader));
    if (!is_ours || !reader.is_at_end())
        return Failure{Error{"the store's content is not what this version writes"}};
    return content;
}

}  // namespace penstock::control
