#include "control/routes_api.hpp"

#include "fixture.hpp"

using namespace penstock::control;

namespace {

const std::string routes = "/api/v1/routes";
const std::string a = "/api/v1/routes/a.example";

struct Fixture : ApiFixture {
    void given(std::string_view body = simple_route) {
        REQUIRE(status(ask("POST", routes, body)) == 201);
    }
    auto if_match(std::string tag) {
        return [tag](ApiRequest& request) { request.if_match = tag; };
    }
    auto if_none_match(std::string tag) {
        return [tag](ApiRequest& request) { request.if_none_match = tag; };
    }
};

}  // namespace

TEST_CASE_METHOD(Fixture, "a route is created, represented and served", "[control]") {
    const ApiResponse created = ask("POST", routes, simple_route);
    CHECK(status(created) == 201);
    CHECK(created.content_type == "application/json");
    CHECK(field(created, "Location") == a);
    CHECK(created.wait_for_epoch == publisher.epoch());
    CHECK(text_at(created, "/strategy") == "ROUND_ROBIN");
    CHECK(text_at(created, "/backends/0/state") == "alive");
    CHECK(served("a.example") == "a.example");

    const ApiResponse got = ask("GET", field(created, "Location"));
    CHECK(status(got) == 200);
    CHECK(got.body == created.body);
    CHECK(field(got, "ETag") == field(created, "ETag"));
    CHECK(got.wait_for_epoch == 0);
}

TEST_CASE_METHOD(Fixture, "what was got can be put back", "[control]") {
    given(R"({"vHost":"a.example","backends":[{"hostname":"10.0.0.1","port":1}]})");
    const std::string body = ask("GET", a).body;
    const ApiResponse put = ask("PUT", a, body);
    CHECK(status(put) == 200);
    CHECK(put.body == body);
    CHECK(field(put, "ETag") != "(none)");  // stored as it was sent
}

TEST_CASE_METHOD(Fixture, "a second route of the same vHost, alias or id is 409", "[control]") {
    given(R"({"vHost":"a.example","id":"a","aliases":["b.example"]})");
    const ApiResponse same = ask("POST", routes, R"({"vHost":"A.example."})");
    CHECK(status(same) == 409);
    CHECK(text_at(same, "/errors/0/pointer") == "/vHost");
    CHECK(status(ask("POST", routes, R"({"vHost":"b.example"})")) == 409);
    const ApiResponse id = ask("POST", routes, R"({"vHost":"c.example","id":"a"})");
    CHECK(status(id) == 409);
    CHECK(text_at(id, "/errors/0/pointer") == "/id");
    CHECK(status(ask("PUT", routes + "/c.example", R"({"aliases":["b.example"]})")) == 409);
    CHECK(configuration.routes().size() == 1);
}

TEST_CASE_METHOD(Fixture, "conflicts inside a route are 409, other faults 422 with every field",
                 "[control]") {
    CHECK(status(ask("POST", routes,
                     R"({"vHost":"a","backends":[{"hostname":"::1","port":1},)"
                     R"({"hostname":"::1","port":1}]})")) == 409);
    const ApiResponse many =
        ask("POST", routes, R"({"vHost":"a b","timeout":1,"x":1,"aliases":["c","c"]})");
    CHECK(status(many) == 422);
    CHECK(text_at(many, "/errors/0/pointer") == "/timeout");
    CHECK(text_at(many, "/errors/1/pointer") == "/x");
    CHECK(text_at(many, "/errors/2/pointer") == "/vHost");
    CHECK(text_at(many, "/errors/3/pointer") == "/aliases/1");
    CHECK(status(ask("POST", routes, R"({"vHost":"a","vHost":"b"})")) == 422);
    CHECK(status(ask("POST", routes, "[]")) == 422);
    const ApiResponse unknown = ask("POST", routes, R"({"vHost":"a","authProvider":"p"})");
    CHECK(status(unknown) == 422);
    CHECK(text_at(unknown, "/errors/0/pointer") == "/authProvider");
    CHECK(configuration.routes().empty());
}

TEST_CASE_METHOD(Fixture, "PUT creates or replaces", "[control]") {
    const ApiResponse created = ask("PUT", a, R"({"maxBodyBytes":1})");
    CHECK(status(created) == 201);
    CHECK(field(created, "Location") == a);
    CHECK(text_at(created, "/vHost") == "a.example");
    CHECK(field(created, "ETag") == "(none)");  // RFC 9110 section 9.3.4
    const ApiResponse replaced = ask("PUT", a, R"({"vHost":"A.EXAMPLE"})");
    CHECK(status(replaced) == 200);
    CHECK(field(replaced, "Location") == "(none)");
    CHECK(publisher.current().match("a.example")->max_body_bytes == 0);
    CHECK(replaced.wait_for_epoch == publisher.epoch());
}

