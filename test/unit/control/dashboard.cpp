// The dashboard's files as the API serves them, and what may not stand in them.
#include <algorithm>
#include <regex>
#include <set>

#include "control/dashboard_files.hpp"
#include "fixture.hpp"

using namespace penstock::control;

namespace {

bool contains(std::string_view text, std::string_view part) {
    return text.find(part) != std::string_view::npos;
}

/// The first group of every match.
std::set<std::string> matches(std::string_view text, const char* pattern) {
    const std::regex expression(pattern);
    const std::string whole(text);
    std::set<std::string> found;
    for (std::sregex_iterator at(whole.begin(), whole.end(), expression), end; at != end; ++at)
        found.insert((*at)[1].str());
    return found;
}

std::string_view content_of(std::string_view name) {
    for (const DashboardFile& file : dashboard_files())
        if (file.name == name) return file.content;
    FAIL("no file " << name);
    return {};
}

}  // namespace

TEST_CASE_METHOD(ApiFixture, "the dashboard is at /, and its parts below /dashboard/",
                 "[control]") {
    const ApiResponse page = ask("GET", "/");
    CHECK(status(page) == 200);
    CHECK(page.content_type == "text/html; charset=utf-8");
    CHECK(page.body == content_of("index.html"));
    CHECK(contains(page.body, "<title>Penstock</title>"));
    for (const DashboardFile& file : dashboard_files()) {
        CAPTURE(file.name);
        const ApiResponse part = ask("GET", "/dashboard/" + std::string(file.name));
        CHECK(status(part) == 200);
        CHECK(part.body == file.content);
        const std::string_view ending = file.name.substr(file.name.rfind('.'));
        CHECK(part.content_type == (ending == ".js"    ? "text/javascript; charset=utf-8"
                                    : ending == ".css" ? "text/css; charset=utf-8"
                                    : ending == ".svg" ? "image/svg+xml"
                                                       : "text/html; charset=utf-8"));
    }
}

TEST_CASE_METHOD(ApiFixture, "the dashboard's policy allows its own files and nothing inline",
                 "[control]") {
    for (const char* target : {"/", "/dashboard/main.js", "/dashboard/icon.svg"}) {
        CAPTURE(target);
        const ApiResponse part = ask("GET", target);
        const std::string policy = field(part, "Content-Security-Policy");
        for (const char* directive :
             {"default-src 'none'", "script-src 'self'", "style-src 'self'",
              "img-src 'self' data:", "connect-src 'self'", "base-uri 'none'", "form-action 'none'",
              "frame-ancestors 'none'", "require-trusted-types-for 'script'",
              "trusted-types 'none'"}) {
            CHECK(contains("; " + policy + ";", "; " + std::string(directive) + ";"));
        }
        CHECK_FALSE(contains(policy, "unsafe"));
        CHECK(field(part, "Referrer-Policy") == "no-referrer");
        CHECK(field(part, "Cache-Control") == "no-cache");
        CHECK(field(part, "X-Frame-Options") == "DENY");
        CHECK(field(part, "Cross-Origin-Resource-Policy") == "same-origin");
        CHECK(field(part, "Cross-Origin-Opener-Policy") == "same-origin");
    }
}

TEST_CASE_METHOD(ApiFixture, "the dashboard's files have strong entity tags", "[control]") {
    const std::string tag = field(ask("GET", "/"), "ETag");
    CHECK(tag.starts_with('"'));
    CHECK(field(ask("GET", "/dashboard/main.js"), "ETag") != tag);
    for (const std::string_view method : {"GET", "HEAD"}) {
        const ApiResponse same =
            ask_with(method, "/", "", [&](ApiRequest& request) { request.if_none_match = tag; });
        CHECK(status(same) == 304);
        CHECK(same.body.empty());
        CHECK(field(same, "ETag") == tag);
        CHECK(field(same, "Cache-Control") == "no-cache");
        CHECK(field(same, "Content-Security-Policy") != "(none)");
    }
    const ApiResponse other = ask_with(
        "GET", "/", "", [](ApiRequest& request) { request.if_none_match = "\"another\""; });
    CHECK(status(other) == 200);
}

TEST_CASE_METHOD(ApiFixture, "the dashboard is read, and nothing else is there", "[control]") {
    CHECK(status(ask("HEAD", "/")) == 200);
    for (const char* target : {"/", "/dashboard/main.js"}) {
        for (const char* method : {"POST", "PUT", "PATCH", "DELETE", "OPTIONS"}) {
            const ApiResponse refused = ask(method, target);
            CHECK(status(refused) == 405);
            CHECK(field(refused, "Allow") == "GET, HEAD");
        }
    }
    for (const char* target : {"/dashboard", "/dashboard/", "/dashboard/none.js", "/index.html",
                               "/dashboard/..%2f..%2fmeson.build", "/dashboard/a/main.js", "/x"}) {
        CAPTURE(target);
        CHECK(status(ask("GET", target)) == 404);
    }
    CHECK(status(ask("GET", "/?a=b")) == 400);
}

TEST_CASE_METHOD(ApiFixture, "the dashboard is for the API's own Host and Origin", "[control]") {
    const auto with = [&](auto change) { return status(ask_with("GET", "/", "", change)); };
    CHECK(with([](ApiRequest& request) { request.host = "evil.example"; }) == 403);
    CHECK(with([](ApiRequest& request) { request.origin = "http://evil.example"; }) == 403);
    CHECK(with([](ApiRequest& request) { request.origin = "http://127.0.0.1:9080"; }) == 200);
}

TEST_CASE("every file that the dashboard asks for is in the program", "[control]") {
    std::set<std::string> wanted;
    for (const DashboardFile& file : dashboard_files()) {
        wanted.merge(matches(file.content, "(?:src|href)=\"/dashboard/([^\"]+)\""));
        wanted.merge(matches(file.content, "from '\\./([^']+)'"));
    }
    CHECK(wanted.size() > 20);
    std::set<std::string> there;
    for (const DashboardFile& file : dashboard_files()) there.emplace(file.name);
    wanted.insert("index.html");
    CHECK(wanted == there);
}

TEST_CASE("the dashboard holds no other origin, nothing inline and no way from text to markup",
          "[control]") {
    for (const DashboardFile& file : dashboard_files()) {
        CAPTURE(file.name);
        CHECK(std::count(file.content.begin(), file.content.end(), '\n') < 300);
        for (const std::string& host : matches(file.content, "((?:https?|wss?)://[^'\"/ ]*)"))
            CHECK(host == "http://www.w3.org");  // a name, asked for nowhere
        for (const char* banned :
             {"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "DOMParser",
              "eval(", "Function(", "style=\"", "javascript:", "url(", "@import"}) {
            CHECK_FALSE(contains(file.content, banned));
        }
    }
    CHECK(
        matches(content_of("index.html"), "(<script(?! (?:type=\"module\" )?src=)[^>]*>)").empty());
    CHECK(matches(content_of("index.html"), "( on[a-z]+=)").empty());
    CHECK_FALSE(contains(content_of("index.html"), "<style"));
}
