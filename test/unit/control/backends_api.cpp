#include "control/backends_api.hpp"

#include "fixture.hpp"

using namespace penstock::control;

namespace {

const std::string backends = "/api/v1/routes/a.example/backends";
const std::string b1 = backends + "/b1";

struct Fixture : ApiFixture {
    Fixture() { REQUIRE(status(ask("POST", "/api/v1/routes", simple_route)) == 201); }

    std::vector<std::string> authorities() const {
        std::vector<std::string> found;
        for (const auto& upstream : publisher.current().match("a.example")->upstreams) {
            found.push_back(upstream.authority);
        }
        return found;
    }
};

using Authorities = std::vector<std::string>;

}  // namespace

TEST_CASE_METHOD(Fixture, "a backend is added with an id of its own", "[control]") {
    const ApiResponse created = ask("POST", backends, R"({"hostname":"[::1]","port":81})");
    CHECK(status(created) == 201);
    const std::string id = text_at(created, "/id");
    CHECK(id.size() == 36);
    CHECK(field(created, "Location") == backends + "/" + id);
    CHECK(created.wait_for_epoch == publisher.epoch());
    CHECK(authorities() == Authorities{"10.0.0.1:80", "[::1]:81"});
    const ApiResponse got = ask("GET", field(created, "Location"));
    CHECK(got.body == created.body);
    CHECK(field(got, "ETag") == field(created, "ETag"));
    CHECK(text_at(got, "/hostname") == "::1");
}

TEST_CASE_METHOD(Fixture, "an id may hold anything that a path can encode", "[control]") {
    const ApiResponse created =
        ask("POST", backends, R"({"id":"rack 1/b ü","hostname":"::1","port":81})");
    CHECK(status(created) == 201);
    CHECK(field(created, "Location") == backends + "/rack%201%2Fb%20%C3%BC");
    CHECK(status(ask("GET", field(created, "Location"))) == 200);
}

TEST_CASE_METHOD(Fixture, "a backend that is there already is 409, a bad one 422", "[control]") {
    const ApiResponse twice = ask("POST", backends, R"({"hostname":"10.0.0.1","port":80})");
    CHECK(status(twice) == 409);
    CHECK(text_at(twice, "/errors/0/pointer") == "");
    const ApiResponse id = ask("POST", backends, R"({"id":"b1","hostname":"10.0.0.1","port":81})");
    CHECK(status(id) == 409);
    CHECK(text_at(id, "/errors/0/pointer") == "/id");
    const ApiResponse bad =
        ask("POST", backends, R"({"hostname":"10.0.0.999","port":"x","nope":1})");
    CHECK(status(bad) == 422);
    CHECK(text_at(bad, "/errors/0/pointer") == "/port");
    CHECK(text_at(bad, "/errors/1/pointer") == "/nope");
    CHECK(text_at(bad, "/errors/2/pointer") == "/hostname");
    CHECK(authorities() == Authorities{"10.0.0.1:80"});
}

TEST_CASE_METHOD(Fixture, "what is about all backends points at the whole", "[control]") {
    std::string route = R"({"backends":[)";
    for (int i = 0; i < 1'000; ++i) {
        route += i == 0 ? "" : ",";
        route += R"({"hostname":"10.0.0.1","port":)" + std::to_string(1 + i) + "}";
    }
    REQUIRE(status(ask("PUT", "/api/v1/routes/a.example", route + "]}")) == 200);
    const ApiResponse one_more = ask("POST", backends, R"({"hostname":"10.0.0.2","port":1})");
    CHECK(status(one_more) == 422);
    CHECK(text_at(one_more, "/errors/0/pointer") == "");
    CHECK(text_at(one_more, "/errors/0/detail") == "a route has at most 1000 backends");
}

