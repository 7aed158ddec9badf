// penstockctl certs ...
#include <memory>
#include <string>

#include <fmt/format.h>

#include "base/base64.hpp"
#include "ctl/command_tree.hpp"
#include "ctl/field_values.hpp"
#include "ctl/input_file.hpp"
#include "ctl/words.hpp"
#include "ctl/writes.hpp"

namespace penstock::ctl {

namespace {

constexpr const char* certificates_path = "/api/v1/certificates";

struct CertificateArguments {
    std::string domain;
    std::string cert;
    std::string key;
    std::string ocsp;
    bool dry_run = false;
};

int list_certificates(Session& session) {
    const Document domains = session.get_list(certificates_path, "domain");
    if (session.is_json()) {
        session.print_json(domains.answer.body);
        return 0;
    }
    Table table({{"DOMAIN"}, {"KEY"}, {"DAYS", Align::right}, {"EXPIRES"}, {"ISSUER"}, {"NAMES"}});
    std::size_t ending = 0;
    for (const JsonView domain : domains.root().items()) {
        for (const JsonView certificate : domain["certificates"].items()) {
            const std::string expires = certificate["notAfter"].text();
            const Cell days = days_cell(days_until(expires));
            ending += days.tone == Tone::plain ? 0 : 1;
            table.add(
                {domain["domain"].text(),
                 fmt::format("{} {}", certificate["keyKind"].text(), certificate["keyBits"].text()),
                 days, expires.substr(0, 10), certificate["issuer"].text(),
                 joined(certificate["names"])});
        }
    }
    if (table.empty())
        session.note("there are no certificates");
    else
        session.print(table);
    if (ending > 0)
        session.note(fmt::format("{} of them {} fewer than 30 days left", ending,
                                 ending == 1 ? "has" : "have"));
    return 0;
}

int add_certificate(Session& session, const CertificateArguments& given) {
    FieldValues body;
    body.set_text("domain", given.domain);
    body.set_text("cert", require(read_input(given.cert)));
    body.set_text("key", require(read_input(given.key)));
    if (!given.ocsp.empty()) body.set_text("ocsp", encode_base64(require(read_input(given.ocsp))));
    const Answer answer = session.ask(write("POST", certificates_path, given.dry_run, body.json()));
    session.report(answer, done(fmt::format("certificate for {} {}", given.domain,
                                            answer.status == 201 ? "added" : "updated"),
                                given.dry_run));
    return 0;
}

int remove_certificate(Session& session, const CertificateArguments& given) {
    const std::string path = fmt::format("{}/{}", certificates_path, encoded(given.domain));
    const Answer answer = session.ask(write("DELETE", path, given.dry_run));
    session.report(answer,
                   done(fmt::format("certificates for {} removed", given.domain), given.dry_run));
    return 0;
}

}  // namespace

void add_certificates(CommandTree& tree) {
    CLI::App& certs = tree.group("certs", "Certificates for TLS clients");
    tree.command(certs, "list", "The uploaded certificates, and the days they have left",
                 list_certificates);

    const auto added = arguments<CertificateArguments>();
    CLI::App& add =
        tree.command(certs, "add", "Upload a certificate: the next handshake uses it",
                     [added](Session& session) { return add_certificate(session, *added); });
    add_positional(add, "DOMAIN", added->domain, "A name, *.SUFFIX, or * for clients of no other");
    add_option(add, "--cert", "FILE", added->cert, "The chain, its own certificate first (PEM)")
        ->required();
    add_option(add, "--key", "FILE", added->key, "Its private key (PEM)")->required();
    add_option(add, "--ocsp", "FILE", added->ocsp, "An OCSP response to be stapled (DER)");
    add_dry_run(add, added->dry_run);

    const auto removed = arguments<CertificateArguments>();
    CLI::App& remove =
        tree.command(certs, "rm", "Remove a domain's certificates",
                     [removed](Session& session) { return remove_certificate(session, *removed); });
    add_positional(remove, "DOMAIN", removed->domain, "Its name");
    add_dry_run(remove, removed->dry_run);
}

}  // namespace penstock::ctl
