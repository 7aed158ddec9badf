// A signer of JSON Web Tokens: makes keys of the algorithms in its first argument ("HS256,ES256"), and prints one line of
// JSON with their JWK Set (the secret of HS… in it). Then, for each line of input {"alg", "claims", "header"}, a token.
import readline from 'node:readline';
import { exportJWK, generateKeyPair, generateSecret, SignJWT } from 'jose';

const pairs = {};
for (const alg of process.argv[2].split(',')) {
  const symmetric = alg.startsWith('HS');
  const made = symmetric ? await generateSecret(alg, { extractable: true }) : await generateKeyPair(alg, { extractable: true });
  const shown = await exportJWK(symmetric ? made : made.publicKey);
  pairs[alg] = { key: symmetric ? made : made.privateKey, jwk: { ...shown, kid: `key-${alg}` } };
}
console.log(JSON.stringify({ keys: Object.values(pairs).map(({ jwk }) => jwk) }));

for await (const line of readline.createInterface({ input: process.stdin })) {
  const { alg, claims, header } = JSON.parse(line);
  const all = Object.entries({ alg, kid: `key-${alg}`, ...header }).filter(([, value]) => value !== null);
  console.log(await new SignJWT(claims).setProtectedHeader(Object.fromEntries(all)).sign(pairs[alg].key));
}
