#include "ctl/field_values.hpp"

#include <cstdio>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include "ctl/backend_address.hpp"

using namespace penstock::ctl;

TEST_CASE("fields become a document", "[ctl]") {
    FieldValues values;
    values.set_text("vHost", "a.test");
    CHECK(values.set("retries=3"));
    CHECK(values.set("health.maxFails=2"));
    CHECK(values.set("strategy=IP_HASH"));
    CHECK(values.set("health.probe.path=/up"));
    CHECK(values.set("circuit=null"));
    CHECK(values.set("aliases=[\"b.test\"]"));
    CHECK(values.set("headers.X-Quote=say \"so\"=1"));
    CHECK(values.set("serverName="));
    CHECK(values.set("retries=4"));
    CHECK(values.json() ==
          R"({"vHost":"a.test","retries":4,"health":{"maxFails":2,"probe":{"path":"/up"}},)"
          R"("strategy":"IP_HASH","circuit":null,"aliases":["b.test"],)"
          R"("headers":{"X-Quote":"say \"so\"=1"},"serverName":""})");
}

TEST_CASE("an assignment has a name, and its file has to be there", "[ctl]") {
    FieldValues values;
    CHECK_FALSE(values.set("retries"));
    CHECK_FALSE(values.set("=3"));
    const auto missing = values.set("caCert=@/no/such/file.pem");
    REQUIRE_FALSE(missing);
    CHECK(penstock::Result<void>(missing).error().message.find("/no/such/file.pem") !=
          std::string::npos);
}

TEST_CASE("backends as one types them", "[ctl]") {
    const auto json = [](const char* text) {
        FieldValues backend;
        return set_address(backend, text) ? backend.json() : std::string("refused");
    };
    CHECK(json("10.0.0.1:3000") == R"({"hostname":"10.0.0.1","port":3000})");
    CHECK(json("[::1]:80") == R"({"hostname":"::1","port":80})");
    CHECK(json("a.internal:8080") == R"({"hostname":"a.internal","port":8080})");
    const std::string bad =
        GENERATE(as<std::string>{}, "", "a", "a:", ":80", "::1:80", "a:x", "a:-1");
    CAPTURE(bad);
    CHECK(json(bad.c_str()) == "refused");
}
