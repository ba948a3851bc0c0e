// Asks plodwatch's SQL endpoint as a program of somebody's own would, and prints
// what it learnt as one JSON object. Run by the tests: node ask.mjs ADDRESS
// [TOKEN]; without a token it signs in as nobody.
import { createClient, ClickHouseLogLevel } from '@clickhouse/client'

const [url, token] = process.argv.slice(2)
const client = createClient({
  url,
  database: 'plodwatch',
  username: 'default',
  password: token ?? '',
  compression: { response: true },
  log: { level: ClickHouseLogLevel.OFF },
})
const out = {}
const rows = async (query, options) => (await client.query({ query, format: 'JSONEachRow', ...options })).json()
const refused = async (doing) => {
  try {
    await doing
  } catch (error) {
    return { code: error.code, type: error.type }
  }
}

out.ping = (await client.ping()).success
out.pingBySelect = (await client.ping({ select: true })).success
out.sports = await rows('SELECT sport, count() AS sessions FROM sessions GROUP BY sport ORDER BY sport', {
  clickhouse_settings: { output_format_json_quote_64bit_integers: 0, max_execution_time: 5 },
})
out.mine = await rows('SELECT athlete_id, count() AS sessions FROM sessions WHERE athlete_id = {athlete: String} GROUP BY athlete_id', {
  query_params: { athlete: 'me' },
  clickhouse_settings: { output_format_json_quote_64bit_integers: 0 },
})
out.streamed = 0
const samples = await client.query({ query: 'SELECT t, hr FROM samples', format: 'JSONCompactEachRow' })
for await (const piece of samples.stream()) out.streamed += piece.length
out.drop = await refused(client.command({ query: 'DROP TABLE sessions_versions' }))
out.insert = await refused(client.insert({ table: 'sessions_versions', values: [{ athlete_id: 'x' }], format: 'JSONEachRow' }))
out.file = await refused(rows("SELECT * FROM file('/etc/passwd', 'LineAsString')"))
out.limit = await refused(rows('SELECT 1', { clickhouse_settings: { readonly: '0' } }))
await client.close()
console.log(JSON.stringify(out))
