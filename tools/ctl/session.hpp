// Session: what a command works with: the API, and where its words go.
//
// Main thread. Commands are plain functions; what ends one early is thrown as a Refusal, which
// main() prints.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "ctl/client.hpp"
#include "ctl/json_view.hpp"
#include "ctl/message.hpp"
#include "ctl/table.hpp"
#include "model/json_document.hpp"

namespace penstock::ctl {

/// Ends a command: lines for stderr, and exit 1.
struct Refusal {
    std::vector<std::string> lines;
};

/// What a refused answer says: the problem document's title and detail, and a line for each field
/// that it names.
Refusal refusal_of(const Answer& answer);

/// What every command is told beside its own arguments.
struct CommonOptions {
    ConnectionOptions connection;
    bool is_json = false;
};

/// An answer, read.
struct Document {
    Answer answer;
    model::JsonDocument json;

    JsonView root() const { return JsonView(json.root()); }
    std::string_view tag() const { return answer.field("etag"); }
};

class Session {
  public:
    explicit Session(CommonOptions options);

    const CommonOptions& options() const noexcept { return options_; }
    bool is_json() const noexcept { return options_.is_json; }
    /// Made when it is first wanted.
    Client& client();

    // --- asking: whatever is not a success is a Refusal ---

    Answer ask(const Request& request);
    Document get(const std::string& path);
    /// Whatever status it has.
    Answer try_to(const Request& request);
    /// All of a list, page by page, as one JSON array; `key` names its items.
    Document get_list(const std::string& path, std::string_view key);
    static Document read(Answer answer);

    // --- telling ---

    bool has_colour() const noexcept { return has_colour_; }
    void print(std::string_view text);
    void print(const Table& table) { print(table.text(has_colour_)); }
    void print(const FactSheet& facts) { print(facts.text(has_colour_)); }
    /// JSON as the API gave it, with a line end.
    void print_json(std::string_view json);
    /// A line on stderr.
    void note(std::string_view line);
    /// The answer to a write: its JSON, or else these words.
    void report(const Answer& answer, std::string_view words);
    /// False where stdout did not take all.
    bool flush();

  private:
    CommonOptions options_;
    std::unique_ptr<Client> client_;
    bool has_colour_;
};

/// One path segment, or a value in a query.
std::string encoded(std::string_view text);

}  // namespace penstock::ctl