TEST_CASE_METHOD(Fixture, "PUT without ids keeps those there are", "[control]") {
    given();
    const ApiResponse put = ask(
        "PUT", a,
        R"({"backends":[{"hostname":"10.0.0.2","port":80},{"hostname":"10.0.0.1","port":80}]})");
    CHECK(text_at(put, "/id") == "a");
    CHECK(text_at(put, "/backends/1/id") == "b1");
    CHECK(text_at(put, "/backends/0/id").size() == 36);
    const ApiResponse taken = ask("PUT", a,
                                  R"({"backends":[{"hostname":"10.0.0.1","port":80},)"
                                  R"({"id":"b1","hostname":"10.0.0.3","port":80}]})");
    CHECK(status(taken) == 200);
    CHECK(text_at(taken, "/backends/0/id").size() == 36);
}

TEST_CASE_METHOD(Fixture, "the vHost of path and body agree", "[control]") {
    given();
    const ApiResponse put = ask("PUT", a, R"({"vHost":"b.example"})");
    CHECK(status(put) == 422);
    CHECK(text_at(put, "/errors/0/pointer") == "/vHost");
    CHECK(text_at(put, "/errors/0/detail") == "the path says \"a.example\"");
    CHECK(status(ask("PATCH", a, R"({"vHost":"b.example"})")) == 422);
    CHECK(status(ask("PATCH", a, R"({"vHost":"a.example"})")) == 200);
    CHECK(status(ask("PUT", routes + "/a%20b", "{}")) == 422);
    CHECK(status(ask("PUT", routes + "/a%zz", "{}")) == 400);
}

TEST_CASE_METHOD(Fixture, "a vHost in a path is decoded and canonical", "[control]") {
    given(R"({"vHost":"*.example.com"})");
    CHECK(status(ask("GET", routes + "/*.example.com")) == 200);
    CHECK(status(ask("GET", routes + "/%2A.EXAMPLE.com.")) == 200);
    const ApiResponse v6 = ask("POST", routes, R"({"vHost":"[::1]"})");
    CHECK(field(v6, "Location") == routes + "/%5B%3A%3A1%5D");
    CHECK(status(ask("GET", field(v6, "Location"))) == 200);
    CHECK(status(ask("GET", routes + "/a%2Fb")) == 404);
}

TEST_CASE_METHOD(Fixture, "PATCH merges", "[control]") {
    given(R"({"vHost":"a.example","id":"a","timeout":"5s","pool":{"size":1},)"
          R"("backends":[{"id":"b1","hostname":"10.0.0.1","port":80}]})");
    const ApiResponse patched = ask("PATCH", a, R"({"timeout":null,"pool":{"idle":"1s"}})");
    CHECK(status(patched) == 200);
    const auto* route = publisher.current().match("a.example");
    CHECK_FALSE(route->timeout.has_value());
    CHECK(route->pool_size == 1);
    CHECK(route->pool_idle == std::chrono::seconds(1));
    CHECK(route->upstreams.size() == 1);
    CHECK(text_at(patched, "/id") == "a");
    CHECK(field(patched, "ETag") == field(ask("GET", a), "ETag"));
    CHECK(status(ask("PATCH", a, R"({"id":null})")) == 200);
    CHECK(configuration.find("a.example")->id == "a");
    CHECK(status(ask("PATCH", a, R"({"nope":1})")) == 422);
    CHECK(status(ask("PATCH", a, "{")) == 400);
    CHECK(status(ask("PATCH", routes + "/b.example", "{}")) == 404);
}

TEST_CASE_METHOD(Fixture, "DELETE ends a route", "[control]") {
    given();
    const ApiResponse deleted = ask("DELETE", a);
    CHECK(status(deleted) == 204);
    CHECK(deleted.body.empty());
    CHECK(deleted.wait_for_epoch == publisher.epoch());
    CHECK(served("a.example") == "none");
    CHECK(status(ask("DELETE", a)) == 404);
    CHECK(status(ask("GET", a)) == 404);
    given();
}

TEST_CASE_METHOD(Fixture, "the list comes whole or in pages, in order", "[control]") {
    CHECK(ask("GET", routes).body == "[]");
    for (const char* v_host : {"c.example", "a.example", "b.example"}) {
        given(R"({"vHost":")" + std::string(v_host) + R"("})");
    }
    const ApiResponse all = ask("GET", routes);
    CHECK(text_at(all, "/0/vHost") == "a.example");
    CHECK(text_at(all, "/2/vHost") == "c.example");
    CHECK(field(all, "X-Total-Count") == "3");
    const ApiResponse page = ask("GET", routes + "?limit=1&after=a.example");
    CHECK(text_at(page, "/0/vHost") == "b.example");
    CHECK(text_at(page, "/1/vHost") == "(none)");
    CHECK(field(page, "X-Total-Count") == "3");
    CHECK(ask("GET", routes + "?after=c.example").body == "[]");
    CHECK(text_at(ask("GET", routes + "?limit=99999999999"), "/2/vHost") == "c.example");
}

