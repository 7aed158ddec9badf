#include "model/route.hpp"

#include <algorithm>
#include <string>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include "model/json_writer.hpp"
#include "model/validate.hpp"

using namespace penstock;
using namespace penstock::model;
using namespace std::chrono_literals;

namespace {

Draft<RouteConfig> checked(std::string_view json) {
    auto draft = draft_route(json);
    REQUIRE(draft.has_value());
    check(*draft);
    return *draft;
}

/// "pointer: detail" of each error, in order.
std::vector<std::string> complaints(std::string_view json) {
    std::vector<std::string> lines;
    for (const FieldError& error : checked(json).errors)
        lines.push_back(error.pointer + ": " + error.detail);
    return lines;
}

std::vector<std::string> pointers(std::string_view json,
                                  FieldErrorKind kind = FieldErrorKind::invalid) {
    std::vector<std::string> found;
    for (const FieldError& error : checked(json).errors) {
        CHECK(error.kind == kind);
        found.push_back(error.pointer);
    }
    return found;
}

using Lines = std::vector<std::string>;

std::string rendered(const RouteConfig& route) {
    std::string out;
    write_route(out, route);
    return out;
}

/// A route with one more member, spliced into an otherwise good one.
std::string with(std::string_view member) {
    return R"({"vHost":"a.example",)" + std::string(member) + "}";
}
std::string with_backend(std::string_view members) {
    return R"({"vHost":"a.example","backends":[{"hostname":"10.0.0.1","port":80,)" +
           std::string(members) + "}]}";
}

}  // namespace

TEST_CASE("a route of two fields has the defaults of SPEC section 3", "[model]") {
    const auto draft =
        checked(R"({"vHost":"api.example.com","backends":[{"hostname":"10.0.0.1","port":3000}]})");
    CHECK(draft.errors.empty());
    const RouteConfig& route = draft.value;
    CHECK(route.v_host == "api.example.com");
    CHECK(route.strategy == BalancingStrategy::round_robin);
    CHECK(route.upgrades == Lines{"websocket"});
    CHECK(route.tunnel_idle == 5min);
    CHECK(route.pool.size == 256);
    CHECK(route.pool.idle == 4s);
    CHECK(route.retries == 2);
    CHECK(route.circuit.has_value());
    REQUIRE(route.backends.size() == 1);
    CHECK(route.backends[0].weight == 1);
}

TEST_CASE("every field of SPEC section 3 is read and given back, in its order", "[model]") {
    const std::string text =
        R"({"id":"service-a","vHost":"api.example.com","aliases":["*.api.example.com"],)"
        R"("strategy":"IP_HASH","autoHttps":true,"reqActiveLength":7,"reqQueueLength":9,)"
        R"("queueTimeout":"10s","authProvider":"p","headers":{"X-A":"${vhost}","X-B":null},)"
        R"("responseHeaders":{"X-C":"c"},"retries":3,)"
        R"("connectTimeout":"1s","responseTimeout":"2s","timeout":"3s","abortOnClose":true,)"
        R"("upgrades":["websocket","foo"],"maxBodyBytes":1048576,)"
        R"("health":{"maxFails":2,"failWindow":"11s","recheck":"61s",)"
        R"("probe":{"path":"/up","timeout":"3s"}},)"
        R"("circuit":{"errorRate":0.25,"minRequests":21,"window":"12s","open":"31s"},)"
        R"("pool":{"size":8,"idle":"1s"},"tunnelIdle":"1h",)"
        R"("backends":[{"id":"node-1","hostname":"node.internal","port":3000,"weight":5,)"
        R"("protocol":"h2","tls":true,"caCert":"PEM","serverName":"n","clientCert":"C",)"
        R"("clientKey":"SECRET","proxyProtocol":2,)"
        R"("isDead":true,"deadSince":"2024-01-01T00:00:00Z","failureCount":3,"state":"dead"}],)"
        R"("ssl":{"cert":"PEM","key":"SECRET"}})";
    const auto draft = draft_route(text);
    REQUIRE(draft.has_value());
    CHECK(draft->errors.empty());
    CHECK(draft->value.ssl->key == "SECRET");
    CHECK(draft->value.backends[0].client_key == "SECRET");

    std::string expected = text;
    const auto replace = [&](std::string_view what, std::string_view by) {
        const auto at = expected.find(what);
        REQUIRE(at != std::string::npos);
        expected.replace(at, what.size(), by);
    };
    replace(R"("clientKey":"SECRET",)", "");  // keys are write-only
    replace(R"(,"key":"SECRET")", "");
    replace(R"("isDead":true,"deadSince":"2024-01-01T00:00:00Z","failureCount":3,"state":"dead")",
            R"("isDead":false,"deadSince":null,"failureCount":0,"state":"alive")");
    CHECK(rendered(draft->value) == expected);
}

