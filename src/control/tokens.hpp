// Tokens: who may use the API by what bearer token (RFC 6750), and whether to write.
//
// Control thread only. They come from a file, one a line, which is read again when it changes. The
// tokens themselves are not kept, only their SHA-256: they are long, so that it cannot be guessed
// what has it.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <penstock/result.hpp>

#include "control/message.hpp"
#include "control/secret_file.hpp"

namespace penstock::control {

inline constexpr std::size_t shortest_token = 16;

struct Token {
    std::array<unsigned char, 32> digest{};  // SHA-256
    std::string name;                        // for the audit; printable ASCII
    bool may_write = true;
};

/// `TOKEN [read-only|read-write] [NAME]` a line; empty ones and those that begin with # say
/// nothing. The error names the line, and quotes nothing of it.
Result<std::vector<Token>> parse_tokens(std::string_view text);

/// The one that `given` is; null: none. Takes as long whichever it is, or none.
const Token* find_token(const std::vector<Token>& tokens, std::string_view given);

class TokenFile {
  public:
    static Result<TokenFile> open(std::string path);

    /// The bearer of an Authorization field's value. Empty where it names no token of the file.
    std::optional<Caller> identify(std::string_view authorization);

  private:
    explicit TokenFile(std::string path) : path_(std::move(path)) {}
    Result<void> read();
    void refresh();

    std::string path_;
    std::vector<Token> tokens_;           // the last good ones
    std::optional<FileVersion> version_;  // of what was read last, good or bad
    bool complained_ = false;             // since the file was good
};

}  // namespace penstock::control
