import { EventStoreDBClient, jsonEvent } from '@eventstore/db-client'

// As a user of the group $admins.
const client = EventStoreDBClient.connectionString(process.env.EVENTSTOREDB_URL ?? 'esdb://admin:changeit@node:2113')
const all = { $r: '$all', $w: '$all', $d: '$all', $mr: '$all', $mw: '$all' }
const admins = { $r: '$admins', $w: '$admins', $d: '$admins', $mr: '$admins', $mw: '$admins' }
// The whole of both lists: this event replaces what was there.
const data = { $userStreamAcl: all, $systemStreamAcl: { ...admins, $r: ['$admins', 'crm'] } }
await client.appendToStream('$settings', [jsonEvent({ type: 'update-default-acl', data })])

for await (const { event } of client.readStream('$settings', {
  direction: 'backwards',
  fromRevision: 'end',
  maxCount: 1,
}))
  console.log(event?.type, JSON.stringify(event?.data))
await client.dispose()