TEST_CASE("what is given back can be given again", "[model]") {
    RouteConfig route = checked(R"({"vHost":"*","backends":[{"hostname":"::1","port":1}]})").value;
    complete_ids(route);
    const auto again = checked(rendered(route));
    CHECK(again.errors.empty());
    CHECK(again.value == route);
}

TEST_CASE("an unknown field is named by its pointer", "[model]") {
    CHECK(complaints(R"({"vHost":"a.example","vhost":"b","pool":{"sise":1},)"
                     R"("backends":[{"hostname":"10.0.0.1","port":1,"a/b":1}]})") ==
          Lines{"/pool/sise: unknown field", "/backends/0/a~1b: unknown field",
                "/vhost: unknown field"});
}

TEST_CASE("a duplicate key is refused at every level", "[model]") {
    CHECK(complaints(R"({"vHost":"a.example","vHost":"b.example","pool":{"size":1,"size":2}})") ==
          Lines{"/pool/size: this key stands here more than once",
                "/vHost: this key stands here more than once"});
}

TEST_CASE("a wrong type is named once, with what should stand there", "[model]") {
    CHECK(complaints("[]") == Lines{": must be an object, not an array"});
    CHECK(complaints(with(R"("id":7)")) == Lines{"/id: must be a string, not a number"});
    CHECK(complaints(R"({"vHost":null})") == Lines{"/vHost: must be a string, not null"});
    CHECK(complaints(with(R"("aliases":"b")")) ==
          Lines{"/aliases: must be an array, not a string"});
    CHECK(complaints(with(R"("aliases":["b",[]])")) ==
          Lines{"/aliases/1: must be a string, not an array"});
    CHECK(complaints(with(R"("abortOnClose":"yes")")) ==
          Lines{"/abortOnClose: must be true or false, not a string"});
    CHECK(complaints(with(R"("pool":[])")) == Lines{"/pool: must be an object, not an array"});
    CHECK(complaints(with(R"("circuit":{"errorRate":"x"})")) ==
          Lines{"/circuit/errorRate: must be a number, not a string"});
    CHECK(complaints(with(R"("headers":{"A":1})")) ==
          Lines{"/headers/A: must be a string or null, not a number"});
    CHECK(complaints(with(R"("backends":[7])")) ==
          Lines{"/backends/0: must be an object, not a number"});
    CHECK(complaints(with(R"("maxBodyBytes":true)")) ==
          Lines{"/maxBodyBytes: must be a whole number, not a boolean"});
    CHECK(complaints(with(R"("strategy":"round_robin")")) ==
          Lines{"/strategy: must be one of ROUND_ROBIN, IP_HASH, RANDOM, LEAST_LATENCY, "
                "LEAST_CONNECTIONS"});
}

