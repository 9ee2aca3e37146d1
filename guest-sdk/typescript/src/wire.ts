// Between the library's messages (Temporal's protobufs as plain objects) and the
// contract's records: payloads, times, policies.

import type { temporal } from '@temporalio/proto';
import type * as wire from 'mainspring:workflow/types@1.0.0';

import { encode } from './text.js';

type ProtoPayload = temporal.api.common.v1.IPayload;
type Millis = number;
/** A 64-bit number of a protobuf: the library makes `Long`s. */
type Int64 = number | { toNumber(): number };
interface ProtoDuration {
  seconds?: Int64 | null;
  nanos?: number | null;
}
export type PayloadMap = Record<string, ProtoPayload>;

const NANOS_A_SECOND = 1e9;
const EMPTY = new Uint8Array(0);

export function toPayload(payload: ProtoPayload): wire.Payload {
  const metadata: [string, Uint8Array][] = [];
  for (const key in payload.metadata) metadata.push([key, payload.metadata[key]!]);
  return { metadata, data: payload.data ?? EMPTY };
}

export function fromPayload(payload: wire.Payload): ProtoPayload {
  const metadata: Record<string, Uint8Array> = {};
  for (const [key, value] of payload.metadata) metadata[key] = value;
  return { metadata, data: payload.data };
}

export function toPayloads(payloads: readonly ProtoPayload[] | null | undefined): wire.Payload[] {
  return payloads == null ? [] : payloads.map(toPayload);
}

export function fromPayloads(payloads: readonly wire.Payload[]): ProtoPayload[] {
  return payloads.map(fromPayload);
}

export function toPairs(map: PayloadMap | null | undefined): wire.Pairs {
  const pairs: wire.Pairs = [];
  for (const key in map) pairs.push([key, toPayload(map[key]!)]);
  return pairs;
}

export function fromPairs(pairs: wire.Pairs): PayloadMap {
  const map: PayloadMap = {};
  for (const [key, payload] of pairs) map[key] = fromPayload(payload);
  return map;
}

/** The same where a value that stands for none removes the key. */
export function toChanges(
  map: PayloadMap | null | undefined,
  removes: (payload: ProtoPayload) => boolean,
): [string, wire.Payload | null][] {
  const changes: [string, wire.Payload | null][] = [];
  for (const key in map) {
    const payload = map[key]!;
    changes.push([key, removes(payload) ? null : toPayload(payload)]);
  }
  return changes;
}

export function number(value: Int64 | null | undefined): number {
  return value == null ? 0 : typeof value === 'number' ? value : value.toNumber();
}

/** In nanoseconds, as the contract has lengths of time. */
export function toDuration(duration: ProtoDuration | null | undefined): number | null {
  if (duration == null) return null;
  return number(duration.seconds) * NANOS_A_SECOND + (duration.nanos ?? 0);
}

export function millisOf(nanos: number): Millis {
  return nanos / 1e6;
}

/** A point in time in whole milliseconds; see environment/sources.ts. */
export function timeOf(nanos: number): Date {
  return new Date(Math.floor(Math.round(nanos / 1000) / 1000));
}

export function toRetryPolicy(
  policy: temporal.api.common.v1.IRetryPolicy | null | undefined,
): wire.RetryPolicy | null {
  if (policy == null) return null;
  return {
    initialInterval: toDuration(policy.initialInterval),
    backoffCoefficient: policy.backoffCoefficient ?? null,
    maximumInterval: toDuration(policy.maximumInterval),
    maximumAttempts: policy.maximumAttempts ?? null,
    nonRetryableErrorTypes: policy.nonRetryableErrorTypes ?? [],
  };
}

export function toPriority(priority: temporal.api.common.v1.IPriority | null | undefined): wire.Priority | null {
  if (priority == null) return null;
  return {
    key: priority.priorityKey ?? 0,
    fairnessKey: priority.fairnessKey ?? '',
    fairnessWeight: priority.fairnessWeight ?? 0,
  };
}

export function toMetadata(metadata: temporal.api.sdk.v1.IUserMetadata | null | undefined): wire.UserMetadata {
  const side = (payload: ProtoPayload | null | undefined) => (payload == null ? null : toPayload(payload));
  return { summary: side(metadata?.summary), details: side(metadata?.details) };
}

const INTENTS: wire.VersioningIntent[] = ['unspecified', 'inherit', 'current'];

export function toIntent(intent: number | null | undefined): wire.VersioningIntent {
  return INTENTS[intent ?? 0] ?? 'unspecified';
}

/** A value of a protobuf's enum as the contract's case of the same place. */
export function caseOf(cases: readonly string[], value: number | null | undefined): string {
  const named = cases[value ?? 0];
  if (named === undefined) throw new RangeError(`${value} is none of ${cases.join(', ')}`);
  return named;
}

/** One JSON value as a payload: for what the adapter itself has to say. */
export function jsonPayload(value: unknown): wire.Payload {
  return { metadata: [['encoding', encode('json/plain')]], data: encode(JSON.stringify(value)) };
}