TEST_CASE_METHOD(Fixture, "?match= takes those alone that have it in their key, page by page",
                 "[control]") {
    for (const char* v_host : {"a.example", "b.example", "b.example.org", "c.example.org"})
        given(R"({"vHost":")" + std::string(v_host) + R"("})");
    const ApiResponse all = ask("GET", routes + "?match=EXAMPLE.o");
    CHECK(text_at(all, "/0/vHost") == "b.example.org");
    CHECK(text_at(all, "/1/vHost") == "c.example.org");
    CHECK(text_at(all, "/2/vHost") == "(none)");
    CHECK(field(all, "X-Total-Count") == "2");
    const ApiResponse page = ask("GET", routes + "?match=b.&limit=1&after=b.example");
    CHECK(text_at(page, "/0/vHost") == "b.example.org");
    CHECK(field(page, "X-Total-Count") == "2");
    CHECK(ask("GET", routes + "?match=nowhere").body == "[]");
    CHECK(field(ask("GET", routes + "?match=nowhere"), "X-Total-Count") == "0");
    CHECK(field(ask("GET", routes + "?match="), "X-Total-Count") == "4");
    CHECK(status(ask("GET", "/api/v1/routes/a.example?match=a")) == 400);
}

TEST_CASE_METHOD(Fixture, "a representation that is known already is 304", "[control]") {
    given();
    const std::string tag = field(ask("GET", a), "ETag");
    const ApiResponse known = ask_with("GET", a, "", if_none_match("\"x\", W/" + tag));
    CHECK(status(known) == 304);
    CHECK(field(known, "ETag") == tag);
    CHECK(known.body.empty());
    CHECK(status(ask_with("HEAD", a, "", if_none_match("*"))) == 304);
    CHECK(status(ask_with("GET", a, "", if_none_match("\"x\""))) == 200);
    const std::string list_tag = field(ask("GET", routes), "ETag");
    CHECK(status(ask_with("GET", routes, "", if_none_match(list_tag))) == 304);
}

TEST_CASE_METHOD(Fixture, "a write to what has changed meanwhile is 412", "[control]") {
    given();
    const std::string old = field(ask("GET", a), "ETag");
    CHECK(status(ask_with("PATCH", a, R"({"maxBodyBytes":1})", if_match(old))) == 200);
    CHECK(status(ask_with("PATCH", a, R"({"maxBodyBytes":2})", if_match(old))) == 412);
    CHECK(status(ask_with("PUT", a, "{}", if_match(old))) == 412);
    CHECK(status(ask_with("DELETE", a, "", if_match(old))) == 412);
    CHECK(publisher.current().match("a.example")->max_body_bytes == 1);
    const std::string now = field(ask("GET", a), "ETag");
    CHECK(status(ask_with("PUT", a, "{}", if_match("W/" + now))) == 412);  // strong comparison
    CHECK(status(ask_with("DELETE", a, "", if_match("\"x\"," + now))) == 204);
}

TEST_CASE_METHOD(Fixture, "a PUT can be made to create only, or replace only", "[control]") {
    CHECK(status(ask_with("PUT", a, "{}", if_match("*"))) == 412);
    CHECK(status(ask_with("PUT", a, "{}", if_none_match("*"))) == 201);
    CHECK(status(ask_with("PUT", a, "{}", if_none_match("*"))) == 412);
    CHECK(status(ask_with("PUT", a, "{}", if_match("*"))) == 200);
}

TEST_CASE_METHOD(Fixture, "a dry run answers the same and changes nothing", "[control]") {
    given();
    const std::uint64_t epoch = publisher.epoch();
    const ApiResponse created = ask("POST", routes + "?dryRun=true", R"({"vHost":"b.example"})");
    CHECK(status(created) == 201);
    CHECK(created.wait_for_epoch == 0);
    CHECK(status(ask("PUT", a + "?dryRun=true", "{}")) == 200);
    CHECK(status(ask("PATCH", a + "?dryRun=true", R"({"nope":1})")) == 422);
    CHECK(status(ask("DELETE", a + "?dryRun=true")) == 204);
    CHECK(publisher.epoch() == epoch);
    CHECK(status(ask("DELETE", a + "?dryRun=false")) == 204);
    CHECK(publisher.epoch() == epoch + 1);
}

TEST_CASE_METHOD(Fixture, "what the store cannot keep is 507 and not served", "[control]") {
    store.failure = "disk full";
    const ApiResponse response = ask("POST", routes, simple_route);
    CHECK(status(response) == 507);
    CHECK(text_at(response, "/detail") == "disk full");
    CHECK(served("a.example") == "none");
}
