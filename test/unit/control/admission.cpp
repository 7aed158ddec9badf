// Tokens in front of the API: what is asked in which order, and what the audit tells of it.
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include <unistd.h>

#include "fixture.hpp"

using namespace penstock::control;

namespace {

constexpr const char* writer = "Bearer writer-0123456789";
constexpr const char* reader = "Bearer reader-0123456789";

TokenFile tokens_of(std::string_view text) {
    char name[] = "/tmp/penstock-tokens-XXXXXX";
    const int fd = ::mkstemp(name);  // mode 0600
    REQUIRE(fd >= 0);
    REQUIRE(::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
    ::close(fd);
    auto tokens = TokenFile::open(name);
    ::unlink(name);
    REQUIRE(tokens);
    return std::move(*tokens);
}

class Guarded : public ApiFixture {
  public:
    Guarded() {
        penstock::configure_log(penstock::LogLevel::off, penstock::LogFormat::text);
        guarded.on_audit([this](const AuditRecord& record) {
            lines.push_back(record.caller.name + " " + std::string(record.request.method) + " " +
                            std::to_string(record.revision_before) + ">" +
                            std::to_string(record.revision_after) + " " +
                            std::to_string(penstock::http::code(record.status)));
        });
    }
    ~Guarded() { penstock::configure_log(penstock::LogLevel::info, penstock::LogFormat::text); }

    ApiRequest request(std::string_view method, std::string_view target, const char* token,
                       std::string_view body = "") {
        ApiRequest asked;
        asked.method = method;
        asked.target = target;
        asked.body = body;
        asked.host = "127.0.0.1:9080";
        asked.peer = "192.0.2.7";
        if (token != nullptr) asked.authorization = token;
        return asked;
    }
    ApiResponse with(const char* token, std::string_view method, std::string_view target,
                     std::string_view body = "") {
        return guarded.handle(request(method, target, token, body));
    }

    Api guarded{configuration, feed, metrics, AccessRules(),
                tokens_of("writer-0123456789 deploy\nreader-0123456789 read-only dashboard\n")};
    std::vector<std::string> lines;
};

}  // namespace

TEST_CASE_METHOD(Guarded, "without a token nothing can be told of what there is", "[control]") {
    for (const char* token : {static_cast<const char*>(nullptr), "Bearer wrong-0123456789",
                              "Basic d3JpdGVyOjAxMjM0NTY3ODk=", "Bearer writer-012345678"}) {
        for (const auto& [method, target] : std::vector<std::pair<const char*, const char*>>{
                 {"GET", "/api/v1/routes"},
                 {"GET", "/api/v1/nothing"},
                 {"PATCH", "/healthz/x"},
                 {"PUT", "/api/v1/routes"},
                 {"GET", "/healthz/"},
                 {"GET", "//healthz"},
                 {"GET", "/HEALTHZ"},
                 {"GET", "/api/v1/routes?token=writer-0123456789"},
                 {"LINK", "*"}}) {
            CAPTURE(token, method, target);
            const ApiResponse response = with(token, method, target);
            CHECK(status(response) == 401);
            CHECK(field(response, "WWW-Authenticate") == "Bearer");
            CHECK(response.content_type == "application/problem+json");
            CHECK(response.body.find("writer") == std::string::npos);
        }
    }
    CHECK(status(with(nullptr, "GET", "/healthz")) == 200);
    CHECK(status(with(nullptr, "GET", "/readyz")) == 503);
    CHECK(status(with(nullptr, "POST", "/healthz")) == 405);
}

TEST_CASE_METHOD(Guarded, "a foreign host or page is refused before its token is looked at",
                 "[control]") {
    ApiRequest foreign = request("GET", "/api/v1/routes", nullptr);
    foreign.host = "evil.example";
    CHECK(status(guarded.handle(foreign)) == 403);
    foreign = request("GET", "/api/v1/routes", writer);
    foreign.origin = "http://evil.example";
    CHECK(status(guarded.handle(foreign)) == 403);
}

TEST_CASE_METHOD(Guarded, "a read-only token reads", "[control]") {
    CHECK(status(with(reader, "GET", "/api/v1/routes")) == 200);
    CHECK(status(with(reader, "HEAD", "/api/v1/routes")) == 200);
    CHECK(status(with(reader, "GET", "/api/v1/nothing")) == 404);
    CHECK(status(with(reader, "POST", "/api/v1/nothing")) == 403);
    CHECK(status(with(reader, "POST", "/api/v1/routes", simple_route)) == 403);
    CHECK(status(with(reader, "POST", "/api/v1/routes?dryRun=true", simple_route)) == 403);
    CHECK(status(with(reader, "UNLINK", "/api/v1/routes")) == 403);
    CHECK(configuration.routes().empty());
}

TEST_CASE_METHOD(Guarded, "how large a body may be is told to those alone who may send it",
                 "[control]") {
    const auto admitted = [&](const char* token) {
        return guarded.admit(request("PUT", "/api/v1/config", token));
    };
    CHECK_FALSE(admitted(writer).refusal);
    CHECK(admitted(writer).most_body == 64 * 1024 * 1024);
    CHECK(guarded.admit(request("PUT", "/x", writer)).most_body == 1024 * 1024);
    REQUIRE(admitted(reader).refusal);
    CHECK(status(*admitted(reader).refusal) == 403);
    REQUIRE(admitted(nullptr).refusal);
    CHECK(status(*admitted(nullptr).refusal) == 401);
    CHECK(admitted(nullptr).most_body == 0);
    const Admission probe = guarded.admit(request("POST", "/healthz", nullptr));
    CHECK_FALSE(probe.refusal);
    CHECK(probe.most_body == 0);
}

TEST_CASE_METHOD(Guarded, "each write is told to the audit: by whom, from and to which revision",
                 "[control]") {
    using Lines = std::vector<std::string>;
    with(writer, "GET", "/api/v1/routes");
    with(nullptr, "GET", "/api/v1/routes");
    CHECK(lines.empty());
    with(writer, "POST", "/api/v1/routes", simple_route);
    with(writer, "POST", "/api/v1/routes", simple_route);
    with(writer, "DELETE", "/api/v1/routes/a.example?dryRun=true");
    with(reader, "DELETE", "/api/v1/routes/a.example");
    with(nullptr, "DELETE", "/api/v1/routes/a.example");
    with(writer, "DELETE", "/api/v1/routes/a.example");
    guarded.refused(request("PUT", "/api/v1/config", writer), {.name = "deploy", .may_write = true},
                    Api::body_too_large(1));
    CHECK(lines == Lines{"deploy POST 0>1 201", "deploy POST 1>1 409", "deploy DELETE 1>1 204",
                         "dashboard DELETE 1>1 403", "192.0.2.7 DELETE 1>1 401",
                         "deploy DELETE 1>2 204", "deploy PUT 2>2 413"});
    const auto revisions = configuration.revisions();
    REQUIRE(revisions);
    for (const Revision& revision : *revisions) CHECK(revision.by == "deploy");
}

TEST_CASE_METHOD(Guarded, "every kind of change is by whoever asked for it", "[control]") {
    const std::string_view backend = "/api/v1/routes/a.example/backends/b1";
    const std::string config =
        R"({"version":1,"process":{},"routes":[],"authProviders":[],"certificates":[]})";
    CHECK(status(with(writer, "POST", "/api/v1/routes", simple_route)) == 201);
    CHECK(status(with(writer, "PATCH", "/api/v1/routes/a.example", R"({"retries":1})")) == 200);
    CHECK(status(with(writer, "PATCH", backend, R"({"weight":2})")) == 200);
    CHECK(status(with(writer, "POST", std::string(backend) + "/dead")) == 200);
    CHECK(status(with(writer, "DELETE", std::string(backend) + "/dead")) == 204);
    CHECK(status(with(writer, "DELETE", backend)) == 204);
    CHECK(status(with(writer, "PUT", "/api/v1/config", config)) == 200);
    CHECK(status(with(writer, "POST", "/api/v1/config/rollback", R"({"revision":1})")) == 200);
    const auto revisions = configuration.revisions();
    REQUIRE(revisions);
    CHECK(revisions->size() == 8);
    for (const Revision& revision : *revisions) CHECK(revision.by == "deploy");
}

TEST_CASE("what goes into the log is printable and no longer than anybody reads", "[control]") {
    CHECK(loggable("/api/v1/routes/*.example.com") == "/api/v1/routes/*.example.com");
    CHECK(loggable("a\r\nb \"\x7f\xff") == "a%0D%0Ab%20\"%7F%FF");
    CHECK(loggable(std::string(1'000, 'x')).size() < 300);
}
