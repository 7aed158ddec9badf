// AdminTls: the admin side's certificate, key and client CA out of files, read again when they
// change.
//
// Control thread only. Where a file has become bad, what was good stays.
#pragma once

#include <array>
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

  private:
    /// Of what was read, good or bad; empty where the file was not there, or had just changed.
    using Versions = std::array<std::optional<FileVersion>, 3>;

    explicit AdminTls(AdminTlsFiles files) : files_(std::move(files)) {}
    Result<void> read();
    Versions versions() const;

    AdminTlsFiles files_;
    Versions versions_;
    TimePoint next_look_{};
    std::shared_ptr<const net::tls::FixedServerContext> context_;
};

}  // namespace penstock::control
