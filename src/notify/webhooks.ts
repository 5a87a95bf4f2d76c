// Webhooks: for each service, which request tells it a message. Ten lines are a new one. What strangers said (a CA, a hook) stands in
// the messages, so each makes sure that its service shows text and obeys none of it: no links, no @all.
import { createHmac } from 'node:crypto'
import { Dns01Error } from '../core/errors.js'
import { brief, shown } from '../core/gate.js'
import type { HttpResponse } from '../core/world.js'
import type { Settings } from '../provider/api.js'
import type { Message } from './message.js'
import type { Kind, NotifyWorld } from './settings.js'
import { postUrl } from './url.js'

type Values = Readonly<Record<string, string | undefined>>

interface Webhook {
  readonly name: string
  /** The first one switches it on. */
  readonly settings: Settings
  /** What else is wrong with the URL. */
  fault?(url: URL): string | undefined
  /** The body is sent as JSON. */
  request(message: Message, values: Values): Request
}

interface Request {
  readonly url: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body: unknown
}

/** All take 4,000 characters of text: Telegram 4,096, ntfy 4,096 bytes, Slack and Mattermost more. */
const longestText = 3500

const cut = ({ text }: Message): string => brief(text, longestText)

/** In a block of code neither Slack nor Mattermost looks for mentions or markup; what would end it is spoilt. */
const asCode = (text: string): string => `\`\`\`\n${text.replaceAll('```', "'''")}\n\`\`\``

const secret = (variable: string, help: string, more: { readonly required?: boolean } = {}) =>
  ({ env: [variable], help, secret: true, ...more }) as const

export const WEBHOOKS: readonly Webhook[] = [
  {
    name: 'webhook', // JSON as docs/notices.md has it, signed as www.standardwebhooks.com says
    settings: {
      url: secret('DNS01_NOTIFY_WEBHOOK', 'URL that is sent the notice as JSON'),
      secret: secret('DNS01_NOTIFY_WEBHOOK_SECRET', 'signs what is sent (HMAC-SHA256)'),
    },
    request: (message, { url = '', secret: key }) => {
      const body = JSON.stringify({ version: 1, ...message })
      return { url, body, headers: key ? signature(body, message, key) : {} }
    },
  },
  {
    name: 'slack', // docs.slack.dev/messaging/sending-messages-using-incoming-webhooks
    settings: { url: secret('DNS01_NOTIFY_SLACK', 'URL of an incoming webhook of Slack') },
    request: (message, { url = '' }) => {
      const escaped = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
      return { url, body: { text: `${escaped(message.subject)}\n${asCode(escaped(cut(message)))}` } }
    },
  },
  {
    name: 'mattermost', // developers.mattermost.com/integrate/webhooks/incoming
    settings: { url: secret('DNS01_NOTIFY_MATTERMOST', 'URL of an incoming webhook of Mattermost') },
    request: (message, { url = '' }) => ({ url, body: { text: asCode(`${message.subject}\n\n${cut(message)}`) } }),
  },
  {
    name: 'teams', // an adaptive card for the Workflows app; text in a TextRun is not markdown (adaptivecards.io/explorer/TextRun.html)
    settings: {
      url: secret(
        'DNS01_NOTIFY_TEAMS',
        'URL of a workflow of Teams: "post to a channel when a webhook request is received"',
      ),
    },
    request: (message, { url = '' }) => {
      const line = (text: string, more: object = {}) => ({
        ...{ type: 'RichTextBlock', spacing: 'None', inlines: [{ type: 'TextRun', text: text || ' ', ...more }] },
      })
      const body = [
        line(message.subject, { weight: 'Bolder' }),
        ...cut(message)
          .split('\n')
          .map(text => line(text)),
      ]
      const content = {
        $schema: 'http://adaptivecards.io/schemas/adaptive-card.json',
        type: 'AdaptiveCard',
        version: '1.4',
        body,
      }
      const contentType = 'application/vnd.microsoft.card.adaptive'
      return { url, body: { type: 'message', attachments: [{ contentType, contentUrl: null, content }] } }
    },
  },
  {
    name: 'ntfy', // docs.ntfy.sh/publish/#publish-as-json
    settings: {
      url: secret('DNS01_NOTIFY_NTFY', 'URL of the topic, as https://ntfy.sh/TOPIC'),
      token: secret('DNS01_NOTIFY_NTFY_TOKEN', 'access token, where the server wants one'),
    },
    fault: ({ pathname }) => (pathname === '/' ? 'names no topic' : undefined),
    request: (message, { url = '', token }) => {
      const [, server = url, topic = ''] = url.match(/^(.*\/)([^/]+)\/?$/) ?? []
      const body = {
        topic,
        title: message.subject,
        message: cut(message),
        priority: message.event === 'trouble' ? 4 : 3,
      }
      return { url: server, body, ...(token && { headers: { authorization: `Bearer ${token}` } }) }
    },
  },
  {
    name: 'gotify', // gotify.net/docs/pushmsg
    settings: {
      url: { env: ['DNS01_NOTIFY_GOTIFY'], help: 'URL of the server' },
      token: secret('DNS01_NOTIFY_GOTIFY_TOKEN', 'token of the application', { required: true }),
    },
    request: (message, { url = '', token = '' }) => {
      const body = { title: message.subject, message: cut(message), priority: message.event === 'trouble' ? 8 : 4 }
      return { url: `${url.replace(/\/+$/, '')}/message`, body, headers: { 'x-gotify-key': token } }
    },
  },
  {
    name: 'telegram', // core.telegram.org/bots/api#sendmessage; without parse_mode text is text
    settings: {
      chat: { env: ['DNS01_NOTIFY_TELEGRAM'], help: 'id of the chat, or @CHANNEL' },
      token: secret('DNS01_NOTIFY_TELEGRAM_TOKEN', 'token of the bot', { required: true }),
      url: {
        env: ['DNS01_NOTIFY_TELEGRAM_URL'],
        help: 'a Bot API server of your own',
        default: 'https://api.telegram.org',
      },
    },
    request: (message, { url = '', token = '', chat }) => {
      const body = {
        chat_id: chat,
        text: `${message.subject}\n\n${cut(message)}`,
        link_preview_options: { is_disabled: true },
      }
      return { url: `${url.replace(/\/+$/, '')}/bot${token}/sendMessage`, body }
    },
  },
]

