// What holds for every endpoint: paths, methods, media types, sizes, queries, access.
#include "fixture.hpp"

using namespace penstock::control;

TEST_CASE_METHOD(ApiFixture, "what is not there is 404, as a problem document", "[control]") {
    for (const char* target : {"/api", "/api/v1", "/api/v1/", "/api/v1/routes/", "/api/v1/route",
                               "/api/v1/routes/a/backend", "/api/v1/routes//backends", "/healthz/",
                               "//healthz", "*", ""}) {
        CAPTURE(target);
        const ApiResponse response = ask("GET", target);
        CHECK(status(response) == 404);
        CHECK(response.content_type == "application/problem+json");
        CHECK(text_at(response, "/type") == "about:blank");
        CHECK(text_at(response, "/title") == "Not Found");
    }
}

TEST_CASE_METHOD(ApiFixture, "a method that is not possible is 405 with those that are",
                 "[control]") {
    const ApiResponse response = ask("PUT", "/api/v1/routes", "{}");
    CHECK(status(response) == 405);
    CHECK(field(response, "Allow") == "GET, HEAD, POST");
    CHECK(field(ask("POST", "/api/v1/routes/a.example"), "Allow") ==
          "GET, HEAD, PUT, PATCH, DELETE");
    CHECK(field(ask("GET", "/api/v1/routes/a/backends"), "Allow") == "POST");
    CHECK(field(ask("PUT", "/api/v1/routes/a/backends/b"), "Allow") == "GET, HEAD, PATCH, DELETE");
    CHECK(field(ask("POST", "/healthz"), "Allow") == "GET, HEAD");
    CHECK(status(ask("get", "/healthz")) == 405);
    CHECK(status(ask("OPTIONS", "/healthz")) == 405);
}

TEST_CASE_METHOD(ApiFixture, "a body is JSON by its type, or has none", "[control]") {
    const auto with_type = [&](std::string_view method, std::string_view target, const char* type) {
        return ask_with(method, target, simple_route, [type](ApiRequest& request) {
            request.content_type.reset();
            if (type != nullptr) request.content_type = type;
        });
    };
    const std::string_view target = "/api/v1/routes/a.example";
    CHECK(status(with_type("PUT", target, nullptr)) == 201);
    CHECK(status(with_type("PUT", target, "Application/JSON ; charset=utf-8")) == 200);
    const ApiResponse form = with_type("PUT", target, "application/x-www-form-urlencoded");
    CHECK(status(form) == 415);
    CHECK(field(form, "Accept") == "application/json");
    CHECK(status(with_type("PUT", target, "text/plain")) == 415);
    CHECK(status(with_type("PUT", target, "")) == 415);
    CHECK(status(with_type("PUT", target, "application/merge-patch+json")) == 415);
    CHECK(status(with_type("PATCH", target, "application/merge-patch+json")) == 200);
    CHECK(status(with_type("PATCH", target, "application/json")) == 200);
    CHECK(field(with_type("PATCH", target, "text/plain"), "Accept-Patch") ==
          "application/merge-patch+json, application/json");
    const ApiResponse coded = ask_with("PUT", target, simple_route, [](ApiRequest& request) {
        request.content_encoding = "gzip";
    });
    CHECK(status(coded) == 415);
}

TEST_CASE_METHOD(ApiFixture, "a body over 1 MiB is 413, one of exactly 1 MiB is read",
                 "[control]") {
    std::string body(simple_route);
    body.resize(1024 * 1024, ' ');
    CHECK(status(ask("POST", "/api/v1/routes", body)) == 201);
    body += ' ';
    CHECK(status(ask("POST", "/api/v1/routes", body)) == 413);
    CHECK(status(Api::body_too_large(1)) == 413);
}

TEST_CASE_METHOD(ApiFixture, "what is not JSON is 400 with its place", "[control]") {
    const ApiResponse response = ask("POST", "/api/v1/routes", "{\"vHost\": }");
    CHECK(status(response) == 400);
    CHECK(text_at(response, "/detail") ==
          "The body is not valid JSON: line 1, column 11: expected a value");
    CHECK(status(ask("POST", "/api/v1/routes")) == 400);
    CHECK(status(ask("POST", "/api/v1/routes", "{\"vHost\": \"\xff\"}")) == 400);
    CHECK(status(ask("POST", "/api/v1/routes", std::string(100'000, '['))) == 400);
}

TEST_CASE_METHOD(ApiFixture, "a query parameter without a meaning is 400, not ignored",
                 "[control]") {
    REQUIRE(status(ask("POST", "/api/v1/routes", simple_route)) == 201);
    CHECK(status(ask("DELETE", "/api/v1/routes/a.example?dryrun=true")) == 400);
    CHECK(status(ask("DELETE", "/api/v1/routes/a.example?dryRun=yes")) == 400);
    CHECK(status(ask("DELETE", "/api/v1/routes/a.example?dryRun=true&dryRun=false")) == 400);
    CHECK(status(ask("GET", "/api/v1/routes/a.example?x")) == 400);
    CHECK(status(ask("GET", "/api/v1/routes?limit=0")) == 400);
    CHECK(status(ask("GET", "/api/v1/routes?limit=-1")) == 400);
    CHECK(status(ask("GET", "/api/v1/routes/a.example?")) == 200);
    CHECK(served("a.example") == "a.example");
}

TEST_CASE_METHOD(ApiFixture, "access is checked before anything else", "[control]") {
    const auto foreign = [](ApiRequest& request) { request.host = "evil.example"; };
    CHECK(status(ask_with("GET", "/healthz", "", foreign)) == 403);
    CHECK(status(ask_with("GET", "/nowhere", "", foreign)) == 403);
    CHECK(status(ask_with("POST", "/api/v1/routes", simple_route, [](ApiRequest& request) {
              request.origin = "http://evil.example";
          })) == 403);
    CHECK(served("a.example") == "none");
}

TEST_CASE_METHOD(ApiFixture, "alive is not yet ready", "[control]") {
    CHECK(status(ask("GET", "/healthz")) == 200);
    CHECK(status(ask("GET", "/readyz")) == 503);
    api.set_ready(true);
    CHECK(status(ask("HEAD", "/readyz")) == 200);
    CHECK(text_at(ask("GET", "/readyz"), "/status") == "ready");
}
