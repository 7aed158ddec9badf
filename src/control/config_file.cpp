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
#include "model/json_document.hpp"
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

/// True where the store has something of a configuration.
Result<bool> is_configured(Store& store) {
    for (const RowKind kind : {RowKind::route, RowKind::certificate, RowKind::auth_provider}) {
        const auto rows = store.rows(kind);
        if (!rows) return Failure{rows.error()};
        if (!rows->empty()) return true;
    }
    return false;
}

/// True where the file of that hash is to be applied.
Result<bool> is_to_be_used(const std::string& hash, FileUse use, Store& store) {
    if (use == FileUse::always) return true;
    const auto configured = is_configured(store);
    if (!configured) return configured;
    if (!*configured) return true;
    const auto applied = applied_file(store);
    if (!applied) return Failure{applied.error()};
    return *applied != hash;
}

Result<model::ProcessFlags, ConfigErrors> process_of_file(const std::string& path,
                                                          std::string_view text,
                                                          const model::ProcessCheck& check) {
    auto document = model::draft_config(text);
    if (!document) return Failure{lines_of(path, document.error())};
    model::FieldErrors errors = std::move(document->errors);
    std::erase_if(errors,
                  [](const auto& error) { return !model::points_into(error.pointer, "/process"); });
    model::add_new(errors, check(document->value.process));
    if (!errors.empty()) return Failure{lines_of(path, text, errors)};
    return std::move(document->value.process);
}

Result<model::ProcessFlags, ConfigErrors> stored_process(Store& store,
                                                         const model::ProcessCheck& check) {
    const auto rows = store.rows(RowKind::process);
    if (!rows) return Failure{ConfigErrors{rows.error().message}};
    if (rows->empty()) return model::ProcessFlags();
    const auto document = model::JsonDocument::parse(rows->front().value);
    if (!document) return Failure{ConfigErrors{"the stored process is no JSON"}};
    model::FieldErrors errors;
    auto process = model::read_process(document->root(), "/process", errors);
    model::add_new(errors, check(process));
    if (errors.empty()) return process;
    ConfigErrors lines;
    for (const auto& error : errors)
        lines.push_back(
            fmt::format("the stored configuration: {}: {}", error.pointer, error.detail));
    return Failure{std::move(lines)};
}

}  // namespace

std::string join(const ConfigErrors& lines) {
    std::string text;
    for (const std::string& line : lines) {
        if (!text.empty()) text.append("\npenstock: ");
        text.append(line);
    }
    return text;
}

Result<std::uint64_t, ConfigErrors> apply_config_file(const std::string& path, FileUse use,
                                                      Configuration& configuration, Store& store) {
    const auto text = read_document_file(path);
    if (!text) return Failure{text.error()};
    const std::string hash = entity_tag(text->view());
    const auto used = is_to_be_used(hash, use, store);
    if (!used) return Failure{ConfigErrors{used.error().message}};
    if (!*used) return std::uint64_t{0};
    return apply_text(path, text->view(), configuration, Configuration::Mode::apply_at_once,
                      {applied_file_row(hash)});
}

Result<void, ConfigErrors> check_config_file(const std::string& path,
                                             const model::ProcessCheck& check_process) {
    const auto text = read_document_file(path);
    if (!text) return Failure{text.error()};
    MemoryStore store;
    snapshot::Publisher publisher;
    ControlEvents events;
    io::TimerWheel timers(Clock::now());
    Names names(timers, [](const std::string&) {});  // a check looks none up
    Configuration configuration(store, publisher, events, names);
    configuration.check_process_by(check_process);
    // Applied, to this empty one: a check would ask for names to be looked up first.
    const auto applied =
        apply_text(path, text->view(), configuration, Configuration::Mode::apply_at_once, {});
    if (!applied) return Failure{applied.error()};
    return {};
}

Result<model::ProcessFlags, ConfigErrors> process_to_start_with(
    const std::optional<std::string>& file, FileUse use, Store& store,
    const model::ProcessCheck& check) {
    if (!file) return stored_process(store, check);
    const auto text = read_document_file(*file);
    if (!text) return Failure{text.error()};
    const auto used = is_to_be_used(entity_tag(text->view()), use, store);
    if (!used) return Failure{ConfigErrors{used.error().message}};
    return *used ? process_of_file(*file, text->view(), check) : stored_process(store, check);
}

}  // namespace penstock::control