TEST_CASE_METHOD(Fixture, "PATCH changes a backend in its place", "[control]") {
    REQUIRE(status(ask("POST", backends, R"({"id":"b2","hostname":"10.0.0.2","port":80})")) == 201);
    const auto* live = publisher.current().match("a.example")->upstreams[1].live;
    const ApiResponse patched = ask("PATCH", b1, R"({"weight":0,"port":81})");
    CHECK(status(patched) == 200);
    CHECK(text_at(patched, "/id") == "b1");
    CHECK(authorities() == Authorities{"10.0.0.1:81", "10.0.0.2:80"});
    CHECK(publisher.current().match("a.example")->upstreams[1].live == live);
    CHECK(publisher.current().match("a.example")->sequence == std::vector<std::uint16_t>{1});
    CHECK(field(patched, "ETag") == field(ask("GET", b1), "ETag"));
}

TEST_CASE_METHOD(Fixture, "a PATCH that cannot be is refused", "[control]") {
    REQUIRE(status(ask("POST", backends, R"({"id":"b2","hostname":"10.0.0.2","port":80})")) == 201);
    const ApiResponse taken = ask("PATCH", b1, R"({"hostname":"10.0.0.2"})");
    CHECK(status(taken) == 409);
    CHECK(text_at(taken, "/errors/0/pointer") == "");
    const ApiResponse renamed = ask("PATCH", b1, R"({"id":"b3"})");
    CHECK(status(renamed) == 422);
    CHECK(text_at(renamed, "/errors/0/pointer") == "/id");
    CHECK(status(ask("PATCH", b1, R"({"id":null})")) == 200);
    CHECK(status(ask("PATCH", b1, R"({"weight":-1})")) == 422);
    CHECK(status(ask("PATCH", b1, "nope")) == 400);
    CHECK(status(ask("PATCH", b1, R"({"hostname":null})")) == 422);
}

TEST_CASE_METHOD(Fixture, "what does not exist is 404, whichever part", "[control]") {
    CHECK(status(ask("GET", backends + "/b9")) == 404);
    CHECK(status(ask("PATCH", backends + "/b9", "{}")) == 404);
    CHECK(status(ask("DELETE", backends + "/b9")) == 404);
    const ApiResponse route =
        ask("POST", "/api/v1/routes/b.example/backends", R"({"hostname":"::1","port":1})");
    CHECK(status(route) == 404);
    CHECK(text_at(route, "/detail") == "There is no route \"b.example\".");
    CHECK(status(ask("GET", "/api/v1/routes/b.example/backends/b1")) == 404);
}

TEST_CASE_METHOD(Fixture, "DELETE takes a backend off", "[control]") {
    const ApiResponse deleted = ask("DELETE", b1);
    CHECK(status(deleted) == 204);
    CHECK(deleted.wait_for_epoch == publisher.epoch());
    CHECK(authorities().empty());
    CHECK(status(ask("GET", b1)) == 404);
}

TEST_CASE_METHOD(Fixture, "preconditions and dry runs hold for backends", "[control]") {
    const std::string tag = field(ask("GET", b1), "ETag");
    const auto match = [](std::string wanted) {
        return [wanted](ApiRequest& request) { request.if_match = wanted; };
    };
    CHECK(status(ask_with("PATCH", b1, R"({"weight":2})", match("\"x\""))) == 412);
    CHECK(status(ask_with("DELETE", b1, "", match("\"x\""))) == 412);
    CHECK(status(ask_with("GET", b1, "",
                          [&](ApiRequest& request) { request.if_none_match = tag; })) == 304);
    CHECK(status(ask("DELETE", b1 + "?dryRun=true")) == 204);
    CHECK(status(ask("PATCH", b1 + "?dryRun=true", R"({"port":99})")) == 200);
    CHECK(status(ask("POST", backends + "?dryRun=true", R"({"hostname":"::1","port":1})")) == 201);
    CHECK(authorities() == Authorities{"10.0.0.1:80"});
    CHECK(status(ask_with("PATCH", b1, R"({"weight":2})", match(tag))) == 200);
}
