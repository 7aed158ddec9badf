// Landlock: which files this thread, and all that it starts from now on, may still reach
// (landlock(7), Linux 5.13).
//
// It only ever narrows, also over execve(2). Rules name inodes: a directory's hold for whatever
// comes to lie below it, a file's end when another takes its name.
#pragma once

#include <cstdint>
#include <string>

#include <penstock/result.hpp>

namespace penstock::app {

class Landlock {
  public:
    /// What may be done with a file, or with all below a directory.
    enum class Use : std::uint8_t {
        read,     // files read, directories listed
        replace,  // files of the directory removed and made, but not written
        change,   // files read, made, written and removed
        execute,  // files read and run
    };

    /// The kernel's version of it; 0: none, or it is switched off.
    static int version() noexcept;

    /// `may_reach_abstract`: Unix sockets in the abstract namespace of processes that are not
    /// restricted like this one.
    static Result<Landlock> create(bool may_reach_abstract);
    Landlock(Landlock&& other) noexcept;
    Landlock& operator=(Landlock&&) = delete;
    ~Landlock();

    /// What is not there is passed over.
    Result<void> allow(const std::string& path, Use use);
    /// For the calling thread. True: in force; false: as many are already as the kernel takes (16),
    /// which hold on.
    Result<bool> enforce();

  private:
    Landlock(int fd, int version) noexcept : fd_(fd), version_(version) {}

    int fd_;
    int version_;
};

}  // namespace penstock::app