/** Standard Webhooks: HMAC-SHA256 of `ID.TIME.BODY`, in base64; a key that begins with `whsec_` is base64 itself. */
function signature(body: string, { time, host }: Message, key: string): Record<string, string> {
  const bytes = key.startsWith('whsec_') ? Buffer.from(key.slice(6), 'base64') : Buffer.from(key)
  const timestamp = String(Math.floor(time.getTime() / 1000))
  const id = `dns01-${createHmac('sha256', bytes).update(`${host} ${timestamp} ${body}`).digest('hex').slice(0, 24)}`
  const mac = createHmac('sha256', bytes).update(`${id}.${timestamp}.${body}`).digest('base64')
  return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': `v1,${mac}` }
}

/** As a kind of channel. */
export const webhook = ({ name, settings, fault, request }: Webhook): Kind => ({
  name,
  settings,
  open: (world, values) => {
    const [variable = name] = settings.url?.env ?? []
    const url = postUrl(world, variable, values.url ?? '')
    const wrong = fault?.(url)
    if (wrong) throw new Dns01Error('CONFIG', `${variable} ${wrong}`, { hint: `it is the ${settings.url?.help}` })
    return {
      name,
      to: url.host,
      send: async (message, signal) => {
        const { url: to, headers, body } = request(message, values)
        const text = typeof body === 'string' ? body : JSON.stringify(body)
        return post(world, new URL(to), { 'content-type': 'application/json', ...headers }, text, signal)
      },
    }
  },
})

async function post(
  world: NotifyWorld,
  url: URL,
  headers: Readonly<Record<string, string>>,
  body: string,
  signal: AbortSignal,
): Promise<string> {
  return acceptedBy(url, await world.fetch(url, { method: 'POST', headers, body, signal }))
}

/** Of what the receiver says so much is told. */
const longestAnswer = 200

/** 2xx; the receiver's words are a stranger's. @throws Dns01Error REFUSED, or UNAVAILABLE where it may pass */
export function acceptedBy(url: URL, { status, body }: HttpResponse): string {
  const said = brief(shown(Buffer.from(body).toString('utf8').trim()), longestAnswer)
  const answer = said === '' ? String(status) : `${status} ${said}`
  if (status >= 200 && status < 300) return answer
  if (status >= 300 && status < 400)
    throw new Dns01Error('REFUSED', `${url.host} leads elsewhere (${status})`, {
      hint: 'give the URL that it leads to',
    })
  throw new Dns01Error(status >= 500 || status === 429 ? 'UNAVAILABLE' : 'REFUSED', `${url.host} answers ${answer}`)
}
