#include "control/config_file.hpp"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <utility>

#include <fmt/format.h>

#include "base/secret.hpp"
#include "control/config_document.hpp"
#include "control/node_state.hpp"
#include "control/preconditions.hpp"
#include "model/route.hpp"

namespace penstock::control {

namespace {

constexpr std::size_t most_bytes = 64 * 1024 * 1024;

/// Keys are in it.
Result<SecretText> read_file(const std::string& path) {
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rbe"),
                                                               std::fclose);
    if (!file) return Failure{Error{std::strerror(errno)}};
    std::setbuf(file.get(), nullptr);  // no copy that is not ours
    SecretText text;
    char part[65'536];
    while (const std::size_t size = std::fread(part, 1, sizeof(part), file.get())) {
        text.append({part, size});
        if (text.size() > most_bytes) break;
    }
    cleanse(part, sizeof(part));
    if (text.size() > most_bytes) return Failure{Error{"larger than 64 MiB"}};
    if (std::ferror(file.get()) != 0) return Failure{Error{std::strerror(errno)}};
    return {std::move(text)};
}

ConfigErrors lines_of(const std::string& path, const model::FieldErrors& errors) {
    ConfigErrors lines;
    for (const model::FieldError& error : errors) {
        const bool is_root = error.pointer.empty();
        lines.push_back(
            fmt::format("{}: {}{}{}", path, error.pointer, is_root ? "" : ": ", error.detail));
    }
    return lines;
}

bool is_configured(const Configuration& configuration) {
    return !configuration.routes().empty() || !configuration.certificates().domains().empty();
}

}  // namespace

Result<std::uint64_t, ConfigErrors> apply_config_file(const std::string& path, FileUse use,
                                                      Configuration& configuration, Store& store) {
    const auto text = read_file(path);
    if (!text) return Failure{ConfigErrors{fmt::format("{}: {}", path, text.error().message)}};
    const std::string hash = entity_tag(text->view());
    if (use == FileUse::when_new && is_configured(configuration)) {
        const auto applied = applied_file(store);
        if (!applied) return Failure{ConfigErrors{applied.error().message}};
        if (*applied == hash) return std::uint64_t{0};
    }
    auto document = model::draft_config(text->view());
    if (!document)
        return Failure{ConfigErrors{fmt::format("{}: {}", path, document.error().text())}};
    const auto outcome = apply_document(
        std::move(*document), configuration, Configuration::Mode::apply_at_once,
        {.what = "the configuration file", .by = "--config", .rows = {applied_file_row(hash)}},
        nullptr);
    if (outcome) return *outcome;
    const Refusal& refusal = outcome.error();
    if (!refusal.errors.empty()) return Failure{lines_of(path, refusal.errors)};
    return Failure{ConfigErrors{fmt::format("{}: {}", path, refusal.detail)}};
}

}  // namespace penstock::control
