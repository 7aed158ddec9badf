#include "ctl/session.hpp"

#include <cstdio>
#include <cstdlib>
#include <utility>

#include <fmt/format.h>
#include <unistd.h>

#include "control/uri.hpp"
#include "ctl/terminal.hpp"

namespace penstock::ctl {

namespace {

/// Of a list: bounded, so that no answer is larger than it has to be.
constexpr int page = 1'000;

/// https://no-color.org: set and not empty.
bool wants_colour() {
    const char* no_color = std::getenv("NO_COLOR");
    const char* term = std::getenv("TERM");
    return ::isatty(STDOUT_FILENO) == 1 && (no_color == nullptr || *no_color == '\0') &&
           term != nullptr && std::string_view(term) != "dumb";
}

/// Without its brackets.
std::string_view items_of(std::string_view array) {
    const std::size_t begin = array.find('[');
    const std::size_t end = array.rfind(']');
    if (begin == std::string_view::npos || end == std::string_view::npos || end < begin) return {};
    return array.substr(begin + 1, end - begin - 1);
}

}  // namespace

std::string encoded(std::string_view text) {
    return control::percent_encode(text);
}

Refusal refusal_of(const Answer& answer) {
    const auto document = model::JsonDocument::parse(answer.body);
    if (!document) return {{fmt::format("the API answered {}", answer.status)}};
    const JsonView root(document->root());
    const std::string title = root["title"].text();
    const std::string detail = root["detail"].text();
    Refusal refusal;
    refusal.lines.push_back(
        printable(fmt::format("{} ({}){}{}", title.empty() ? "refused" : title, answer.status,
                              detail.empty() ? "" : ": ", detail)));
    for (const JsonView error : root["errors"].items()) {
        const std::string pointer = error["pointer"].text();
        refusal.lines.push_back(printable(
            fmt::format("{}: {}", pointer.empty() ? "/" : pointer, error["detail"].text())));
    }
    return refusal;
}

Session::Session(CommonOptions options)
    : options_(std::move(options)), has_colour_(!options_.is_json && wants_colour()) {}

Client& Session::client() {
    if (client_ == nullptr) {
        auto made = Client::create(options_.connection);
        if (!made) throw Refusal{{made.error().message}};
        client_ = std::move(*made);
    }
    return *client_;
}

Answer Session::try_to(const Request& request) {
    auto answer = client().ask(request);
    if (!answer) throw Refusal{{answer.error().message}};
    return std::move(*answer);
}

Answer Session::ask(const Request& request) {
    Answer answer = try_to(request);
    if (!answer.is_success()) throw refusal_of(answer);
    return answer;
}

Document Session::read(Answer answer) {
    auto json = model::JsonDocument::parse(answer.body);
    if (!json) throw Refusal{{"the answer is no JSON: " + json.error().text()}};
    return {std::move(answer), std::move(*json)};
}

Document Session::get(const std::string& path) {
    return read(ask({.method = "GET", .path = path, .body = {}, .fields = {}}));
}

Document Session::get_list(const std::string& path, std::string_view key) {
    Answer list;
    std::string& all = list.body;
    all = "[";
    std::string after;
    for (bool is_last = false; !is_last;) {
        const Document part =
            get(fmt::format("{}?limit={}{}{}", path, page, after.empty() ? "" : "&after=", after));
        const auto items = part.root().items();
        if (!items.empty() && all.size() > 1) all += ',';
        all += items_of(part.answer.body);
        is_last = items.size() < page;
        if (!is_last) after = encoded(items.back()[key].text());
    }
    all += ']';
    return read(std::move(list));
}

void Session::print(std::string_view text) {
    std::fwrite(text.data(), 1, text.size(), stdout);
}

void Session::print_json(std::string_view json) {
    print(json);
    if (!json.ends_with('\n')) print("\n");
}

void Session::note(std::string_view line) {
    std::fflush(stdout);
    std::fprintf(stderr, "penstockctl: %.*s\n", static_cast<int>(line.size()), line.data());
}

void Session::report(const Answer& answer, std::string_view words) {
    if (!is_json())
        print(fmt::format("{}\n", printable(words)));
    else if (!answer.body.empty())
        print_json(answer.body);
}

bool Session::flush() {
    return std::fflush(stdout) == 0 && std::ferror(stdout) == 0;
}

}  // namespace penstock::ctl
