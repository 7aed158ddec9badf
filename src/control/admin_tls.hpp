// AdminTls: the admin side's certificate, key and client CA out of files, read again when they
// change.
//
// Control thread only. Where a file has become bad, what was good stays.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include <penstock/result.hpp>

#include "base/clock.hpp"
#include "control/secret_file.hpp"
#include "net/tls/fixed_server_context.hpp"

namespace penstock::control {

struct AdminTlsFiles {
    std::string cert;
    std::string key;
    std::string client_ca;  // empty: clients need no certificate
};

class AdminTls {
  public:
    /// The error names the flag and the file.
    static Result<std::unique_ptr<AdminTls>> open(AdminTlsFiles files);

    /// For the next connection. Looks at the files at most once a second.
    const net::tls::FixedServerContext& context(TimePoint now);

    /// Another number whenever other clients are let in than before. Looks as context() does.
    std::uint64_t trust(TimePoint now);

  private:
    /// Empty where the file was not there, or could not be looked at.
    using Versions = std::array<std::optional<FileVersion>, 3>;

    explicit AdminTls(AdminTlsFiles files) : files_(std::move(files)) {}
    Result<void> read();
    Versions versions() const;
    void look(TimePoint now);

    AdminTlsFiles files_;
    /// Of what was looked at last, good or bad; empty at first, and where something had just
    /// changed: then it is read again.
    std::optional<Versions> seen_;
    TimePoint next_look_{};
    std::shared_ptr<const net::tls::FixedServerContext> context_;
    std::string authorities_;  // of the clients, as read
    std::uint64_t trust_ = 0;
};

}  // namespace penstock::control
