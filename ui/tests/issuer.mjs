// An OpenID provider with one key: what an authenticator asks of it, and tokens that it signs.
import { createSign, generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';

const part = (value) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

export async function issuer() {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const kid = 'key-1';
  let url = '';
  const answers = {
    '/.well-known/openid-configuration': () => ({
      issuer: url, jwks_uri: url + '/keys', authorization_endpoint: url + '/authorize', token_endpoint: url + '/token',
      response_types_supported: ['id_token'], subject_types_supported: ['public'], id_token_signing_alg_values_supported: ['RS256'],
    }),
    '/keys': () => ({ keys: [{ ...publicKey.export({ format: 'jwk' }), kid, use: 'sig', alg: 'RS256' }] }),
  };
  const server = createServer((request, response) => {
    const answer = answers[request.url]?.();
    response.writeHead(answer ? 200 : 404, { 'Content-Type': 'application/json' }).end(JSON.stringify(answer ?? {}));
  });
  await new Promise((done) => server.listen(0, 'localhost', done));
  url = `http://localhost:${server.address().port}`;
  return {
    url,
    token(subject, { audience = 'tapio', lasts = 3600, groups = [] } = {}) {
      const now = Math.floor(Date.now() / 1e3);
      const content = `${part({ alg: 'RS256', kid, typ: 'JWT' })}.${part({ iss: url, aud: audience, sub: subject, groups, iat: now - 60, exp: now + lasts })}`;
      return `${content}.${createSign('RSA-SHA256').update(content).sign(privateKey).toString('base64url')}`;
    },
    stop: () => new Promise((done) => server.close(done)),
  };
}
