// FieldValues: what `--set FIELD=VALUE` says, as the body of a request.
//
// Plain values, any thread.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <penstock/result.hpp>

namespace penstock::ctl {

class FieldValues {
  public:
    /// Of one member, by its name; the value is taken as text.
    void set_text(std::string_view name, std::string_view value);
    /// The value is JSON.
    void set_json(std::string_view name, std::string value);
    /// "retries=3", "health.maxFails=2" (a field of a field), "caCert=@FILE" (the file's text).
    /// What is no JSON is a string. The error is one line.
    Result<void> set(std::string_view assignment);

    /// An object, in the order that its fields were first named in.
    std::string json() const;

  private:
    struct Member {
        std::string name;
        std::string json;             // of a leaf
        std::vector<Member> members;  // of an object
    };

    static Member& member(std::vector<Member>& members, std::string_view name);
    static void write(std::string& out, const std::vector<Member>& members);

    std::vector<Member> members_;
};

}  // namespace penstock::ctl