TEST_CASE("numbers stay in their ranges", "[model]") {
    CHECK(complaints(with_backend(R"("weight":1001)")) ==
          Lines{"/backends/0/weight: must be from 0 to 1000"});
    CHECK(complaints(with_backend(R"("weight":-1)")) ==
          Lines{"/backends/0/weight: must be a whole number from 0 to 4294967295"});
    CHECK(complaints(with_backend(R"("weight":1.5)")) ==
          Lines{"/backends/0/weight: must be a whole number from 0 to 4294967295"});
    CHECK(complaints(R"({"vHost":"a","backends":[{"hostname":"10.0.0.1","port":65536}]})") ==
          Lines{"/backends/0/port: must be a whole number from 0 to 65535"});
    CHECK(complaints(R"({"vHost":"a","backends":[{"hostname":"10.0.0.1","port":0}]})") ==
          Lines{"/backends/0/port: required: from 1 to 65535"});
    CHECK(complaints(with(R"("retries":11)")) == Lines{"/retries: must be from 0 to 10"});
    CHECK(complaints(with(R"("pool":{"size":65537})")) ==
          Lines{"/pool/size: must be from 0 to 65536"});
    CHECK(pointers(with(R"("maxBodyBytes":9223372036854775808)")) == Lines{"/maxBodyBytes"});
    CHECK(pointers(with(R"("circuit":{"errorRate":1.1})")) == Lines{"/circuit/errorRate"});
    CHECK(pointers(with(R"("circuit":{"errorRate":0,"minRequests":0})")) ==
          Lines{"/circuit/errorRate", "/circuit/minRequests"});
    CHECK(pointers(with(R"("circuit":{"window":"999ms"})")) == Lines{"/circuit/window"});
    CHECK(pointers(with(R"("circuit":{"window":"61s"})")) == Lines{"/circuit/window"});
    CHECK(pointers(with(R"("circuit":{"window":"1s"})")).empty());
    CHECK(pointers(with(R"("health":{"maxFails":1001})")) == Lines{"/health/maxFails"});
    CHECK(pointers(with(R"("health":{"maxFails":1000,"recheck":"100ms"})")).empty());
    CHECK(pointers(with(R"("health":{"recheck":"99ms"})")) == Lines{"/health/recheck"});
    CHECK(pointers(with_backend(R"("proxyProtocol":3)")) == Lines{"/backends/0/proxyProtocol"});
}

TEST_CASE("a body limit may be written as a size", "[model]") {
    CHECK(checked(with(R"("maxBodyBytes":"64m")")).value.max_body_bytes == 67'108'864);
    CHECK(checked(with(R"("maxBodyBytes":12)")).value.max_body_bytes == 12);
    CHECK(pointers(with(R"("maxBodyBytes":"64mb")")) == Lines{"/maxBodyBytes"});
}

TEST_CASE("a timeout that is a plain number is told how to be written", "[model]") {
    CHECK(complaints(with(R"("timeout":30)")) ==
          Lines{R"(/timeout: a duration needs a unit: "30ms" or "30s"?)"});
    CHECK(complaints(with(R"("timeout":"30")")) ==
          Lines{R"(/timeout: a duration needs a unit: "30ms" or "30s"?)"});
    CHECK(complaints(with(R"("timeout":"0s")")) == Lines{"/timeout: must be from 1ms to 168h"});
    CHECK(complaints(with(R"("tunnelIdle":"200h")")) == Lines{"/tunnelIdle: longer than 168h"});
    CHECK(checked(with(R"("timeout":null)")).errors.empty());
    CHECK(checked(with(R"("timeout":"1h","connectTimeout":"500ms")")).value.timeout == 1h);
}

TEST_CASE("what a route must have is asked for", "[model]") {
    CHECK(pointers("{}") == Lines{"/vHost"});
    CHECK(pointers(R"({"vHost":"a","backends":[{}]})") ==
          Lines{"/backends/0/hostname", "/backends/0/port"});
}

TEST_CASE("names are brought into canonical form", "[model]") {
    const auto draft =
        checked(R"({"vHost":"API.Example.","aliases":["*.B.example"],"upgrades":["WebSocket"],)"
                R"("backends":[{"hostname":"[::1]","port":1},{"hostname":"LOCALHOST","port":1}]})");
    CHECK(draft.errors.empty());
    CHECK(draft.value.v_host == "api.example");
    CHECK(draft.value.aliases == Lines{"*.b.example"});
    CHECK(draft.value.upgrades == Lines{"websocket"});
    CHECK(draft.value.backends[0].hostname == "::1");
    CHECK(draft.value.backends[1].hostname == "localhost");
}

TEST_CASE("what must be unique in a route is a conflict", "[model]") {
    const auto conflict = FieldErrorKind::conflict;
    CHECK(pointers(with(R"("aliases":["b.example","A.EXAMPLE.","b.example"])"), conflict) ==
          Lines{"/aliases/1", "/aliases/2"});
    CHECK(pointers(R"({"vHost":"a","backends":[{"hostname":"::1","port":1},)"
                   R"({"hostname":"[0::1]","port":1}]})",
                   conflict) == Lines{"/backends/1"});
    CHECK(pointers(R"({"vHost":"a","backends":[{"id":"x","hostname":"::1","port":1},)"
                   R"({"id":"x","hostname":"::1","port":2}]})",
                   conflict) == Lines{"/backends/1/id"});
}

