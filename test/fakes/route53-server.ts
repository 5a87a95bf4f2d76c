import { createHash, createHmac } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { ApiRequest, FakeRoute53 } from './route53.js'

export interface ApiServer {
  /** For AWS_ENDPOINT_URL_ROUTE_53. */
  readonly url: string
  close(): Promise<void>
}

/** The double over HTTP, for the real SDK in this process or another. */
export async function serveApi(route53: Pick<FakeRoute53, 'handle'>, host = '127.0.0.1', port = 0): Promise<ApiServer> {
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    const headers = request.headers as ApiRequest['headers']
    const body = Buffer.concat(chunks).toString('utf8')
    const answer = route53.handle({ method: request.method ?? '', url: request.url ?? '', headers, body })
    if (answer === 'reset') return void request.socket.resetAndDestroy()
    response.writeHead(answer.status, { 'content-type': 'text/xml' }).end(answer.body)
  })
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, host, resolve))
  return {
    url: `http://${host}:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

/**
 * Checks AWS Signature Version 4 as the service does. `secrets`: secret by access key id.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
 */
export const signatureCheck =
  (secrets: Readonly<Record<string, string>>) =>
  (request: ApiRequest): { code: string; message: string } | undefined => {
    const given =
      /Credential=(\w+)\/(\d+)\/([\w-]+)\/(\w+)\/aws4_request, SignedHeaders=([\w;-]+), Signature=(\w+)/.exec(
        request.headers.authorization ?? '',
      )
    if (!given) return { code: 'MissingAuthenticationToken', message: 'Missing Authentication Token' }
    const [, key = '', day = '', region = '', service = '', names = '', signature] = given
    const secret = secrets[key]
    if (!secret)
      return { code: 'InvalidClientTokenId', message: 'The security token included in the request is invalid.' }
    const scope = `${day}/${region}/${service}/aws4_request`
    const text = ['AWS4-HMAC-SHA256', request.headers['x-amz-date'], scope, sha256(canonical(request, names))].join(
      '\n',
    )
    const signing = [day, region, service, 'aws4_request'].reduce<Buffer>(
      (k, part) => hmac(k, part),
      Buffer.from(`AWS4${secret}`),
    )
    if (hmac(signing, text).toString('hex') === signature) return undefined
    return {
      code: 'SignatureDoesNotMatch',
      message:
        'The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method.',
    }
  }

const hmac = (key: Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest()
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')
const escaped = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, c => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)

function canonical({ method, url, headers, body }: ApiRequest, signed: string): string {
  const { pathname, searchParams } = new URL(url, 'http://route53')
  const query = [...searchParams].map(([key, value]) => `${escaped(key)}=${escaped(value)}`).sort()
  const path = pathname.split('/').map(escaped).join('/')
  const lines = signed.split(';').map(name => `${name}:${(headers[name] ?? '').trim()}`)
  return [method, path, query.join('&'), ...lines, '', signed, sha256(body)].join('\n')
}
