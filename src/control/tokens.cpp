#include "control/tokens.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "base/bytes.hpp"
#include "base/log.hpp"

namespace penstock::control {

namespace {

constexpr std::size_t most_bytes = 64 * 1024;
constexpr std::size_t longest_name = 64;

bool is_printable(char c) noexcept {
    return c > 0x20 && c < 0x7f;
}

bool is_blank(char c) noexcept {
    return c == ' ' || c == '\t';
}

/// The next word, taken off `rest` with the blanks around it.
std::string_view take_word(std::string_view& rest) {
    rest = trim_ows(rest);
    const auto end = std::find_if(rest.begin(), rest.end(), is_blank);
    const std::string_view word(rest.begin(), end);
    rest = trim_ows(rest.substr(word.size()));
    return word;
}

bool digest_of(std::string_view token, std::array<unsigned char, 32>& digest) noexcept {
    return EVP_Digest(token.data(), token.size(), digest.data(), nullptr, EVP_sha256(), nullptr) ==
           1;
}

/// A slip in "read-only" must not give a token that may write, named after the slip.
bool looks_like_access(std::string_view word) {
    const std::string lower = to_lower(word);
    return lower.starts_with("read") || lower == "ro" || lower == "rw" ||
           lower.starts_with("write");
}

/// What is wrong with the line; empty: nothing.
std::string_view parse_line(std::string_view line, Token& token) {
    const std::string_view text = take_word(line);
    if (text.size() < shortest_token) return "a token has at least 16 characters";
    if (!std::all_of(text.begin(), text.end(), is_printable))
        return "a token is of printable ASCII characters";
    std::string_view rest = line;
    const std::string_view access = take_word(rest);
    if (access == "read-only" || access == "read-write") {
        token.may_write = access == "read-write";
        line = rest;
    } else if (looks_like_access(access)) {
        return "after the token stands read-only, read-write or a name";
    }
    if (line.size() > longest_name) return "a name has at most 64 characters";
    if (!std::all_of(line.begin(), line.end(), [](char c) { return c == ' ' || is_printable(c); }))
        return "a name is of printable ASCII characters";
    token.name = line;
    return digest_of(text, token.digest) ? "" : "SHA-256 is not to be had";
}

/// The token of "Bearer TOKEN"; empty where it is anything else.
std::string_view bearer_of(std::string_view authorization) {
    const std::string_view scheme = take_word(authorization);
    return equals_lower(scheme, "bearer") ? authorization : std::string_view();
}

}  // namespace

Result<std::vector<Token>> parse_tokens(std::string_view text) {
    std::vector<Token> tokens;
    for (std::size_t number = 1; !text.empty(); ++number) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        std::string_view line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (line.ends_with('\r')) line.remove_suffix(1);
        line = trim_ows(line);
        if (line.empty() || line.front() == '#') continue;
        Token token;
        std::string_view fault = parse_line(line, token);
        for (const Token& other : tokens) {
            if (fault.empty() && other.digest == token.digest)
                fault = "this token stands here twice";
        }
        if (!fault.empty()) return Failure{Error{fmt::format("line {}: {}", number, fault)}};
        if (token.name.empty()) token.name = fmt::format("token {}", tokens.size() + 1);
        tokens.push_back(std::move(token));
    }
    if (tokens.empty()) return Failure{Error{"there is no token in it"}};
    return tokens;
}

const Token* find_token(const std::vector<Token>& tokens, std::string_view given) {
    std::array<unsigned char, 32> digest{};
    if (!digest_of(given, digest)) return nullptr;
    const Token* found = nullptr;
    for (const Token& token : tokens) {
        if (CRYPTO_memcmp(token.digest.data(), digest.data(), digest.size()) == 0) found = &token;
    }
    cleanse(digest.data(), digest.size());
    return found;
}

Result<TokenFile> TokenFile::open(std::string path) {
    TokenFile file(std::move(path));
    if (auto read = file.read(); !read) return Failure{read.error()};
    return file;
}

Result<void> TokenFile::read() {
    auto file = read_secret_file(path_, most_bytes, FilePrivacy::private_);
    if (!file) return Failure{file.error()};
    auto tokens = parse_tokens(file->text.view());
    if (!tokens) return Failure{tokens.error()};
    tokens_ = std::move(*tokens);
    return {};
}

/// Where the file has become bad, those that were good stay: nobody is let in, and nobody who was
/// is locked out, by a slip.
void TokenFile::refresh() {
    const auto version = FileVersion::of(path_);
    if (version && version_ && *version == *version_) return;
    if (!version && complained_) return;  // it has vanished, and that has been said
    version_ = version && version->is_settled() ? version : std::nullopt;
    const auto done = read();
    if (done) {
        complained_ = false;
    } else if (!std::exchange(complained_, true)) {
        log(LogLevel::error, "the admin token file cannot be used; the tokens it had stay",
            {{"file", std::string_view(path_)},
             {"reason", std::string_view(done.error().message)}});
    }
}

std::optional<Caller> TokenFile::identify(std::string_view authorization) {
    refresh();
    const Token* const token = find_token(tokens_, bearer_of(authorization));
    if (token == nullptr) return std::nullopt;
    return Caller{.name = token->name, .may_write = token->may_write};
}

}  // namespace penstock::control
