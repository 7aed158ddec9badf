// Client: the API, called from a program that has nothing else to do meanwhile.
//
// Main thread only. Runs a loop of its own (epoll, which every kernel allows) for as long as a call
// takes. A token is read from its file once, and is in no message.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <penstock/result.hpp>

#include "base/clock.hpp"
#include "base/secret.hpp"
#include "ctl/api_call.hpp"
#include "ctl/endpoint.hpp"
#include "ctl/message.hpp"
#include "io/ring.hpp"

namespace penstock::ctl {

/// As the command line and the environment have them.
struct ConnectionOptions {
    std::string admin = "http://127.0.0.1:9080";
    std::string token_file;
    std::string ca;  // file names, PEM; empty: none
    std::string client_cert;
    std::string client_key;
    std::string server_name;  // that the server's certificate has to bear, where it is not the host
    Duration timeout = std::chrono::seconds(30);
};

class Interruption;

class Client {
  public:
    /// Reads files and looks the host's name up; connects to nobody. The error is one line.
    static Result<std::unique_ptr<Client>> create(const ConnectionOptions& options);
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;
    ~Client();

    /// Whatever status it has. The error is one line that names the URL.
    Result<Answer> ask(const Request& request);
    /// The same, where the body of a 200 goes to `take` piece by piece, until that says false.
    Result<Answer> follow(const Request& request, const ApiCall::TakePiece& take);

    /// From here on SIGINT and SIGTERM end calls and sleeps, and not the process.
    void catch_interrupts();
    bool is_interrupted() const noexcept;
    /// False where it was interrupted.
    bool sleep(Duration duration);

    const std::string& url() const noexcept { return endpoint_.url; }
    /// How long what is followed may say nothing.
    void expect_silence(Duration longest) noexcept;
    /// For as long as a person does not notice: completion.
    void limit_patience(Duration patience) noexcept;
    /// For an answer that takes its time: at least this long.
    void extend_patience(Duration patience) noexcept;

  private:
    Client(Endpoint endpoint, std::unique_ptr<io::Ring> ring);

    Result<void> set_up_tls(const ConnectionOptions& options);
    Result<void> read_token(const std::string& path);
    Result<void> find_addresses();
    Result<void> check_token_stays_private() const;
    Result<Answer> call(const Request& request, const ApiCall::TakePiece& take);

    Endpoint endpoint_;
    std::unique_ptr<io::Ring> ring_;
    Callee callee_;
    SecretText credentials_;
    std::unique_ptr<Interruption> interruption_;
};

}  // namespace penstock::ctl
