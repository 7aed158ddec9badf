// Writes test/unit/auth/jose_tokens.hpp: a token of each algorithm, as `jose` makes them, with the public keys for them.
// Run once, by hand: node test/npm/make_jwt_vectors.mjs > test/unit/auth/jose_tokens.hpp
import { exportJWK, generateKeyPair, generateSecret, SignJWT } from 'jose';

const kindOf = (alg) => ({ R: 'rsa', P: 'rsa', H: 'oct' })[alg[0]] ?? alg.toLowerCase();
const ALGORITHMS = ['HS256', 'HS384', 'HS512', 'RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'];
const CLAIMS = { iss: 'https://issuer.example', sub: 'someone', aud: ['api', 'web'], iat: 1800000000, nbf: 1800000000, exp: 1800003600 };

// A C++ string in pieces that fit a line.
const quoted = (text) => text.match(/.{1,88}/g).map((piece) => `    R"(${piece})"`).join('\n');

async function makePair(alg) {
  if (alg[0] === 'H') {
    const secret = await generateSecret('HS512', { extractable: true });
    return { privateKey: await exportJWK(secret), publicJwk: await exportJWK(secret) };
  }
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true });
  return { privateKey: await exportJWK(privateKey), publicJwk: await exportJWK(publicKey) };
}

const pairs = {};
const tokens = [];
for (const alg of ALGORITHMS) {
  const kind = kindOf(alg);
  pairs[kind] ??= await makePair(alg);
  const token = await new SignJWT(CLAIMS).setProtectedHeader({ alg, kid: kind, typ: 'JWT' }).sign(pairs[kind].privateKey);
  tokens.push(`    {"${alg}",\n${quoted(token).replaceAll('    R"', '     R"')}},`);
}
const keys = Object.entries(pairs).map(([kid, { publicJwk }]) => ({ ...publicJwk, kid }));

console.log(`// Written by test/npm/make_jwt_vectors.mjs: tokens that jose, of npm, has signed, and their public keys.
//
// Good from 1800000000 to 1800003600.
#pragma once

#include <string_view>

namespace penstock::auth::jose {

struct Signed {
    std::string_view algorithm;
    std::string_view token;
};

inline constexpr std::string_view key_set =
${quoted(JSON.stringify({ keys }))};

// clang-format off
inline constexpr Signed tokens[] = {
${tokens.join('\n')}
};
// clang-format on

}  // namespace penstock::auth::jose`);
