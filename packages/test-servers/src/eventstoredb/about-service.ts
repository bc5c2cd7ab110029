/** What a client asks a node about itself: what it can do, and which nodes its cluster has. */
import { randomUUID } from 'node:crypto'
import gossip from '@eventstore/db-client/generated/gossip_pb.js'
import features from '@eventstore/db-client/generated/serverfeatures_pb.js'
import shared from '@eventstore/db-client/generated/shared_pb.js'
import type { sendUnaryData } from '@grpc/grpc-js'
import type { Node } from './node.ts'

export function onFeatures(
  node: Node,
  knowsBatchAppend: boolean,
  answer: sendUnaryData<features.SupportedMethods>,
): void {
  const { state } = node.faults
  if (state === 'not-ready') return void answer(node.errorOf(state))
  const names = ['append', 'read', 'delete', 'tombstone', ...(knowsBatchAppend ? ['batchappend'] : [])]
  const methods = names.map((name) =>
    new features.SupportedMethod().setServiceName('event_store.client.streams.streams').setMethodName(name),
  )
  const supported = new features.SupportedMethods().setEventStoreServerVersion('24.6.0-fake')
  answer(null, supported.setMethodsList(methods))
}

export function onGossip(node: Node, answer: sendUnaryData<gossip.ClusterInfo>): void {
  const { state } = node.faults
  if (state === 'not-ready') return void answer(node.errorOf(state))
  const { address, port } = node.leader
  const member = new gossip.MemberInfo()
    .setInstanceId(new shared.UUID().setString(randomUUID()))
    .setTimeStamp(String(Date.now()))
    .setState(gossip.MemberInfo.VNodeState[state === 'no-leader' ? 'UNKNOWN' : 'LEADER'])
    .setIsAlive(true)
    .setHttpEndPoint(new gossip.EndPoint().setAddress(address).setPort(port))
  answer(null, new gossip.ClusterInfo().setMembersList([member]))
}
