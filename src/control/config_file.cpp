#include "control/config_file.hpp"

#include <algorithm>
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
#include "control/store/memory.hpp"
#include "io/timer_wheel.hpp"
#include "model/json_location.hpp"
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

std::string line_at(const std::string& path, model::TextPlace place, std::string_view what) {
    return fmt::format("{}:{}:{}: {}", path, place.line, place.column, what);
}

ConfigErrors lines_of(const std::string& path, std::string_view text,
                      const model::FieldErrors& errors) {
    model::JsonLocations locations(text);
    ConfigErrors lines;
    // Each costs a walk through the text.
    const std::size_t shown = std::min(errors.size(), model::most_errors);
    for (std::size_t i = 0; i < shown; ++i) {
        const model::FieldError& error = errors[i];
        const std::string_view separator = error.pointer.empty() ? "" : ": ";
        lines.push_back(line_at(path, locations.of(error.pointer),
                                fmt::format("{}{}{}", error.pointer, separator, error.detail)));
    }
    if (shown < errors.size())
        lines.push_back(fmt::format("{}: and {} more", path, errors.size() - shown));
    return lines;
}

ConfigErrors lines_of(const std::string& path, const model::SyntaxError& error) {
    if (error.line == 0) return {fmt::format("{}: {}", path, error.message)};
    return {line_at(path, {error.line, error.column}, error.message)};
}

Result<SecretText, ConfigErrors> read_document_file(const std::string& path) {
    auto text = read_file(path);
    if (!text) return Failure{ConfigErrors{fmt::format("{}: {}", path, text.error().message)}};
    return std::move(*text);
}

/// Returns the epoch.
Result<std::uint64_t, ConfigErrors> apply_text(const std::string& path, std::string_view text,
                                               Configuration& configuration,
                                               Configuration::Mode mode,
                                               std::vector<RowChange> rows) {
    auto document = model::draft_config(text);
    if (!document) return Failure{lines_of(path, document.error())};
    const auto outcome = apply_document(
        std::move(*document), configuration, mode,
        {.what = "the configuration file", .by = "--config", .rows = std::move(rows)}, nullptr);
    if (outcome) return *outcome;
    const Refusal& refusal = outcome.error();
    if (!refusal.errors.empty()) return Failure{lines_of(path, text, refusal.errors)};
    return Failure{ConfigErrors{fmt::format("{}: {}", path, refusal.detail)}};
}

bool is_configured(const Configuration& configuration) {
    return !configuration.routes().empty() || !configuration.auth_providers().empty() ||
           !configuration.certificates().domains().empty();
}

}  // namespace

Result<std::uint64_t, ConfigErrors> apply_config_file(const std::string& path, FileUse use,
                                                      Configuration& configuration, Store& store) {
    const auto text = read_document_file(path);
    if (!text) return Failure{text.error()};
    const std::string hash = entity_tag(text->view());
    if (use == FileUse::when_new && is_configured(configuration)) {
        const auto applied = applied_file(store);
        if (!applied) return Failure{ConfigErrors{applied.error().message}};
        if (*applied == hash) return std::uint64_t{0};
    }
    return apply_text(path, text->view(), configuration, Configuration::Mode::apply_at_once,
                      {applied_file_row(hash)});
}

Result<void, ConfigErrors> check_config_file(const std::string& path) {
    const auto text = read_document_file(path);
    if (!text) return Failure{text.error()};
    MemoryStore store;
    snapshot::Publisher publisher;
    ControlEvents events;
    io::TimerWheel timers(Clock::now());
    Names names(timers, [](const std::string&) {});  // a check looks none up
    Configuration configuration(store, publisher, events, names);
    // Applied, to this empty one: a check would ask for names to be looked up first.
    const auto applied =
        apply_text(path, text->view(), configuration, Configuration::Mode::apply_at_once, {});
    if (!applied) return Failure{applied.error()};
    return {};
}

}  // namespace penstock::control
