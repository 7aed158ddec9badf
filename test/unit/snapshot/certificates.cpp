#include "snapshot/certificates.hpp"

#include <ctime>

#include "../net/certificate_maker.hpp"
#include "snapshot/publisher.hpp"

using namespace penstock;
using namespace penstock::snapshot;

namespace {

CertificatePtr certificate() {
    const auto key = net::tls::MadeKey::ec();
    return *net::tls::Certificate::parse(net::tls::issue(key, {}).pem(), key.pem(),
                                         std::time(nullptr));
}

CertificateSet set_of(const CertificatePtr& one) {
    CertificateSet set;
    set.of(one->key_kind()) = one;
    return set;
}

const net::tls::Certificate* served(const CertificateSet* set) {
    return set == nullptr ? nullptr : set->by_kind[1].get();
}

}  // namespace

TEST_CASE("SNI finds the exact name, the longest wildcard, then the default", "[snapshot]") {
    const auto exact = certificate(), near = certificate(), far = certificate(),
               any = certificate();
    const auto without_default = CertificateTable().with(std::vector<CertificateTable::Edit>{
        {"a.x.example", set_of(exact)}, {"*.x.example", set_of(near)}, {"*.example", set_of(far)}});
    CHECK(served(without_default->find("a.x.example")) == exact.get());
    CHECK(served(without_default->find("b.x.example")) == near.get());
    CHECK(served(without_default->find("y.example")) == far.get());
    CHECK(without_default->find("example") == nullptr);
    CHECK(without_default->find("") == nullptr);
    CHECK(without_default->find(".x.example") == nullptr);
    CHECK(served(without_default->without_sni()) == far.get());  // the first by name
    CHECK(CertificateTable().without_sni() == nullptr);

    const auto table =
        without_default->with(std::vector<CertificateTable::Edit>{{"*", set_of(any)}});
    CHECK(served(table->find("other.test")) == any.get());
    CHECK(served(table->without_sni()) == any.get());
    CHECK(table->find_own("other.test") == nullptr);
    CHECK(table->find_own("*") == nullptr);
    CHECK(without_default->find("other.test") == nullptr);  // as it was
}

TEST_CASE("a certificate that goes is freed with the last version that has it", "[snapshot]") {
    auto one = certificate();
    const std::weak_ptr<const net::tls::Certificate> watch = one;
    auto table =
        CertificateTable().with(std::vector<CertificateTable::Edit>{{"a.example", set_of(one)}});
    one.reset();
    auto next = table->with(std::vector<CertificateTable::Edit>{{"a.example", {}}});
    CHECK(next->find("a.example") == nullptr);
    CHECK(next->without_sni() == nullptr);
    CHECK_FALSE(watch.expired());
    table.reset();
    CHECK(watch.expired());
}

TEST_CASE("a snapshot of other routes shares the table of certificates", "[snapshot]") {
    Publisher publisher;
    const auto table = CertificateTable().with(
        std::vector<CertificateTable::Edit>{{"a.example", set_of(certificate())}});
    publisher.publish({}, table);
    RouteConfig config;
    config.v_host = "a.example";
    config.auto_https = true;
    const RouteChange change{"a.example", &config};
    publisher.publish(std::span(&change, 1));
    CHECK(publisher.current().certificate_table == table);
    CHECK(publisher.current().match("a.example")->auto_https);
}