TEST_CASE("upgrades are protocol names, and never h2c", "[model]") {
    CHECK(checked(with(R"("upgrades":[])")).errors.empty());
    CHECK(pointers(with(R"("upgrades":["H2C"])")) == Lines{"/upgrades/0"});
    CHECK(pointers(with(R"("upgrades":["a b",""])")) == Lines{"/upgrades/0", "/upgrades/1"});
    CHECK(pointers(with(R"("upgrades":["foo","FOO"])")) == Lines{"/upgrades/1"});
}

TEST_CASE("fields that a route sets are tokens and field values", "[model]") {
    const auto bad = [](std::string_view member) {
        return pointers(with(R"("headers":{)" + std::string(member) + "}"));
    };
    CHECK(bad(R"("X A":"v")") == Lines{"/headers/X A"});
    CHECK(bad(R"("":"v")") == Lines{"/headers/"});
    CHECK(bad(R"("X":"a\r\nb")") == Lines{"/headers/X"});
    CHECK(bad(R"("X":" a")") == Lines{"/headers/X"});
    CHECK(bad(R"("X":"${nope}")") == Lines{"/headers/X"});
    CHECK(bad(R"("Content-Length":"1")") == Lines{"/headers/Content-Length"});
    CHECK(bad(R"("transfer-encoding":null)") == Lines{"/headers/transfer-encoding"});
    CHECK(bad(R"("X":"a","x":"b")") == Lines{"/headers/x"});
}

TEST_CASE("a route has at most 1,000 backends and a bounded sum of weights", "[model]") {
    const auto route_of = [](std::size_t count, auto weight_of) {
        RouteConfig route;
        route.v_host = "a.example";
        for (std::size_t i = 0; i < count; ++i) {
            Backend backend;
            backend.hostname = "10.0." + std::to_string(i / 250) + "." + std::to_string(i % 250);
            backend.port = 80;
            backend.weight = weight_of(i);
            route.backends.push_back(backend);
        }
        return route;
    };
    RouteConfig fits =
        route_of(1'000, [](std::size_t) { return 1'000u; });  // all alike: each counts 1
    CHECK(validate(fits).empty());
    RouteConfig many = route_of(1'001, [](std::size_t) { return 1u; });
    CHECK(validate(many).at(0).pointer == "/backends");
    RouteConfig heavy = route_of(100, [](std::size_t i) { return i == 0 ? 1u : 1'000u; });
    CHECK(validate(heavy).at(0).pointer == "/backends");
    RouteConfig exact = route_of(67, [](std::size_t i) {
        return i == 0 ? 536u : i == 1 ? 999u : i == 2 ? 1u : 1'000u;
    });
    CHECK(validate(exact).empty());  // 65,536
    exact.backends[2].weight = 2;
    CHECK(validate(exact).size() == 1);
    RouteConfig drained = route_of(3, [](std::size_t) { return 0u; });
    CHECK(validate(drained).empty());
}

TEST_CASE("HTTP/2 to a backend: h2 under TLS, h2c without, shared by clients", "[model]") {
    const auto [member, pointer] = GENERATE(table<std::string, std::string>({
        {R"("protocol":"h2")", "/backends/0/protocol"},
        {R"("protocol":"h2c","tls":true)", "/backends/0/protocol"},
        {R"("protocol":"h2c","proxyProtocol":2)", "/backends/0/proxyProtocol"},
        {R"("protocol":"h3")", "/backends/0/protocol"},
    }));
    CAPTURE(member);
    CHECK(pointers(with_backend(member), FieldErrorKind::invalid) == Lines{pointer});
    CHECK(checked(with_backend(R"("protocol":"h2","tls":true)")).errors.empty());
    CHECK(checked(with_backend(R"("protocol":"h2c")")).errors.empty());
}

TEST_CASE("every field at its default is accepted", "[model]") {
    CHECK(checked(rendered(checked(with(R"("backends":[])")).value)).errors.empty());
}

TEST_CASE("all errors come at once", "[model]") {
    CHECK(complaints(R"({"vHost":"a b","authProvider":"","timeout":5,"retries":99,"x":1})") ==
          Lines{R"(/timeout: a duration needs a unit: "5ms" or "5s"?)", "/x: unknown field",
                "/vHost: white space or a control byte", "/authProvider: must not be empty",
                "/retries: must be from 0 to 10"});
}

TEST_CASE("a patch changes what it names and resets what it nulls", "[model]") {
    const RouteConfig before =
        checked(with(R"("timeout":"5s","maxBodyBytes":9,"pool":{"size":3,"idle":"1s"})")).value;
    const auto after =
        patch_route(before, R"({"timeout":null,"maxBodyBytes":null,"pool":{"idle":"2s"}})");
    REQUIRE(after.has_value());
    CHECK(after->errors.empty());
    CHECK_FALSE(after->value.timeout.has_value());
    CHECK(after->value.max_body_bytes == 0);
    CHECK(after->value.pool.size == 3);
    CHECK(after->value.pool.idle == 2s);
    CHECK(after->value.v_host == "a.example");
}

TEST_CASE("a bad patch is refused like a bad body", "[model]") {
    const RouteConfig before = checked(with(R"("timeout":"5s")")).value;
    CHECK_FALSE(patch_route(before, R"({"timeout":)"));
    CHECK(patch_route(before, R"({"nope":1})")->errors.at(0).pointer == "/nope");
    CHECK(patch_route(before, R"({"pool":{"size":1,"size":2}})")->errors.at(0).pointer ==
          "/pool/size");
    CHECK(patch_route(before, "[]")->errors.at(0).detail == "must be an object, not an array");
}

TEST_CASE("a document's routes are checked one by one and against each other", "[model]") {
    const auto document = parse_config(
        R"({"version":1,"process":{},"authProviders":[],"certificates":[],"routes":[
            {"vHost":"a","id":"x"},{"vHost":"b","aliases":["A."],"id":"x"},
            {"vHost":"c","nope":1}]})");
    REQUIRE(document.has_value());
    REQUIRE(document->errors.size() == 3);
    CHECK(document->errors[0].pointer == "/routes/2/nope");
    CHECK(document->errors[1] ==
          FieldError{"/routes/1/id", "\"x\" is taken by /routes/0", FieldErrorKind::conflict});
    CHECK(document->errors[2].pointer == "/routes/1/aliases/0");
}

TEST_CASE("a good document has its ids completed", "[model]") {
    const auto document =
        parse_config(R"({"routes":[{"vHost":"a","backends":[{"hostname":"::1","port":1}]}]})");
    REQUIRE(document.has_value());
    CHECK(document->errors.empty());
    CHECK(document->value.routes.at(0).id.size() == 36);
    CHECK(document->value.routes.at(0).backends.at(0).id.size() == 36);
    CHECK(parse_config("{}")->errors.empty());
}

TEST_CASE("other sections of a document are not supported yet, or unknown", "[model]") {
    const auto errors = [](std::string_view json) {
        Lines lines;
        const auto document = parse_config(json);
        REQUIRE(document.has_value());
        for (const FieldError& error : document->errors)
            lines.push_back(error.pointer + ": " + error.detail);
        return lines;
    };
    CHECK(errors(R"({"process":{"a":1,"b":"x","c":true,"d":["x",1]}})").empty());
    CHECK(errors(R"({"process":[]})") == Lines{"/process: must be an object, not an array"});
    CHECK(errors(R"({"process":{"a":{},"b":["x",null]}})") ==
          Lines{"/process/a: must be a string, a whole number, true, false or an array, not an "
                "object",
                "/process/b/1: must be a string or a number, not null"});
    CHECK(errors(R"({"authProviders":[1]})") ==
          Lines{"/authProviders/0: must be an object, not a number"});
    CHECK(errors(R"({"authProviders":{}})") ==
          Lines{"/authProviders: must be an array, not an object"});
    CHECK(errors(R"({"certificates":[1]})") ==
          Lines{"/certificates/0: must be an object, not a number"});
    CHECK(errors(R"({"certificates":{}})") ==
          Lines{"/certificates: must be an array, not an object"});
    CHECK(errors(R"({"version":2})") == Lines{"/version: must be 1"});
    CHECK(errors(R"({"route":[]})") == Lines{"/route: unknown field"});
    CHECK(errors(R"({"routes":{}})") == Lines{"/routes: must be an array, not an object"});
    CHECK(errors(R"([])") == Lines{": must be an object, not an array"});
}
